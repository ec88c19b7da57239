"""Removes the Steam data of a user who has left the site. Amounts, ledger entries and SkinsBack's IDs are kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from ..exceptions import InvalidInput
from ..models import Deposit, Purchase, Quote, StatusChange, SteamProfile, WebhookEvent
from ..models.row import owner_key
from ..statuses import DEPOSIT_OPEN, PURCHASE_FINAL
from .ledger.database import database, run
from .ledger.edit import Edit, Source, lock_for_edit
from .progress import OnProgress, no_progress

_BATCH = 500

_STEAM_DATA: dict[type[Any], dict[str, Any]] = {
    Deposit: {
        "steam_id": "",
        "payer_steam_id": "",
        "trade_offer_id": "",
        "pay_url": "",
        "skins": [],
        "user_risk": {},
        "request_digest": "",
    },
    Purchase: {"steam_id": "", "partner": "", "token": "", "trade_offer_id": "", "request_digest": ""},
}
RAW_DATA = {"body": b"", "headers": {}, "remote_addr": ""}
"""Blank values that replace the raw data of a delivery about a forgotten row. The digest of the delivery is kept."""

_OPEN: dict[type[Any], Q] = {
    Deposit: Q(status__in=DEPOSIT_OPEN) | Q(needs_review=True),
    Purchase: ~Q(status__in=PURCHASE_FINAL) & Q(finished_at=None) | Q(needs_review=True),
}
"""Conditions of rows whose Steam data is still needed: the row is open or needs review."""


@dataclass(slots=True)
class Forgotten:
    """The number of rows whose Steam data was removed, and the number of deliveries whose raw data was removed."""

    rows: int = 0
    deliveries: int = 0


def forget_user(
    user: Any, *, account: str | None = None, by: Any = None, on_progress: OnProgress = no_progress
) -> Forgotten:
    """Remove the Steam IDs, trade tokens, skins and raw deliveries of a user. Return the numbers of changed rows.

    Later reports do not add these data again. The Steam profile and the quotes of the user are deleted.

    These rows and values are kept: ledger entries, amounts, SkinsBack's IDs, the digests of deliveries, and a freeze.
    The user is kept too, because the database does not delete a user with ledger entries. Afterwards, replace the name
    and the e-mail address in your own user model.

    With ``account``, only the rows of this account are changed, and the Steam profile and the quotes are kept. The call
    may be repeated. ``on_progress`` is called with the number of rows of each batch.

    Raises InvalidInput if a deposit or purchase of the user is open or needs review. This is checked for all rows
    before anything is changed, and again for each row.
    """
    for model in (Deposit, Purchase):
        if count := _rows_of(model, user, account).filter(_OPEN[model]).count():
            raise InvalidInput(
                _("%(count)s %(rows)s of this user are open or need review. Wait until they end, or settle them first.")
                % {"count": count, "rows": model._meta.verbose_name_plural}
            )
    forgotten = Forgotten()
    for model in (Deposit, Purchase):
        for keys in _batches(_rows_of(model, user, account)):
            for pk in keys:
                forgotten.deliveries += run(partial(_forget, model, pk, by))
            forgotten.rows += len(keys)
            on_progress(len(keys))
    if account is None:
        run(partial(_delete_profile_and_quotes, user))
    return forgotten


def _delete_profile_and_quotes(user: Any) -> None:
    for model in (Quote, SteamProfile):
        model._default_manager.using(database()).filter(user_id=user.pk).delete()


def _rows_of(model: type[Any], user: Any, account: str | None) -> QuerySet[Any]:
    """Return the rows of the user, and rows without a user whose ``owner_id`` is the key of the user."""
    owned = Q(user_id=user.pk) | Q(user_id=None, owner_id=owner_key(user.pk))
    rows: QuerySet[Any] = model._default_manager.using(database()).filter(owned)
    return rows if account is None else rows.filter(account=account)


def _batches(rows: QuerySet[Any]) -> Iterator[list[int]]:
    last = 0
    while keys := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_BATCH]):
        last = keys[-1]
        yield keys


def _forget(model: type[Any], pk: int, by: Any) -> int:
    """Remove the Steam data of one row. Return the number of deliveries whose raw data was removed.

    Raise InvalidInput if the row is open or needs review.
    """
    edit: Edit[Any] | None = lock_for_edit(model, Source.FLOW, by=by, pk=pk)
    if edit is None:
        return 0
    row = edit.row
    if model._default_manager.using(database()).filter(_OPEN[model], pk=pk).exists():
        raise InvalidInput(_("The row %(row)s has changed: it is open again or needs review.") % {"row": row})
    edit.set(**_STEAM_DATA[model])
    if row.forgotten_at is None:
        edit.set(forgotten_at=edit.now)
        edit.note(row.status, row.status, note=_("The Steam data of the user was removed."))
    edit.save()
    name = model._meta.model_name
    for change in StatusChange.objects.using(database()).filter(**{f"{name}": row}).exclude(settled_reasons=[]):
        reasons = [{**reason, "data": _without_steam_id(reason.get("data") or {})} for reason in change.settled_reasons]
        if reasons != change.settled_reasons:
            StatusChange.objects.using(database()).filter(pk=change.pk).update(settled_reasons=reasons)
    delivered = WebhookEvent.objects.using(database()).filter(**{f"{name}": row}, processed_at__isnull=False)
    return delivered.exclude(body=b"").update(**RAW_DATA)


def _without_steam_id(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "steam_id"}
