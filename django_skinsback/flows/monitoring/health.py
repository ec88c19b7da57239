"""The health of this package for monitoring systems: overdue rows, rows that need review, balances.

The number of queries does not depend on the number of rows.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Min
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ... import conf, ratelimit
from ...exceptions import RateLimited, SkinsBackError
from ...models import BalanceSnapshot, Deposit, Discrepancy, Purchase, WebhookEvent
from ...models.fields import utc_now
from ...money import amount_text
from ..ledger.database import database
from ..ledger.record import Outcome
from .balance import estimate_days_left, snapshot_balance
from .sweeps import failing_sweeps

OVERDUE_AFTER = timedelta(minutes=5)
"""A row that has been due for more than this time is overdue. Then the status is ``degraded``."""

FAILING_AFTER = timedelta(minutes=15)
"""If a row has been due for more than this time, the status is ``failing``."""

FEW_DAYS_LEFT = Decimal(2)


class HealthStatus(StrEnum):
    """The status of the health.

    ``ok``: everything works. ``degraded``: the site works, but a person must look at something today. ``failing``: due
    rows are not polled.
    """

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason why the status is not ``ok``. ``code`` is for programs. ``text`` says what is wrong and what to do."""

    code: str
    status: HealthStatus
    text: str


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """Health of one account.

    * ``answers``: whether SkinsBack answered the probe. None if there was no probe.
    * ``balance``, ``balance_at``: the newest known balance in US dollars, and the time when SkinsBack reported it.
    * ``days_left``: the result of ``estimate_days_left``.
    * ``paused_until``: the time at which paused calls continue. None if calls are not paused. Calls are paused after
      SkinsBack refused a call.
    * ``failing_since``, ``last_error``: the time since which every sweep has failed, and the newest error. None and ""
      if sweeps do not fail.
    """

    account: str
    answers: bool | None
    balance: Decimal | None
    balance_at: datetime | None
    days_left: Decimal | None
    paused_until: datetime | None
    failing_since: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """The result of ``health``.

    ``overdue_seconds`` is the longest time that a row has been due. ``overdue_rows`` is the number of rows that have
    been due for more than five minutes. ``failed_deliveries`` is the number of deliveries that could not be applied and
    will be tried again.
    """

    checked_at: datetime
    overdue_seconds: int
    overdue_rows: int
    failed_deliveries: int
    last_delivery_at: datetime | None
    deliveries_to_review: int
    rows_to_review: int
    open_discrepancies: int
    accounts: tuple[AccountHealth, ...]
    reasons: tuple[Reason, ...] = ()

    @property
    def status(self) -> HealthStatus:
        """The worst status of the reasons. ``ok`` if there are no reasons."""
        found = {reason.status for reason in self.reasons}
        worst_first = (HealthStatus.FAILING, HealthStatus.DEGRADED)
        return next((status for status in worst_first if status in found), HealthStatus.OK)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields and the status as a dict. Amounts are text. Times are datetimes: use DjangoJSONEncoder."""
        values = {"status": self.status.value, **asdict(self)}
        for account in values["accounts"]:
            for name in ("balance", "days_left"):
                account[name] = None if account[name] is None else amount_text(account[name])
        return values


def is_failing(now: datetime | None = None) -> bool:
    """Return whether a row has been due for more than 15 minutes. This takes two queries.

    This result may be shown to anyone. The result of ``health`` may not.
    """
    return longest_overdue(None, now or utc_now()) > FAILING_AFTER


def health(account: str | None = None, *, probe: bool = False, now: datetime | None = None) -> Health:
    """Return the health of one account, or of all accounts if ``account`` is None.

    With ``probe=True``, SkinsBack is called once for each account. With ``probe=False``, SkinsBack is not called, so a
    monitoring system may call this function every few seconds. Raises ConfigurationError for an account that is not in
    the settings.
    """
    now = now or utc_now()
    aliases = conf.accounts() if account is None else (conf.account(account).alias,)
    problems = {alias: _probe(alias) for alias in aliases} if probe else {}
    only = {} if account is None else {"account": account}
    rows = [model._default_manager.using(database()).filter(**only) for model in (Deposit, Purchase)]
    deliveries = WebhookEvent.objects.using(database()).filter(**only)
    found = Health(
        checked_at=now,
        overdue_seconds=longest_overdue(account, now) // timedelta(seconds=1),
        overdue_rows=sum(some.filter(next_poll_at__lte=now - OVERDUE_AFTER).count() for some in rows),
        failed_deliveries=deliveries.filter(next_try_at__isnull=False, outcome=Outcome.FAILED).count(),
        deliveries_to_review=deliveries.filter(needs_review=True).count(),
        last_delivery_at=deliveries.order_by("-received_at").values_list("received_at", flat=True).first(),
        rows_to_review=sum(some.filter(needs_review=True).count() for some in rows),
        open_discrepancies=Discrepancy.objects.using(database()).filter(**only).open().count(),
        accounts=tuple(_account(alias, now, problems) for alias in aliases),
    )
    return replace(found, reasons=tuple(reasons(found, conf.low_balance(), filter(None, problems.values()))))


def reasons(found: Health, low_balance: Decimal | None, problems: Iterable[Reason] = ()) -> Iterator[Reason]:
    """Yield the reasons why the status is not ``ok``.

    A Reason is made for each value in ``found`` that needs attention. ``problems`` contains the Reasons that the probe
    returned. They are yielded too.
    """
    if found.overdue_seconds > OVERDUE_AFTER.total_seconds():
        is_failing = found.overdue_seconds > FAILING_AFTER.total_seconds()
        values = {"rows": found.overdue_rows, "minutes": found.overdue_seconds // 60}
        text = ngettext(
            "%(rows)d row is overdue by %(minutes)d minutes. Start a Celery worker with beat, or "
            "skinsback_poll --forever.",
            "%(rows)d rows are overdue, the oldest by %(minutes)d minutes. Start a Celery worker with beat, or "
            "skinsback_poll --forever.",
            found.overdue_rows,
        )
        yield Reason("overdue", HealthStatus.FAILING if is_failing else HealthStatus.DEGRADED, text % values)
    yield from problems
    if found.failed_deliveries:
        text = ngettext(
            "%(count)d delivery could not be applied and will be tried again. Look at it in the admin.",
            "%(count)d deliveries could not be applied and will be tried again. Look at them in the admin.",
            found.failed_deliveries,
        )
        yield Reason("deliveries", HealthStatus.DEGRADED, text % {"count": found.failed_deliveries})
    if found.deliveries_to_review:
        text = ngettext(
            "%(count)d delivery has failed for too long. Apply it again or dismiss it in the admin.",
            "%(count)d deliveries have failed for too long. Apply them again or dismiss them in the admin.",
            found.deliveries_to_review,
        )
        yield Reason("deliveries_to_review", HealthStatus.DEGRADED, text % {"count": found.deliveries_to_review})
    if found.rows_to_review:
        text = ngettext(
            "%(count)d row needs review: look at it in the admin.",
            "%(count)d rows need review: look at them in the admin.",
            found.rows_to_review,
        )
        yield Reason("review", HealthStatus.DEGRADED, text % {"count": found.rows_to_review})
    if found.open_discrepancies:
        text = ngettext(
            "%(count)d discrepancy between SkinsBack's lists and the rows here is open: look at it in the admin.",
            "%(count)d discrepancies between SkinsBack's lists and the rows here are open: look at them in the admin.",
            found.open_discrepancies,
        )
        yield Reason("discrepancies", HealthStatus.DEGRADED, text % {"count": found.open_discrepancies})
    for account in found.accounts:
        yield from _reasons_of_account(account, low_balance, found.checked_at)


def _reasons_of_account(account: AccountHealth, low_balance: Decimal | None, now: datetime) -> Iterator[Reason]:
    values: dict[str, Any] = {"account": account.account, "days": account.days_left}
    if account.failing_since is not None and now - account.failing_since > OVERDUE_AFTER:
        text = _(
            "%(account)s: every sweep of deposits or of purchases has failed for %(minutes)d minutes. "
            "Newest error: %(error)s"
        )
        minutes = (now - account.failing_since) // timedelta(minutes=1)
        values |= {"minutes": minutes, "error": account.last_error}
        yield Reason("sweeps_failing", HealthStatus.DEGRADED, text % values)
    if account.paused_until is not None:
        text = _(
            "%(account)s: SkinsBack refused a call, so calls are paused until %(until)s. Run skinsback_check to find "
            "the reason."
        )
        values["until"] = f"{account.paused_until:%H:%M:%S} UTC"
        yield Reason("paused", HealthStatus.DEGRADED, text % values)
    if account.balance is None:
        return
    values["balance"] = amount_text(account.balance)
    if low_balance is not None and account.balance < low_balance:
        text = _("%(account)s: the balance of %(balance)s USD is below LOW_BALANCE. Top it up at SkinsBack.")
        yield Reason("low_balance", HealthStatus.DEGRADED, text % values)
    elif account.days_left is not None and account.days_left < FEW_DAYS_LEFT:
        text = _("%(account)s: the balance of %(balance)s USD lasts for about %(days)s days. Top it up at SkinsBack.")
        yield Reason("few_days_left", HealthStatus.DEGRADED, text % values)


def longest_overdue(account: str | None, now: datetime) -> timedelta:
    """Return the longest time that a row has been due. Return zero if no row is due."""
    only = {} if account is None else {"account": account}
    oldest = [
        model._default_manager.using(database())
        .filter(**only, next_poll_at__lte=now)
        .aggregate(oldest=Min("next_poll_at"))["oldest"]
        for model in (Deposit, Purchase)
    ]
    return max((now - due for due in oldest if due), default=timedelta(0))


def _account(alias: str, now: datetime, problems: Mapping[str, Reason | None]) -> AccountHealth:
    snapshots = BalanceSnapshot.objects.using(database()).filter(account=alias)
    newest, failing = snapshots.order_by("-pk").first(), failing_sweeps(alias)
    return AccountHealth(
        account=alias,
        answers=problems[alias] is None if alias in problems else None,
        balance=newest.balance if newest else None,
        balance_at=newest.taken_at if newest else None,
        days_left=estimate_days_left(alias, now=now),
        paused_until=ratelimit.pause_until(alias),
        failing_since=failing.since if failing else None,
        last_error=failing.error if failing else "",
    )


def _probe(alias: str) -> Reason | None:
    """Ask SkinsBack for the balance and store the balance. Return None, or a Reason if SkinsBack does not answer."""
    try:
        with ratelimit.foreground():  # a pause of the account must not refuse the probe: the fault may be repaired
            snapshot_balance(alias)
    except RateLimited:
        text = _("%(account)s: the limit of requests was reached.") % {"account": alias}
        return Reason("no_answer", HealthStatus.DEGRADED, text)
    except SkinsBackError as error:
        text = _("%(account)s: SkinsBack does not answer: %(error)s") % {"account": alias, "error": error}
        return Reason("no_answer", HealthStatus.FAILING, text)
    return None
