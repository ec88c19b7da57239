"""Runs the tests of the webhooks, and of some flows, under the settings of different sites."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(400)

CONTRACTS = ["tests/contracts", "tests/integration/deposits/test_deposit_reports.py"]
PURCHASES = ["tests/integration/purchases/test_purchase_reports.py"]
SENDING = ["tests/integration/purchases/test_purchase_life.py"]
DESK = ["tests/integration/desk/test_desk_page.py", "tests/integration/desk/test_summary_tag.py"]
ADMIN = [
    "tests/integration/admin/test_admin_pages.py",
    "tests/integration/admin/test_buy.py",
    *DESK,
    "-k",
    "inline or page or Walk",
]
PLAYERS = ["tests/integration/players/test_guard.py", "tests/integration/market/test_quotes.py"]
PROFILES = ["tests/integration/players/test_steam_profiles.py", "tests/integration/purchases/test_quoted.py"]
KEYS = ["tests/integration/deposits/test_idempotency.py", "tests/integration/purchases/test_idempotency.py"]
PAGES = ["tests/hosts/admin_pages.py"]
DESK_QUERIES = ["tests/integration/desk/test_queues.py", "tests/integration/desk/test_exposure.py"]
COMMITS = ["tests/hosts/commits.py"]
OWN_TRANSACTIONS = [
    f"--deselect={name}"
    for name in (
        # These use a database transaction or a commit hook of the default database.
        "tests/integration/deposits/test_deposit_reports.py::test_signals_for_changes_and_reviews_are_sent_after_the_commit",
    )
]
NO_PROXY = [
    # At this site a forwarding header is stored.
    "--deselect=tests/contracts/test_webhooks.py::test_credentials_in_headers_are_not_stored"
]

SITES = {
    "atomic_requests": [*CONTRACTS, *COMMITS],
    "strict": CONTRACTS,
    "uuid_user": [*CONTRACTS, *PAGES, *PLAYERS, *PROFILES, *DESK],
    "naive_time": [*CONTRACTS, *SENDING, *PAGES, *PLAYERS, *DESK, *DESK_QUERIES],
    "replica": [
        *CONTRACTS,
        *PURCHASES,
        *SENDING,
        *PLAYERS,
        *PROFILES,
        *KEYS,
        "tests/integration/players/test_freeze.py",
        "tests/integration/purchases/test_send.py",
        "tests/integration/webhooks/test_deliveries.py",
        *DESK_QUERIES,
    ],
    "second_database": [*CONTRACTS, *PURCHASES, *COMMITS, *PLAYERS, *DESK_QUERIES, *OWN_TRANSACTIONS],
    "proxied": [*CONTRACTS, *NO_PROXY],
    "steam_logins": ["tests/hosts/steam_logins.py", "-W", "ignore"],  # the packages themselves cause warnings
}


def run(site: str, *arguments: str) -> None:
    """Run tests in a process and a database of their own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    environment["TEST_HOST_SUFFIX"] = os.environ.get("PYTEST_XDIST_WORKER", "main")
    plugins = ["-p", "tests.hosts.plugin", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, f"--ds=tests.hosts.sites.{site}", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=360, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


ON_EVERY_DATABASE = {"naive_time", "second_database"}
"""Sites whose differences concern the database; the others differ only before it."""


@pytest.mark.parametrize(
    "site", [pytest.param(site, marks=[pytest.mark.database] * (site in ON_EVERY_DATABASE)) for site in SITES]
)
def test_the_tests_of_webhooks_and_flows_pass_at_a_site_with(site):
    run(site, *SITES[site])


def test_no_admin_page_has_a_script_or_a_style_that_a_strict_policy_would_block():
    run("inline_forbidden", *ADMIN)


@pytest.mark.parametrize("site", ["uuid_user", "naive_time", "second_database"])
def test_no_site_needs_migrations_of_its_own_for_the_package(site):
    command = [sys.executable, "-m", "django", "makemigrations", "skinsback", "--check", "--dry-run"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": f"tests.hosts.sites.{site}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
