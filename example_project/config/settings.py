"""Settings of the example shop.

Without environment variables everything runs on this machine: SQLite, a Celery broker that stores messages as files,
and the sandbox instead of SkinsBack. These environment variables select other servers, ports and folders:

``DATABASE_URL``         ``postgres://…`` or ``mysql://…`` (MariaDB, through PyMySQL)
``CELERY_BROKER_URL``    ``redis://…`` or ``amqp://…``
``CACHE_URL``            ``redis://…``; all processes share it, because it counts calls for the rate limit
``SITE_PORT``, ``SANDBOX_PORT``, ``SITE_URL``
``SKINSBACK_API_URL``, ``SKINSBACK_WEBSOCKET_URL``, ``SKINSBACK_CLIENT_ID``, ``SKINSBACK_CLIENT_SECRET``
``SKINSBACK_DEMO_DIR``   folder for the database and the broker instead of ``example_project/var``
"""

import os
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
import pymysql
from django.utils.translation import gettext_lazy as _

from django_skinsback.sandbox.keys import CLIENT_ID, CLIENT_SECRET
from example_project.config import broker

pymysql.install_as_MySQLdb()

PROJECT_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("SKINSBACK_DEMO_DIR") or PROJECT_DIR / "var").resolve()
SITE_PORT = int(os.environ.get("SITE_PORT", "8000"))
SANDBOX_PORT = int(os.environ.get("SANDBOX_PORT", "8600"))
SITE_URL = os.environ.get("SITE_URL", f"http://127.0.0.1:{SITE_PORT}")
SANDBOX_URL = f"http://127.0.0.1:{SANDBOX_PORT}"

DEBUG = os.environ.get("DEBUG", "1") == "1"
SECRET_KEY = os.environ.get("SECRET_KEY", "for-the-demo-only-never-in-production")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", urlsplit(SITE_URL).hostname or ""]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "example_project.shop",  # before the package: its template skinsback/page.html replaces the package's
    "example_project.wallet",
    "django_skinsback",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "example_project.config.security.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "example_project.config.urls"
WSGI_APPLICATION = "example_project.config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "example_project.wallet.context.balance",
            ],
        },
    },
]

DATABASES = {"default": dj_database_url.config(default=f"sqlite:///{VAR_DIR / 'shop.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {"timeout": 20}  # seconds that a writer waits for the lock
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHE_URL = os.environ.get("CACHE_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}
    if CACHE_URL
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR_DIR / "cache",
    }
}

BROKER_DIR = VAR_DIR / "broker"
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", f"{broker.SCHEME}://localhost")
if CELERY_BROKER_URL.startswith(f"{broker.SCHEME}:"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.2,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
WORKER_READY_FILE = VAR_DIR / "worker-ready"
SANDBOX_STATE_FILE = VAR_DIR / "sandbox.json"

SKINSBACK = {
    "CLIENT_ID": os.environ.get("SKINSBACK_CLIENT_ID", CLIENT_ID),
    "CLIENT_SECRET": os.environ.get("SKINSBACK_CLIENT_SECRET", CLIENT_SECRET),
    "API_URL": os.environ.get("SKINSBACK_API_URL", f"{SANDBOX_URL}/api.php"),
    "WEBSOCKET_URL": os.environ.get("SKINSBACK_WEBSOCKET_URL", f"ws://127.0.0.1:{SANDBOX_PORT}/ws/"),
    "SITE_URL": SITE_URL,
    "PICTURE_URL": f"{SANDBOX_URL}/economy/image/",
    "PAGES_BASE_TEMPLATE": "shop/base.html",
    "BALANCE": "example_project.wallet.models.balance_of",
    "PRICE_MARKUP": "example_project.shop.prices.with_markup",
    "BUY_MAX_PRICE": Decimal(500),
    "LIABILITIES": "example_project.wallet.models.liabilities",
    "HOLD_APPROVE_MAX": {"usd": (Decimal(300), Decimal(2000))},
    "LOW_BALANCE": Decimal(100),
    "LIMITS": {
        "deposits": {"count": 50, "sum": {"usd": Decimal(5000)}},
        "purchases": {"count": 50, "sum": {"usd": Decimal(2000)}},
        "cart": 10,
    },
}

SHOP_CURRENCY = "usd"

REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"]}
DEMO_LOGINS = (
    [
        {"username": "alice", "password": "alice-demo", "about": _("deposits skins")},
        {"username": "bob", "password": "bob-demo", "about": _("has a balance and withdraws skins")},
        {"username": "operator", "password": "operator-demo", "about": _("staff: has access to the admin")},
    ]
    if DEBUG
    else []
)

LOGIN_URL = "shop:login"
LOGIN_REDIRECT_URL = "skinsback-pages:withdraw"
LOGOUT_REDIRECT_URL = "shop:start"
SESSION_COOKIE_NAME = "nightmarket_session"
CSRF_COOKIE_NAME = "nightmarket_csrf"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]  # add yours after `makemessages`
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "{asctime}  {levelname} {name}: {message}", "datefmt": "%H:%M:%S", "style": "{"},
        "extras": {
            "()": "example_project.config.logs.ExtrasFormatter",
            "format": "{asctime}  {message}",
            "datefmt": "%H:%M:%S",
            "style": "{",
        },
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain"},
        "skinsback": {"class": "logging.StreamHandler", "formatter": "extras"},
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django_skinsback": {"handlers": ["skinsback"], "level": "INFO", "propagate": False},
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.server": {"handlers": [], "propagate": False},  # no access log; django.request logs the errors
    },
}
