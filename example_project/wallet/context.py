"""Template context processor for the balance in the page header."""

from functools import partial

from django.conf import settings
from django.http import HttpRequest

from .models import balance_of


def balance(request: HttpRequest) -> dict[str, object]:
    """Return the template variables ``balance`` and ``currency``.

    ``balance`` is a function, so the wallet is read from the database only when a template uses it.
    """
    return {"balance": partial(balance_of, request.user, settings.SHOP_CURRENCY), "currency": settings.SHOP_CURRENCY}
