"""Render a page: add the base template, the menu and the balance to its context."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import cached_property

from .. import conf


class PageContext:
    """The template variable ``skinsback``: what every page shows around its content."""

    def __init__(self, request: HttpRequest, section: str) -> None:
        self.request = request
        self.section = section
        """The current entry of the menu: ``deposit``, ``withdraw``, ``history`` or ``trade_url``."""
        self.are_assets_rendered = False
        """Set by the tag ``skinsback_assets``, so that stylesheet and scripts are included once."""

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
        """What the user can spend, by the function ``BALANCE``; None without the setting."""
        return balance_of(self.request.user)


def balance_of(user: Any) -> Decimal | None:
    """Return what ``user`` can spend in ``QUOTE_CURRENCY``; None if the setting ``BALANCE`` is not set."""
    function = conf.callable_setting("BALANCE")
    return None if function is None else function(user, conf.quote_currency())


def page_url(request: HttpRequest, name: str, *args: object) -> str:
    """Return the path of one of the pages, such as ``deposit``, in the namespace that the request uses."""
    match = request.resolver_match
    return reverse(f"skinsback-pages:{name}", args=args, current_app=match.namespace if match else None)


def render_page(request: HttpRequest, template: str, context: Mapping[str, Any], *, section: str) -> HttpResponse:
    """Render ``skinsback/<template>`` as a whole page. ``section`` is the current entry of the menu.

    The status is 200, also for a page that says why something was refused: servers and browsers often replace or
    report pages with another status.
    """
    whole = {
        "skinsback_base": conf.get("PAGES_BASE_TEMPLATE"),
        "skinsback": PageContext(request, section),
        "request": request,  # the site may have no context processor for it
        **context,
    }
    return render(request, f"skinsback/{template}", whole)
