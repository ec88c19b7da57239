"""The example shop has settings of its own, so its tests run in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_tests_of_the_example_shop_pass(tmp_path):
    environment = {**os.environ, "SKINSBACK_DEMO_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "example_project", "--ds", "example_project.config.settings"]
    quiet = ["-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [*command, *quiet], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
