"""Freezes users. A frozen user cannot start a deposit or a purchase. Earlier deposits and purchases continue."""

import logging
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from ...exceptions import InvalidInput, RowChanged
from ...models import Freeze
from ...models.fields import OptionalUser
from ..ledger.database import database, log_after_commit, run
from ..ledger.idempotency import digest
from .guard import lock_user


def freeze(user: Any, by: OptionalUser, reason: str) -> Freeze:
    """Freeze a user and return the row. Later deposits and purchases of the user raise UserFrozen.

    ``by`` is the operator, or None if code of the site freezes the user. Operators see ``reason`` in the admin. If a
    deposit or a purchase of the user is being saved, ``freeze`` waits until the row is saved. If the user is already
    frozen, ``by`` and ``reason`` are replaced, and ``since`` stays the same.

    Raises InvalidInput if ``reason`` is empty.
    """
    if not reason.strip():
        raise InvalidInput(_("Enter the reason why the user is frozen."))
    return run(partial(_freeze, user, by, reason))


def _freeze(user: Any, by: Any, reason: str) -> Freeze:
    lock_user(user)
    by_key = None if by is None else by.pk
    freezes = Freeze.objects.using(database())
    if not freezes.filter(user_id=user.pk).update(by_id=by_key, reason=reason):
        freezes.create(user_id=user.pk, by_id=by_key, reason=reason)
        log_after_commit(logging.WARNING, "skinsback.user_frozen", user_id=str(user.pk), by=_name(by_key))
    return freezes.get(user_id=user.pk)


def unfreeze(user: Any, by: OptionalUser = None) -> bool:
    """Unfreeze a user, who can then start deposits and purchases again. Return whether the user was frozen."""
    return run(partial(_unfreeze, user, by))


def _unfreeze(user: Any, by: Any) -> bool:
    lock_user(user)
    deleted, _by_model = Freeze.objects.using(database()).filter(user_id=user.pk).delete()
    if deleted:
        by_key = None if by is None else by.pk
        log_after_commit(logging.WARNING, "skinsback.user_unfrozen", user_id=str(user.pk), by=_name(by_key))
    return bool(deleted)


def freeze_token(user: Any) -> str:
    """Return a token of the user's freeze: 32 hex digits of a hash. The token changes if the freeze changes.

    Pass the token to ``freeze_as_seen`` or ``unfreeze_as_seen``.
    """
    stored = Freeze.objects.using(database()).filter(user_id=user.pk)
    return digest({"user": str(user.pk), "freeze": [list(map(str, row)) for row in stored.values_list(*_SEEN)]})[:32]


_SEEN = ("pk", "by_id", "reason", "since")


def freeze_as_seen(user: Any, by: OptionalUser, reason: str, seen: str) -> Freeze:
    """Freeze a user as ``freeze`` does. Raise RowChanged if ``seen`` is not the token of the user's present freeze."""

    def block() -> Freeze:
        _require_seen(user, seen)
        return freeze(user, by, reason)

    return run(block)


def unfreeze_as_seen(user: Any, by: OptionalUser, seen: str) -> bool:
    """Unfreeze a user as ``unfreeze`` does. Raise RowChanged if ``seen`` is not the token of the present freeze."""

    def block() -> bool:
        _require_seen(user, seen)
        return unfreeze(user, by)

    return run(block)


def _require_seen(user: Any, seen: str) -> None:
    lock_user(user)
    if freeze_token(user) != seen:
        raise RowChanged


def is_frozen(user: Any) -> bool:
    """Return whether a user is frozen now.

    Flows that start a deposit or a purchase do not use this result. These flows read the freeze after they have locked
    the user.
    """
    return Freeze.objects.using(database()).filter(user_id=user.pk).exists()


def _name(key: Any) -> str:
    return "" if key is None else str(key)
