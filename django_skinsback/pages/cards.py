"""Prepares the values that a page shows about one deposit: texts, amounts, trade offer and links."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import prefetch_related_objects
from django.http import HttpRequest

from .. import player_texts
from ..models import Deposit, LedgerEntry
from ..models.fields import utc_now
from ..player_texts import NextStep, StatusText
from ..statuses import DepositStatus, EntryKind
from .next_steps import Link, link_for

_MINUTE = 60


@dataclass(frozen=True, slots=True)
class TradeOffer:
    """A trade offer that the player can accept, or could accept until now.

    ``minutes_left`` is rounded down. It is 0 in the last minute, after the time is over, and if ``expires_at`` is None.
    """

    url: str
    expires_at: datetime | None
    minutes_left: int
    is_over: bool


@dataclass(frozen=True, slots=True)
class DepositCard:
    """The template variable ``card``: one deposit of the player.

    ``expected`` is the amount that is credited after the hold, with the currency of the amount. ``expected`` is None if
    the deposit is not in hold or the amount is not known.
    """

    deposit: Deposit
    status: StatusText
    credit: LedgerEntry | None
    expected: tuple[Decimal, str] | None
    reversal: LedgerEntry | None
    trade: TradeOffer | None
    next_link: Link | None
    is_payable: bool

    @property
    def is_open(self) -> bool:
        """Whether the page must read the status again."""
        return self.status.is_open


def deposit_card(request: HttpRequest, deposit: Deposit) -> DepositCard:
    """Return the card of ``deposit``. If the ledger entries or the history are not prefetched, they are read."""
    prefetch_related_objects([deposit], "entries", "changes")
    entries = {entry.kind: entry for entry in deposit.entries.all()}
    status = player_texts.for_deposit(deposit)
    return DepositCard(
        deposit=deposit,
        status=status,
        credit=entries.get(EntryKind.CREDIT),
        expected=player_texts.expected_credit(deposit),
        reversal=entries.get(EntryKind.REVERSAL),
        trade=_trade(deposit),
        next_link=_next_link(request, deposit, status),
        is_payable=player_texts.is_payable(deposit),
    )


def _trade(deposit: Deposit) -> TradeOffer | None:
    """Return the trade offer of a deposit. Return None if no trade offer waits for the user or there is a pay page."""
    url = player_texts.trade_offer_url(deposit)
    is_waiting = deposit.status in {DepositStatus.CREATED, DepositStatus.PENDING}
    if not url or not is_waiting or player_texts.is_payable(deposit):
        return None
    return trade_offer(url, player_texts.trade_offer_expires_at(deposit))


def trade_offer(url: str, expires_at: datetime | None) -> TradeOffer:
    """Return a TradeOffer for the address ``url``. The time that is left is the time until ``expires_at``."""
    left = (expires_at - utc_now()).total_seconds() if expires_at else 0
    is_over = expires_at is not None and left <= 0
    return TradeOffer(url, expires_at, max(0, int(left // _MINUTE)), is_over)


def _next_link(request: HttpRequest, deposit: Deposit, status: StatusText) -> Link | None:
    match status.next_step:
        case NextStep.OPEN_PAY_PAGE if deposit.pay_url:
            return Link(deposit.pay_url, status.next_text)
        case NextStep.ACCEPT_TRADE:
            url = player_texts.trade_offer_url(deposit)
            return Link(url, status.next_text, is_external=True) if url else None
    return link_for(request, status.next_step, status.next_text)
