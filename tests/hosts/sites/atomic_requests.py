"""Every view runs in a database transaction, and the middleware has read the body before the view does."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - a site is the smallest one and what differs
from tests.settings import MIDDLEWARE

DATABASES = {"default": {**database("atomic"), "ATOMIC_REQUESTS": True}}
MIDDLEWARE = ["tests.hosts.middleware.read_the_form", *MIDDLEWARE]
