"""Columns that every table here shares."""

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

from django.conf import settings
from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser

ALIAS_LENGTH = 64
ID_LENGTH = 64
WORD_LENGTH = 64
STEAM_ID_LENGTH = 20
CURRENCY_LENGTH = 8

# AnonymousUser is here because it is one type of request.user; Django refuses it when the row is made.
OptionalUser: TypeAlias = "AbstractBaseUser | AnonymousUser | None"

# What a column takes and what it gives, for type checkers.
_Set = TypeVar("_Set")
_Get = TypeVar("_Get")


def utc_now() -> datetime.datetime:
    """This moment, aware whatever ``USE_TZ`` says."""
    return datetime.datetime.now(datetime.UTC)


@overload
def amount_field(
    verbose_name: Any, *, null: Literal[False] = False, **options: Any
) -> "models.DecimalField[Decimal, Decimal]": ...
@overload
def amount_field(
    verbose_name: Any, *, null: Literal[True], **options: Any
) -> "models.DecimalField[Decimal | None, Decimal | None]": ...
def amount_field(verbose_name: Any, **options: Any) -> "models.DecimalField[Any, Any]":
    """An exact amount with six decimals; SQLite keeps it whole up to 15 significant digits."""
    return models.DecimalField(verbose_name, max_digits=20, decimal_places=6, **options)


if TYPE_CHECKING:
    DateTimeField = models.DateTimeField
else:

    class DateTimeField(models.DateTimeField):
        """Django's, which is generic in the type stubs alone."""

        def __class_getitem__(cls, _types):
            return cls


class UTCDateTimeField(DateTimeField[_Set, _Get]):
    """A moment that is aware in Python whatever ``USE_TZ`` says; the database keeps what ``USE_TZ`` stores."""

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: "UTCDateTimeField[datetime.datetime, datetime.datetime]",
            verbose_name: Any,
            *,
            null: Literal[False] = False,
            **options: Any,
        ) -> None: ...
        @overload
        def __init__(
            self: "UTCDateTimeField[datetime.datetime | None, datetime.datetime | None]",
            verbose_name: Any,
            *,
            null: Literal[True],
            **options: Any,
        ) -> None: ...
        def __init__(self, verbose_name: Any, **options: Any) -> None: ...

    def from_db_value(self, value: datetime.datetime | None, *_: object) -> datetime.datetime | None:
        if value is None or timezone.is_aware(value):
            return value
        return timezone.make_aware(value, timezone.get_default_timezone())

    def get_prep_value(self, value: Any) -> Any:
        value = self.to_python(value)
        if isinstance(value, datetime.datetime) and timezone.is_aware(value) and not settings.USE_TZ:
            return timezone.make_naive(value, timezone.get_default_timezone())
        return super().get_prep_value(value)
