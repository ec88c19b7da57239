"""Times are stored without a zone, in the hours of Berlin."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - a site is the smallest one and what differs

DATABASES = {"default": database("naive")}
USE_TZ = False
TIME_ZONE = "Europe/Berlin"
