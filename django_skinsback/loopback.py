"""Which host names mean this machine."""

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_loopback(host: str | None) -> bool:
    """Whether ``host`` is a name or address of this machine, as ``urlsplit(...).hostname`` gives it: no port."""
    return host in _LOOPBACK
