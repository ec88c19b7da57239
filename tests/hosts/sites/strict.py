"""Everything needs a login and a CSRF token, bodies are read after the views, no page may hold an inline script."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - a site is the smallest one and what differs
from tests.settings import MIDDLEWARE

DATABASES = {"default": database("strict")}
MIDDLEWARE = [
    "tests.hosts.middleware.log_the_body",
    "tests.hosts.middleware.content_security_policy",
    "tests.hosts.middleware.enforce_csrf",
    *MIDDLEWARE,
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
]
APPEND_SLASH = True
PREPEND_WWW = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
CSRF_USE_SESSIONS = True
