"""A site that runs under gunicorn and has no database: whoever asks for one gets an error, so 500 means "a query"."""

from tests.settings import *  # noqa: F403 - a site is the smallest one and what differs

DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
ALLOWED_HOSTS = ["*"]
