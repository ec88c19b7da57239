"""Every view runs in a database transaction, and middleware reads the body before the view."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - settings module built on another
from tests.settings import MIDDLEWARE

DATABASES = {"default": {**database("atomic"), "ATOMIC_REQUESTS": True}}
MIDDLEWARE = ["tests.hosts.middleware.read_the_form", *MIDDLEWARE]
