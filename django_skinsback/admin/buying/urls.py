"""The URLs of the pages that buy skins."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from ...models import Purchase


def buy_url(model_admin: Any, request: HttpRequest) -> str:
    """Return the URL of the page that buys skins. Return "" if the operator has no permission to buy."""
    if not request.user.has_perm("skinsback.buy_skins"):
        return ""
    return reverse("admin:skinsback_purchase_buy", current_app=model_admin.admin_site.name)


def result_url(model_admin: Any, bought: Sequence[Purchase]) -> str:
    """Return the URL of the page that shows the purchases of one order. ``bought`` must not be empty."""
    url = reverse("admin:skinsback_purchase_buy_result", current_app=model_admin.admin_site.name)
    first = bought[0]
    query = {"batch": first.batch_id} if first.batch_id else {"purchase": str(first.public_id)}
    return f"{url}?{urlencode(query)}"
