"""Views that list deposits, return one deposit, open a deposit on SkinsBack's pay page, or deposit chosen skins."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from ... import conf, deposits
from ...exceptions import UnknownOutcome
from ...models import Deposit
from ...statuses import DepositStatus
from .. import serializers
from ..base import BaseView
from ..etags import is_unchanged, read_row
from ..idempotency import idempotency_key, new_rows
from ..problems import LimitsImpossible
from ..representations import deposit_values
from ..rows import history, rows_of, with_history
from ..schema import CURSOR_PARAMETER, KEY_PARAMETER, NOT_MODIFIED, TAG_PARAMETERS, documented, page_of
from ..throttles import WriteThrottle

NEW_DEPOSIT_ANSWERS = {
    200: serializers.DepositSerializer,
    201: serializers.DepositSerializer,
    202: serializers.DepositSerializer,
}
"""201: the deposit is new. 200: the request is a repeat. 202: SkinsBack has not answered yet."""


class DepositsView(BaseView):
    """The user's deposits."""

    throttles = {"POST": WriteThrottle}

    @documented(
        "list_deposits",
        "List the user's deposits, the newest first",
        answers={200: page_of(serializers.DepositSerializer, "DepositPage")},
        parameters=[CURSOR_PARAMETER],
        problems=[404],
    )
    def get(self, request: Request) -> Response:
        """A page has up to 25 deposits."""
        rows = rows_of(Deposit, self.user).prefetch_related(*history())
        return self.page_of(rows, _shown)

    @documented(
        "create_deposit",
        "Open a deposit on SkinsBack's pay page",
        request=serializers.NewDepositSerializer,
        answers=NEW_DEPOSIT_ANSWERS,
        parameters=[KEY_PARAMETER],
        problems=[409],
    )
    def post(self, request: Request) -> Response:
        """Send the user to `pay_url`. If `widget` is true, show `pay_url` in an iframe instead. 201: the deposit is
        open. 200: the same request was sent before, and the answer is the deposit of that request as it is now. 202:
        SkinsBack has not answered yet, so read the deposit again later. If SkinsBack refused the deposit, you may send
        the request again with the same key.
        """
        key = idempotency_key(request)
        form = serializers.NewDepositSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = dict(form.validated_data)
        lowest, highest = values.get("min_amount"), values.get("max_amount")
        if lowest and highest and Decimal(highest) <= Decimal(lowest):
            raise LimitsImpossible
        if lowest or highest:
            values.setdefault("currency", conf.quote_currency())
        return _created(lambda: deposits.create(self.user, request=request._request, idempotency_key=key, **values))


class InventoryDepositsView(BaseView):
    """Deposits of skins that the user has chosen on the site."""

    throttles = {"POST": WriteThrottle}

    @documented(
        "create_deposit_from_inventory",
        "Deposit chosen skins of the user's inventory",
        request=serializers.NewInventoryDepositSerializer,
        answers=NEW_DEPOSIT_ANSWERS,
        parameters=[KEY_PARAMETER],
        problems=[409],
    )
    def post(self, request: Request) -> Response:
        """SkinsBack sends a trade offer to the trade URL of the user's Steam profile at once. Show `bot_name` and
        `trade_offer_url` to the user. The HTTP statuses have the same meanings as those of `create_deposit`.
        """
        key = idempotency_key(request)
        form = serializers.NewInventoryDepositSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        return _created(
            lambda: deposits.create_from_inventory(
                self.user,
                request=request._request,
                game=values["game"],
                item_asset_ids=sorted(set(values["asset_ids"])),  # another order is the same request
                idempotency_key=key,
            )
        )


class DepositView(BaseView):
    """One deposit of the user."""

    @documented(
        "get_deposit",
        "Read one deposit",
        answers={200: serializers.DepositSerializer, 304: NOT_MODIFIED},
        parameters=TAG_PARAMETERS,
        problems=[404],
    )
    def get(self, request: Request, public_id: Any) -> HttpResponse:
        """Send the ETag of the last answer in `If-None-Match`. The status is 304 if nothing has changed since then."""
        row, tag = read_row(Deposit, self.user, public_id)
        if is_unchanged(request, tag):
            return HttpResponse(status=304, headers={"ETag": tag})
        return Response(_shown(with_history(row)), headers={"ETag": tag})


def _created(call: Callable[[], Deposit]) -> Response:
    """Call ``call``, which opens a deposit, and return the answer with this deposit.

    After UnknownOutcome, ``call`` is called again. This opens no second deposit, because both calls have the same
    idempotency key.
    """
    with new_rows() as rows:
        try:
            deposit = call()
        except UnknownOutcome:
            deposit = call()  # SkinsBack is not called again: this returns the row that waits for SkinsBack's answer
    status = 201 if (Deposit, deposit.pk) in rows else 200
    if deposit.status == DepositStatus.CREATED:
        status = 202
    return Response(_shown(with_history(deposit)), status=status)


def _shown(deposit: Deposit) -> Any:
    return serializers.DepositSerializer(deposit_values(deposit)).data
