"""Returns the link for a code of ``player_texts.NextStep``."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from ..player_texts import NextStep, Problem
from .rendering import page_url

FIND_TRADE_URL = "https://steamcommunity.com/id/me/tradeoffers/privacy"
STEAM_PRIVACY_URL = "https://steamcommunity.com/my/edit/settings"


@dataclass(frozen=True, slots=True)
class Link:
    """A link. If ``is_external`` is True, the link leads to a page of Steam and opens in a new tab."""

    url: str
    text: str
    is_external: bool = False


def link_for(request: HttpRequest, step: str, text: str, *, here: str = "", choose_url: str = "") -> Link | None:
    """Return the link for a next step that does not depend on a row. Return None if the step has no link.

    ``here`` is the address of the current page. TRY_AGAIN opens this address again, and the page of the trade URL
    returns to this address. ``choose_url`` is the page on which the player chooses another skin or sees a new price. If
    the player can do this on the current page, ``choose_url`` is empty.
    """
    match step:
        case NextStep.ENTER_TRADE_URL:
            query = f"?{urlencode({'next': here})}" if here else ""
            return Link(page_url(request, "trade_url") + query, text)
        case NextStep.DEPOSIT:
            return Link(page_url(request, "deposit"), text)
        case NextStep.CHOOSE_ANOTHER | NextStep.SEE_NEW_PRICE if choose_url:
            return Link(choose_url, text)
        case NextStep.TRY_AGAIN if here:
            return Link(here, text)
    return None


def way_out(request: HttpRequest, problem: Problem, *, here: str = "", choose_url: str = "") -> Link | None:
    """Return the link below a problem, for the next step of the problem. Return None if this step has no link.

    ``here`` and ``choose_url`` are the same as in ``link_for``.
    """
    return link_for(request, problem.next_step, problem.next_text, here=here, choose_url=choose_url)


def own_address(request: HttpRequest, url: str) -> str:
    """Return ``url`` if it is an address of this site. Otherwise return an empty text."""
    allowed = url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return url if url and allowed else ""
