"""Copy everything except the package to the current directory, so that tests there import the installed wheel."""

import os
import shutil
from pathlib import Path

LEFT_OUT = shutil.ignore_patterns("django_skinsback", ".*", "*.egg-info", "__pycache__", "build", "dist", "mutants")

if __name__ == "__main__":
    shutil.rmtree(target := Path.cwd(), ignore_errors=True)
    shutil.copytree(os.environ["SOURCE_TREE"], target, ignore=LEFT_OUT, dirs_exist_ok=True)
