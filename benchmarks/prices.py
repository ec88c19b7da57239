"""Importing a price list, against the usual upsert and against the fastest insert of the database."""

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import requests
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from benchmarks.client import serving
from benchmarks.results import Result, of_times
from benchmarks.scale import Scale
from benchmarks.statements import count
from benchmarks.timing import Paired
from django_skinsback.conf import raw
from django_skinsback.flows.market.prices import SyncCounts, sync_prices
from django_skinsback.models import MarketItem, PriceListImport

CHANGED = 0.05
LARGE = 100_000
"""From this size on half as many rounds are run: each takes a minute."""
UPDATED = ["price", "count", "class_id", "available", "updated_at"]


def measure(scale: Scale) -> Iterator[Result]:
    """For two sizes: first import, import with changes, import without changes; then memory for the full list."""
    for number in scale.items:
        yield from _imports(number, scale)
    if connection.vendor == "sqlite":
        yield from _memory(*scale.items)


def price_list(number: int, *, seed: int = 0, full: bool = False) -> bytes:
    """Return an answer of ``market_pricelist``. With another ``seed`` 5 % of the prices and counts differ."""
    chance, other = random.Random(0), random.Random(seed)
    items = []
    for place in range(number):
        price, count_ = f"{chance.randrange(3, 2_000_000) / 100:.2f}", chance.randrange(1, 400)
        if seed and other.random() < CHANGED:
            price, count_ = f"{float(price) + 0.01:.2f}", count_ + 1
        item: dict[str, Any] = {"name": f"StatTrak™ M4A4 | Bench {place} (Field-Tested)", "price": price}
        items.append(
            item | {"classid": str(3_000_000_000 + place)} | ({"id": str(place)} if full else {"count": count_})
        )
    return json.dumps({"status": "success", "last_update": 1748862060, "items": items}, ensure_ascii=False).encode()


def _imports(number: int, scale: Scale) -> Iterator[Result]:
    first: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    raw_seconds = []
    rounds = scale.rounds if number < LARGE else max(scale.rounds // 2, 1)
    with ExitStack() as stack:
        before, after = (stack.enter_context(serving(price_list(number, seed=seed))) for seed in (0, 1))
        for turn in range(rounds):
            contestants = [_ours, _plain] if turn % 2 else [_plain, _ours]
            taken = {}
            for contestant in contestants:
                empty()
                taken[contestant] = (_timed(contestant, before), _timed(contestant, after))
            first.append((taken[_ours][0], taken[_plain][0]))
            again.append((taken[_ours][1], taken[_plain][1]))
            raw_seconds.append(_raw(number))
        _fill(after)
        synced: list[SyncCounts] = []
        unchanged = count(lambda: synced.append(_ours(after)))
        unchanged_seconds = statistics.median(_timed(_ours, after) for _ in range(scale.rounds))
    plain = "json.loads and bulk_create(update_conflicts)"
    yield of_times(f"first import of {number:,}, against {plain}", _pairs(first), "<= 0.8")
    yield of_times(f"import of {number:,} with 5 % changed, against {plain}", _pairs(again), "<= 0.2")
    yield of_times(
        f"first import of {number:,}, against the bare database",
        _pairs([(ours, seconds) for (ours, _), seconds in zip(first, raw_seconds, strict=True)]),
        about="COPY" if connection.vendor == "postgresql" else "executemany",
    )
    writes = [
        text
        for text in unchanged.texts
        if not text.lstrip().upper().startswith(("SELECT", "DECLARE")) and PriceListImport._meta.db_table not in text
    ]
    about = f"{len(unchanged)} statements, {unchanged_seconds:.2f} s"
    yield Result(
        f"unchanged list of {number:,}: rows written",
        synced[0].written + synced[0].gone + len(writes),
        "= 0",
        about=about,
    )


def _pairs(seconds: list[tuple[float, float]]) -> Paired:
    ours, theirs = zip(*seconds, strict=True)
    return Paired([a / b for a, b in seconds], statistics.median(ours), statistics.median(theirs))


def _timed(contestant: Any, url: str) -> float:
    start = time.perf_counter()
    contestant(url)
    return time.perf_counter() - start


def _ours(url: str) -> SyncCounts:
    with override_settings(SKINSBACK={**raw(), "API_URL": url}):
        return sync_prices("default", "cs2")


def _plain(url: str) -> None:
    """Import the list with one upsert, as a site without the package would do."""
    with requests.Session() as session:
        session.trust_env = False
        body = session.post(url, data={"method": "market_pricelist", "game": "cs2"}, timeout=60).content
    now = timezone.now()
    MarketItem.objects.bulk_create(
        [
            MarketItem(
                game="cs2",
                market_hash_name=item["name"],
                price=Decimal(item["price"]),
                count=item["count"],
                class_id=item["classid"],
                available=True,
                updated_at=now,
            )
            for item in json.loads(body)["items"]
        ],
        batch_size=2000,
        update_conflicts=True,
        unique_fields=["game", "market_hash_name"],
        update_fields=UPDATED,
    )


def _fill(url: str) -> None:
    empty()
    _ours(url)


def empty() -> None:
    """Delete all rows."""
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(MarketItem._meta.db_table)
        cursor.execute(f"{'TRUNCATE' if connection.vendor == 'postgresql' else 'DELETE FROM'} {table}")


def _raw(number: int) -> float:
    """Return the seconds in which the database stores prepared rows by its fastest insert."""
    empty()
    columns = ("game", "market_hash_name", "price", "count", "class_id", "wear", "quality", "available", "updated_at")
    items = json.loads(price_list(number))["items"]
    now = timezone.now()
    facets = ("field_tested", "stattrak")
    rows = [("cs2", item["name"], item["price"], item["count"], item["classid"], *facets, True, now) for item in items]
    table, names = MarketItem._meta.db_table, ", ".join(f'"{name}"' for name in columns)
    start = time.perf_counter()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            cursor.execute("BEGIN")
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)
            cursor.execute("COMMIT")
    return time.perf_counter() - start


_READER = """
import re, sys
from django_skinsback.client import SkinsBackClient


def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1]) * 1024


small, large = sys.argv[1:]
with SkinsBackClient("1", "secret", api_url=small) as client:
    for item in client.iter_price_list("cs2", full=True):
        pass
before = peak()
with SkinsBackClient("1", "secret", api_url=large) as client:
    number = sum(1 for item in client.iter_price_list("cs2", full=True))
print(peak() - before, number)
"""


def _memory(few: int, many: int) -> Iterator[Result]:
    """Measure the additional peak memory for reading a list, after a list of ten items has been read."""
    extra = {}
    with serving(price_list(10, full=True)) as small:
        for number in (few, many):
            body = price_list(number, full=True)
            with serving(body) as large:
                command = [sys.executable, "-c", _READER, small, large]
                answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            if int(answer[1]) != number:
                raise AssertionError(f"Of {number} items {answer[1]} were read.")
            extra[number] = int(answer[0])
            about = f"{int(answer[0]) / 2**20:.1f} of {len(body) / 2**20:.1f} MiB"
            share, target = int(answer[0]) / len(body), "<= 0.1" if number == many else ""
            yield Result(f"iter_price_list over {number:,} items: memory, of the body", share, target, about=about)
    about = "flat: it does not grow with the list"
    yield Result("the same, of that with a tenth of the items", extra[many] / max(extra[few], 1), "<= 1.5", about=about)
