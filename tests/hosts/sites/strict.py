"""Login and CSRF token are required everywhere, bodies are read after the view, inline scripts are forbidden."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - settings module built on another
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
