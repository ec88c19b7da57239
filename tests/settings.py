"""The smallest site that installs the package. ``TEST_DATABASE`` chooses the server the suite runs on."""

import os
import tempfile
from decimal import Decimal
from pathlib import Path

SECRET_KEY = "tests"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "tests.urls"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}  # read since Django 6.1
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_skinsback",
    "tests.wallet",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASE = os.environ.get("TEST_DATABASE", "sqlite")
_SERVERS: dict[str, dict[str, object]] = {
    "sqlite": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(Path(tempfile.gettempdir(), "skinsback.sqlite3")),
        "OPTIONS": {
            "timeout": 20,
            "init_command": "PRAGMA synchronous=OFF",
        },  # faster; only a power cut loses data
        # A file, because threads and processes race for it and a database in memory has other locks.
        "TEST": {"NAME": str(Path(tempfile.gettempdir(), f"skinsback-tests-{os.getpid()}.sqlite3"))},
    },
    "postgresql": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "skinsback",
        "USER": "postgres",
        "HOST": "127.0.0.1",
        "PORT": 5432,
        "OPTIONS": {"options": "-c synchronous_commit=off"},  # as above
    },
    "mariadb": {
        "ENGINE": "django.db.backends.mysql",
        "NAME": "skinsback",
        "USER": "root",
        "HOST": "127.0.0.1",
        "PORT": 3306,
        "OPTIONS": {"charset": "utf8mb4"},
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"},
    },
}
if DATABASE == "mariadb":
    import pymysql

    pymysql.install_as_MySQLdb()
DATABASES = {"default": _SERVERS[DATABASE]}
if name := os.environ.get("TEST_DATABASE_NAME"):  # a child process uses its parent's
    DATABASES["default"]["NAME"] = name

SKINSBACK = {
    "CLIENT_ID": "1",
    "CLIENT_SECRET": "123",
    "SITE_URL": "https://shop.example",
    "REQUESTS_PER_MINUTE": None,  # clocks stand still in most tests
    "BUY_MAX_PRICE": Decimal(1000),
    "ACCOUNTS": {"second": {"CLIENT_ID": "2", "CLIENT_SECRET": "456"}},
}
if api_url := os.environ.get("TEST_API_URL"):
    from django_skinsback.sandbox.keys import CLIENT_ID, CLIENT_SECRET

    websocket_url = f"ws{api_url.removeprefix('http').removesuffix('api.php')}ws/"
    SKINSBACK |= {
        "API_URL": api_url,
        "WEBSOCKET_URL": websocket_url,
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
    }
