"""Writes the marked part of ``commands.md`` from the commands: ``python docs/command_pages.py``."""

import os
import sys
from argparse import SUPPRESS, Action
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.core.management import get_commands, load_command_class

PAGE = Path(__file__).parent / "commands.md"
BEGIN, END = "<!-- from the code: python docs/command_pages.py -->", "<!-- end of the code's part -->"

DJANGO_OPTIONS = {"--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color"} | {
    "--force-color",
    "--skip-checks",
}
COMMON_OPTIONS = {"--account", "--json"}


def names() -> list[str]:
    """All commands except the sandbox, which has its own page."""
    return sorted(name for name in get_commands() if name.startswith("skinsback_") and name != "skinsback_sandbox")


def section(name: str) -> str:
    """The help of one command, without the options that all commands have."""
    command: Any = load_command_class("django_skinsback", name)
    parser = command.create_parser("manage.py", name)
    lines = [f"## {name}", "", command.help, "", "```sh"]
    for arguments, meaning in getattr(command, "examples", ()):
        lines += [f"# {meaning}", f"python manage.py {name} {arguments}".rstrip()]
    lines += ["```", ""]
    options = [
        action for action in parser._actions if not set(action.option_strings) & (DJANGO_OPTIONS | COMMON_OPTIONS)
    ]
    options = [action for action in options if action.help != SUPPRESS]
    if options:
        lines += ["| option | meaning |", "|---|---|", *map(_option, options), ""]
    if exit_codes := getattr(command, "exit_codes", {}):
        codes = "; ".join(f"**{code}** {meaning}" for code, meaning in sorted(exit_codes.items()))
        lines += [f"Exit codes, in addition to the common ones: {codes}.", ""]
    return "\n".join(lines)


def _option(action: Action) -> str:
    value = f" {action.metavar}" if action.metavar and action.option_strings else ""
    names = ", ".join(f"`{name}{value}`" for name in action.option_strings) or f"`{action.dest}`"
    meaning = (action.help or "").replace("%(default)s", str(action.default)).replace("%(const)s", str(action.const))
    return f"| {names} | {meaning.replace('|', '&#124;')} |"


def written(page: str) -> str:
    """The page with its marked part rewritten from the code."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{chr(10).join(map(section, names()))}\n{END}{after}"


if __name__ == "__main__":
    django.setup()
    PAGE.write_text(written(PAGE.read_text()))
