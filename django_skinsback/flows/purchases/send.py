"""Sends purchases to SkinsBack. The row is committed before the call. A missing answer is not treated as a refusal.

``attempts`` is the number of calls that may have bought the skin. It is increased before each call. If the answer
proves that nothing was bought, it is decreased again. So if a worker dies during a call, the row has attempts but no
``buy_id``: the outcome of the call is unknown.
"""

import logging
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from django.db.models import Case, F, QuerySet, Value, When

from ... import schedule
from ...client import SkinsBackClient
from ...connection import get_client
from ...exceptions import (
    ACCOUNT_WIDE,
    AccountFault,
    APIError,
    ContradictoryAnswer,
    CustomIdExists,
    InvalidInput,
    RequestNotSent,
    RowDeleted,
    SkinsBackError,
    TemporaryFailure,
    UnknownOutcome,
)
from ...models import Purchase
from ...models.fields import TICK, WORD_LENGTH, utc_now
from ...statuses import PurchaseStatus
from ...steam import TradeURL
from ...wire.arguments import SkinToBuy
from ...wire.types import PurchaseReport
from ..ledger.database import database, look, refuse_inside_transaction, run
from ..ledger.duplicate_rows import by_id, flag_differing
from ..ledger.edit import Edit, Source
from ..ledger.record import change
from ..ledger.stuck import NOT_SENT
from ..players.steam_profiles import BROKEN_CODES, mark_broken
from .report import MAY_BE_SENT, reach, record_report

logger = logging.getLogger("django_skinsback")

BATCH_LIMIT = 50
"""The largest number of skins in one call of ``market_batch_buy``. SkinsBack does not publish a limit."""

Answer = PurchaseReport | InvalidInput | RequestNotSent | UnknownOutcome | APIError

REFUSALS = frozenset(range(1, 11)) - {7}
"""Error codes of the buying methods which mean that nothing was bought.

Code 7 is not one of them: code 7 means that an earlier attempt has bought the skin.
"""

LARGEST_CODE = (1 << 31) - 1
"""The largest value of the column ``error_code`` on every database. A larger code is stored in ``error_message``."""


def submit(purchase: Purchase) -> Purchase:
    """Send an unsent purchase and the unsent purchases of its batch. Return the row as it is after the call.

    SkinsBack's methods are ``/docs/api/v1/market_buy`` and ``/docs/api/v1/market_batch_buy``. If ``submit`` is called
    twice, or by two workers at once, only one call sends the purchase. If SkinsBack has refused the purchase, its
    status is ``refused``. Errors of the call to SkinsBack are not raised, because the sweep will try again.

    Raises ConfigurationError before anything is sent. Raises RowDeleted if the row was deleted. Raises
    InsideDatabaseTransaction inside a database transaction.
    """
    refuse_inside_transaction("submit()")
    dispatch(purchase)
    row = look(Purchase, pk=purchase.pk)
    if row is None:
        raise RowDeleted
    return row


def dispatch(purchase: Purchase) -> SkinsBackError | None:
    """Send an unsent purchase and the unsent purchases of its batch. Return an error that would affect other purchases.

    Such an error is an account-wide error, or the UnknownOutcome of a whole call. After this error, the rest of the
    batch is not sent. If there is no such error, None is returned.
    """
    client, keys = get_client(purchase.account), _unsent_of_batch(purchase)
    for start in range(0, len(keys), BATCH_LIMIT):
        now = utc_now()
        claimed = _claim_unsent(keys[start : start + BATCH_LIMIT], now)
        error = _send_rows(client, claimed, now) if claimed else None
        if error is not None:
            return error
    return None


def resend(purchase: Purchase) -> SkinsBackError | None:
    """Send a purchase again, with the same ``custom_id``. Use this only for a purchase that SkinsBack does not know.

    If the row has changed since ``purchase`` was read, nothing is sent. Returns an error or None, like ``dispatch``.
    """
    client, now = get_client(purchase.account), utc_now()
    rows = Purchase.objects.using(database()).filter(
        pk=purchase.pk, status__in=MAY_BE_SENT, attempts=purchase.attempts, buy_id=None, updated_at=purchase.updated_at
    )
    if not run(partial(rows.update, **_columns_before_call(now))):
        return None
    return _send_rows(client, [Purchase.objects.using(database()).get(pk=purchase.pk)], now)


def _columns_before_call(now: datetime) -> dict[str, Any]:
    """Return the columns to write before the call, so that the row is correct even if the worker dies during the call.

    ``updated_at`` becomes later, as with every change. So a decision about the earlier state of the row is refused.
    """
    column: Any = Purchase._meta.get_field("updated_at")
    earlier = When(updated_at__lt=now, then=Value(now, output_field=column))
    return {
        "attempts": F("attempts") + 1,
        "submitted_at": now,
        "next_poll_at": now + schedule.RESEND_AFTER,
        "updated_at": Case(earlier, default=F("updated_at") + TICK, output_field=column),
    }


def _unsent() -> QuerySet[Purchase]:
    return Purchase.objects.using(database()).filter(status=PurchaseStatus.REQUESTED, attempts=0)


def _unsent_of_batch(purchase: Purchase) -> list[int]:
    """Return the primary keys of the purchase and of the other unsent purchases of its batch."""
    if not purchase.batch_id:
        return [purchase.pk]
    companions = _unsent().filter(account=purchase.account, batch_id=purchase.batch_id)
    return list(companions.order_by("pk").values_list("pk", flat=True))


def _claim_unsent(keys: list[int], now: datetime) -> list[Purchase]:
    """Mark unsent rows as sent, and return the marked rows. Only the process that has marked a row sends this row.

    If several processes mark the same rows at once, some databases report a deadlock. Then the UPDATE is repeated.
    """
    if not run(partial(_unsent().filter(pk__in=keys).update, **_columns_before_call(now))):
        return []
    sent = Purchase.objects.using(database()).filter(pk__in=keys, attempts=1, submitted_at=now, buy_id=None)
    return list(sent.order_by("pk"))


def _send_rows(client: SkinsBackClient, rows: list[Purchase], now: datetime) -> SkinsBackError | None:
    """Send rows that were claimed at the time ``now``, and record the answers. Return an error as ``dispatch`` does."""
    answers: list[Answer]
    unread: UnknownOutcome | None = None
    try:
        if utc_now() - now > schedule.CALL_START:
            raise RequestNotSent("This process was stopped. Meanwhile, a person may have refunded the purchase.")
        answers = _call_skinsback(client, rows)
    except UnknownOutcome as error:
        answers, unread = [error] * len(rows), error
    except (InvalidInput, RequestNotSent, APIError) as error:
        answers = [error] * len(rows)
    for row, answer in zip(rows, answers, strict=True):
        try:
            _record_answer(row, answer, now)
        except Exception:
            # A receiver of the site may raise anything. The answers of the other rows are still recorded. If a refusal
            # could not be recorded, the purchase is sent again.
            logger.exception("skinsback.answer_not_recorded", extra={"custom_id": row.custom_id})
            if isinstance(answer, APIError) and answer.code in REFUSALS:
                change(Purchase, row.pk, Source.ANSWER, partial(_set_not_bought, error=answer))
    first = answers[0]
    return first if isinstance(first, ACCOUNT_WIDE) else unread


def _call_skinsback(client: SkinsBackClient, rows: list[Purchase]) -> list[Answer]:
    """Call SkinsBack, outside any database transaction. Return one answer for each row, in the order of the rows."""
    first = rows[0]
    receiver = TradeURL(first.partner, first.token)
    if not first.batch_id or len(rows) == 1:
        skin = (
            {"skin_id": first.skin_id}
            if first.skin_id
            else {"market_hash_name": first.market_hash_name, "game": first.game}
        )
        return [client.buy_skin(receiver, custom_id=first.custom_id, max_price=first.max_price, **skin)]
    items: list[SkinToBuy] = [
        {"skin_id": row.skin_id, "max_price": row.max_price, "custom_id": row.custom_id} for row in rows
    ]
    result = client.buy_skins(receiver, items)
    bought, differing = by_id(result.purchased, lambda report: report.custom_id or report.skin_id)
    unmentioned = UnknownOutcome("The answer does not mention this skin.")
    return [
        ContradictoryAnswer()
        if not differing.isdisjoint({row.custom_id, row.skin_id})
        else bought.get(row.custom_id) or bought.get(row.skin_id) or result.unavailable.get(row.skin_id) or unmentioned
        for row in rows
    ]


def _record_answer(row: Purchase, answer: Answer, now: datetime) -> None:
    later = now + schedule.RESEND_AFTER
    match answer:
        case PurchaseReport() if answer.custom_id in {"", row.custom_id}:
            ours = msgspec.structs.replace(answer, custom_id=row.custom_id)
            record_report(ours, Source.ANSWER, account=row.account)
            return
        case PurchaseReport():
            other_purchase = UnknownOutcome("The answer was about another purchase.")
            act = partial(_set_unknown, error=other_purchase, due=utc_now())
        case InvalidInput() | RequestNotSent() | TemporaryFailure() | AccountFault():
            act = partial(_set_not_bought, error=answer)
        case CustomIdExists():
            act = partial(_set_unknown, error=answer, due=utc_now())
        case APIError() if answer.code in REFUSALS:
            act = partial(_set_refused, error=answer)
        case APIError() | UnknownOutcome():  # an undocumented error code may not be a refusal
            act = partial(_set_unknown, error=answer, due=later)
    change(Purchase, row.pk, Source.ANSWER, act)


def _set_not_bought(edit: Edit[Purchase], error: SkinsBackError) -> None:
    """Record that nothing was bought, and that the same call may succeed later.

    Subtract the attempt, and set a later time for the next attempt.
    """
    if edit.row.status not in MAY_BE_SENT:
        return
    attempts = edit.row.attempts - 1
    delay = schedule.backoff(edit.row.poll_count)
    edit.set(attempts=attempts, poll_count=edit.row.poll_count + 1, next_poll_at=edit.now + delay)
    edit.set(**_error_columns(error))
    if not attempts:
        edit.set(submitted_at=None)
    if schedule.age_for_waiting(edit.row.created_at, edit.now) > schedule.REVIEW_AFTER:
        edit.flag(NOT_SENT)


def _set_refused(edit: Edit[Purchase], error: APIError) -> None:
    """Record a refusal, and change the status to ``refused``.

    If an earlier attempt may have bought the skin, flag the purchase instead, and keep its status.
    """
    if edit.row.status not in MAY_BE_SENT:
        return
    edit.set(**_error_columns(error))
    if error.code in BROKEN_CODES:
        mark_broken(edit.row, error.message, edit.now)
    if edit.row.attempts > 1:
        edit.flag("refused_after_unknown", error=error.message)
        edit.set(next_poll_at=edit.now + schedule.backoff(edit.row.poll_count), poll_count=edit.row.poll_count + 1)
    else:
        reach(edit, PurchaseStatus.REFUSED, note=str(error))


def _set_unknown(edit: Edit[Purchase], error: SkinsBackError, due: datetime) -> None:
    """Record that the skin may have been bought. At the time ``due``, the sweep asks SkinsBack about the purchase."""
    if edit.row.status not in MAY_BE_SENT:
        return
    if edit.row.status == PurchaseStatus.REQUESTED:
        reach(edit, PurchaseStatus.UNKNOWN, note=str(error))
    if isinstance(error, ContradictoryAnswer):
        flag_differing(edit)
    edit.set(next_poll_at=due)


def _error_columns(error: SkinsBackError) -> dict[str, Any]:
    if isinstance(error, APIError):
        if abs(error.code) > LARGEST_CODE:
            return {"error_code": None, "error_message": f"{error.code} {error.message}".strip()}
        return {"error_code": error.code, "error_message": error.message}
    return {"error_code": None, "error_message": type(error).__name__[:WORD_LENGTH]}
