"""Deliveries that must be cheap: forged ones, repeats, and bodies that are made to be slow."""

from collections.abc import Iterator

from benchmarks.deliveries import (
    OURS,
    VERIFY,
    VERIFY_AS_THE_PACKAGE,
    Delivery,
    Site,
    credit,
    make_deposits,
    make_users,
)
from benchmarks.delivery import WARM_UP, credits_to
from benchmarks.hostile import hostile
from benchmarks.results import Result, of_times
from benchmarks.scale import Scale
from benchmarks.statements import Statements, count
from benchmarks.timing import paired
from django_skinsback.models import Deposit, LedgerEntry, StatusChange, WebhookEvent

TABLES = (Deposit, LedgerEntry, StatusChange, WebhookEvent)
REFUSED = "403 Forbidden"


def measure(scale: Scale) -> Iterator[Result]:
    """Measure forged, repeated and hostile deliveries."""
    site, users = Site(), make_users()
    yield from _forged(site, users, scale)
    yield from _repeated(site, users)
    yield from _hostile(site, users, scale)


def _forged(site: Site, users: list[int], scale: Scale) -> Iterator[Result]:
    deposit = make_deposits(1, users)[0]
    for name, form in (("JSON", False), ("a form", True)):
        forged = credit(deposit, form=form, secret="wrong")
        for address, title, target in (
            (VERIFY, "against a view that only verifies", "<= 1.1"),
            (VERIFY_AS_THE_PACKAGE, "against one that only calls the package's verification", ""),
        ):
            number = (scale.deliveries + WARM_UP) * 5
            ours, bare = ([forged.to(path)] * number for path in (OURS, address))
            times = paired(
                site.sender(ours, REFUSED), site.sender(bare, REFUSED), pairs=scale.deliveries, each=5, warm_up=WARM_UP
            )
            yield of_times(f"forged, {name}, {title}", times, target)
    statements, new_rows = _effect(site, forged, REFUSED)
    yield Result("forged: SQL statements", len(statements), "= 0")
    yield Result("forged: new rows", new_rows, "= 0")


def _repeated(site: Site, users: list[int]) -> Iterator[Result]:
    delivery = credit(make_deposits(1, users)[0])
    site.sender([delivery])()
    statements, new_rows = _effect(site, delivery)
    yield Result("repeat: SQL statements", len(statements), "<= 4")
    yield Result("repeat: new rows", new_rows, "= 0")


def _hostile(site: Site, users: list[int], scale: Scale) -> Iterator[Result]:
    pairs = max(scale.deliveries // 30, 2)
    valid = credits_to(OURS, users)
    ordinary = site.sender(valid(pairs * len(list(hostile())) * 2))
    measured = []
    for name, delivery in hostile():
        expected = site.call(delivery.environ())
        if not expected.startswith("4"):
            raise AssertionError(f"{name}: answered {expected}.")
        times = paired(site.sender([delivery] * (pairs + 1), expected), ordinary, pairs=pairs, warm_up=1)
        measured.append((name, delivery, times, expected))
    measured.sort(key=lambda row: row[2].ratio, reverse=True)
    for place, (name, _delivery, times, expected) in enumerate(measured[:3], 1):
        title = f"hostile body no. {place} of {len(measured)}, against an ordinary credit"
        yield of_times(title, times, "<= 2" if place == 1 else "", about=f"{name}: {expected}")
    name, delivery, _times, expected = measured[0]
    large = site.sender([filled(each) for each in make_deposits(pairs + 1, users)])
    times = paired(site.sender([delivery] * (pairs + 1), expected), large, pairs=pairs, warm_up=1)
    yield of_times("the worst of them, against a credit as large", times, "<= 2", about=f"{name}: {expected}")


def filled(deposit: Deposit) -> Delivery:
    """Return a credit of the maximum size, with thousands of skins."""
    skin = {"name": "StatTrak™ " + "M4A4 | Desolate Space (Field-Tested) " * 2, "price": "0.4"}
    return credit(deposit, skins=[skin] * 2100)


def _effect(site: Site, delivery: Delivery, expected: str = "200 OK") -> tuple[Statements, int]:
    before = sum(model.objects.count() for model in TABLES)
    statements = count(site.sender([delivery], expected))
    return statements, sum(model.objects.count() for model in TABLES) - before
