"""What became of the quotes that a user confirmed together."""

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

    If the skin was bought, ``quote`` is the quote that bought it. Otherwise ``quote`` is the first quote that remains
    after these are skipped: the quotes that were replaced because they had expired or the price had changed.

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
    """Return one line for each quote that a request names, in its order.

    Where a quote was replaced because its price changed, the line has the new quote. Raises Http404 if a named quote is
    not the user's.
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
    """Return the user's purchases of the order that ``read_order`` returns. Takes no query itself."""
    problems = ordering.kept_problems(session)
    chains = [_chain(public_id.hex, problems) for public_id in ordering.requested_ids(names)]
    wanted = [one for chain in chains for one in chain]
    return Purchase.objects.using(database()).filter(
        user_id=user.pk, quote__user_id=user.pk, quote__public_id__in=wanted
    )


def _chain(first: str, problems: dict[str, OrderProblem]) -> list[str]:
    """Return a quote and those that replaced it, the newest last."""
    chain = [first]
    while (problem := problems.get(chain[-1])) and problem.new_quote and len(chain) < _LONGEST_CHAIN:
        chain.append(problem.new_quote)
    return chain


def _line(chain: list[Quote], problems: dict[str, OrderProblem]) -> OrderLine:
    """Return the line of a quote and those that replaced it: the one that bought, or the one to accept now.

    A quote that was not refused because of its price is replaced only if the user asked for a new price. Until the new
    one buys, the line says why the first one was refused.
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
