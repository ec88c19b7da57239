"""Settings of a site under gunicorn with a database; its middleware reads the body after the view."""

import os

from tests.settings import *  # noqa: F403 - settings module built on another
from tests.settings import MIDDLEWARE

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["LIVE_DATABASE"]}}
ALLOWED_HOSTS = ["*"]
MIDDLEWARE = ["tests.hosts.middleware.log_the_body", *MIDDLEWARE]
