"""The package works without its extras: each part that needs one is imported by nothing else."""

import subprocess
import sys
from pathlib import Path

import django_skinsback

PACKAGE = Path(django_skinsback.__file__).parent
NEED_AN_EXTRA = ("rest.", "sandbox.", "tasks", "testing")
WITHOUT = """
import importlib, sys, warnings

for name in ("celery", "kombu", "websockets", "werkzeug", "factory", "tqdm", "pytest", "rest_framework"):
    sys.modules[name] = None

import django
from django.core.management import call_command

warnings.simplefilter("error")
django.setup()
call_command("check")
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_every_module_is_imported_and_the_checks_pass_without_any_extra():
    paths = [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py")]
    names = sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)
    names = [name for name in names if not name.removeprefix("django_skinsback.").startswith(NEED_AN_EXTRA)]

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *names],
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(names) > 80


def test_the_rest_api_without_its_extra_says_what_to_install():
    code = (
        "import sys; sys.modules['rest_framework'] = None\n"
        "import django; django.setup()\n"
        "import django_skinsback.rest.urls"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "pip install 'django-skinsback[rest]'" in done.stderr.splitlines()[-1]
