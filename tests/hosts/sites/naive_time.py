"""Times are stored without a time zone, in Berlin time (``USE_TZ = False``)."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - settings module built on another

DATABASES = {"default": database("naive")}
USE_TZ = False
TIME_ZONE = "Europe/Berlin"
