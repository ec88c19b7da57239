"""Converts each row to a dict of the values that a player may see. Serializers format this dict."""

from typing import Any

from ..models import Deposit, LedgerEntry, Purchase, Quote
from ..player_texts import (
    StatusText,
    expected_credit,
    for_deposit,
    for_purchase,
    hold_days_left,
    is_payable,
    trade_offer_expires_at,
    trade_offer_url,
)
from ..statuses import EntryKind
from .formats import amount_text, utc_text


def deposit_values(deposit: Deposit) -> dict[str, Any]:
    """Return what a player sees of a deposit. Reads the ``entries`` and the ``changes`` of the deposit."""
    expected_amount, expected_currency = expected_credit(deposit) or (None, None)
    return {
        **_common(deposit, for_deposit(deposit)),
        **_amount(deposit, "credited", EntryKind.CREDIT),
        **_amount(deposit, "reversed", EntryKind.REVERSAL),
        "expected_amount": expected_amount,
        "expected_currency": expected_currency,
        "currency": deposit.currency or None,
        "min_amount": deposit.min_amount,
        "max_amount": deposit.max_amount,
        "pay_url": deposit.pay_url if is_payable(deposit) else None,
        "bot_name": deposit.bot_name or None,
        "bot_steam_id": deposit.bot_steam_id or None,
    }


def purchase_values(purchase: Purchase) -> dict[str, Any]:
    """Return what a player sees of a purchase. Reads the ``entries`` and the ``changes`` of the purchase."""
    return {
        **_common(purchase, for_purchase(purchase)),
        "market_hash_name": purchase.market_hash_name or None,
        "charge_amount": purchase.charge_amount,
        "charge_currency": purchase.charge_currency or None,
        **_amount(purchase, "refunded", EntryKind.REFUND),
    }


def quote_values(quote: Quote) -> dict[str, str]:
    """Return what a player sees of a quote. The market price and the price cap are left out."""
    return {
        "id": str(quote.public_id),
        "game": quote.game,
        "market_hash_name": quote.market_hash_name,
        "charge": amount_text(quote.charge),
        "currency": quote.currency,
        "expires_at": utc_text(quote.expires_at),
    }


def entry_values(entry: LedgerEntry) -> dict[str, Any]:
    """Return what a player sees of a ledger entry."""
    return {
        "kind": entry.kind,
        "amount": entry.amount,
        "currency": entry.currency,
        "deposit": entry.deposit and entry.deposit.public_id,
        "purchase": entry.purchase and entry.purchase.public_id,
        "created_at": entry.created_at,
    }


def _common(row: Deposit | Purchase, text: StatusText) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "game": row.game or None,
        "status": row.status,
        "tone": text.tone,
        "status_text": text.title,
        "detail_text": text.text,
        "notes": text.notes,
        "next_step": text.next_step,
        "next_text": text.next_text,
        "refresh_seconds": text.refresh_seconds,
        "trade_offer_id": row.trade_offer_id or None,
        "trade_offer_url": trade_offer_url(row) or None,
        "trade_offer_expires_at": trade_offer_expires_at(row),
        "hold_days_left": hold_days_left(row),
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }


def _amount(row: Deposit | Purchase, name: str, kind: EntryKind) -> dict[str, Any]:
    """Return the amount, without its sign, and the currency of the entry of this kind.

    If the row has no entry of this kind, both values are None.
    """
    entry = next((entry for entry in row.entries.all() if entry.kind == kind), None)
    return {
        f"{name}_amount": None if entry is None else entry.amount.copy_abs(),
        f"{name}_currency": None if entry is None else entry.currency,
    }
