"""The parts of ``reference.md``: one function for each kind of thing that is public."""

import importlib
import inspect
import sys
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
from django.utils.functional import Promise
from reference_models import models_part, reasons_part
from rendering import attribute_docs, code, doc, enum_part, first_sentence, kind, literal, signature, table, ticks

PACKAGE = Path(__file__).parents[1] / "django_skinsback"

LOGGED = "Django logs it."

SIGNALS = {
    "entry_posted": (
        "`sender` (`LedgerEntry`), `entry`",
        "In the database transaction that posts the entry, once for each entry.",
        (
            "Everything is rolled back: entry, status and what other receivers wrote. A `charge` is vetoed, and `buy` "
            "raises the exception. A webhook is answered 500 and applied again later."
        ),
    ),
    "deposit_changed": (
        "`sender` (`Deposit`), `deposit`, `change` (a `StatusChange`)",
        "After the commit, when the status of a deposit has changed.",
        LOGGED,
    ),
    "purchase_changed": (
        "`sender` (`Purchase`), `purchase`, `change` (a `StatusChange`)",
        "After the commit, when the status of a purchase has changed.",
        LOGGED,
    ),
    "review_needed": (
        "`sender` (`Deposit` or `Purchase`), `row`, `reason` (text in the active language), `code`",
        "After the commit, for each new reason for a manual review. The codes are [below](#review-reasons).",
        LOGGED,
    ),
    "queue_entered": (
        "`sender` (`Deposit`, `Purchase`, `WebhookEvent` or `Discrepancy`), `row`, `queue` (a `statuses.Queue`)",
        "After the commit, when a row enters a queue of the desk, so that an operator must look at it.",
        LOGGED,
    ),
    "notification_refused": (
        "`sender` (`WebhookEvent`), `account`, `kind`, `error` (a `NotificationRefused`)",
        "When a webhook is refused, before any query.",
        f"{LOGGED} The answer to the sender stays the same.",
    ),
    "trade_url_changed": (
        "`sender` (`SteamProfile`), `user`, `profile`",
        "After the commit, when another trade URL has replaced the earlier one of a user.",
        LOGGED,
    ),
    "balance_low": (
        "`sender` (`BalanceSnapshot`), `account`, `balance` (US dollars)",
        "After the commit, when the balance has fallen below `LOW_BALANCE`.",
        LOGGED,
    ),
}
"""Signal -> its arguments, when it is sent, and what happens if a receiver raises. A test sends each of them."""


def function_part(name: str, function: Any, heading: str = "###") -> list[str]:
    return [f"{heading} `{name}`", code(signature(name.rpartition(".")[2], function)), doc(function)]


def fields_table(cls: Any) -> str:
    """Fields of a struct, a dataclass or a TypedDict."""
    docs = attribute_docs(sys.modules[cls.__module__], cls.__name__)
    defaults = {}
    if isinstance(cls, type) and issubclass(cls, msgspec.Struct):
        fields = msgspec.structs.fields(cls)
        types = {field.name: field.type for field in fields}
        for field in fields:
            if field.default is not msgspec.NODEFAULT:
                defaults[field.name] = literal(field.default)
            elif field.default_factory is not msgspec.NODEFAULT:
                defaults[field.name] = repr(field.default_factory())
    elif hasattr(cls, "_field_defaults"):  # a NamedTuple
        types = inspect.get_annotations(cls)
        defaults = {name: literal(value) for name, value in cls._field_defaults.items()}
    elif hasattr(cls, "__required_keys__"):
        types = {name: _plain(hint) for name, hint in inspect.get_annotations(cls).items()}
        for base in getattr(cls, "__orig_bases__", ()):
            if hasattr(base, "__required_keys__"):
                types = {**{name: _plain(hint) for name, hint in inspect.get_annotations(base).items()}, **types}
        return table(
            ("key", "type", "required"),
            ((ticks(name), ticks(kind(hint)), _yes(name in cls.__required_keys__)) for name, hint in types.items()),
        )
    else:
        types = {name: field.type for name, field in cls.__dataclass_fields__.items()}
        defaults = {
            name: literal(field.default)
            for name, field in cls.__dataclass_fields__.items()
            if type(field.default).__name__ != "_MISSING_TYPE"
        }
    rows = [
        (ticks(name), ticks(kind(hint)), ticks(defaults.get(name, "")), docs.get(name, ""))
        for name, hint in types.items()
    ]
    heads = ["field", "type", "default", "meaning"]
    if not any(row[3] for row in rows):
        heads, rows = heads[:3], [row[:3] for row in rows]  # type: ignore[misc]
    return table(heads, rows)


def _plain(hint: Any) -> Any:
    """A key's type without ``Required`` and ``NotRequired``."""
    return hint.__args__[0] if str(hint).startswith(("typing.Required", "typing.NotRequired")) else hint


def _yes(value: bool) -> str:
    return "yes" if value else ""


def class_part(name: str, cls: type) -> list[str]:
    """A class: its docstring, its constructor, its properties and methods."""
    return [f"### `{name}`", code(signature(cls.__name__, cls)), doc(cls), *members_table(cls)]


def members_table(cls: type) -> list[str]:
    """Public properties and methods of a class; no table if there are none."""
    members = []
    for member, value in vars(cls).items():
        if member.startswith("_"):
            continue
        if isinstance(value, property):
            hint = inspect.signature(value.fget).return_annotation if value.fget else ""
            members.append((f"`{member}: {kind(hint)}`", doc(value)))
        elif callable(value) or isinstance(value, classmethod | staticmethod):
            function = getattr(cls, member)
            members.append(
                (
                    ticks(signature(member, function).replace("\n    ", " ").replace(",\n)", ")").replace("( ", "(")),
                    doc(function),
                )
            )
    return [table(("member", "meaning"), members)] if members else []


def signals_part() -> list[str]:
    rows = [[ticks(name), *about] for name, about in SIGNALS.items()]
    return [table(("signal", "arguments", "when it is sent", "if a receiver raises"), rows)]


def exceptions_part(names: Iterable[str], module: Any) -> list[str]:
    """The tree that stands at the head of the module, then each class with its message."""
    head = inspect.cleandoc(module.__doc__ or "").partition("::\n")[2]
    tree = "\n".join(line[4:] for line in head.split("\n") if line.startswith("    "))
    values = [getattr(module, name) for name in names]
    classes = [value for value in values if isinstance(value, type)]
    classes.sort(key=lambda cls: inspect.getsourcelines(cls)[1])
    own = sorted({name for cls in classes for name, value in vars(cls).items() if _is_value(name, value)})
    groups = {name: getattr(module, name) for name in names if isinstance(getattr(module, name), tuple)}
    rows = [[ticks(name), "a tuple for `except`", *[""] * len(own), members(group)] for name, group in groups.items()]
    for cls in classes:
        bases = ", ".join(ticks(base.__name__) for base in cls.__bases__)
        values = [str(getattr(cls, name, "")) for name in own]
        rows.append([ticks(cls.__name__), bases, *values, " ".join(doc(cls).split("\n\n"))])
    return [f"```\n{tree}\n```", table(("exception", "is a", *map(ticks, own), "meaning"), rows)]


def members(group: tuple[type, ...]) -> str:
    return ", ".join(ticks(cls.__name__) for cls in group)


def _is_value(name: str, value: Any) -> bool:
    return not name.startswith("_") and isinstance(value, str | int | Promise)


def classes_part(names: Iterable[str], module: Any) -> list[str]:
    meanings = {name: first_sentence(doc(getattr(module, name))) for name in names}
    rows = [[ticks(name), text or f"The admin of `{name.removesuffix('Admin')}`."] for name, text in meanings.items()]
    return [table(("class", "meaning"), rows)]


def error_texts_part(module: Any) -> list[str]:
    """The function, then the text of each exception."""
    rows = [[ticks(cls.__name__), str(text)] for cls, text in module.ERROR_TEXTS.items()]
    return [
        *function_part("error_texts.text_for", module.text_for),
        "### `error_texts.ERROR_TEXTS`",
        table(("exception", "text"), rows),
    ]


def client_part() -> list[str]:
    from django_skinsback.client import SkinsBackClient
    from django_skinsback.wire import arguments, market, types

    module = sys.modules[SkinsBackClient.__module__]
    parts = ["### `SkinsBackClient`", doc(module).partition("\n\n")[2].partition("\n\n")[2], doc(SkinsBackClient)]
    for name, value in vars(SkinsBackClient).items():
        if inspect.isfunction(value) and not name.startswith("_"):
            parts += function_part(f"client.{name}", value, "####")
    options = [
        value
        for name, value in vars(arguments).items()
        if _is_own(value, arguments) and hasattr(value, "__required_keys__")
    ]
    parts.append("### Arguments of the client")
    for cls in options:
        parts += [f"#### `{cls.__name__}`", doc(cls), fields_table(cls)]
    parts.append("### Values that the client returns")
    for values in (types, market):
        for cls in vars(values).values():
            if _is_own(cls, values) and issubclass(cls, msgspec.Struct):
                parts += [f"#### `{cls.__name__}`", doc(cls), fields_table(cls)]
    return parts


def _is_own(value: Any, module: Any) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__


def tasks_part(names: Iterable[str], module: Any) -> list[str]:
    tasks = [getattr(module, name) for name in names if hasattr(getattr(module, name), "run")]
    rows = [[ticks(task.__name__), ticks(task.name), first_sentence(doc(task.run))] for task in tasks]
    return [
        table(("task", "name in Celery", "meaning"), rows),
        *function_part("tasks.beat_schedule", module.beat_schedule),
    ]


def public_names(module: Any) -> list[str]:
    """Names in ``__all__``; without it, the classes that the module defines."""
    own = [name for name, value in vars(module).items() if _is_own(value, module)]
    return list(getattr(module, "__all__", own))


def module_parts(name: str) -> list[str]:
    """Everything that a public module names in ``__all__``."""
    module = importlib.import_module(f"django_skinsback.{name}")
    names = public_names(module)
    special = {
        "signals": signals_part,
        "exceptions": lambda: exceptions_part(names, module),
        "error_texts": lambda: error_texts_part(module),
        "models": lambda: [*models_part(names, module), *reasons_part()],
        "tasks": lambda: tasks_part(names, module),
        "admin": lambda: classes_part(names, module),
    }
    if name in special:
        return special[name]()
    parts, constants = [], []
    docs = attribute_docs(module)
    for each in sorted(names, key=lambda each: (not each.islower(), each)):
        value = getattr(module, each)
        if isinstance(value, type) or callable(value):
            parts += item_part(f"{name}.{each}", value)
        else:
            constants.append([ticks(each), _constant(value), docs.get(each, "")])
    if name in {"deposits", "purchases"}:
        from django_skinsback.flows.ledger.record import Recorded

        parts += [f"### `{name}.record_report` returns `Recorded`", doc(Recorded), fields_table(Recorded)]
    if constants:
        heads, rows = ["constant", "value", "meaning"], constants
        if not any(row[2] for row in rows):
            heads, rows = heads[:2], [row[:2] for row in rows]
        parts += [f"### Constants of `{name}`", table(heads, rows)]
    return [*parts, *client_part()] if name == "connection" else parts


def item_part(name: str, value: Any) -> list[str]:
    """A function, a pytest fixture or a class."""
    if not isinstance(value, type):
        is_fixture = hasattr(value, "_get_wrapped_function") or hasattr(value, "_pytestfixturefunction")
        return [f"### `{name}`", "A pytest fixture.", doc(value)] if is_fixture else function_part(name, value)
    if issubclass(value, Enum):
        return enum_part(name, value, _labels(value))
    if hasattr(value, "__required_keys__"):
        return [f"### `{name}`", doc(value), fields_table(value)]
    if issubclass(value, msgspec.Struct):
        return [f"### `{name}`", doc(value), fields_table(value)]
    if hasattr(value, "__dataclass_fields__"):
        return [f"### `{name}`", doc(value), fields_table(value), *members_table(value)]
    return [f"### `{name}`", doc(value)] if issubclass(value, Exception) else class_part(name, value)


def _labels(cls: type[Enum]) -> dict[Any, Any] | None:
    from django_skinsback.models import deposit, ledger, purchase

    every = (deposit.DEPOSIT_STATUS_LABELS, purchase.PURCHASE_STATUS_LABELS, ledger.ENTRY_KIND_LABELS)
    return next((labels for labels in every if isinstance(next(iter(labels)), cls)), None)


def _constant(value: Any) -> str:
    if isinstance(value, frozenset):
        return ", ".join(map(ticks, sorted(map(str, value))))
    if isinstance(value, dict):
        return ", ".join(map(ticks, value))
    return ticks(literal(value))
