"""The filter by time: today, the last days, or from one day to another. A day is a day of ``TIME_ZONE``."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

TODAY = "today"
_DAYS = {TODAY: 1, "7": 7, "30": 30}
_LAST_PAGE_PARAMETERS = {"p", "e"}


def start_of(day: date) -> datetime:
    """Return the time at which the day begins in ``TIME_ZONE``."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone())


def today() -> date:
    """Return the present day in ``TIME_ZONE``."""
    return datetime.now(timezone.get_default_timezone()).date()


class CreatedFilter(admin.SimpleListFilter):
    """Filter by the time at which a row was created. ``column`` is the column with the time."""

    title = _("created")
    parameter_name = "created"
    template = "admin/skinsback/filter_dates.html"
    column = "created_at"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.from_name, self.to_name = f"{self.parameter_name}_from", f"{self.parameter_name}_to"
        for name in (self.from_name, self.to_name):
            if name in params and (value := params.pop(name)[-1]):
                self.used_parameters[name] = value
        self.other_parameters: list[tuple[str, str]] = []

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(TODAY, _("Today")), ("7", _("Last 7 days")), ("30", _("Last 30 days"))]

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter_name, self.from_name, self.to_name]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the choices with their links. Also keep the parameters that the form of the filter sends again."""
        own = {self.parameter_name, self.from_name, self.to_name, *_LAST_PAGE_PARAMETERS}
        self.other_parameters = [(name, value) for name, value in changelist.params.items() if name not in own]
        without = [self.from_name, self.to_name]
        is_range = any(name in self.used_parameters for name in without)
        yield {
            "selected": self.value() is None and not is_range,
            "query_string": changelist.get_query_string(remove=[self.parameter_name, *without]),
            "display": _("Any time"),
        }
        for value, label in self.lookup_choices:
            yield {
                "selected": self.value() == value and not is_range,
                "query_string": changelist.get_query_string({self.parameter_name: value}, without),
                "display": label,
            }

    @property
    def first_day(self) -> str:
        """The first day of the range, as the form shows it. Empty if there is none."""
        return str(self.used_parameters.get(self.from_name, ""))

    @property
    def last_day(self) -> str:
        """The last day of the range, as the form shows it. Empty if there is none."""
        return str(self.used_parameters.get(self.to_name, ""))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen days. Raise IncorrectLookupParameters for a text that is not a day."""
        first, last = _day(self.first_day), _day(self.last_day)
        if first is None and last is None and self.value() in _DAYS:
            first = today() - timedelta(days=_DAYS[self.value() or TODAY] - 1)
        if first is not None:
            queryset = queryset.filter(**{f"{self.column}__gte": start_of(first)})
        if last is not None and last < date.max:
            queryset = queryset.filter(**{f"{self.column}__lt": start_of(last + timedelta(days=1))})
        return queryset


class ReceivedFilter(CreatedFilter):
    """Filter by the time at which a delivery was received."""

    title = _("received")
    parameter_name = "received"
    column = "received_at"


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError as error:
        raise IncorrectLookupParameters(error) from error
    if day is None or day.year < 1000:
        raise IncorrectLookupParameters(ValidationError(_("Enter a day as YYYY-MM-DD.")))
    return day
