"""``django_skinsback.testing`` in test runs of sites with different settings."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

SETTINGS = """
SECRET_KEY = "tests"
USE_TZ = True
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django_skinsback"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""
URLS = """
from django.urls import include, path
urlpatterns = [path("pay/", include("django_skinsback.urls"))]
"""
SITES = {
    "nothing but the package": "",
    "https behind a proxy": "SECURE_SSL_REDIRECT = True\nSECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')",
    "a script name and https": "FORCE_SCRIPT_NAME = '/shop/'\nSECURE_SSL_REDIRECT = True",
    "the quickstart's settings": "from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET\n"
    "SKINSBACK = {'CLIENT_ID': CLIENT_ID, 'CLIENT_SECRET': CLIENT_SECRET, 'SITE_URL': 'https://shop.example'}",
}

PAUSES = """
import pytest
from django_skinsback.connection import get_client
from django_skinsback.exceptions import AccountFault, RateLimited
from django_skinsback.ratelimit import background


@pytest.fixture
def limited(skinsback_sandbox, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "REQUESTS_PER_MINUTE": 480}
    return skinsback_sandbox


@pytest.mark.parametrize("time", [1, 2, 3])
def test_every_test_begins_without_a_pause(limited, time):
    get_client().get_balance()
    with background():
        get_client("second").get_balance()
    limited.faults.add("shop_not_active", "balance")
    with pytest.raises(AccountFault):
        get_client("second").get_balance()
    limited.faults.add("rate_limited", "balance")
    with pytest.raises(RateLimited):
        get_client().get_balance()
"""


def documented_tests():
    """The page's python, in order; the first block is the conftest."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs/testing.md").read_text(), flags=re.DOTALL)


def run_tests(folder, settings, tests, conftest='pytest_plugins = ["django_skinsback.testing"]'):
    """Run a site's tests as it does, in a process and a folder of its own."""
    files = {
        "site_settings.py": f"{SETTINGS}\n{settings}\n",
        "site_urls.py": URLS,
        "conftest.py": conftest,
        "test_site.py": tests,
        "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = site_settings\npythonpath = .\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    environment |= {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "site_settings"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # a site has pytest-django; loading all of ours takes longer
    plugins = ["-p", "no:cacheprovider", "-p", "pytest_django.plugin"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "test_site.py"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("site", SITES)
def test_the_documented_tests_pass_at_a_site_with(tmp_path, site):
    conftest, *tests = documented_tests()
    code, printed = run_tests(tmp_path, SITES[site], "\n".join(tests), conftest)
    assert code == 0, printed[-5000:]
    assert "5 passed" in printed


def test_a_pause_of_one_test_does_not_reach_the_next_though_the_site_never_clears_its_cache(tmp_path):
    code, printed = run_tests(tmp_path, "", PAUSES)
    assert code == 0, printed[-5000:]


@pytest.mark.parametrize(
    ("module", "library", "extra"),
    [
        ("testing", "factory", "testing"),
        ("testing", "pytest", "testing"),
        ("testing", "werkzeug", "testing"),
        ("tasks", "celery", "celery"),
    ],
)
def test_a_module_without_its_extra_names_the_extra_to_install(module, library, extra):
    setup = "import sys; from django.conf import settings; settings.configure(INSTALLED_APPS="
    setup += (
        "['django.contrib.auth', 'django.contrib.contenttypes', 'django_skinsback']); import django; django.setup()"
    )
    code = f"{setup}; sys.modules[{library!r}] = None; import django_skinsback.{module}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        f"ImportError: django_skinsback.{module} needs {library}: pip install 'django-skinsback[{extra}]'"
    ), done.stderr
