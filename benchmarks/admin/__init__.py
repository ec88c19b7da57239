"""The admin with many rows, against the same admin with few rows: lists, filters, searches, row pages and the desk."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from django.contrib.auth import get_user_model
from django.urls import reverse

from benchmarks.admin.rows import (
    BUSY_DAY_ROWS,
    FIRST_OFFER_ID,
    FIRST_THEIR_ID,
    fill,
    hex_id,
    make_busy_day,
    partner,
    public_id,
    steam_id,
)
from benchmarks.admin.sites import ALIASES, Site, choose
from benchmarks.results import Result
from benchmarks.scale import Scale
from django_skinsback import conf
from django_skinsback.flows.figures.daily_figures import write_daily_figures

ALLOWED_SECONDS = 0.005
TARGET = "<= 1.3"
NO_TARGET = "no target: "
DESK = "admin:skinsback_desk_changelist"
DESK_TARGET = "<= 500"
MODELS = ("deposit", "purchase", "ledgerentry", "webhookevent", "statuschange")


def measure(scale: Scale) -> Iterator[Result]:
    """Measure each page on both sites in turns. The figure is the ratio of the shortest times, less 5 ms.

    The desk has a limit in milliseconds, which the site with many rows must keep.
    """
    counts = dict(zip(ALIASES, scale.admin_rows, strict=True))
    for alias, count in counts.items():
        fill(alias, count)
        choose(alias)
        write_daily_figures()
    sites = [Site(alias) for alias in ALIASES]
    few_pages, many_pages = (pages_of(counts[alias]) for alias in ALIASES)
    for name, url in few_pages.items():
        few, many = _shortest(sites, (url, many_pages[name]), scale.admin_runs)
        about = f"{many * 1000:.1f} against {few * 1000:.1f} ms"
        target = "" if name.startswith(NO_TARGET) else TARGET
        yield Result(name, max(many - ALLOWED_SECONDS, 0) / few, target, "time", samples=scale.admin_runs, about=about)
    yield from _desk(sites[-1], scale.admin_runs)


def _desk(site: Site, runs: int) -> Iterator[Result]:
    """Measure the desk of the site with many rows, as it is and after a busy day."""
    yield Result("desk", _fastest(site, runs), DESK_TARGET, "ms", samples=runs)
    make_busy_day(site.alias)
    name = f"desk, {BUSY_DAY_ROWS:,} deposits and as many purchases today"
    yield Result(name, _fastest(site, runs), DESK_TARGET, "ms", samples=runs)


def _fastest(site: Site, runs: int) -> float:
    """Return the shortest time of the desk in milliseconds. The first answer is left out."""
    site.seconds(reverse(DESK))
    return min(site.seconds(reverse(DESK)) for _run in range(runs)) * 1000


def _shortest(sites: Sequence[Site], urls: Sequence[str], runs: int) -> list[float]:
    """Return the shortest time of the page of each site. The sites answer in turns. The first answers are left out."""
    taken: list[list[float]] = [[] for _site in sites]
    for turn in range(runs + 1):
        places = range(len(sites))
        for place in places if turn % 2 else reversed(places):
            seconds = sites[place].seconds(urls[place])
            if turn:
                taken[place].append(seconds)
    return [min(seconds) for seconds in taken]


def pages_of(count: int, first_key: Mapping[str, int] = MappingProxyType({})) -> dict[str, str]:
    """Return names and URLs of the pages. Rows in the middle of the tables are searched for.

    ``first_key`` maps the name of a model to the primary key of its oldest row. The default is 1.
    """
    row, user = count // 2, 3
    deposit, purchase = hex_id("deposit", row), hex_id("purchase", row)
    trade_url = f"https://steamcommunity.com/tradeoffer/new/?partner={partner(user)}&token=i1ArBZey"
    public = {kind: str(public_id(kind, row)) for kind in ("deposit", "purchase")}
    offer, their_id = str(FIRST_OFFER_ID + row), str(FIRST_THEIR_ID + row)
    lists = {
        "deposit": {
            "newest": "",
            "page 9": "p=9",
            "page 18": "p=18",
            "status and account": "status__exact=success&account=second",
            "rare status and account": "status__exact=hold_approved&account=default",
            "game and account": "game=dota2&account=default",
            "account": "account=second",
            "status": "status__exact=fail",
            "game": "game=rust",
            "7 days and account": "created=7&account=default",
            "order of the end": f"o=-{_column('deposit', 'finished_at')}",
            "search: order ID": f"q={deposit}",
            "search: beginning of an order ID": f"q={deposit[:12]}",
            "search: transaction ID": f"q={their_id}",
            "search: beginning of a transaction ID": f"q={str(FIRST_THEIR_ID)[:6]}",
            "search: trade offer ID": f"q={offer}",
            "search: Steam ID": f"q={steam_id(user)}",
            "search: trade URL": f"q={quote(trade_url)}",
            "search: public ID": f"q={public['deposit']}",
            "search: user name": f"q=player-{user}",
            "search: nothing found": "q=no-such-player",
            "queue of reviews and account": "queue=review&account=second",
            NO_TARGET + "needs no review and account": "needs_review=0&account=default",
            NO_TARGET + "status, game and account": "status__exact=success&account=second&game=cs2",
        },
        "purchase": {
            "newest": "",
            "page 9": "p=9",
            "status and account": "status__exact=accepted&account=second",
            "game and account": "game=dota2&account=default",
            "7 days and account": "created=7&account=default",
            "order of the end": f"o=-{_column('purchase', 'finished_at')}",
            "search: custom ID": f"q={purchase}",
            "search: beginning of a custom ID": f"q={purchase[:12]}",
            "search: buy ID": f"q={their_id}",
            "search: batch ID": f"q={hex_id('batch', row // 3)}",
            "search: trade offer ID": f"q={offer}",
            "search: Steam ID": f"q={steam_id(user)}",
            "search: trade URL": f"q={quote(trade_url)}",
            "search: public ID": f"q={public['purchase']}",
            "search: user name": f"q=player-{user}",
            "search: words of a skin's name": "q=redline+ak-47",
            "search: words of 200 names": "q=bench",
        },
        "ledgerentry": {
            "newest": "",
            "page 9": "p=9",
            "kind": "kind__exact=charge",
            "7 days": "created=7",
            "search: order ID": f"q={deposit}",
            "search: custom ID": f"q={purchase}",
            "search: Steam ID": f"q={steam_id(user)}",
            "search: user name": f"q=player-{user}",
        },
        "webhookevent": {
            "newest": "",
            "page 9": "p=9",
            "outcome and account": "outcome__exact=applied&account=second",
            "search: digest": f"q={hex_id('digest', row) * 2}",
            "search: order ID": f"q={deposit}",
            "search: user name": f"q=player-{user}",
        },
        "statuschange": {
            "newest": "",
            "page 9": "p=9",
            "source": "source__exact=poll",
            "search: order ID": f"q={deposit}",
        },
        "discrepancy": {"newest": "", "state": "state__exact=closed", "search: their ID": f"q={FIRST_THEIR_ID + 7}"},
        "steamprofile": {"newest": "", "search: Steam ID": f"q={steam_id(user)}"},
    }
    pages = {}
    for model, queries in lists.items():
        url = reverse(f"admin:skinsback_{model}_changelist")
        for name, query in queries.items():
            is_free = name.startswith(NO_TARGET)
            title = f"{NO_TARGET if is_free else ''}{model} list, {name.removeprefix(NO_TARGET)}"
            pages[title] = f"{url}?{query}"
    for model in MODELS:
        pages[f"{model} page"] = reverse(f"admin:skinsback_{model}_change", args=[first_key.get(model, 1) + row])
    customer = first_key.get(str(get_user_model()._meta.model_name), 1) + user
    pages["customer page"] = reverse("admin:skinsback_deposit_customer", args=[customer])
    pages["hold desk"] = reverse("admin:skinsback_deposit_holds")
    pages[NO_TARGET + "desk"] = reverse(DESK)
    return pages


def _column(model: str, name: str) -> int:
    """Return the number of a column in the parameter of a list's order."""
    from django.apps import apps
    from django.contrib import admin

    registered = admin.site._registry[apps.get_model("skinsback", model)]
    columns = [each for each in registered.list_display if each != "account" or len(conf.accounts()) > 1]
    return columns.index(name) + 1
