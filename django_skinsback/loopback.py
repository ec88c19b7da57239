"""The host names of this machine."""

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_loopback(host: str | None) -> bool:
    """Return whether ``host`` is a name or address of this machine. ``host`` contains no port."""
    return host in _LOOPBACK
