"""The page of one user. Each part is shown only to persons who may see its model."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from ...flows.ledger.database import database
from ...models import Deposit, Freeze, Purchase, SteamProfile
from ...models.deposit import DEPOSIT_STATUS_LABELS
from ...models.ledger import ENTRY_KIND_LABELS
from ...models.purchase import PURCHASE_STATUS_LABELS
from ...statuses import EntryKind
from .. import display
from .history import COUNTED_ROWS, History, deposit_history, newest_risk, purchase_history
from .links import Link, freezing_url, may_see_customers, user_admin_url
from .statement import SHOWN_ENTRIES, SUMMED_ENTRIES, SUMMED_ON_REQUEST, Ledger, read_ledger, total_of

SHOWN_ROWS = 25
"""The page shows this many deposits and this many purchases, the newest ones."""


def find_customer(user_pk: str) -> Any:
    """Return the user with this primary key, which is text from a URL. Raise Http404 if there is no such user."""
    try:
        user = get_user_model()._base_manager.filter(pk=unquote(user_pk)).first()
    except (ValueError, ValidationError, OverflowError):
        user = None
    if user is None:
        raise Http404(_("There is no such user. The user may have been deleted."))
    return user


def customer_view(request: HttpRequest, model_admin: Any, user_pk: str) -> HttpResponse:
    """Return the page of a user. Raise PermissionDenied if the person may see neither deposits nor purchases."""
    if not may_see_customers(request):
        raise PermissionDenied
    user = find_customer(user_pk)
    request.current_app = model_admin.admin_site.name  # the template tag url reads it
    may_see = {
        name: request.user.has_perm(f"skinsback.view_{name}")
        for name in ("deposit", "purchase", "ledgerentry", "steamprofile", "freeze")
    }
    may_see["freeze"] = may_see["freeze"] or request.user.has_perm("skinsback.freeze_user")
    is_all = request.GET.get("entries") == "all"
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Customer %(user)s") % {"user": user},
        "opts": model_admin.opts,
        "media": model_admin.media,
        "customer": user,
        "may_see": may_see,
        "facts": _facts(user),
        "links": _links(request, model_admin, user),
        "shown_rows": SHOWN_ROWS,
    }
    if may_see["freeze"]:
        context |= _freeze_part(request, model_admin, user)
    if may_see["steamprofile"]:
        context |= _profile_part(user)
    if may_see["deposit"]:
        history = deposit_history(user, with_exposure=may_see["ledgerentry"])
        context |= {
            "risk": display.user_risk_table(newest_risk(user)),
            "deposits": _rows_part(model_admin, Deposit, user),
            "deposit_statuses": _status_counts(history, DEPOSIT_STATUS_LABELS),
            "exposure": [display.money(amount, currency) for currency, amount in sorted(history.exposure.items())],
        }
    if may_see["purchase"]:
        history = purchase_history(user)
        context |= {
            "purchases": _rows_part(model_admin, Purchase, user),
            "purchase_statuses": _status_counts(history, PURCHASE_STATUS_LABELS),
            "failed_trades": history.failed_trades,
        }
    if may_see["ledgerentry"]:
        limit = SUMMED_ON_REQUEST if is_all else SUMMED_ENTRIES
        context |= _ledger_part(read_ledger(user, limit=limit), is_all=is_all)
    return TemplateResponse(request, "admin/skinsback/customer.html", context)


def _facts(user: Any) -> list[tuple[str, Any]]:
    return [
        (_("User"), user.get_username()),
        (_("User ID"), user.pk),
        (_("May log in"), _("yes") if user.is_active else _("no")),
    ]


def _links(request: HttpRequest, model_admin: Any, user: Any) -> list[Link]:
    links = [Link(_("User in this site's admin"), user_admin_url(model_admin, user, request))]
    if request.user.has_perm("skinsback.buy_skins"):
        url = _reverse(model_admin, "admin:skinsback_purchase_buy")
        links.append(Link(_("Buy a skin for this user"), url and f"{url}?{urlencode({'user': user.pk})}"))
    return [link for link in links if link.url]


def _freeze_part(request: HttpRequest, model_admin: Any, user: Any) -> dict[str, Any]:
    freeze = Freeze.objects.using(database()).filter(user_id=user.pk).select_related("by").first()
    return {
        "freeze": freeze,
        "freeze_url": "" if freeze else freezing_url(model_admin, "freeze", user.pk, request),
        "unfreeze_url": freezing_url(model_admin, "unfreeze", user.pk, request) if freeze else "",
    }


def _profile_part(user: Any) -> dict[str, Any]:
    profile = SteamProfile.objects.using(database()).filter(user_id=user.pk).first()
    return {
        "profile": profile,
        "steam_url": display.steam_profile_url(profile.steam_id) if profile else "",
        "has_trade_url": bool(profile and profile.partner and profile.token),
    }


def _rows_part(model_admin: Any, model: type[Any], user: Any) -> dict[str, Any]:
    """Return the newest deposits or purchases of a user, and the URL of the list of all of them."""
    rows = model._default_manager.using(database()).filter(user_id=user.pk).order_by("-pk")
    if model is Purchase:
        rows = rows.defer("token")
    newest = list(rows[: SHOWN_ROWS + 1])
    url = _reverse(model_admin, f"admin:skinsback_{model._meta.model_name}_changelist")
    return {
        "rows": [_shown_row(row) for row in newest[:SHOWN_ROWS]],
        "is_cut": len(newest) > SHOWN_ROWS,
        "list_url": url and f"{url}?{urlencode({'user__exact': user.pk})}",
    }


def _shown_row(row: Any) -> dict[str, Any]:
    if isinstance(row, Purchase):
        paid = row.debited_amount is not None
        price = display.money(row.debited_amount if paid else row.max_price)
        return {
            "row": row,
            "link": display.deposit_or_purchase(None, row),
            "badge": display.purchase_badge(row),
            "price": price if paid else _("at most %(cap)s") % {"cap": price},
            "charge": display.money(row.charge_amount, row.charge_currency),
        }
    return {
        "row": row,
        "link": display.deposit_or_purchase(row, None),
        "badge": display.badge(row.status, row.get_status_display()),
        "user_amount": display.money(row.user_amount, row.amount_currency),
        "amount": display.money(row.amount, row.amount_currency),
    }


def _status_counts(history: History, labels: Mapping[Any, Any]) -> str:
    """Return the number of rows of each status as text, such as "success: 3, failed: 1"."""
    ordered = [status for status in labels if history.statuses[status]]
    ordered += sorted(set(history.statuses) - set(ordered))
    counts = [
        _("%(status)s: %(count)s") % {"status": labels.get(each, each), "count": history.statuses[each]}
        for each in ordered
    ]
    text = ", ".join(counts) or display.NOTHING
    return _("newest %(count)s rows: %(text)s") % {"count": COUNTED_ROWS, "text": text} if history.is_cut else text


def _ledger_part(ledger: Ledger, *, is_all: bool) -> dict[str, Any]:
    kinds = [*EntryKind]
    sums = [
        {
            "currency": currency.upper(),
            "kinds": [
                _("%(count)s: %(amount)s")
                % {"count": by_kind[kind].number, "amount": display.money(by_kind[kind].amount, currency)}
                if kind in by_kind
                else display.NOTHING
                for kind in kinds
            ],
            "balance": display.money(total_of(by_kind), currency) if ledger.is_complete else display.NOTHING,
        }
        for currency, by_kind in ledger.sums.items()
    ]
    statements = [
        {
            "currency": statement.currency.upper(),
            "is_cut": statement.is_cut,
            "lines": [
                {
                    "entry": entry,
                    "link": display.link(entry, f"#{entry.pk}"),
                    "kind": display.badge(entry.kind),
                    "source": display.deposit_or_purchase(entry.deposit, entry.purchase),
                    "amount": display.money(entry.amount, entry.currency),
                    "balance": display.money(balance, entry.currency),
                }
                for entry, balance in statement.lines
            ],
        }
        for statement in ledger.statements
    ]
    return {
        "kinds": [ENTRY_KIND_LABELS[kind] for kind in kinds],
        "sums": sums,
        "statements": statements,
        "ledger": ledger,
        "shown_entries": SHOWN_ENTRIES,
        "may_sum_all": not ledger.is_complete and not is_all,
        "all_limit": SUMMED_ON_REQUEST,
    }


def _reverse(model_admin: Any, name: str) -> str:
    """Return the URL of a page of the admin. Return "" if the site has unregistered the model."""
    try:
        return reverse(name, current_app=model_admin.admin_site.name)
    except NoReverseMatch:
        return ""
