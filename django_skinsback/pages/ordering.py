"""Makes quotes for the skins that a user chose, and buys with the quotes that the user confirmed, one after another.

If one skin cannot be quoted or bought, the other skins are still quoted or bought. The reason is kept in the session
for later pages. Whether a quote has bought its skin is always read from the database.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from .. import conf, player_texts, players
from ..exceptions import ConfigurationError, InvalidInput, NotAllowedNow, PriceChanged
from ..flows.ledger.database import database
from ..models import Quote
from ..player_texts import NextStep

logger = logging.getLogger("django_skinsback")

KEY = "skinsback_order_problems"
MOST_KEPT = 100


@dataclass(frozen=True, slots=True)
class OrderProblem:
    """The reason why a quote did not buy its skin. The texts are those of a ``player_texts.Problem``.

    ``new_quote`` is the public ID, as 32 hex digits, of the quote that the user may accept instead. If there is no such
    quote, ``new_quote`` is empty.
    """

    code: str
    title: str
    text: str
    next_step: str
    new_quote: str = ""


QuoteOrProblem = Quote | player_texts.Problem


def make_quotes(user: Any, choices: Iterable[tuple[str, str]]) -> list[QuoteOrProblem]:
    """Make one quote for each choice of game and market hash name, in this order. A Problem says why there is none.

    A fault of the site's settings is logged. For example, PRICE_MARKUP may round the price of one skin to zero.
    """
    made: list[QuoteOrProblem] = []
    for game, market_hash_name in choices:
        try:
            made.append(players.make_quote(user, game, market_hash_name))
        except (NotAllowedNow, InvalidInput) as error:
            made.append(player_texts.for_error(error))
        except ConfigurationError as error:
            logger.exception("skinsback.order_failed", extra={"quote": ""})
            made.append(player_texts.for_error(error))
    return made


def buy(user: Any, quotes: Sequence[Quote]) -> dict[str, OrderProblem]:
    """Buy with each quote. Return a dict of the quotes that did not buy: public ID of the quote -> problem.

    A quote that has already bought its skin buys nothing and has no problem. If the site's own code raises an exception
    and no quote has bought a skin, the exception is raised. If a quote has bought a skin, the exception is logged
    instead, so that the user sees what was bought.
    """
    problems: dict[str, OrderProblem] = {}
    has_bought = False
    for quote in quotes:
        key = quote.public_id.hex
        try:
            players.buy_quote(user, quote.public_id)
        except PriceChanged as error:
            problems[key] = _problem(error, new_quote=error.quote.public_id.hex if error.quote else "")
        except (NotAllowedNow, InvalidInput) as error:
            problems[key] = _problem(error)
        except Exception:
            is_bought = _has_bought(user, quote)  # the site's on_commit hooks run after the purchase was saved
            if not has_bought and not is_bought:
                raise
            logger.exception("skinsback.order_failed", extra={"quote": str(quote.public_id)})
            if is_bought:
                has_bought = True
            else:
                text = _("An error on this site stopped this order. Try again later.")
                problems[key] = OrderProblem("error", _("Not ordered"), text, NextStep.CONTACT_SUPPORT)
        else:
            has_bought = True
    return problems


def _has_bought(user: Any, quote: Quote) -> bool:
    return quotes_of(user, [quote.public_id]).exclude(purchase=None).exists()


def _problem(error: NotAllowedNow | InvalidInput, new_quote: str = "") -> OrderProblem:
    found = player_texts.for_error(error)
    return OrderProblem(found.code, found.title, found.text, found.next_step, new_quote)


def keep_problems(session: SessionBase, ordered: Iterable[Quote], problems: Mapping[str, OrderProblem]) -> None:
    """Store the new problems of an order in the session. Delete the earlier problems of the quotes in ``ordered``."""
    ids = {quote.public_id.hex for quote in ordered}
    kept = {quote: problem for quote, problem in session.get(KEY, {}).items() if quote not in ids}
    kept |= {quote: asdict(problem) for quote, problem in problems.items()}
    session[KEY] = dict([*kept.items()][-MOST_KEPT:])


def keep_new_quotes(session: SessionBase, quotes: Mapping[str, str]) -> None:
    """Store which new quotes replace earlier quotes. The page of the earlier order then shows the new quotes.

    ``quotes`` is a dict: public ID of the earlier quote -> public ID of the new quote. If no problem is stored for the
    earlier quote, the earlier quote has expired. Then the problem of a changed price is stored for it.
    """
    expired = _problem(PriceChanged())
    kept = kept_problems(session)
    followed = {old: asdict(replace(kept.get(old, expired), new_quote=new)) for old, new in quotes.items()}
    session[KEY] = dict([*(session.get(KEY, {}) | followed).items()][-MOST_KEPT:])


def kept_problems(session: SessionBase) -> dict[str, OrderProblem]:
    """Return a dict of the stored problems: public ID of the quote -> problem."""
    return {quote: OrderProblem(**problem) for quote, problem in session.get(KEY, {}).items()}


def quotes_of(user: Any, ids: Iterable[uuid.UUID | str]) -> "QuerySet[Quote]":
    """Return the user's quotes with these public IDs, in the order in which they were made."""
    rows = Quote.objects.using(database()).filter(user_id=user.pk, public_id__in=[*ids])
    return rows.select_related("purchase").order_by("pk")


def requested_ids(texts: Sequence[str]) -> list[uuid.UUID]:
    """Return the public IDs of the quotes that a request names. Each ID is returned once.

    Raises Http404 if a text is not a UUID, or if the request names too many quotes.
    """
    if len(texts) > max(MOST_KEPT, conf.cart_limit()):
        raise Http404
    try:
        return list(dict.fromkeys(map(uuid.UUID, texts)))
    except ValueError:
        raise Http404 from None


def requested_quotes(user: Any, texts: Sequence[str]) -> list[Quote]:
    """Return the quotes that a request names, in the same order. Raises Http404 if a quote is not the user's."""
    ids = requested_ids(texts)
    found = {quote.public_id: quote for quote in quotes_of(user, ids)}
    if len(found) < len(ids):
        raise Http404
    return [found[public_id] for public_id in ids]
