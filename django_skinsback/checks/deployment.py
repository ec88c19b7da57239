"""System checks of the deployment: cache, addresses, templates, receivers."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template

from .. import conf
from ..flows.addresses import URLS_HINT, nested_urls
from ..signals import entry_posted
from ..wire import API_URL
from .settings import check_settings


def check_deployment(**_options: Any) -> list[CheckMessage]:
    """Return the errors and warnings of the deployment. Return an empty list if ``check_settings`` found E003.

    The checks with a star are made only if ``DEBUG`` is off.

    * E006*: an account uses the sandbox's secret.
    * E007: ``django_skinsback.urls`` is included only inside another URL namespace.
    * E012: the template of PAGES_BASE_TEMPLATE cannot be loaded.
    * W001*: ``API_URL`` is not SkinsBack's address.
    * W002*: processes do not share the cache that counts API calls, or the cache stores nothing.
    * W003: ``entry_posted`` has no receiver.
    * W004*: the database cache may delete the count of API calls.
    * W005*: the websocket is not encrypted.
    * W006*: the addresses that are sent to SkinsBack are built from the Host header, and any Host is accepted.
    """
    messages: list[CheckMessage] = []
    if any(message.id == "skinsback.E003" for message in check_settings()):
        return messages  # the checks below cannot read wrong values
    if not settings.DEBUG and conf.api_url() != API_URL:
        messages.append(
            checks.Warning(
                f"SKINSBACK['API_URL'] is not {API_URL} although DEBUG is off.",
                hint="Leave out API_URL in production. The sandbox moves no real skins.",
                id="skinsback.W001",
            )
        )
    if any(conf.uses_sandbox_secret(conf.account(alias)) for alias in conf.accounts()):
        messages.append(
            Error(
                "An account uses the sandbox's public secret although DEBUG is off.",
                hint=conf.SANDBOX_ADVICE,
                id="skinsback.E006",
            )
        )
    if not settings.DEBUG and urlsplit(conf.websocket_url()).scheme != "wss":
        messages.append(
            checks.Warning(
                "SKINSBACK['WEBSOCKET_URL'] is not encrypted although DEBUG is off.",
                hint="The address contains a key. Begin it with wss://, or leave WEBSOCKET_URL out.",
                id="skinsback.W005",
            )
        )
    cache = conf.cache_backend()
    if not settings.DEBUG and cache.endswith(conf.PER_PROCESS_CACHES):
        stores_nothing = cache.endswith("DummyCache")
        messages.append(
            checks.Warning(
                f"The cache {conf.get('CACHE')!r} stores nothing, so API calls are not limited at all."
                if stores_nothing
                else f"The cache {conf.get('CACHE')!r} is not shared between processes.",
                hint="All processes must count their API calls in the same cache. Set SKINSBACK['CACHE'] to the alias "
                "of a Redis, Memcached or database cache.",
                id="skinsback.W002",
            )
        )
    messages += _check_database_cache(conf.get("CACHE"))
    messages += _check_addresses()
    messages += _check_base_template()
    if not entry_posted.receivers:
        messages.append(
            checks.Warning(
                "The signal entry_posted has no receiver: deposits do not reach your users' balances.",
                hint="Connect a receiver in your AppConfig.ready(): see step 3 of the README.",
                id="skinsback.W003",
            )
        )
    return messages


def _check_base_template() -> list[CheckMessage]:
    """Return E012 if the site sets PAGES_BASE_TEMPLATE and the template cannot be loaded."""
    name = conf.get("PAGES_BASE_TEMPLATE")
    if name == conf.DEFAULTS["PAGES_BASE_TEMPLATE"]:
        return []
    try:
        get_template(name)
    except (TemplateDoesNotExist, TemplateSyntaxError) as error:
        return [
            Error(
                f"SKINSBACK['PAGES_BASE_TEMPLATE'] names {name!r}, which cannot be loaded: {type(error).__name__}.",
                hint="Write the name as in {% extends %}, or leave PAGES_BASE_TEMPLATE out.",
                id="skinsback.E012",
            )
        ]
    return []


def _check_addresses() -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if not settings.DEBUG and not conf.get("SITE_URL") and "*" in settings.ALLOWED_HOSTS:
        messages.append(
            checks.Warning(
                "The addresses that are sent to SkinsBack are built from the request's Host header, and ALLOWED_HOSTS "
                "accepts every host.",
                hint="Set SKINSBACK['SITE_URL'] to 'https://your.site', or list your hosts in ALLOWED_HOSTS.",
                id="skinsback.W006",
            )
        )
    problem = nested_urls() if getattr(settings, "ROOT_URLCONF", None) else ""
    if problem:
        messages.append(Error(f"{problem}.", hint=f"{URLS_HINT[0].upper()}{URLS_HINT[1:]}", id="skinsback.E007"))
    return messages


def _check_database_cache(alias: str) -> list[CheckMessage]:
    given = settings.CACHES.get(alias, {})
    entries = (given.get("OPTIONS") or {}).get("MAX_ENTRIES", 300)  # Django's default
    if settings.DEBUG or not given.get("BACKEND", "").endswith("db.DatabaseCache") or entries >= 1000:
        return []
    return [
        checks.Warning(
            f"The cache {alias!r} may lose the count of API calls: a full database cache deletes entries early.",
            hint=f"Set CACHES[{alias!r}]['OPTIONS'] = {{'MAX_ENTRIES': 10000}}.",
            id="skinsback.W004",
        )
    ]
