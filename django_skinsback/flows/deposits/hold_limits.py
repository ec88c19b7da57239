"""Limits the credits of approved holds by ``HOLD_APPROVE_MAX``, and reserves the credit of an approval under way.

An *open credit* is the credit of a deposit with the status ``hold_approved`` that was not reversed. SkinsBack can still
report that the trade was rolled back. The credit that an approval under way has reserved is an open credit too.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import Q
from django.utils.translation import gettext as _

from ... import conf, schedule
from ...exceptions import HoldLimitReached
from ...models import Deposit, HoldDecision, HoldGuard, LedgerEntry
from ...models.fields import utc_now
from ...money import EXACT, amount_text, exact_sum
from ...statuses import DepositStatus, EntryKind
from ..ledger.database import database
from ..ledger.edit import Edit
from ..ledger.stuck import STUCK
from .credit import Credit

LIMIT_REACHED = "hold_limit_reached"
"""Code of the review reason of a hold that HOLD_POLICY accepted and ``HOLD_APPROVE_MAX`` did not allow."""


NOT_RESERVED: dict[str, Any] = {"reserved_amount": None, "reserved_currency": "", "reserved_at": None}
"""The values of the columns of a deposit that has no reservation."""


class OpenCredit(NamedTuple):
    """The open credit of one deposit, in ``currency``."""

    user_id: Any
    amount: Decimal
    currency: str


def credit_at_risk(credit: object, entries: Iterable[LedgerEntry]) -> Credit | None:
    """Return the amount and currency that are at risk after an approval. Return None if they are not known.

    ``credit`` is the possible credit, as ``seen.require_seen`` returns it. If an operator has credited the deposit
    before, this credit is at risk. If the credit was reversed, the amount is 0, because nothing is credited again.
    """
    if isinstance(credit, tuple):
        return credit
    posted = list(entries)
    return (exact_sum(entry.amount for entry in posted), posted[0].currency) if posted else None


def lock_limit(account: str, currency: str) -> None:
    """Lock the limit of an account and currency until the database transaction ends, by a write of its HoldGuard row.

    Call this function as the first statement of the database transaction. Another approval then waits until the
    transaction ends, and afterwards reads what the transaction has reserved. The write is one upsert.
    ``flows.players.guard.lock_user`` gives the reason.
    """
    using = database()
    has_target = connections[using].features.supports_update_conflicts_with_target
    HoldGuard.objects.using(using).bulk_create(
        [HoldGuard(account=account, currency=currency, updated_at=utc_now())],
        update_conflicts=True,
        unique_fields=["account", "currency"] if has_target else None,
        update_fields=["updated_at"],
    )


def check_limit(deposit: Deposit, credit: Credit | None) -> None:
    """Raise HoldLimitReached if the open credits and ``credit`` together exceed ``HOLD_APPROVE_MAX``.

    Call ``lock_limit`` before. ``credit`` is what the approval of ``deposit`` would credit. None means that it is not
    known.
    """
    limits = conf.hold_approve_max()
    if limits is None:
        return
    if credit is None:
        raise HoldLimitReached(
            _(
                "It is not known what would be credited for this deposit, so HOLD_APPROVE_MAX cannot be checked. "
                "Refresh the deposit from SkinsBack, then approve the hold."
            )
        )
    amount, currency = credit
    if currency not in limits:
        text = _("HOLD_APPROVE_MAX does not contain %(currency)s, so no hold with this currency can be approved.")
        raise HoldLimitReached(text % {"currency": currency.upper()}, credit)
    per_user, in_all = limits[currency]
    others = [
        each for pk, each in open_credits(deposit.account).items() if pk != deposit.pk and each.currency == currency
    ]
    of_user = exact_sum(each.amount for each in others if each.user_id == deposit.user_id)
    of_all = exact_sum(each.amount for each in others)
    if EXACT.add(of_user, amount) > per_user:
        text = _(
            "The open credits of this user's approved holds add up to %(open)s %(currency)s. With this hold of "
            "%(amount)s %(currency)s they would exceed the limit per user, %(limit)s %(currency)s (HOLD_APPROVE_MAX). "
            "The hold was not approved."
        )
        raise HoldLimitReached(_limit_text(text, of_user, per_user, credit), credit)
    if EXACT.add(of_all, amount) > in_all:
        text = _(
            "The open credits of all approved holds add up to %(open)s %(currency)s. With this hold of %(amount)s "
            "%(currency)s they would exceed the limit of all users, %(limit)s %(currency)s (HOLD_APPROVE_MAX). The "
            "hold was not approved."
        )
        raise HoldLimitReached(_limit_text(text, of_all, in_all, credit), credit)


def _limit_text(text: str, open_: Decimal, limit: Decimal, credit: Credit) -> str:
    amount, currency = credit
    values = {"open": open_, "limit": limit, "amount": amount}
    return text % {"currency": currency.upper(), **{name: amount_text(value) for name, value in values.items()}}


def open_credits(account: str, **filters: Any) -> dict[int, OpenCredit]:
    """Return the open credits of an account: primary key of the deposit -> OpenCredit. ``filters`` select deposits.

    The query takes no row lock. After ``lock_limit``, it reads all that other approvals have committed. It is one
    statement, so a credit that is posted at the same moment is counted once: as reserved, or as posted.

    Times are not compared here, because a clock that is days ahead would hide reservations.
    """
    under_way = Q(status=DepositStatus.IN_HOLD, hold_decision=HoldDecision.APPROVE, reserved_at__isnull=False)
    rows: Iterable[Any] = (
        Deposit.objects.using(database())
        .filter(Q(status=DepositStatus.HOLD_APPROVED) | under_way, account=account, **filters)
        .values_list(
            "pk", "user_id", "reserved_amount", "reserved_currency", "entries__amount", "entries__currency"
        )  # a deposit is repeated for each of its entries
    )
    found: dict[int, OpenCredit] = {}
    for pk, user_id, reserved, reserved_currency, posted, posted_currency in rows:
        if posted is not None:
            before = found[pk].amount if pk in found else Decimal(0)
            found[pk] = OpenCredit(user_id, EXACT.add(before, posted), posted_currency)
        elif reserved is not None:
            found[pk] = OpenCredit(user_id, reserved, reserved_currency)
    return found


def reserve(edit: Edit[Deposit], credit: Credit | None) -> None:
    """Reserve the credit of the approval that is under way. ``credit`` is None if it is not known."""
    amount, currency = credit or (None, "")
    edit.set(reserved_amount=amount, reserved_currency=currency, reserved_at=edit.now)


def release(edit: Edit[Deposit], reported_status: str, *, asked_at: datetime | None) -> None:
    """Release the reservation of a deposit if its approval cannot lead to a credit any more, or has led to a credit.

    * After the hold, the reservation is released.
    * In ``hold_approved``, it is released if the credit is posted. Otherwise an operator may still credit the deposit.
    * In ``in_hold``, it is released if ``orderstatus`` was asked later than ``schedule.APPROVAL`` after the reservation
      and reports the hold. The answer to an earlier call may be older than the approval. The deposit is then undecided
      again.

    ``asked_at`` is the time of the call whose answer is the report. None means that the report is a webhook or from a
    list, or that the row has changed since the call.
    """
    deposit = edit.row
    if deposit.status == DepositStatus.HOLD_APPROVED and EntryKind.CREDIT not in edit.entries():
        return
    if deposit.status == DepositStatus.IN_HOLD:
        if asked_at is None or deposit.reserved_at is None or reported_status != DepositStatus.IN_HOLD:
            return
        if schedule.age_for_waiting(deposit.reserved_at, asked_at) < schedule.APPROVAL:
            return
        edit.set(hold_decision="")
    edit.set(**NOT_RESERVED)


def release_after_review(edit: Edit[Deposit]) -> None:
    """Release the reservation if a person settles that the hold cannot end: SkinsBack does not know the deposit, or the
    hold has lasted too long. Call this function before the review is settled.
    """
    codes = {reason.get("code") for reason in edit.row.review_reasons} if edit.row.needs_review else set()
    if edit.row.reserved_at is not None and codes & {STUCK, "deposit_not_known"}:
        edit.set(**NOT_RESERVED)


def is_refused(deposit: Deposit) -> bool:
    """Return whether the deposit is in hold and under review because ``HOLD_APPROVE_MAX`` did not allow its approval.

    The decision ``credit`` about the review would post the same credit without the limit, so it is not possible.
    """
    codes = {reason.get("code") for reason in deposit.review_reasons} if deposit.needs_review else set()
    return deposit.status == DepositStatus.IN_HOLD and LIMIT_REACHED in codes


def end_limit_review(edit: Edit[Deposit]) -> list[dict[str, Any]]:
    """Remove the review reason ``LIMIT_REACHED`` after a person's decision. Return the removed reasons."""
    reasons = edit.row.review_reasons if edit.row.needs_review else []
    removed = [reason for reason in reasons if reason.get("code") == LIMIT_REACHED]
    if removed:
        others = [reason for reason in reasons if reason not in removed]
        edit.set(needs_review=bool(others), review_reasons=others)
    return removed
