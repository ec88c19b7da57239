"""The admin has the theme django-jazzmin."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - settings module built on another
from tests.settings import INSTALLED_APPS

DATABASES = {"default": database("jazzmin")}
INSTALLED_APPS = ["jazzmin", *INSTALLED_APPS]
