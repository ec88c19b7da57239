"""Short messages that the next page shows once. They are kept in the session, so a site needs no message framework."""

from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from ..player_texts import Problem

KEY = "skinsback_notices"
MOST_KEPT = 20


def add(session: SessionBase, code: str, text: str = "", *, next_step: str = "", skin: str = "") -> None:
    """Store a message for the next page.

    ``code`` and ``next_step`` are codes of ``player_texts``. For the codes ``added``, ``bought``, ``cart_full``,
    ``not_for_sale`` and ``too_many``, the template has the text. ``skin`` is the name of the skin.
    """
    notice = {"code": code, "text": text, "next_step": next_step, "skin": skin}
    session[KEY] = [*session.get(KEY, []), notice][-MOST_KEPT:]


def add_problem(session: SessionBase, problem: Problem, *, skin: str = "") -> None:
    """Store what a player reads about an error."""
    add(session, problem.code, problem.text, next_step=problem.next_step, skin=skin)


def take(session: SessionBase) -> list[dict[str, Any]]:
    """Return the stored messages and delete them."""
    found: list[dict[str, Any]] = session.pop(KEY, []) if KEY in session else []
    return found
