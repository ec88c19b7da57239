"""The examples of ``docs/rest.md`` run against a live server: the shell ones with curl, the others with Node.js."""

import json
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings as site
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client

from django_skinsback import players, purchases
from django_skinsback.flows.market.prices import sync_prices
from django_skinsback.models import Deposit, LedgerEntry, MarketItem, Purchase
from tests.wallet.models import Wallet

from .conftest import TRADE_URL

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (shutil.which("curl") and shutil.which("node")), reason="needs curl and Node.js"),
]

PAGE = (Path(__file__).parents[3] / "docs/rest.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def alice(user):
    user.set_password("secret")
    user.save()
    Wallet.objects.create(user=user, balance=Decimal(1000))
    return user


def run(command, text, folder):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_shell_examples_work_in_their_order(alice, sandbox, live_server, tmp_path):
    scripts = [block for block in blocks("sh") if "pip install" not in block]
    script = "set -eu\n" + "\n".join(scripts).replace("https://your.site", live_server.url)

    printed = run(["sh"], script, tmp_path)

    assert '"has_trade_url":true' in printed
    deposit = Deposit.objects.get()
    assert f'"id":"{deposit.public_id}"' in printed
    assert json.loads((tmp_path / "deposit.json").read_text())["id"] == str(deposit.public_id)
    assert printed.endswith("304\n")


BROWSER = """
const site = {server: %s, cookie: %s};
globalThis.document = {cookie: site.cookie};
const request = globalThis.fetch;
let lost = 0;
globalThis.fetch = async (path, options) => {
  const answer = await request(site.server + path, {...options, headers: {...options.headers, Cookie: site.cookie}});
  if (lost-- > 0) throw new TypeError("the connection is lost");
  return answer;
};
const shorter = globalThis.setTimeout;
globalThis.setTimeout = (done, delay) => shorter(done, delay / 20);
"""


def run_in_node(user, live_server, script, folder):
    http = Client()
    http.force_login(user)
    session = http.cookies[site.SESSION_COOKIE_NAME].value
    cookie = f"{site.SESSION_COOKIE_NAME}={session}; {site.CSRF_COOKIE_NAME}={_get_new_csrf_string()}"
    browser = BROWSER % (json.dumps(live_server.url), json.dumps(cookie))
    program = "\n".join([browser, *blocks("js"), f"const result = await (async () => {{ {script} }})();"])
    file = folder / "example.mjs"
    file.write_text(f"{program}\nconsole.log(JSON.stringify(result));\n", encoding="utf-8")
    return json.loads(run(["node", str(file)], "", folder))


def test_a_front_end_opens_a_deposit_once_although_answers_are_lost(alice, sandbox, live_server, tmp_path):
    opened = run_in_node(alice, live_server, 'lost = 2; return send("deposits/", {game: "cs2"});', tmp_path)

    assert opened["id"] == str(Deposit.objects.get().public_id)
    assert len(sandbox.store.state.deposits) == 1


def test_a_front_end_watches_a_deposit_until_it_is_paid(alice, sandbox, live_server, tmp_path):
    deposit_id = run_in_node(alice, live_server, 'return (await send("deposits/", {})).id;', tmp_path)
    sandbox.pay(Deposit.objects.get().order_id, held=False)
    sandbox.deliver_pending()
    script = f'const seen = []; await watch("deposits/{deposit_id}/", (row) => seen.push(row.status)); return seen;'

    assert run_in_node(alice, live_server, script, tmp_path) == ["success"]


@pytest.fixture
def item(sandbox):
    sync_prices(game="cs2")
    return MarketItem.objects.filter(price__lt=100).order_by("pk")[0]


def test_a_front_end_buys_at_the_price_that_the_user_accepts(alice, item, live_server, tmp_path):
    players.set_trade_url(alice, TRADE_URL)
    name = json.dumps(item.market_hash_name)
    script = f'return [await buy("cs2", {name}, () => false), await buy("cs2", {name}, () => true)];'

    declined, bought = run_in_node(alice, live_server, script, tmp_path)

    purchase = Purchase.objects.get()
    assert declined is None
    assert bought["id"] == str(purchase.public_id)
    assert LedgerEntry.objects.get().amount == -purchase.charge_amount


def test_a_front_end_watches_a_purchase_with_conditional_requests(alice, item, sandbox, live_server, tmp_path):
    players.set_trade_url(alice, TRADE_URL)
    quote = players.make_quote(alice, "cs2", item.market_hash_name)
    row = purchases.submit(players.buy_quote(alice, quote.public_id))
    script = f"""
      const first = await call("purchases/{row.public_id}/");
      const second = await call("purchases/{row.public_id}/", {{tag: first.tag}});
      return [first.data.status, second.data === undefined, first.tag === second.tag];
    """

    assert run_in_node(alice, live_server, script, tmp_path) == ["creating_trade", True, True]


def test_a_front_end_reads_the_code_of_a_refusal(alice, sandbox, live_server, tmp_path):
    script = """
      try {
        await send("purchases/", {quote: crypto.randomUUID()});
      } catch (problem) {
        return [problem.code, problem.message];
      }
    """

    assert run_in_node(alice, live_server, script, tmp_path) == ["not_found", "Nothing was found at this address."]
