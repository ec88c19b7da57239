"""Template context processor for the wallet in the page header."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from .models import Wallet


def wallet(request: HttpRequest) -> dict[str, object]:
    """Return the user's wallet in the shop's currency, as the template variable ``wallet``.

    The wallet is read from the database only when a template uses it. A user without a wallet gets an empty one.
    """

    def read() -> Wallet:
        wallet = Wallet.objects.filter(user_id=request.user.pk, currency=settings.SHOP_CURRENCY).first()
        return wallet or Wallet(currency=settings.SHOP_CURRENCY)

    return {"wallet": SimpleLazyObject(read)}
