"""Settings of the site of all contestants. ``BENCH_DATABASE`` is the server, ``BENCH_DATABASE_NAME`` the database."""

import os

SECRET_KEY = "benchmarks"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "benchmarks.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django_skinsback",
    "tests.wallet",
    *(["djstripe"] if os.environ.get("BENCH_STRIPE") else []),
]
MIDDLEWARE: list[str] = []  # it would be the same for every contestant and hide differences

DATABASE = os.environ.get("BENCH_DATABASE", "sqlite")
_SERVERS: dict[str, dict[str, object]] = {
    "sqlite": {
        "ENGINE": "django.db.backends.sqlite3",
        # As Django's documentation recommends for production.
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    },
    "postgresql": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": 5432,
        "USER": "postgres",
    },
}
DATABASES = {
    "default": {
        **_SERVERS[DATABASE],
        "NAME": os.environ.get("BENCH_DATABASE_NAME", ":memory:"),
        "CONN_MAX_AGE": None,
    }
}
if os.environ.get("BENCH_ADMIN"):
    from benchmarks.admin_settings import *  # noqa: F403 - an admin, and a second database with few rows

    INSTALLED_APPS += ["django.contrib.admin", "django.contrib.messages", "django.contrib.sessions"]
    DATABASES["small"] = {**DATABASES["default"], "NAME": f"{DATABASES['default']['NAME']}_small"}

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "redis": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://127.0.0.1:6379/15",
        "KEY_PREFIX": os.environ.get("BENCH_DATABASE_NAME", ""),
    },
    "database": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "benchmark_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}

SKINSBACK: dict[str, object] = {
    "CLIENT_ID": "1",
    "CLIENT_SECRET": "benchmark-secret",
    "SITE_URL": "https://shop.example",
    "REQUESTS_PER_MINUTE": None,
}
if os.environ.get("BENCH_ADMIN"):
    # The lists of the admin have a filter by account only if there are several.
    SKINSBACK["ACCOUNTS"] = {alias: {"CLIENT_ID": alias, "CLIENT_SECRET": alias} for alias in ("second", "third")}

STRIPE_TEST_SECRET_KEY = "sk_test_benchmarkbenchmarkbenchmark"
STRIPE_LIVE_MODE = False
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"  # as its documentation recommends

# No log output, because a slow handler would be equally slow for every contestant.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"nowhere": {"class": "logging.NullHandler"}},
    "root": {"handlers": ["nowhere"], "level": "WARNING"},
    "loggers": {"django": {"handlers": ["nowhere"], "level": "WARNING", "propagate": False}},
}
