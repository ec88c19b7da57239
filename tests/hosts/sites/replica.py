"""The package's reads go to a replica by default. The tests allow no query on it, so any such read fails."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - settings module built on another

_primary = database("replica")
DATABASES = {"default": _primary, "replica": {**_primary, "TEST": {"MIRROR": "default"}}}
DATABASE_ROUTERS = ["tests.hosts.routers.ReadsFromReplica"]
