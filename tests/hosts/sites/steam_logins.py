"""Users log in with Steam, by django-allauth or by social-auth-app-django; both are installed."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - settings module built on another
from tests.settings import INSTALLED_APPS, MIDDLEWARE

DATABASES = {"default": database("steam")}
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid",
    "allauth.socialaccount.providers.steam",
    "social_django",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
SOCIALACCOUNT_PROVIDERS = {"steam": {"APP": {"client_id": "steam", "secret": "key of the Steam web API"}}}
