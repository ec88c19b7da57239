"""Reads an order: the quotes that a user confirmed together, and the purchases or the problems of these quotes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.db.models import QuerySet
from django.http import Http404

from ..exceptions import PriceChanged
from ..flows.ledger.database import database
from ..models import Purchase, Quote
from . import ordering
from .ordering import OrderProblem

_LONGEST_CHAIN = 20


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One skin of an order. The skin has several quotes if a new quote replaced an earlier quote.

    If the skin was bought, ``quote`` is the quote that bought it. Otherwise, the quotes that were replaced because they
    had expired or the price had changed are skipped. ``quote`` is the first quote after these.

    ``replaced`` is the quote before ``quote``. It is None if ``quote`` is the first quote of the skin.

    ``problem`` says why ``quote`` did not buy the skin. It is None if the skin was bought, or if the session has no
    problem of ``quote``.
    """

    quote: Quote
    replaced: Quote | None
    problem: OrderProblem | None

    @property
    def purchase(self) -> Purchase | None:
        return self.quote.purchase

    @property
    def has_new_price(self) -> bool:
        """Whether the user can accept ``quote`` in place of ``replaced``."""
        return self.replaced is not None and self.purchase is None and self.problem is None


def read_order(user: Any, session: SessionBase, names: Sequence[str]) -> list[OrderLine]:
    """Return one line for each quote in ``names``, in the same order. ``names`` are the public IDs in a request.

    If a quote was replaced because its price has changed, the line has the new quote. If several names lead to the same
    quote, this quote has one line. Raises Http404 if a named quote does not belong to the user.
    """
    problems = ordering.kept_problems(session)
    chains = [_chain(public_id.hex, problems) for public_id in ordering.requested_ids(names)]
    wanted = [one for chain in chains for one in chain]
    found = {quote.public_id.hex: quote for quote in ordering.quotes_of(user, wanted)}
    if any(chain[0] not in found for chain in chains):
        raise Http404
    lines = [_line([found[one] for one in chain if one in found], problems) for chain in chains]
    return list({line.quote.pk: line for line in lines}.values())  # a request may name a quote and its replacement


def purchases_of(user: Any, session: SessionBase, names: Sequence[str]) -> "QuerySet[Purchase]":
    """Return a QuerySet of the user's purchases in the order that ``read_order`` returns. No query is sent."""
    problems = ordering.kept_problems(session)
    chains = [_chain(public_id.hex, problems) for public_id in ordering.requested_ids(names)]
    wanted = [one for chain in chains for one in chain]
    return Purchase.objects.using(database()).filter(
        user_id=user.pk, quote__user_id=user.pk, quote__public_id__in=wanted
    )


def _chain(first: str, problems: dict[str, OrderProblem]) -> list[str]:
    """Return the public ID of a quote, and the public IDs of the quotes that replaced it. The newest is last."""
    chain = [first]
    while (problem := problems.get(chain[-1])) and problem.new_quote and len(chain) < _LONGEST_CHAIN:
        chain.append(problem.new_quote)
    return chain


def _line(chain: list[Quote], problems: dict[str, OrderProblem]) -> OrderLine:
    """Return the line for a chain: a quote and the quotes that replaced it.

    If a quote of the chain bought the skin, the line has this quote. Otherwise the quotes that were replaced because of
    their price are skipped, and the line has the next quote. A quote may have been refused for another reason, and the
    user may have made a new quote since then. Until the new quote buys the skin, the line shows the refused quote.
    """
    place = next((index for index, quote in enumerate(chain) if quote.purchase_id is not None), None)
    if place is None:
        place = 0
        while place + 1 < len(chain) and problems[chain[place].public_id.hex].code == PriceChanged.slug:
            place += 1
    quote = chain[place]
    return OrderLine(
        quote=quote,
        replaced=chain[place - 1] if place else None,
        problem=None if quote.purchase_id is not None else problems.get(quote.public_id.hex),
    )
