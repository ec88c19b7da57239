"""A client for each account, made of the settings."""

import os
import threading
from functools import partial

from . import conf, ratelimit
from .client import SkinsBackClient
from .exceptions import ACCOUNT_WIDE, APIError

__all__ = ["get_client"]

_local = threading.local()


def get_client(account: str = conf.DEFAULT_ACCOUNT) -> SkinsBackClient:
    """This thread's client of ``account``, whose connections stay open from one call to the next.

    It is made anew when the settings have changed, and in a process that was forked. Raises ConfigurationError for an
    alias that is not in the settings, and where its keys are missing or cannot be used.
    """
    keys = conf.keys(account)
    options = {
        "api_url": conf.api_url(),
        "authentication": conf.get("AUTHENTICATION"),
        "timeout": conf.timeout(),
        "proxy_url": conf.proxy_url(),
    }
    limiter = ratelimit.current()
    recipe = (os.getpid(), keys, limiter, *options.values())
    clients: dict[str, tuple[object, SkinsBackClient]] = _local.__dict__.setdefault("clients", {})
    kept = clients.get(account)
    if kept is not None and kept[0] == recipe:
        return kept[1]
    if kept is not None:
        kept[1].close()
    turn = partial(limiter.call, account) if limiter else None
    client = SkinsBackClient(keys.client_id, keys.client_secret, limiter=turn, **options)
    clients[account] = (recipe, client)
    return client


def require_answer(account: str) -> None:
    """Raise the error of another call (``balance``) if SkinsBack gives no readable answer to that call either.

    Called after an unreadable answer, to tell one bad row from an outage.
    """
    try:
        get_client(account).call("balance")
    except ACCOUNT_WIDE:
        raise
    except APIError:
        pass
