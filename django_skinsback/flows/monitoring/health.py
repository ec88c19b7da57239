"""Whether this site keeps up with SkinsBack: what monitors ask, in a constant number of queries."""

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
from .balance import runway, snapshot_balance
from .stalled import standstill

LATE = timedelta(minutes=5)
"""A row due for longer than this was not taken up when it should have been."""

STANDING_STILL = timedelta(minutes=15)
"""Nothing at all is taken up when a row is due for longer than this."""

SHORT_RUNWAY_DAYS = Decimal(2)

DUE = ("next_poll_at", "next_poll_at")
"""When a deposit, and when a purchase, is due."""


class Verdict(StrEnum):
    """``degraded`` works, and wants a person today; ``failing`` does not do its work."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it is not ``ok``: a word for programs, and what it means and what to do for people."""

    code: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """One account. ``balance`` in US dollars is the newest that SkinsBack told, ``balance_at`` when it did.

    ``answers`` is whether SkinsBack answered just now, None if it was not asked. ``paused_until`` is when calls go on
    that SkinsBack has refused for a while. ``days_left`` is that of ``flows.balance.runway``. ``stopped_since`` is when
    errors began to end every pass over due rows that has something to do, ``stopped_by`` the last of them.
    """

    account: str
    answers: bool | None
    balance: Decimal | None
    balance_at: datetime | None
    days_left: Decimal | None
    paused_until: datetime | None
    stopped_since: datetime | None = None
    stopped_by: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """What ``health`` found. ``late_rows`` have been due for more than five minutes, the oldest ``overdue_seconds``."""

    checked_at: datetime
    overdue_seconds: int
    late_rows: int
    kept_deliveries: int
    last_delivery_at: datetime | None
    deliveries_to_review: int
    rows_to_review: int
    open_discrepancies: int
    accounts: tuple[AccountHealth, ...]
    reasons: tuple[Reason, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of the reasons."""
        verdicts = {reason.verdict for reason in self.reasons}
        return next((one for one in (Verdict.FAILING, Verdict.DEGRADED) if one in verdicts), Verdict.OK)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON: amounts as text, times as they are."""
        values = {"status": self.verdict.value, **asdict(self)}
        for account in values["accounts"]:
            for name in ("balance", "days_left"):
                account[name] = None if account[name] is None else amount_text(account[name])
        return values


def is_failing(now: datetime | None = None) -> bool:
    """Whether work stands still, in two queries: what a stranger may know."""
    return _overdue(None, now or utc_now()) > STANDING_STILL


def health(account: str | None = None, *, probe: bool = False, now: datetime | None = None) -> Health:
    """Look at one account, or at all of them.

    Calls SkinsBack only with ``probe``, once for each account, so that a monitor that asks every few seconds does not
    use up the limit of requests. Raises ConfigurationError for an account that is not in the settings.
    """
    now = now or utc_now()
    aliases = conf.accounts() if account is None else (conf.account(account).alias,)
    problems = {alias: _probe(alias) for alias in aliases} if probe else {}
    only = {} if account is None else {"account": account}
    rows = [model._default_manager.using(database()).filter(**only) for model in (Deposit, Purchase)]
    deliveries = WebhookEvent.objects.using(database()).filter(**only)
    found = Health(
        checked_at=now,
        overdue_seconds=_overdue(account, now) // timedelta(seconds=1),
        late_rows=sum(some.filter(**{f"{due}__lte": now - LATE}).count() for some, due in zip(rows, DUE, strict=True)),
        kept_deliveries=deliveries.filter(next_try_at__isnull=False, outcome=Outcome.FAILED).count(),
        deliveries_to_review=deliveries.filter(needs_review=True).count(),
        last_delivery_at=deliveries.order_by("-received_at").values_list("received_at", flat=True).first(),
        rows_to_review=sum(some.filter(needs_review=True).count() for some in rows),
        open_discrepancies=Discrepancy.objects.using(database()).filter(**only).open().count(),
        accounts=tuple(_account(alias, now, problems) for alias in aliases),
    )
    return replace(found, reasons=tuple(reasons(found, conf.low_balance(), filter(None, problems.values()))))


def reasons(found: Health, low_balance: Decimal | None, problems: Iterable[Reason] = ()) -> Iterator[Reason]:
    """What is wrong with what was found; ``problems`` are those met in asking SkinsBack."""
    if found.overdue_seconds > LATE.total_seconds():
        still = found.overdue_seconds > STANDING_STILL.total_seconds()
        told = {"rows": found.late_rows, "minutes": found.overdue_seconds // 60}
        text = ngettext(
            "%(rows)d row is overdue, by %(minutes)d minutes: start a Celery worker with beat, or "
            "skinsback_poll --forever.",
            "%(rows)d rows are overdue, the oldest by %(minutes)d minutes: start a Celery worker with beat, or "
            "skinsback_poll --forever.",
            found.late_rows,
        )
        yield Reason("overdue", Verdict.FAILING if still else Verdict.DEGRADED, text % told)
    yield from problems
    if found.kept_deliveries:
        text = ngettext(
            "%(count)d delivery could not be applied and is tried again: look at it in the admin.",
            "%(count)d deliveries could not be applied and are tried again: look at them in the admin.",
            found.kept_deliveries,
        )
        yield Reason("deliveries", Verdict.DEGRADED, text % {"count": found.kept_deliveries})
    if found.deliveries_to_review:
        text = ngettext(
            "%(count)d delivery could not be applied for too long: replay or dismiss it in the admin.",
            "%(count)d deliveries could not be applied for too long: replay or dismiss them in the admin.",
            found.deliveries_to_review,
        )
        yield Reason("deliveries_to_review", Verdict.DEGRADED, text % {"count": found.deliveries_to_review})
    if found.rows_to_review:
        text = ngettext(
            "%(count)d row waits for an operator: look at it in the admin.",
            "%(count)d rows wait for an operator: look at them in the admin.",
            found.rows_to_review,
        )
        yield Reason("review", Verdict.DEGRADED, text % {"count": found.rows_to_review})
    if found.open_discrepancies:
        text = ngettext(
            "%(count)d discrepancy with SkinsBack's lists is open: look at it in the admin.",
            "%(count)d discrepancies with SkinsBack's lists are open: look at them in the admin.",
            found.open_discrepancies,
        )
        yield Reason("discrepancies", Verdict.DEGRADED, text % {"count": found.open_discrepancies})
    for account in found.accounts:
        yield from _reasons_of_account(account, low_balance, found.checked_at)


def _reasons_of_account(account: AccountHealth, low_balance: Decimal | None, now: datetime) -> Iterator[Reason]:
    told = {"account": account.account, "days": account.days_left}
    if account.stopped_since is not None and now - account.stopped_since > LATE:
        text = _("%(account)s: for %(minutes)d minutes no pass over due rows came to its end: %(error)s")
        minutes = (now - account.stopped_since) // timedelta(minutes=1)
        yield Reason("stopped", Verdict.DEGRADED, text % {**told, "minutes": minutes, "error": account.stopped_by})
    if account.paused_until is not None:
        text = _("%(account)s: SkinsBack has refused calls, so they wait until %(until)s. skinsback_check says why.")
        until = f"{account.paused_until:%H:%M:%S} UTC"
        yield Reason("paused", Verdict.DEGRADED, text % {**told, "until": until})
    if account.balance is None:
        return
    told["balance"] = amount_text(account.balance)
    if low_balance is not None and account.balance < low_balance:
        text = _("%(account)s: the balance of %(balance)s USD is below LOW_BALANCE: top it up at SkinsBack.")
        yield Reason("low_balance", Verdict.DEGRADED, text % told)
    elif account.days_left is not None and account.days_left < SHORT_RUNWAY_DAYS:
        text = _("%(account)s: the balance of %(balance)s USD lasts for about %(days)s days: top it up at SkinsBack.")
        yield Reason("short_runway", Verdict.DEGRADED, text % told)


def _overdue(account: str | None, now: datetime) -> timedelta:
    """For how long the oldest due row has been due."""
    only = {} if account is None else {"account": account}
    oldest = [
        model._default_manager.using(database()).filter(**only, **{f"{due}__lte": now}).aggregate(oldest=Min(due))
        for model, due in zip((Deposit, Purchase), DUE, strict=True)
    ]
    return max((now - found["oldest"] for found in oldest if found["oldest"]), default=timedelta(0))


def _account(alias: str, now: datetime, problems: Mapping[str, Reason | None]) -> AccountHealth:
    snapshots = BalanceSnapshot.objects.using(database()).filter(account=alias)
    newest, stop = snapshots.order_by("-pk").first(), standstill(alias)
    return AccountHealth(
        account=alias,
        answers=problems[alias] is None if alias in problems else None,
        balance=newest.balance if newest else None,
        balance_at=newest.taken_at if newest else None,
        days_left=runway(alias, now=now),
        paused_until=ratelimit.pause_until(alias),
        stopped_since=stop.since if stop else None,
        stopped_by=stop.error if stop else "",
    )


def _probe(alias: str) -> Reason | None:
    """Ask SkinsBack for the balance, and keep it; what is wrong, if it does not tell."""
    try:
        with ratelimit.foreground():  # what was wrong before may be over: ask all the same
            snapshot_balance(alias)
    except RateLimited:
        text = _("%(account)s: more requests are made than SkinsBack allows.") % {"account": alias}
        return Reason("no_answer", Verdict.DEGRADED, text)
    except SkinsBackError as error:
        text = _("%(account)s: SkinsBack does not tell the balance: %(error)s") % {"account": alias, "error": error}
        return Reason("no_answer", Verdict.FAILING, text)
    return None
