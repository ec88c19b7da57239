"""Type checkers accept a site's correct code and reject code that would lose money."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONSUMER = "tests/typing/consumer.py"
PLAIN = "[mypy]\nstrict = true\nfollow_imports = silent\n"  # the package is checked with settings of its own
PLUGIN = (
    f"{PLAIN}plugins = mypy_django_plugin.main\n[mypy.plugins.django-stubs]\ndjango_settings_module = tests.settings\n"
)

pytestmark = pytest.mark.timeout(400)  # without a cache mypy reads all of Django's stubs


def checked(program, *arguments):
    command = [Path(sys.executable).with_name(program), *arguments, CONSUMER]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=390, check=False)


@pytest.fixture
def marked():
    lines = (ROOT / CONSUMER).read_text().splitlines()
    return {number for number, line in enumerate(lines, start=1) if line.endswith("  # error")}


@pytest.mark.parametrize("config", [PLAIN, PLUGIN], ids=["without the Django plugin", "with the Django plugin"])
def test_mypy_strict_rejects_the_marked_lines_and_no_other(tmp_path, marked, config):
    file = tmp_path / "mypy.ini"
    file.write_text(config)
    cache = ROOT / ".mypy_cache" / ("plugin" if config == PLUGIN else "plain")

    done = checked("mypy", f"--config-file={file}", f"--cache-dir={cache}", "--no-error-summary")

    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    rejected = {int(match[1]) for error in errors if (match := re.match(rf"{CONSUMER}:(\d+): ", error))}
    assert len(marked) >= 20
    assert rejected == marked, done.stdout + done.stderr
    assert all(error.startswith(CONSUMER) for error in errors), done.stdout


def test_pyright_rejects_the_marked_lines_and_no_other(marked):
    done = checked("pyright", "--outputjson", "--pythonpath", sys.executable)

    found = json.loads(done.stdout)["generalDiagnostics"]
    rejected = {each["range"]["start"]["line"] + 1 for each in found if each["severity"] == "error"}
    assert rejected == marked, done.stdout + done.stderr
