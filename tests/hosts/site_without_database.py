"""Settings of a site under gunicorn without a database: any query raises, so the answer 500 means a query."""

from tests.settings import *  # noqa: F403 - settings module built on another

DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
ALLOWED_HOSTS = ["*"]
