"""Start time and memory that the package adds to a site, against those of dj-stripe."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.results import Result
from benchmarks.scale import Scale

_START = """
import gc, json, resource, sys, time
gc.disable()
start = time.perf_counter(), time.process_time()
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="benchmarks",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", *{apps!r}],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
    STRIPE_TEST_SECRET_KEY="sk_test_benchmarkbenchmarkbenchmark",
    SKINSBACK={{"CLIENT_ID": "1", "CLIENT_SECRET": "secret"}},
)
django.setup()
seconds = time.process_time() - start[1]
with open("/proc/self/statm") as statm:
    resident = int(statm.read().split()[1]) * resource.getpagesize()
print(json.dumps([seconds, resident, sorted(sys.modules)]))
"""

CONTESTANTS = {"": (), "django_skinsback": ("django_skinsback",), "djstripe": ("djstripe",)}
LAZY = ("requests", "celery", "rest_framework", "msgspec", "django_skinsback.client", "django_skinsback.wire.types")
"""Modules that must not be imported at the start. msgspec shows that no module that uses it was imported."""


def measure(scale: Scale) -> Iterator[Result]:
    """Start new interpreters in turns and measure processor time and resident memory after ``django.setup()``.

    Without garbage collection: one collection takes as long as half of our modules, because it visits all of Django's
    objects, and it happens in whichever program creates a certain number of objects first.
    """
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    memory: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    modules: set[str] = set()
    for number in range(scale.starts + 1):
        for name, apps in CONTESTANTS.items():
            seconds, resident, imported = start(apps)
            if name == "django_skinsback":
                modules = set(imported)
            if number:  # the first run writes the bytecode
                times[name].append(seconds)
                memory[name].append(resident)
    yield _share("start: processor time added, of what dj-stripe adds", times, 1e3, "ms")
    yield _share("start: memory added, of what dj-stripe adds", memory, 2**-20, "MiB")
    found = [name for name in LAZY if name in modules]
    about = ", ".join(found) or f"none of {', '.join(LAZY)}"
    yield Result("start: modules that should not be imported yet", len(found), "= 0", about=about)


def start(apps: tuple[str, ...]) -> tuple[float, int, list[str]]:
    """Return processor seconds, resident bytes and imported modules of a Django process with these apps."""
    script = _START.format(apps=apps)
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    seconds, resident, modules = json.loads(answer)
    return seconds, resident, modules


def _share(name: str, seen: dict[str, list[float]], scale: float, unit: str) -> Result:
    bare, ours, stripe = (seen[contestant] for contestant in CONTESTANTS)
    shares = [(mine - base) / (theirs - base) for base, mine, theirs in zip(bare, ours, stripe, strict=True)]
    base, mine, theirs = (statistics.median(values) * scale for values in (bare, ours, stripe))
    low, _, high = statistics.quantiles(shares, n=4, method="inclusive")
    about = f"Django {base:.0f} {unit}, ours + {mine - base:.1f}, dj-stripe + {theirs - base:.1f}"
    return Result(name, statistics.median(shares), "<= 0.15", "share", low, high, len(shares), about)
