"""Columns that every table here shares."""

import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

ALIAS_LENGTH = 64
ID_LENGTH = 64
WORD_LENGTH = 64
STEAM_ID_LENGTH = 20
CURRENCY_LENGTH = 8


def utc_now() -> datetime.datetime:
    """This moment, aware whatever ``USE_TZ`` says."""
    return datetime.datetime.now(datetime.UTC)


def amount_field(verbose_name: Any, **options: Any) -> "models.DecimalField[Any, Any]":
    """An exact amount with six decimals; SQLite keeps it whole up to 15 significant digits."""
    return models.DecimalField(verbose_name, max_digits=20, decimal_places=6, **options)


class UTCDateTimeField(models.DateTimeField):  # type: ignore[type-arg] # generic in the stubs alone
    """A moment that is aware in Python whatever ``USE_TZ`` says; the database keeps what ``USE_TZ`` stores."""

    def from_db_value(self, value: datetime.datetime | None, *_: object) -> datetime.datetime | None:
        if value is None or timezone.is_aware(value):
            return value
        return timezone.make_aware(value, timezone.get_default_timezone())

    def get_prep_value(self, value: Any) -> Any:
        value = self.to_python(value)
        if isinstance(value, datetime.datetime) and timezone.is_aware(value) and not settings.USE_TZ:
            return timezone.make_naive(value, timezone.get_default_timezone())
        return super().get_prep_value(value)
