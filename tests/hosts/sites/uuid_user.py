"""Users have a UUID for a key and log in by e-mail; other models have the site's own kind of key."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - a site is the smallest one and what differs
from tests.settings import INSTALLED_APPS

DATABASES = {"default": database("uuid")}
INSTALLED_APPS = [*INSTALLED_APPS, "tests.hosts.accounts"]
AUTH_USER_MODEL = "accounts.Person"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
