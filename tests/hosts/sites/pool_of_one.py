"""Each process has one connection to the database, from psycopg's pool, and waits two seconds for it."""

from tests.settings import *  # noqa: F403 - settings module built on another
from tests.settings import DATABASES

DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": 1, "timeout": 2}  # type: ignore[index]
