"""The suite's site with its database in memory, which processes forked from one another do not share."""

from tests.settings import *  # noqa: F403 - the smallest site and what differs

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
