"""How code becomes Markdown: signatures, types, docstrings, tables."""

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import pairwise
from typing import Any, Unpack, get_args, get_origin


def signature(name: str, function: Any) -> str:
    """A function's name and parameters as code; one parameter a line if they do not fit."""
    found = inspect.signature(function)
    parameters = [each for each in found.parameters.values() if each.name not in {"self", "cls"}]
    parts = list(_parameters(parameters))
    returns = "" if found.return_annotation is inspect.Signature.empty else f" -> {kind(found.return_annotation)}"
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) > 110:
        line = f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"
    return line


def _parameters(parameters: list[inspect.Parameter]) -> Iterator[str]:
    marked = False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not marked:
            yield "*"
        marked = marked or each.kind in {each.KEYWORD_ONLY, each.VAR_POSITIONAL}
        stars = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        annotation = "" if each.annotation is each.empty else f": {kind(each.annotation)}"
        value = "" if each.default is each.empty else f"{' = ' if annotation else '='}{literal(each.default)}"
        yield f"{stars}{each.name}{annotation}{value}"


def kind(annotation: Any) -> str:
    """A type as a reader writes it: without modules, and every kind of user is ``User``."""
    if get_origin(annotation) is Unpack:
        return f"Unpack[{kind(get_args(annotation)[0])}]"
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = text.replace("ForwardRef('", "").replace("')", "").replace("~", "")
    text = re.sub(r"(?<![\w.])(?:[a-z_]\w*\.)+(?=[A-Za-z_])", "", text).replace("NoneType", "None")
    text = text.replace("AbstractBaseUser | AnonymousUser", "User")
    text = text if "Literal[" in text else text.replace("'", "")
    optional = re.fullmatch(r"Optional\[(.*)\]", text)
    return f"{optional[1]} | None" if optional else text


def literal(value: Any) -> str:
    """A default as code. A function that is a default is shown by its name."""
    if isinstance(value, str):
        return json.dumps(str(value), ensure_ascii=False)
    return getattr(value, "__name__", None) or repr(value)


def doc(thing: Any) -> str:
    """The docstring of a function or class; Markdown renders its double backticks as code."""
    return (inspect.getdoc(thing) if thing.__doc__ else "") or ""


def first_sentence(text: str) -> str:
    """The first paragraph of a text in one line."""
    return " ".join(text.partition("\n\n")[0].split())


def attribute_docs(module: Any, class_name: str = "") -> dict[str, str]:
    """Texts that stand below assignments, in a module or in one of its classes."""
    body = ast.parse(inspect.getsource(module)).body
    if class_name:
        body = next(node.body for node in body if isinstance(node, ast.ClassDef) and node.name == class_name)
    found = {}
    for node, following in pairwise(body):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        is_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if isinstance(target, ast.Name) and is_text:
            found[target.id] = inspect.cleandoc(following.value.value)  # type: ignore[attr-defined]
    return found


def code(text: str) -> str:
    return f"```\n{text}\n```"


def cell(text: str) -> str:
    """Text for one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(map(cell, row)) + " |" for row in rows)])


def ticks(text: str) -> str:
    """Text as inline code."""
    return f"`{text}`" if text else ""


def enum_part(name: str, cls: type[Enum], labels: dict[Any, Any] | None = None) -> list[str]:
    """An enumeration with its values, and their labels if it has some."""
    docs = attribute_docs(sys.modules[cls.__module__], cls.__name__)
    third = {each: str(labels.get(each, "")) if labels else docs.get(each.name, "") for each in cls}
    heads = ["name", "value", "label" if labels else "meaning"]
    rows = [[ticks(each.name), ticks(str(each.value)), third[each]] for each in cls]
    if not any(third.values()):
        heads, rows = heads[:2], [row[:2] for row in rows]
    return [f"### `{name}`", doc(cls) if cls.__doc__ != Enum.__doc__ else "", table(heads, rows)]
