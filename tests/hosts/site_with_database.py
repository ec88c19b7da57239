"""A site that runs under gunicorn with a database of its own; its middleware reads bodies after the view."""

import os

from tests.settings import *  # noqa: F403 - a site is the smallest one and what differs
from tests.settings import MIDDLEWARE

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["LIVE_DATABASE"]}}
ALLOWED_HOSTS = ["*"]
MIDDLEWARE = ["tests.hosts.middleware.log_the_body", *MIDDLEWARE]
