"""A new site is made exactly as the README says, and its first deposit is credited through the sandbox."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from tests.e2e.new_sites import Site, append

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

LOG_IN = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User

user = User.objects.create_user("alice")
session = import_module(settings.SESSION_ENGINE).SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
session.save()
print("session", session.session_key)
"""

WALLETS = """
from wallet.models import Wallet

for wallet in Wallet.objects.all():
    print(wallet.user, wallet.currency, wallet.balance)
"""

BUY = """
from decimal import Decimal
from django.contrib.auth.models import User
from django_skinsback import purchases
from django_skinsback.models import Purchase
from wallet.models import InsufficientBalance, Wallet

balance = Wallet.objects.get().balance


def try_to_buy(name, charge, currency="usd"):
    user, _ = User.objects.get_or_create(username=name)
    url = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
    skin = {"market_hash_name": "any", "game": "rust", "max_price": 1}
    try:
        purchases.buy(user=user, trade_url=url, charge=charge, charge_currency=currency, **skin)
    except InsufficientBalance:
        print(name, "vetoed")
    else:
        print(name, "bought")


try_to_buy("newcomer", "44")
try_to_buy("alice", balance + Decimal("0.000001"))
try_to_buy("alice", "1", currency="eur")
try_to_buy("alice", balance)
wallets = Wallet.objects.values_list("user__username", "currency", "balance")
print("purchases", Purchase.objects.count(), "wallets", *wallets)
"""


def quickstart_blocks():
    """Return the code blocks of the quickstart by the name of their file."""
    quickstart = README.partition("## Quickstart")[2].partition("\n## ")[0]
    return dict(re.findall(r"\*\*\d\. `(\w+\.py)`\*\*.*?```python\n(.*?)```", quickstart, flags=re.DOTALL))


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.stop()


@pytest.mark.timeout(180)
def test_a_new_site_made_by_the_quickstart_credits_its_first_deposit_and_vetoes_purchases_above_the_balance(site):
    blocks = quickstart_blocks()
    assert list(blocks) == ["settings.py", "urls.py", "models.py"]
    site.run("django-admin startproject mysite .")
    site.manage("startapp", "wallet")
    append(site.folder / "mysite/settings.py", 'INSTALLED_APPS += ["wallet"]\n')

    append(site.folder / "mysite/settings.py", blocks["settings.py"].replace(":8600", f":{site.ports[1]}"))
    append(site.folder / "mysite/urls.py", blocks["urls.py"])
    append(site.folder / "wallet/models.py", blocks["models.py"])

    checked = site.manage("check")
    assert "no issues" in checked, checked
    site.manage("makemigrations")
    site.manage("migrate")
    session = re.search(r"session (\w+)", site.manage("shell", "-c", LOG_IN)).group(1)

    site.start("skinsback_sandbox")
    site.start("runserver")

    answer = requests.get(f"{site.address}/deposit/", cookies={"sessionid": session}, allow_redirects=False, timeout=20)
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(f"{site.sandbox}/_/pay/")
    order_id = site.manage(
        "shell", "-c", "from django_skinsback.models import Deposit; print(Deposit.objects.get().order_id)"
    ).split()[-1]
    for step in ("choose", "accept"):
        done = requests.post(f"{site.sandbox}/_sandbox/deposits/{order_id}/{step}", json={}, timeout=20)
        assert done.ok, done.text

    credited = site.wait_until(
        lambda: re.findall(r"alice usd ([\d.]+)", site.manage("shell", "-c", WALLETS)), "the credit"
    )
    assert Decimal(credited[0]) > 0

    bought = site.manage("shell", "-c", BUY).splitlines()
    assert bought[-5:-1] == ["newcomer vetoed", "alice vetoed", "alice vetoed", "alice bought"]
    assert bought[-1] == "purchases 1 wallets ('alice', 'usd', Decimal('0.000000'))"


def test_the_first_25_lines_hold_problem_steps_and_result():
    top = README.splitlines()[:25]

    steps = [line for line in top if re.match(r"\d\. ", line)]
    assert len(steps) == 3
    assert any("credited once" in line for line in top)
    assert any("make demo" in line for line in top)
    assert any("make test" in line for line in top)
