"""The API client of an account. ``get_client`` makes it from the settings. Each thread has its own client."""

import os
import threading
from functools import partial

from . import conf, ratelimit
from .client import SkinsBackClient
from .exceptions import ACCOUNT_WIDE, APIError

__all__ = ["get_client"]

_local = threading.local()


def get_client(account: str = conf.DEFAULT_ACCOUNT) -> SkinsBackClient:
    """Return this thread's client of ``account``. The client keeps its connections open between calls.

    A new client is made if the settings have changed, and in a new process after a fork. Raises ConfigurationError if
    ``account`` is not in the settings, or if a key of the account is missing or cannot be used.
    """
    keys = conf.keys(account)
    options = {
        "api_url": conf.api_url(),
        "authentication": conf.get("AUTHENTICATION"),
        "timeout": conf.timeout(),
        "proxy_url": conf.proxy_url(),
    }
    limiter = ratelimit.current()
    made_from = (os.getpid(), keys, limiter, *options.values())
    clients: dict[str, tuple[object, SkinsBackClient]] = _local.__dict__.setdefault("clients", {})
    existing = clients.get(account)
    if existing is not None and existing[0] == made_from:
        return existing[1]
    if existing is not None:
        existing[1].close()
    limit_call = partial(limiter.call, account) if limiter else None
    client = SkinsBackClient(keys.client_id, keys.client_secret, limiter=limit_call, **options)
    clients[account] = (made_from, client)
    return client


def require_answer(account: str) -> None:
    """Call ``balance`` to check that the account gets readable answers. Return if there is a readable answer.

    Flows use this function after an unreadable answer about one row, to find out whether only this row fails.

    Raises UnknownOutcome if ``balance`` has no readable answer either. Raises account-wide errors. Any other APIError
    is a readable answer and is not raised.
    """
    try:
        get_client(account).call("balance")
    except ACCOUNT_WIDE:
        raise
    except APIError:
        pass
