"""Types and lengths of columns that several tables use."""

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

from django.conf import settings
from django.db import models
from django.utils import timezone

from ..wire import limits

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser

ALIAS_LENGTH = 64
ID_LENGTH = limits.ID_LENGTH
STEAM_ID_LENGTH = limits.STEAM_ID_LENGTH
TEXT_LENGTH = limits.TEXT_LENGTH
URL_LENGTH = limits.URL_LENGTH
WORD_LENGTH = 64
CURRENCY_LENGTH = 8

# request.user may be an AnonymousUser. Django raises an error if an AnonymousUser is assigned to a row.
OptionalUser: TypeAlias = "AbstractBaseUser | AnonymousUser | None"

# The types of a column when it is set and when it is read, for type checkers.
_Set = TypeVar("_Set")
_Get = TypeVar("_Get")

TICK = datetime.timedelta(microseconds=1)
"""The smallest difference between two times that every database stores."""


def utc_now() -> datetime.datetime:
    """Return the current time in UTC. The result is an aware datetime, whether ``USE_TZ`` is on or off."""
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
    """Return a column for amounts. An amount has up to 14 digits before the decimal point, and six digits after it.

    ``parse_amount`` accepts only 15 significant digits, because SQLite cannot store more digits exactly.
    """
    return models.DecimalField(verbose_name, max_digits=20, decimal_places=6, **options)


if TYPE_CHECKING:
    DateTimeField = models.DateTimeField
else:

    class DateTimeField(models.DateTimeField):
        """Django's DateTimeField, which accepts type arguments: ``DateTimeField[…, …]``, as in the type stubs."""

        def __class_getitem__(cls, _types):
            return cls


class UTCDateTimeField(DateTimeField[_Set, _Get]):
    """A column whose values are aware datetimes, whether ``USE_TZ`` is on or off.

    If ``USE_TZ`` is off, the database stores naive datetimes.
    """

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
