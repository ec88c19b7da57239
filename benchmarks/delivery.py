"""A delivery that credits, against a plain view that does the same and against dj-stripe's webhook view."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import islice

from django.db import connection
from django.db.models import Count

from benchmarks import server
from benchmarks.deliveries import OURS, PLAIN, Delivery, Site, credit, make_deposits, make_users
from benchmarks.results import Result, of_throughput, of_times
from benchmarks.scale import Scale
from benchmarks.statements import count
from benchmarks.timing import Paired, paired
from django_skinsback.models import Deposit, LedgerEntry, StatusChange, WebhookEvent
from tests.wallet.models import Wallet

WARM_UP = 20

Contestant = Callable[[int], list[Delivery]]
"""Creates this number of deliveries, each about a new row."""


def measure(scale: Scale) -> Iterator[Result]:
    """Measure statements, time in this process, and time under load."""
    from benchmarks import stripe_site

    stripe_site.block_network()
    site, users = Site(), make_users()
    endpoint = stripe_site.make_endpoint(users)

    def stripe(number: int, *, moves_money: bool = True) -> list[Delivery]:
        keys = stripe_site.make_payment_intents(number)
        return [stripe_site.succeeded(key, endpoint, moves_money=moves_money) for key in keys]

    ours, plain = credits_to(OURS, users), credits_to(PLAIN, users)
    ours_form, plain_form = credits_to(OURS, users, form=True), credits_to(PLAIN, users, form=True)
    seen = [count(site.sender(contestant(1))) for contestant in (ours, plain, stripe)]
    savepoints = ", ".join(str(statements.savepoints) for statements in seen)
    about = f"plain view {len(seen[1])}, dj-stripe {len(seen[2])}; for savepoints {savepoints}"
    statement_limit = "<= 9" if connection.vendor == "sqlite" else "<= 8"
    yield Result("credit: SQL statements", len(seen[0]), statement_limit, about=about)

    times = in_process(site, ours, plain, scale)
    yield of_times("credit in JSON, in process, against the plain view", times, "<= 0.9")
    times = in_process(site, ours_form, plain_form, scale)
    yield of_times("credit in a form, in process, against the plain view", times, "<= 0.9")
    times = in_process(site, ours, stripe, scale)
    yield of_throughput("credit, in process, against dj-stripe", times, ">= 2.5")
    times = in_process(site, ours, partial(stripe, moves_money=False), scale)
    yield of_throughput("the same, but dj-stripe moves no money", times)
    with server.running() as address:
        times = under_load(address, ours, plain, scale)
        yield of_times("credit, gunicorn, against the plain view", times, "<= 0.9")
        times = under_load(address, ours, stripe, scale)
        yield of_throughput("credit, gunicorn, against dj-stripe", times, ">= 2.5")
    check_rows(stripe_site.paid())


def credits_to(path: str, users: list[int], *, form: bool = False) -> Contestant:
    """Return a contestant whose deliveries to ``path`` credit a new deposit each."""

    def make(number: int) -> list[Delivery]:
        return [credit(deposit, form=form).to(path) for deposit in make_deposits(number, users)]

    return make


def in_process(site: Site, a: Contestant, b: Contestant, scale: Scale) -> Paired:
    """Compare single deliveries in turns, without a server."""
    number = scale.deliveries + WARM_UP
    return paired(site.sender(a(number)), site.sender(b(number)), pairs=scale.deliveries, warm_up=WARM_UP)


def under_load(address: server.Address, a: Contestant, b: Contestant, scale: Scale) -> Paired:
    """Compare short bursts in turns, from a load generator to gunicorn."""
    warm_up = 2
    a_sends, b_sends = (_bursts(address, contestant, scale, warm_up) for contestant in (a, b))
    times = paired(lambda: next(a_sends), lambda: next(b_sends), pairs=scale.bursts, warm_up=warm_up)
    return replace(times, a_seconds=times.a_seconds / scale.burst, b_seconds=times.b_seconds / scale.burst)


def _bursts(address: server.Address, contestant: Contestant, scale: Scale, warm_up: int) -> Iterator[None]:
    waiting = iter([delivery.http() for delivery in contestant(scale.burst * (scale.bursts + warm_up))])
    while burst := list(islice(waiting, scale.burst)):
        server.load(address, burst)
        yield


def check_rows(paid_by_stripe: Decimal) -> None:
    """Check that each paid deposit has one credit, one status change and one delivery, and that wallets agree."""
    paid = Deposit.objects.filter(status="success")
    for rows in (
        LedgerEntry.objects.filter(kind="credit", deposit__in=paid),
        StatusChange.objects.filter(to_status="success", deposit__in=paid),
        WebhookEvent.objects.filter(outcome="applied", deposit__in=paid),
    ):
        seen = rows.aggregate(rows=Count("pk"), deposits=Count("deposit", distinct=True))
        if set(seen.values()) != {paid.count()}:
            raise AssertionError(f"{paid.count()} deposits are paid, but of {rows.model.__name__} there are {seen}.")
    credited = sum(LedgerEntry.objects.values_list("amount", flat=True), Decimal(0)) + paid_by_stripe
    moved = sum(Wallet.objects.values_list("balance", flat=True), Decimal(0))
    if credited != moved:
        raise AssertionError(f"{credited} were credited, but the wallets hold {moved}.")
