"""A site with a replica: what a user sees of his own rows is read where it was written."""

import pytest
from django.db import connections

from django_skinsback import purchases
from django_skinsback.models import Deposit, Purchase

pytestmark = pytest.mark.django_db

OWN_ROWS = {"deposit", "purchase", "quote", "ledgerentry", "statuschange", "steamprofile", "freeze"}


class Replica:
    """Sends the reads of a user's own rows to a database without tables."""

    def db_for_read(self, model, **_hints):
        return "replica" if model._meta.model_name in OWN_ROWS else "default"

    def db_for_write(self, model, **_hints):
        return "default"


@pytest.fixture(autouse=True)
def _replica(item, rich, settings):
    connections.settings["replica"] = {
        **connections.settings["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        "OPTIONS": {},
    }
    settings.DATABASE_ROUTERS = [f"{__name__}.Replica"]
    yield
    connections["replica"].close()
    del connections["replica"], connections.settings["replica"]


def test_no_answer_is_read_from_the_replica(caller, sandbox, item):
    deposit = caller.post("deposits/", key="k").json()
    assert caller.post("deposits/", key="k").json() == deposit
    sandbox.pay(Deposit.objects.using("default").get().order_id, held=False)
    sandbox.deliver_pending()
    quote = caller.post("quotes/", {"game": "cs2", "market_hash_name": item.market_hash_name}).json()
    purchase = caller.post("purchases/", {"quote": quote["id"]}).json()
    purchases.submit(Purchase.objects.using("default").get())
    for path in [
        f"deposits/{deposit['id']}/",
        f"purchases/{purchase['id']}/",
        f"quotes/{quote['id']}/",
        *("deposits/", "purchases/", "ledger/", "balances/", "steam-profile/", "config/", "inventory/"),
    ]:
        assert caller.get(path).status_code == 200, path
