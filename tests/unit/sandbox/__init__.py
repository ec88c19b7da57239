"""The sandbox, tested without Django and mostly without sockets."""

from werkzeug.test import Client

from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET

KEYS = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": CLIENT_SECRET}
PARTNER, TOKEN = "90382795", "i1ArBZey"
STEAM_ID = "76561198827262007"
START = 1_750_000_000
DAY = 86400


def call(sandbox, method, **params):
    """Call an API method with valid keys and return the decoded answer."""
    return Client(sandbox.app).post("/api.php", data={"method": method, **params}, headers=KEYS).get_json()


def skin(sandbox, game="cs2", at_least=0):
    """A skin that is for sale."""
    items = sandbox.state.stock.values()
    return next(item for item in items if item.game == game and item.price >= at_least and not item.sold)


def buy(sandbox, custom_id="c1", token=TOKEN, game="cs2"):
    """Buy a skin over the API and return the purchase."""
    params = {"id": skin(sandbox, game).skin_id, "partner": PARTNER, "token": token, "custom_id": custom_id}
    assert call(sandbox, "market_buy", **params)["status"] == "success"
    return sandbox.purchase(custom_id)


def refused(code, message):
    """The answer to a call that is refused."""
    return {"status": "error", "error_code": code, "error_message": message}


def statuses(row):
    """The statuses that a deposit or a purchase had."""
    return [status for status, _ in row.history]
