"""Stores short messages in the session. The next page shows each message once. Django's messages are not needed."""

from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from ..player_texts import Problem

KEY = "skinsback_notices"
MOST_KEPT = 20


def add(session: SessionBase, code: str, text: str = "", *, next_step: str = "", skin: str = "") -> None:
    """Store a message for the next page.

    ``code`` is ``added``, ``bought``, ``cart_full``, ``not_for_sale`` or ``too_many``, or the code of a Problem. The
    template has the text of these five codes. For another code, ``text`` is shown. ``next_step`` is a code of NextStep.
    ``skin`` is the name of the skin.
    """
    notice = {"code": code, "text": text, "next_step": next_step, "skin": skin}
    session[KEY] = [*session.get(KEY, []), notice][-MOST_KEPT:]


def add_problem(session: SessionBase, problem: Problem, *, skin: str = "") -> None:
    """Store a Problem as a message for the next page."""
    add(session, problem.code, problem.text, next_step=problem.next_step, skin=skin)


def take(session: SessionBase) -> list[dict[str, Any]]:
    """Return the stored messages and delete them."""
    found: list[dict[str, Any]] = session.pop(KEY, []) if KEY in session else []
    return found
