"""New sites that are made from the code blocks of a page of the documentation, and run with ``manage.py``."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from tests.e2e.conftest import free_ports

PASSWORD = "for-this-test-only"
SERVERS = {"skinsback_sandbox", "runserver", "skinsback_poll"}
"""Commands that run until they are stopped."""

BLOCKS = re.compile(
    r"^\*\*`(?P<path>[\w./]+)`\*\*[^\n]*\n\n```\w+\n(?P<file>.*?)^```"
    r"|^```sh\n(?P<shell>.*?)^```"
    r"|^```python\n(?P<code>.*?)^```",
    flags=re.DOTALL | re.MULTILINE,
)


@dataclass
class Block:
    """A code block of a page. ``path`` is the file that it belongs to; empty for commands and for other code."""

    text: str
    path: str = ""
    is_shell: bool = False

    @property
    def lines(self):
        """The lines that are not blank."""
        return [line for line in self.text.splitlines() if line.strip()]


def blocks_of(page):
    """Return the code blocks of a Markdown text in their order."""
    found = []
    for match in BLOCKS.finditer(page):
        if match["path"]:
            found.append(Block(match["file"], path=match["path"]))
        else:
            found.append(Block(match["shell"] or match["code"], is_shell=match["shell"] is not None))
    assert len(found) == page.count("\n```") // 2, "a block is of no known kind"
    return found


def append(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{path.read_text()}\n{text}" if path.exists() else text)


@dataclass
class Site:
    """A site in a folder of its own, with its server and its sandbox on free ports."""

    folder: Path
    ports: list[int] = field(default_factory=lambda: free_ports(2))
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self):
        inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        user = {"USERNAME": "alice", "EMAIL": "alice@shop.example", "PASSWORD": PASSWORD}
        self.environment = {**inherited, **{f"DJANGO_SUPERUSER_{name}": value for name, value in user.items()}}

    @property
    def address(self):
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def sandbox(self):
        return f"http://127.0.0.1:{self.ports[1]}"

    def write(self, block):
        """Add the block to its file."""
        append(self.folder / block.path, block.text.replace(":8600", f":{self.ports[1]}"))

    def run(self, line):
        """Run one line of a shell block. What installs the package is skipped: it is installed."""
        words = line.split()
        if words[:2] == ["pip", "install"]:
            return
        if words[0] == "django-admin":
            self.python("-m", "django", *words[1:])
            return
        assert words[:2] == ["python", "manage.py"], line
        command, *arguments = words[2:]
        if command in SERVERS:
            self.start(command, *arguments)
        else:
            self.manage(command, *arguments, *(["--noinput"] if command == "createsuperuser" else []))

    def python(self, *arguments, **options):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def manage(self, *arguments, **options):
        """Run a command to its end and return what it prints."""
        return self.python("manage.py", *arguments, **options)

    def start(self, command, *arguments):
        """Start a command that runs until ``stop``. Wait until a server answers."""
        ports = {"runserver": ["--noreload", str(self.ports[0])], "skinsback_sandbox": ["--port", str(self.ports[1])]}
        with (self.folder / f"{command}.log").open("w") as log:
            self.processes[command] = subprocess.Popen(
                [sys.executable, "manage.py", command, *arguments, *ports.get(command, [])],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        address = {"runserver": f"{self.address}/admin/login/", "skinsback_sandbox": self.sandbox}.get(command)
        if address:
            self.wait_until(lambda: requests.get(address, timeout=20).ok, f"starting {command}")

    def wait_until(self, condition, what, seconds=60):
        """Call ``condition`` until it is true, and return its result; fail after ``seconds``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if result := condition():
                    return result
            except (requests.ConnectionError, requests.Timeout):
                pass
            time.sleep(0.1)
        pytest.fail(f"{what} did not happen.\n{self.logs()}")

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=20)

    def logs(self):
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))
