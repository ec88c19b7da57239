"""Renders a page. Adds the base template and the variable ``skinsback`` to the context of the template."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import cached_property

from .. import conf


class PageContext:
    """The template variable ``skinsback``: the values for the menu, the balance and the scripts of every page."""

    def __init__(self, request: HttpRequest, section: str) -> None:
        self.request = request
        self.section = section
        """The current entry of the menu: ``deposit``, ``withdraw``, ``history`` or ``trade_url``."""
        self.are_assets_rendered = False
        """The tag ``skinsback_assets`` sets this to True, so that a page includes stylesheet and scripts only once."""

    @property
    def has_deposits(self) -> bool:
        """Whether users can deposit skins of at least one game."""
        return bool(conf.games("deposits"))

    @property
    def has_purchases(self) -> bool:
        """Whether users can withdraw skins of at least one game."""
        return bool(conf.games("purchases"))

    @property
    def currency(self) -> str:
        """The currency of ``balance`` and of prices."""
        return conf.quote_currency()

    @cached_property
    def balance(self) -> Decimal | None:
        """The amount that the user can spend, from the function ``BALANCE``; None if ``BALANCE`` is not set."""
        return balance_of(self.request.user)


def balance_of(user: Any) -> Decimal | None:
    """Return the amount in ``QUOTE_CURRENCY`` that ``user`` can spend. Return None if ``BALANCE`` is not set."""
    function = conf.callable_setting("BALANCE")
    return None if function is None else function(user, conf.quote_currency())


def page_url(request: HttpRequest, name: str, *args: object) -> str:
    """Return the path of the page with the URL name ``name``, in the URL namespace of the request."""
    match = request.resolver_match
    return reverse(f"skinsback-pages:{name}", args=args, current_app=match.namespace if match else None)


def render_page(request: HttpRequest, template: str, context: Mapping[str, Any], *, section: str) -> HttpResponse:
    """Render ``skinsback/<template>`` as a whole page. ``section`` is the current entry of the menu.

    The HTTP status is always 200, even if the page shows that a request was refused. Servers and browsers may replace
    a page that has another status.
    """
    whole = {
        "skinsback_base": conf.get("PAGES_BASE_TEMPLATE"),
        "skinsback": PageContext(request, section),
        "request": request,  # the site may have no context processor for it
        **context,
    }
    return render(request, f"skinsback/{template}", whole)
