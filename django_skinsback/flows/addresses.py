"""Addresses of this site that are told to SkinsBack."""

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, URLResolver, get_resolver, reverse
from django.utils.translation import gettext as _

from .. import conf
from ..exceptions import ConfigurationError, InvalidInput

APP_NAME = "skinsback"
URLS_HINT = 'add path("skinsback/", include("django_skinsback.urls")) to the root URLconf, outside of other namespaces.'
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def site_url(request: HttpRequest | None = None) -> str | None:
    """Scheme and host of this site: ``SITE_URL``, else the request's, which ``ALLOWED_HOSTS`` has checked."""
    given = conf.get("SITE_URL")
    if not given and request is None:
        return None
    parts = urlsplit(given or request.build_absolute_uri("/"))  # type: ignore[union-attr] # one of both is there
    secure = parts.scheme == "https" or (parts.scheme == "http" and (parts.hostname in _LOOPBACK or settings.DEBUG))
    if not secure or not parts.hostname:
        raise ConfigurationError(
            "SkinsBack must reach this site over https: set SKINSBACK['SITE_URL'] to 'https://your.site'."
        )
    return f"{parts.scheme}://{parts.netloc}"


def webhook_url(name: str, account: str, request: HttpRequest | None = None) -> str | None:
    """Where SkinsBack delivers: ``name`` is ``result`` or ``events``; None if the site's address is not known."""
    site = site_url(request)
    if site is None:
        return None
    arguments = {} if account == conf.DEFAULT_ACCOUNT else {"account": account}
    try:
        return site + reverse(f"skinsback:{name}", kwargs=arguments)
    except NoReverseMatch:
        problem = nested_urls() or "The webhook addresses are not in the URLconf"
        raise ConfigurationError(f"{problem}: {URLS_HINT}") from None


def nested_urls() -> str:
    """Why ``reverse("skinsback:result")`` fails although the webhook addresses are there; else nothing."""
    around = list(_namespaces(get_resolver()))
    if not around or "" in around:
        return ""
    return f"The webhook addresses are inside the URL namespace {around[0]!r}, where they are not looked for"


def _namespaces(resolver: URLResolver, around: str = "") -> Iterator[str]:
    """For each time that our URLs are included, the namespaces around them, joined by colons."""
    for entry in resolver.url_patterns:
        if not isinstance(entry, URLResolver):
            continue
        if entry.app_name == APP_NAME:
            yield around
        else:
            yield from _namespaces(entry, ":".join(filter(None, [around, entry.namespace])))


def page_url(url: str | None, request: HttpRequest | None = None) -> str | None:
    """An absolute address of a page of this site, from a path or an address; InvalidInput if it is elsewhere."""
    if not url:
        return None
    site = site_url(request)
    if site is None:
        raise ConfigurationError("Pages to return to need SKINSBACK['SITE_URL'], or pass the request.")
    absolute = urljoin(f"{site}/", url)
    if urlsplit(absolute)[:2] != urlsplit(site)[:2]:
        raise InvalidInput(_("Users can only be sent back to pages of this site."))
    return absolute
