"""Users have a UUID as primary key and log in by e-mail; other models have another kind of key."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - settings module built on another
from tests.settings import INSTALLED_APPS

DATABASES = {"default": database("uuid")}
INSTALLED_APPS = [*INSTALLED_APPS, "tests.hosts.accounts"]
AUTH_USER_MODEL = "accounts.Person"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
