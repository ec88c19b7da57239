"""The parts of the desk. The page and the template tag ``skinsback_summary`` show them."""

from typing import Any

from django.http import HttpRequest

from ... import conf, ratelimit
from ...flows.ledger.database import database
from ...flows.monitoring.health import longest_overdue
from ...flows.monitoring.sweeps import failing_sweeps, is_shared, last_sweep
from ...models import PriceListImport, WebhookEvent
from ...models.fields import utc_now
from ..links import list_url, page_url
from .money import accounts_money, hold_lines, may_see_exposure
from .needs import SHOWN_OWING_USERS, balance_notices, needs_of, owing_users
from .texts import StateLine, failing_line, limit_line, prices_line, webhooks_line, worker_line

DESK_PERMISSION = "skinsback.view_desk"


def may_view_desk(request: HttpRequest) -> bool:
    """Return whether the user of the request is active staff and may view the desk."""
    user = getattr(request, "user", None)  # a request has no user without AuthenticationMiddleware
    return bool(user is not None and user.is_active and user.is_staff and user.has_perm(DESK_PERMISSION))


def summary_context(request: HttpRequest, current_app: str | None) -> dict[str, Any]:
    """Return the waiting rows and the money of each account, as far as the user of the request may see them.

    This takes at most five queries, and one more for each account.
    """
    now, accounts = utc_now(), conf.accounts()
    money = accounts_money(request, accounts, now)
    owing = owing_users(request, current_app)
    needs = needs_of(request, current_app)
    notices = balance_notices((line.account, line.usd, line.days) for line in money if line.usd is not None)
    return {
        "desk_url": page_url("skinsback_desk_changelist", current_app),
        "needs": needs,
        "notices": notices,
        "owing": owing[:SHOWN_OWING_USERS],
        "more_owing": owing[SHOWN_OWING_USERS:],
        "is_calm": needs.visible and not (needs.lines or notices or owing),
        "accounts": money,
        "several_accounts": len(accounts) > 1,
        "balances_url": list_url("balancesnapshot", current_app) if money else "",
    }


def desk_context(request: HttpRequest, current_app: str | None) -> dict[str, Any]:
    """Return everything that the page shows except the figures: the summary, the state of the site, and the holds.

    This takes at most ten queries, and one more for each account.
    """
    context = summary_context(request, current_app)
    return {
        **context,
        "state": _state_lines(request, context["needs"].retried),
        "holds": hold_lines(request, conf.accounts(), utc_now()),
        "sees_exposure": may_see_exposure(request),
        "holds_url": page_url("skinsback_deposit_holds", current_app)
        or list_url("deposit", current_app, status__exact="in_hold"),
        "approved_url": list_url("deposit", current_app, status__exact="hold_approved"),
    }


def _state_lines(request: HttpRequest, retried: int) -> list[StateLine]:
    now, accounts = utc_now(), conf.accounts()
    lines = [worker_line(last_sweep(), longest_overdue(None, now), now, is_shared=is_shared())]
    if request.user.has_perm("skinsback.view_webhookevent"):
        deliveries = WebhookEvent.objects.using(database()).order_by("-received_at")
        newest = deliveries.values_list("received_at", flat=True).first()
        lines.append(webhooks_line(newest, retried, now))
    for alias in accounts:
        shown = alias if len(accounts) > 1 else ""
        per_minute = conf.get("REQUESTS_PER_MINUTE")
        lines.append(limit_line(shown, ratelimit.pause_until(alias), per_minute, now))
        if (failing := failing_line(shown, failing_sweeps(alias), now)) is not None:
            lines.append(failing)
    if request.user.has_perm("skinsback.view_marketitem"):
        imports = PriceListImport.objects.using(database()).order_by("game").values_list("game", "imported_at")
        lines.append(prices_line(imports, conf.prices_max_age(), now))
    return lines
