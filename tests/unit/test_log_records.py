"""The log records of the package: documented events and fields, no secrets, and no field of logging's own."""

import ast
import logging
import re
from pathlib import Path

import pytest

import django_skinsback
from django_skinsback.client.calls import log_call
from django_skinsback.exceptions import APIError

ROOT = Path(__file__).parents[2]
PACKAGE = Path(django_skinsback.__file__).parent
SOURCES = [path for path in PACKAGE.rglob("*.py") if "sandbox" not in path.parts]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
OF_LOGGING = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

NEVER = {"secret", "sign", "signature", "token", "trade_url", "body", "headers", "url", "address"}
"""Names that no field may have, because they would contain a secret."""


DYNAMIC = "*"
"""Stands for fields whose names are not in the source."""


class Records(ast.NodeVisitor):
    """The records that a module can write: event -> names of its extra fields."""

    def __init__(self):
        self.fields, self.unnamed = {}, []
        self._dicts = [{}]

    def visit_FunctionDef(self, node):
        self._dicts.append({})
        self.generic_visit(node)
        self._dicts.pop()

    def visit_Assign(self, node):
        if isinstance(node.targets[0], ast.Name):
            self._dicts[-1][node.targets[0].id] = node.value
        self.generic_visit(node)

    def visit_AnnAssign(self, node):
        if isinstance(node.target, ast.Name):
            self._dicts[-1][node.target.id] = node.value
        self.generic_visit(node)

    def visit_AugAssign(self, node):
        scope = self._dicts[-1]
        if isinstance(node.target, ast.Name) and node.target.id in scope:
            scope[node.target.id] = ast.BinOp(scope[node.target.id], ast.BitOr(), node.value)
        self.generic_visit(node)

    def visit_Call(self, node):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in LEVELS and _name(function.value) == "logger":
            events = [part.value for part in ast.walk(node) if _is_event(part)]
            position = 1 if function.attr == "log" else 0
            if not events or len(node.args) != position + 1:
                self.unnamed.append(node.lineno)
            extra = next((keyword.value for keyword in node.keywords if keyword.arg == "extra"), None)
            for event in events:
                self.fields.setdefault(event, set()).update(self._keys(extra))
        if _name(function) == "log_after_commit":
            extra = ast.Dict([_key(each) for each in node.keywords], [each.value for each in node.keywords])
            self.fields.setdefault(node.args[1].value, set()).update(self._keys(extra))
        self.generic_visit(node)

    def _keys(self, value):
        if value is None:
            return set()
        if isinstance(value, ast.Name):
            return self._keys(self._dicts[-1][value.id])
        if isinstance(value, ast.BinOp):
            return self._keys(value.left) | self._keys(value.right)
        if not isinstance(value, ast.Dict):
            return {DYNAMIC}
        found = set()
        for key, item in zip(value.keys, value.values, strict=True):
            found |= {key.value} if key is not None else self._keys(item)
        return found


def _name(node):
    return node.id if isinstance(node, ast.Name) else ""


def _key(keyword):
    return ast.Constant(keyword.arg) if keyword.arg else None


def _is_event(node):
    return isinstance(node, ast.Constant) and re.fullmatch(r"skinsback\.\w+", str(node.value))


def records():
    found, unnamed = {}, []
    for path in SOURCES:
        visitor = Records()
        visitor.visit(ast.parse(path.read_text()))
        unnamed += [f"{path.name}:{line}" for line in visitor.unnamed]
        for event, fields in visitor.fields.items():
            found.setdefault(event, set()).update(fields)
    return found, unnamed


def documented():
    """event -> (level, names of the fields), as the page has them."""
    page = (ROOT / "docs/observability.md").read_text()
    rows = re.findall(r"^\| `(skinsback\.\w+)` \| ([\w, ]+) \| .* \| (.*) \|$", page, flags=re.MULTILINE)
    return {event: (level, set(re.findall(r"`(\w+)`", fields))) for event, level, fields in rows}


def test_every_record_is_named_by_its_event_alone():
    found, unnamed = records()
    assert len(found) > 10
    assert unnamed == []


def test_the_page_lists_every_event_with_its_fields_and_no_other():
    found, _ = records()
    listed = {event: fields for event, (_, fields) in documented().items()}
    assert set(listed) == set(found)
    for event, fields in found.items():
        if DYNAMIC in fields:
            assert listed[event] > fields - {DYNAMIC}, event
        else:
            assert listed[event] == fields, event


def test_no_field_is_one_of_loggings_own():
    found, _ = records()
    assert not {field for fields in found.values() for field in fields} & OF_LOGGING
    assert not {field for _, fields in documented().values() for field in fields} & OF_LOGGING


def test_no_field_is_called_like_a_secret():
    found, _ = records()
    assert not {field for fields in found.values() for field in fields} & NEVER


def test_every_logger_is_the_one_that_is_documented():
    for path in SOURCES:
        assert set(re.findall(r"getLogger\((.*?)\)", path.read_text())) <= {'"django_skinsback"'}, path


class TestCalls:
    def test_a_call_is_logged_with_its_outcome_and_time(self, caplog):
        caplog.set_level(logging.DEBUG, "django_skinsback")
        with log_call("balance"):
            pass
        with pytest.raises(APIError), log_call("market_buy"):
            raise APIError("market_buy", 5, "skin_unavailable")
        logged = [(record.method, record.outcome, record.code) for record in caplog.records]
        assert logged == [("balance", "ok", 0), ("market_buy", "APIError", 5)]
        assert all(record.seconds >= 0 for record in caplog.records)
        assert caplog.messages == ["skinsback.call_finished"] * 2

    def test_above_debug_nothing_is_logged(self, caplog):
        caplog.set_level(logging.INFO, "django_skinsback")
        assert log_call("balance") is log_call("market_buy")
        with log_call("balance"):
            pass
        assert caplog.records == []
