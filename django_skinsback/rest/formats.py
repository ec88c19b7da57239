"""Fields for amounts, times and texts. The site's settings for DRF do not change their formats."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from .. import money

AMOUNT_PATTERN = r"^-?[0-9]+\.[0-9]{2,6}$"
OPTIONAL_AMOUNT_PATTERN = r"^([0-9]{1,8}(\.[0-9]{1,6})?)?$"
GIVEN_AMOUNT_PATTERN = r"^[0-9]{1,8}(\.[0-9]{1,6})?$"


def amount_text(value: Decimal) -> str:
    """Return an amount as decimal text with two to six decimals, such as "8.30"."""
    whole, _point, decimals = money.amount_text(value).partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def utc_text(value: datetime) -> str:
    """Return a time as ISO 8601 in UTC, such as "2026-01-31T12:00:00.000000Z"."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@extend_schema_field({"type": "string", "pattern": AMOUNT_PATTERN, "example": "8.30"})
class AmountField(serializers.Field[Decimal, Any, str, Decimal]):
    """An amount in an answer: decimal text with two to six decimals."""

    def to_representation(self, value: Decimal) -> str:
        return amount_text(value)


@extend_schema_field(OpenApiTypes.DATETIME)
class UTCField(serializers.Field[datetime, Any, str, datetime]):
    """A time in an answer: ISO 8601 in UTC."""

    def to_representation(self, value: datetime) -> str:
        return utc_text(value)


class TextField(serializers.RegexField):
    """A text in a request. The whole text must match the pattern. A JSON number is refused.

    Spaces at the ends of the text are not removed. A line break at the end is compared with the pattern too, although
    ``$`` alone would ignore it.
    """

    def __init__(self, pattern: str, **options: Any) -> None:
        super().__init__(pattern, trim_whitespace=False, **options)
        self._pattern = re.compile(pattern)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or not self._pattern.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """``true`` or ``false`` in a request. Every other value is refused, also ``1`` and ``"true"``."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field({"type": "string", "pattern": GIVEN_AMOUNT_PATTERN, "example": "5.00"})
class GivenAmountField(TextField):
    """An amount in a request: decimal text of at most eight digits and six decimals."""

    def __init__(self, **options: Any) -> None:
        super().__init__(GIVEN_AMOUNT_PATTERN, **options)


@extend_schema_field({"type": "string", "pattern": OPTIONAL_AMOUNT_PATTERN, "example": "5.00"})
class OptionalAmountField(GivenAmountField):
    """An amount in a query parameter. The parameter may be empty, because forms send empty fields."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_blank=True, **options)
