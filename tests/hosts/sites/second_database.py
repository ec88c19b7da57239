"""Users and money live in a second database; the tests do not let anybody near the first, which requests would open."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - a site is the smallest one and what differs

_money = database("money")
_money["TEST"]["DEPENDENCIES"] = []  # the first one is not even made
DATABASES = {
    "default": {**database("first"), "ATOMIC_REQUESTS": True},
    "money": {**_money, "ATOMIC_REQUESTS": True},
}
DATABASE_ROUTERS = ["tests.hosts.routers.MoneyApart"]
