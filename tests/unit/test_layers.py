"""Which modules may import which, and which libraries an import may load."""

import subprocess
import sys
from pathlib import Path

import pytest

import django_skinsback

ROOT = Path(__file__).parents[2]

PURE = [
    "exceptions",
    "sensitive",
    "statuses",
    "schedule",
    "steam",
    "money",
    "proxy",
    "wire.answers",
    "wire.arguments",
    "wire.fields",
    "wire.limits",
    "wire.market",
    "wire.notifications",
    "wire.pricelist",
    "wire.readers",
    "wire.requests",
    "wire.signing",
    "wire.types",
    "client",
    "client.transport",
    "realtime",
    "websocket",
    "sandbox",
    "sandbox.sandbox",
    "sandbox.__main__",
]


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that has seen no settings."""
    return subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_list_of_pure_modules_is_whole():
    package = Path(django_skinsback.__file__).parent
    wire = {f"wire.{path.stem}" for path in (package / "wire").glob("*.py") if path.stem != "__init__"}
    assert wire == {name for name in PURE if name.startswith("wire.")}


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_is_imported_without_django_and_without_celery(name):
    done = python(
        f"import django_skinsback.{name}\n"
        "unwanted = {'django', 'celery', 'rest_framework', 'kombu'} & set(sys.modules)\n"
        "assert not unwanted, unwanted"
    )
    assert done.returncode == 0, done.stderr


def test_the_sandboxes_keys_cost_neither_werkzeug_nor_requests():
    done = python(
        "from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET\n"
        "assert CLIENT_ID and CLIENT_SECRET\n"
        "unwanted = {'werkzeug', 'requests', 'django'} & set(sys.modules)\n"
        "assert not unwanted, unwanted"
    )
    assert done.returncode == 0, done.stderr


SITE = """
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_skinsback"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    SECRET_KEY="tests",
    ROOT_URLCONF="django_skinsback.urls",
    SKINSBACK={"CLIENT_ID": "1", "CLIENT_SECRET": "123"},
)
django.setup()
"""


def test_starting_a_site_imports_no_optional_library():
    done = python(
        f"{SITE}\n"
        "unwanted = {'requests', 'celery', 'rest_framework', 'werkzeug', 'msgspec', 'pytest', 'factory'}\n"
        "unwanted.add('websockets')\n"
        "found = unwanted & set(sys.modules)\n"
        "assert not found, found"
    )
    assert done.returncode == 0, done.stderr


def test_the_urls_and_the_checks_need_no_network_library_either():
    done = python(
        f"{SITE}\n"
        "from django.core import checks\n"
        "from django.urls import reverse\n"
        "assert reverse('result')\n"
        "checks.run_checks()\n"
        "found = {'requests', 'celery', 'rest_framework', 'werkzeug'} & set(sys.modules)\n"
        "assert not found, found"
    )
    assert done.returncode == 0, done.stderr


def test_the_flows_do_not_import_celery():
    done = python(
        f"{SITE}\n"
        "import django_skinsback.deposits, django_skinsback.purchases, django_skinsback.flows.polling.purchases\n"
        "import django_skinsback.flows.market.prices, django_skinsback.flows.webhooks.receive\n"
        "assert 'celery' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_imports_go_downward_only():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
