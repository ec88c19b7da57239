"""The models in ``reference.md``: fields, labels, choices, queries, permissions, review reasons."""

import inspect
from collections.abc import Iterable
from typing import Any

from rendering import doc, enum_part, kind, signature, table, ticks


def models_part(names: Iterable[str], module: Any) -> list[str]:
    parts = []
    for name in names:
        cls = getattr(module, name)
        parts += model_part(name, cls) if hasattr(cls, "_meta") else enum_part(f"models.{name}", cls, dict(cls.choices))
    return parts


def model_part(name: str, model: Any) -> list[str]:
    rows, choices = [], []
    for field in model._meta.concrete_fields:
        about = [type(field).__name__.replace("UTCDateTimeField", "DateTimeField")]
        if field.max_length and field.get_internal_type() == "CharField":
            about.append(f"({field.max_length})")
        target = f" to {field.related_model._meta.object_name}" if field.related_model else ""
        if target and field.related_model._meta.app_label != "skinsback":
            target = " to the user model"
        about.append(target + (", may be null" if field.null else "") + (", unique" if field.unique else ""))
        rows.append([ticks(field.name), "".join(about), str(field.verbose_name), str(field.help_text)])
        if field.choices and name != "ListCursor":
            values = ", ".join(f"`{value}` ({label})" for value, label in field.flatchoices)
            choices.append(f"Values of `{field.name}`: {values}.")
    parts = [f"### `models.{name}`", doc(model), table(("field", "type", "label", "help text"), rows), *choices]
    parts += _model_members(model)
    unique = [", ".join(map(ticks, each.fields)) for each in model._meta.constraints if getattr(each, "fields", ())]
    if unique:
        parts.append("Unique together: " + "; ".join(unique) + ".")
    if model._meta.permissions:
        permissions = ", ".join(f"`skinsback.{code}` ({label})" for code, label in model._meta.permissions)
        parts.append(f"Permissions: {permissions}.")
    return parts


def _model_members(model: Any) -> list[str]:
    """Methods of ``Model.objects`` and properties that are ours."""
    rows = []
    for cls in model._default_manager.all().__class__.__mro__:
        if not cls.__module__.startswith("django_skinsback"):
            continue
        for name, value in vars(cls).items():
            if inspect.isfunction(value) and not name.startswith("_") and name not in {"update", "delete"}:
                rows.append([f"`{model.__name__}.objects.{signature(name, value)}`", doc(value)])
    for cls in model.__mro__:
        if cls.__module__.startswith("django_skinsback"):
            for name, value in vars(cls).items():
                if isinstance(value, property):
                    rows.append([ticks(f"{name}: {kind(inspect.signature(value.fget).return_annotation)}"), doc(value)])
    return [table(("query or property", "meaning"), rows)] if rows else []


def reasons_part() -> list[str]:
    from django_skinsback.models.reasons import REASON_TEXTS

    return [
        "### Review reasons",
        '`review_reasons` of a row is a list of `{"code": …, "data": {…}}`. Codes are stable, texts are translations.',
        table(("code", "text"), ((ticks(name), str(text)) for name, text in REASON_TEXTS.items())),
    ]
