"""Behind proxies that terminate TLS, change the host, and send invalid client addresses."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - settings module built on another
from tests.settings import MIDDLEWARE

DATABASES = {"default": database("proxied")}
MIDDLEWARE = ["tests.hosts.middleware.OddProxies", *MIDDLEWARE]
ALLOWED_HOSTS = ["shop.example"]
USE_X_FORWARDED_HOST = True
USE_X_FORWARDED_PORT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
