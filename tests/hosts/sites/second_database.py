"""Users and money are in a second database. The tests allow no query on the first one."""

from tests.hosts.sites import database
from tests.settings import *  # noqa: F403 - settings module built on another

_money = database("money")
_money["TEST"]["DEPENDENCIES"] = []  # the first one is not created
DATABASES = {
    "default": {**database("first"), "ATOMIC_REQUESTS": True},
    "money": {**_money, "ATOMIC_REQUESTS": True},
}
DATABASE_ROUTERS = ["tests.hosts.routers.MoneyApart"]
