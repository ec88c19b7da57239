"""Functions that check the address of the HTTP proxy, and return the address for the calls that use the proxy."""

import re
from urllib.parse import unquote, urlsplit

from .exceptions import ConfigurationError
from .loopback import is_loopback
from .sensitive import hide

EXPECTED = (
    "None or the address of an HTTP proxy, such as http://proxy.example:3128 or "
    "https://user:password@proxy.example:3128; SOCKS is not supported, "
    "and special characters of user and password are percent-encoded"
)

_ADDRESS = re.compile(r"https?://(?:[^\s:@/?#]+:[^\s:@/?#]+@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")
_NAME = re.compile(r"[\x20-\x39\x3b-\x7e]+")  # no colon: in HTTP, a colon separates the user from the password
_PASSWORD = re.compile(r"[\x20-\x7e]+")


def is_proxy_url(value: object) -> bool:
    """Return whether ``value`` is the address of an HTTP proxy that the libraries requests and websockets can use."""
    if not isinstance(value, str) or not value.isascii() or not _ADDRESS.fullmatch(value):
        return False
    try:
        parts = urlsplit(value)
        if parts.port == 0:
            return False
    except ValueError:
        return False
    if parts.username is None:
        return True
    return bool(_NAME.fullmatch(unquote(parts.username)) and _PASSWORD.fullmatch(unquote(parts.password or "")))


def proxy_for(url: str, proxy_url: str | None) -> str | None:
    """Return the address of the proxy to use for ``url``, as SensitiveText.

    Return None if ``proxy_url`` is None. Return None if ``url`` is on this machine, because a proxy could not reach a
    sandbox on this machine. Raises ConfigurationError if the proxy's address cannot be used. The message does not
    contain the address.
    """
    if proxy_url is None:
        return None
    proxy_url = hide(proxy_url)
    if not is_proxy_url(proxy_url):
        raise ConfigurationError(f"The proxy (PROXY_URL) must be {EXPECTED}.")
    return None if is_loopback(urlsplit(url).hostname) else proxy_url
