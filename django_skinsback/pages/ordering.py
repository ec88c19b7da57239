"""Makes quotes for the skins that a user chose, and buys with the quotes that the user confirmed, one by one.

A skin that cannot be quoted or bought does not stop the others. What went wrong is kept in the session until the page
that shows it is closed. Whether a quote has bought is always read from the database.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.utils.translation import gettext as _

from .. import player_texts, players
from ..exceptions import InvalidInput, NotAllowedNow, PriceChanged
from ..models import Quote

logger = logging.getLogger("django_skinsback")

KEY = "skinsback_order_problems"
MOST_KEPT = 100


@dataclass(frozen=True, slots=True)
class OrderProblem:
    """Why a quote was not made or did not buy. ``code`` and ``next_step`` are those of ``player_texts.for_error``.

    ``new_quote`` is the public ID, as 32 hex digits, of the quote that the user may accept instead; empty if there is
    none.
    """

    code: str
    text: str
    next_step: str
    new_quote: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One skin that the user wants a quote for."""

    game: str
    market_hash_name: str


@dataclass(frozen=True, slots=True)
class NotQuoted:
    """A skin for which no quote could be made, and why."""

    choice: Choice
    problem: OrderProblem


def make_quotes(user: Any, choices: Iterable[Choice]) -> list[Quote | NotQuoted]:
    """Make one quote for each choice, in the same order. A choice without a price gets a NotQuoted."""
    made: list[Quote | NotQuoted] = []
    for choice in choices:
        try:
            made.append(players.make_quote(user, choice.game, choice.market_hash_name))
        except (NotAllowedNow, InvalidInput) as error:
            made.append(NotQuoted(choice, _problem(error)))
    return made


def buy(user: Any, quotes: Sequence[Quote]) -> dict[str, OrderProblem]:
    """Buy with each quote. Return the problems of those that did not buy: public ID of the quote -> problem.

    A quote that has bought before buys nothing again and is no problem. An exception of the site's own code is raised
    if nothing was bought before it. After a purchase it is logged instead, so that the user sees what was bought.
    """
    problems: dict[str, OrderProblem] = {}
    has_bought = False
    for quote in quotes:
        try:
            players.buy_quote(user, quote.public_id)
        except PriceChanged as error:
            problems[quote.public_id.hex] = _problem(error, new_quote=error.quote.public_id.hex if error.quote else "")
        except (NotAllowedNow, InvalidInput) as error:
            problems[quote.public_id.hex] = _problem(error)
        except Exception:
            if not has_bought:
                raise
            logger.exception("skinsback.order_failed", extra={"quote": str(quote.public_id)})
            text = _("An error on this site stopped this order. Look at your history before you order it again.")
            problems[quote.public_id.hex] = OrderProblem("error", text, "contact_support")
        else:
            has_bought = True
    return problems


def _problem(error: NotAllowedNow | InvalidInput, new_quote: str = "") -> OrderProblem:
    problem = player_texts.for_error(error)
    return OrderProblem(problem.code, str(problem.text), problem.next_step, new_quote)


def keep_problems(session: SessionBase, ordered: Iterable[str], problems: dict[str, OrderProblem]) -> None:
    """Store the problems of an order in the session. Earlier problems of the quotes ``ordered`` are deleted."""
    ids = {*ordered}
    kept = {quote: problem for quote, problem in session.get(KEY, {}).items() if quote not in ids}
    kept |= {quote: asdict(problem) for quote, problem in problems.items()}
    session[KEY] = dict([*kept.items()][-MOST_KEPT:])


def kept_problems(session: SessionBase) -> dict[str, OrderProblem]:
    """Return the stored problems: public ID of the quote -> problem."""
    return {quote: OrderProblem(**problem) for quote, problem in session.get(KEY, {}).items()}
