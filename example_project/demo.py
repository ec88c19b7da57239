"""Run the demo (``make demo``): the shop, a Celery worker with beat, a websocket listener, and the sandbox.

The demo needs no input and no network. Ctrl-C stops it. Its data stays in ``var/`` and is used again at the next start.
"""

import fcntl
import os
import queue
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from itertools import cycle
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.config.settings")

import django  # noqa: E402 - sys.path is set first
from django.conf import settings  # noqa: E402
from django.core.management import CommandError, call_command  # noqa: E402
from django.db import OperationalError  # noqa: E402
from django.urls import reverse  # noqa: E402
from honcho.colour import get_colours  # noqa: E402
from honcho.printer import Message, Printer  # noqa: E402
from honcho.process import Process  # noqa: E402

from django_skinsback.exceptions import SkinsBackError  # noqa: E402
from example_project import demo_database  # noqa: E402

MANAGE = [sys.executable, str(ROOT / "example_project" / "manage.py")]
START_SECONDS, STOP_SECONDS = 60, 10
PRICE_MULTIPLIER = "1"
"""Price multiplier of the project at SkinsBack. It must be below the shop's markup, see ``shop/prices.py``."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """The demo cannot start, or one of its processes ended. The message names the cause."""


class Processes:
    """Start, watch and stop the processes of the demo.

    Each process runs in its own session. Each printed line begins with the name of its process.
    """

    def __init__(self) -> None:
        self.messages: queue.Queue[Message] = queue.Queue()
        self.printer = Printer(sys.stdout, time_format="", width=len("listener"))  # the lines already contain a time
        self.colours = cycle(get_colours())
        self.process_ids: dict[str, int | None] = {}

    def start(self, name: str, *command: str, only_errors: bool = False) -> None:
        line = "exec " + shlex.join(command) + (" >/dev/null" if only_errors else "")
        process = Process(line, name=name, colour=next(self.colours), env=_environment(), cwd=ROOT)
        self.process_ids[name] = None
        Thread(target=process.run, args=(self.messages,), daemon=True).start()

    def wait(self, is_ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if time.monotonic() > deadline:
                raise DemoError(f"{what} did not answer within {START_SECONDS} seconds.")
            self._next(0.1)

    def watch(self) -> None:
        """Print the output of the processes until Ctrl-C. Raise DemoError if a process ends."""
        while True:
            self._next(1)

    def stop(self) -> None:
        """Send SIGTERM to every process and its children. After STOP_SECONDS, send SIGKILL to those that still run."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.process_ids and time.monotonic() < deadline:
            self._drain()
        self._signal(signal.SIGKILL)
        while self.process_ids:
            self._drain()

    def _drain(self) -> None:
        with suppress(DemoError):  # _next raises it when a process ends, which is expected here
            self._next(0.1)

    def _next(self, timeout_seconds: float) -> None:
        try:
            message = self.messages.get(timeout=timeout_seconds)
        except queue.Empty:
            return
        if message.type == "line" and message.data.strip():
            self.printer.write(message)
        elif message.type == "start":
            self.process_ids[message.name] = message.data["pid"]
        elif message.type == "stop":
            del self.process_ids[message.name]
            raise DemoError(f"The {message.name} ended unexpectedly (exit code {message.data['returncode']}).")

    def _signal(self, number: signal.Signals) -> None:
        for process_id in list(self.process_ids.values()):
            if process_id is not None:
                with suppress(ProcessLookupError):
                    os.killpg(process_id, number)


def main() -> int:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    processes = Processes()
    try:
        with _single_instance():
            _check_ports()
            _prepare()
            _start(processes)
            processes.watch()
    except KeyboardInterrupt:
        _print("\nStopping …")
        return 0
    except DemoError as error:
        _print(f"The demo cannot run: {error}")
        return 1
    finally:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        processes.stop()


@contextmanager
def _single_instance() -> Iterator[None]:
    """Hold a lock on the data folder. Raise DemoError if another demo holds it.

    Two demos in one folder would read each other's messages.
    """
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.VAR_DIR / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"another demo is running in {settings.VAR_DIR}. Stop it with Ctrl-C, "
                "or set SKINSBACK_DEMO_DIR, SITE_PORT and SANDBOX_PORT for a second one."
            ) from None
        yield


def _check_ports() -> None:
    for variable, port in (("SITE_PORT", settings.SITE_PORT), ("SANDBOX_PORT", settings.SANDBOX_PORT)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise DemoError(
                    f"port {port} is taken by another program. End that, or choose another: "
                    f"{variable}={port + 1} make demo"
                ) from None


def _prepare() -> None:
    settings.WORKER_READY_FILE.unlink(missing_ok=True)
    shutil.rmtree(settings.BROKER_DIR, ignore_errors=True)  # messages are not needed: the database has the due rows
    for folder in ("messages", "control"):
        (settings.BROKER_DIR / folder).mkdir(parents=True)
    django.setup()
    _prepare_database()
    call_command("seed")


def _prepare_database() -> None:
    try:
        _replace_database_of_other_migrations()
        call_command("migrate", verbosity=0, interactive=False)
    except OperationalError as error:
        raise DemoError(f"the database does not answer: {error} Look at DATABASE_URL.") from error
    demo_database.record_migrations()


def _replace_database_of_other_migrations() -> None:
    """Delete the demo's own database if its migrations differ from the files on disk.

    Raise DemoError if ``DATABASE_URL`` names the database: such a database is never deleted.
    """
    if not demo_database.has_other_migrations():
        return
    if demo_database.is_of_environment():
        raise DemoError(
            "the database of DATABASE_URL was made by other migrations, and the demo never deletes a database that it "
            "did not make. Name an empty database in DATABASE_URL, or empty this one yourself."
        )
    _print("The database of the last demo was made by other migrations: it is deleted and made anew.")
    demo_database.delete()


def _start(processes: Processes) -> None:
    sandbox = [sys.executable, "-m", "django_skinsback.sandbox", "--port", str(settings.SANDBOX_PORT)]
    state = ["--state-file", str(settings.SANDBOX_STATE_FILE), "--multiplier", PRICE_MULTIPLIER]
    events = ["--events-url", settings.SITE_URL + reverse("skinsback:events")]
    processes.start("sandbox", *sandbox, *state, *events, only_errors=True)
    processes.wait(lambda: _answers(settings.SANDBOX_URL), "The sandbox")
    _import_prices()
    site = ["runserver", "--noreload", f"127.0.0.1:{settings.SITE_PORT}"]
    processes.start("site", *MANAGE, *site, only_errors=True)
    processes.wait(lambda: _answers(settings.SITE_URL), "The site")
    _make_rows()  # the sandbox sends notifications about them to the site
    celery = [sys.executable, "-m", "celery", "--quiet", "--app", "example_project.config"]
    worker = ["worker", "--beat", "--pool", "threads", "--concurrency", "2", "--loglevel", "WARNING"]
    single = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    processes.start("worker", *celery, *worker, *single)
    processes.start("listener", *MANAGE, "skinsback_listen", only_errors=True)
    processes.wait(settings.WORKER_READY_FILE.exists, "The Celery worker")
    _print(_welcome())


def _import_prices() -> None:
    """Import the price lists. If the import fails, print the error and keep the old prices.

    It fails, for example, at the second start within a minute.
    """
    try:
        call_command("skinsback_sync_prices", stdout=StringIO())
    except (CommandError, SystemExit) as error:
        _print(f"The prices were not updated. The shop shows those of the last run ({error}).")


def _make_rows() -> None:
    """Make the rows of the operator's desk. If the sandbox refuses them, print the error and show an empty desk."""
    try:
        call_command("seed_desk")
    except (SkinsBackError, OSError) as error:
        _print(f"The operator's desk is empty ({error}).")


def _answers(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5):
            return True
    except (URLError, OSError):
        return False


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _environment() -> dict[str, str]:
    """Return the environment variables of the processes. They turn off Celery's warning about running as root."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore:You're running the worker"}


def _welcome() -> str:
    rows: list[tuple[str, Any, str]] = [
        ("Shop", settings.SITE_URL, "deposit and withdraw skins"),
        ("Admin", f"{settings.SITE_URL}/admin/", "for the operator"),
        ("Desk", f"{settings.SITE_URL}/admin/skinsback/desk/", "what needs the operator, and where the money is"),
        ("Sandbox", settings.SANDBOX_URL, "simulates SkinsBack and Steam: clock, faults, messages"),
    ]
    logins = [(login["username"], login["password"], str(login["about"])) for login in settings.DEMO_LOGINS]
    lines = ["", "Nightmarket is open.", ""]
    lines += [f"  {name:<10}{address:<46}{about}" for name, address, about in rows]
    lines += ["", "  Log in as"]
    lines += [f"  {name:<10}{password:<46}{about}" for name, password, about in logins]
    return "\n".join([*lines, "", "  Ctrl-C stops everything.", ""])


if __name__ == "__main__":
    sys.exit(main())
