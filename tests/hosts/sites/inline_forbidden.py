"""A strict content security policy over the pages of the admin."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - settings module built on another
from tests.settings import MIDDLEWARE

DATABASES = {"default": database("csp")}
MIDDLEWARE = ["tests.hosts.middleware.content_security_policy", *MIDDLEWARE]
