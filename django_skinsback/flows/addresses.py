"""Functions that return absolute URLs of this site, which are sent to SkinsBack."""

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, URLResolver, get_resolver, reverse
from django.utils.translation import gettext as _

from .. import conf
from ..exceptions import ConfigurationError, InvalidInput
from ..loopback import is_loopback

APP_NAME = "skinsback"
URLS_HINT = 'add path("skinsback/", include("django_skinsback.urls")) to the root URLconf, outside of other namespaces.'


def site_url(request: HttpRequest | None = None) -> str | None:
    """Return the scheme and host of this site, such as ``https://your.site``.

    The setting ``SITE_URL`` is used. If it is not set, the request is used. If there is no request either, None is
    returned.

    Raises ConfigurationError if the address is not https. ``http`` is accepted for a loopback host, and for every host
    while DEBUG is on. Raises DisallowedHost if the host of the request is not in ``ALLOWED_HOSTS``.
    """
    address = conf.get("SITE_URL") or (request and request.build_absolute_uri("/"))
    if not address:
        return None
    parts = urlsplit(address)
    secure = parts.scheme == "https" or (parts.scheme == "http" and (is_loopback(parts.hostname) or settings.DEBUG))
    if not secure or not parts.hostname:
        raise ConfigurationError(
            "SkinsBack must reach this site over https: set SKINSBACK['SITE_URL'] to 'https://your.site'."
        )
    return f"{parts.scheme}://{parts.netloc}"


def webhook_url(name: str, account: str, request: HttpRequest | None = None) -> str | None:
    """Return the absolute URL of a webhook. Return None if the address of this site is not known.

    ``name`` is ``result`` or ``events``. ``account`` is the alias of the account. Raises ConfigurationError if the
    webhook URLs are not in the URLconf.
    """
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
    """Return an error text if the webhook URLs are only inside another URL namespace. Otherwise return empty text."""
    namespaces = list(_enclosing_namespaces(get_resolver()))
    if not namespaces or "" in namespaces:
        return ""
    return f"The webhook addresses are inside the URL namespace {namespaces[0]!r}, where they cannot be found"


def _enclosing_namespaces(resolver: URLResolver, enclosing: str = "") -> Iterator[str]:
    """Yield one text for each include of this package's URLs: the enclosing namespaces, joined by colons."""
    for entry in resolver.url_patterns:
        if not isinstance(entry, URLResolver):
            continue
        if entry.app_name == APP_NAME:
            yield enclosing
        else:
            yield from _enclosing_namespaces(entry, ":".join(filter(None, [enclosing, entry.namespace])))


def page_url(url: str | None, request: HttpRequest | None = None) -> str | None:
    """Return the absolute URL of a page of this site. Return None if ``url`` is empty.

    ``url`` is a path or an absolute URL. Raises InvalidInput for a page of another site. Raises ConfigurationError if
    the address of this site is not known.
    """
    if not url:
        return None
    site = site_url(request)
    if site is None:
        raise ConfigurationError("A return page needs this site's address: set SKINSBACK['SITE_URL'] or pass request.")
    absolute = urljoin(f"{site}/", url)
    if urlsplit(absolute)[:2] != urlsplit(site)[:2]:
        raise InvalidInput(_("Users can only be sent back to pages of this site."))
    return absolute
