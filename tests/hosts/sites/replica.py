"""What our code reads by default is read from a replica that always lags: any such read fails."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - a site is the smallest one and what differs

_primary = database("replica")
DATABASES = {"default": _primary, "replica": {**_primary, "TEST": {"MIRROR": "default"}}}
DATABASE_ROUTERS = ["tests.hosts.routers.ReadsFromReplica"]
