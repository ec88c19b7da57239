"""Views that make quotes, return quotes, buy at the price of a quote, and return purchases."""

from typing import Any

from django.http import Http404, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from ... import players
from ...models import Purchase, Quote
from .. import serializers
from ..base import BaseView
from ..etags import is_unchanged, read_row
from ..idempotency import idempotency_key, new_rows
from ..representations import purchase_values, quote_values
from ..rows import history, rows_of, with_history
from ..schema import CURSOR_PARAMETER, KEY_PARAMETER, NOT_MODIFIED, TAG_PARAMETERS, documented, page_of
from ..throttles import QuoteThrottle, WriteThrottle


class QuotesView(BaseView):
    """Makes quotes."""

    throttles = {"POST": QuoteThrottle}

    @documented(
        "create_quote",
        "Ask for the price of one skin",
        request=serializers.NewQuoteSerializer,
        answers={201: serializers.QuoteSerializer},
        problems=[409],
    )
    def post(self, request: Request) -> Response:
        """The user can buy the skin once, at the price `charge`, until `expires_at`. The skin is not reserved. Another
        user may buy the skin first.
        """
        form = serializers.NewQuoteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(quote_values(players.make_quote(self.user, **form.validated_data)), status=201)


class QuoteView(BaseView):
    """One quote of the user."""

    @documented("get_quote", "Read one quote", answers={200: serializers.QuoteSerializer}, problems=[404])
    def get(self, request: Request, public_id: Any) -> Response:
        """Expired quotes are returned too."""
        quote = rows_of(Quote, self.user).filter(public_id=public_id).first()
        if quote is None:
            raise Http404
        return Response(quote_values(quote))


class PurchasesView(BaseView):
    """The user's purchases."""

    throttles = {"POST": WriteThrottle}

    @documented(
        "list_purchases",
        "List the user's purchases, the newest first",
        answers={200: page_of(serializers.PurchaseSerializer, "PurchasePage")},
        parameters=[CURSOR_PARAMETER],
        problems=[404],
    )
    def get(self, request: Request) -> Response:
        """A page has up to 25 purchases."""
        rows = rows_of(Purchase, self.user).prefetch_related(*history())
        return self.page_of(rows, _shown)

    @documented(
        "create_purchase",
        "Buy at the price of a quote",
        request=serializers.NewPurchaseSerializer,
        answers={200: serializers.PurchaseSerializer, 201: serializers.PurchaseSerializer},
        parameters=[KEY_PARAMETER],
        problems=[404, 409],
    )
    def post(self, request: Request) -> Response:
        """The user is charged at once. If the skin cannot be bought, the user gets the money back. SkinsBack sends the
        skin to the trade URL of the user's Steam profile. 201: the skin is ordered. 200: the skin was ordered with this
        quote before, and the answer is this purchase as it is now. 409 with the code `price_changed`: nothing was
        bought, and `quote` is a new quote.
        """
        key = idempotency_key(request)
        form = serializers.NewPurchaseSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        with new_rows() as rows:
            try:
                purchase = players.buy_quote(self.user, form.validated_data["quote"], idempotency_key=key)
            except Quote.DoesNotExist:
                raise Http404 from None
        return Response(_shown(with_history(purchase)), status=201 if (Purchase, purchase.pk) in rows else 200)


class PurchaseView(BaseView):
    """One purchase of the user."""

    @documented(
        "get_purchase",
        "Read one purchase",
        answers={200: serializers.PurchaseSerializer, 304: NOT_MODIFIED},
        parameters=TAG_PARAMETERS,
        problems=[404],
    )
    def get(self, request: Request, public_id: Any) -> HttpResponse:
        """Send the ETag of the last answer in `If-None-Match`. The status is 304 if nothing has changed since then."""
        row, tag = read_row(Purchase, self.user, public_id)
        if is_unchanged(request, tag):
            return HttpResponse(status=304, headers={"ETag": tag})
        return Response(_shown(with_history(row)), headers={"ETag": tag})


def _shown(purchase: Purchase) -> Any:
    return serializers.PurchaseSerializer(purchase_values(purchase)).data
