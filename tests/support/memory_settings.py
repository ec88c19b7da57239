"""The settings of the tests with a database in memory, which forked processes do not share."""

from tests.settings import *  # noqa: F403 - settings module built on another

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
