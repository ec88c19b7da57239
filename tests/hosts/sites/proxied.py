"""Behind proxies that end TLS, rename the host and tell nonsense about where a request came from."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - a site is the smallest one and what differs
from tests.settings import MIDDLEWARE

DATABASES = {"default": database("proxied")}
MIDDLEWARE = ["tests.hosts.middleware.OddProxies", *MIDDLEWARE]
ALLOWED_HOSTS = ["shop.example"]
USE_X_FORWARDED_HOST = True
USE_X_FORWARDED_PORT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
