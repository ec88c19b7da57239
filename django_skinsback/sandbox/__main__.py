"""The command ``python -m django_skinsback.sandbox``. It runs a sandbox until Ctrl-C."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from .keys import CLIENT_ID, DEFAULT_HOST, DEFAULT_PORT, SECRETS

if TYPE_CHECKING:
    from .sandbox import Sandbox

BANNER = """
The SkinsBack sandbox is running.

  Control page   {url}/
  API            {url}/api.php
  Websocket      {websocket}
  Result URL     {result_url}
  Events URL     {events_url}
  State          {state}

Put this into the settings of your site:

{settings}

Second project   {second} / {second_secret}
Ctrl-C stops it.
"""

DESCRIPTION = "Run a simulated SkinsBack on this machine until Ctrl-C."
EXIT_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to ``parser``. The command ``skinsback_sandbox`` has the same options."""
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port; 0 chooses a free port (default %(default)s)"
    )
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="also answer requests to this host name"
    )
    parser.add_argument("--state-file", type=Path, metavar="PATH", help="keep all data in this file between runs")
    parser.add_argument("--result-url", default=None, metavar="URL", help="the project's Result URL")
    parser.add_argument("--events-url", default=None, metavar="URL", help="the project's Webhook Events URL")
    parser.add_argument(
        "--multiplier", default=None, metavar="NUMBER", help="price multiplier, 0.5 to 2 (1.2 in a new sandbox)"
    )
    parser.add_argument(
        "--hold",
        dest="holds",
        action="store_const",
        const="always",
        default="marked",
        help="hold every CS2 deposit for eight days (default: only deposits with a trade-protected skin)",
    )
    parser.add_argument("--no-hold", dest="holds", action="store_const", const="never", help="hold no deposit")
    parser.add_argument(
        "--notification-format",
        choices=("form", "json", "json-numbers"),
        default="form",
        help="format of Result URL notifications (default %(default)s)",
    )
    parser.add_argument("--no-pending", action="store_true", help="send no notification with the status pending")
    parser.add_argument(
        "--rate-limit", type=int, default=500, metavar="N", help="calls per minute; 0 is no limit (default %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="do not print a line for each call")


def main(argv: Sequence[str] | None = None) -> int:
    """Parse ``argv`` and run a sandbox until SIGINT or SIGTERM. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m django_skinsback.sandbox", description=DESCRIPTION)
    add_arguments(parser)
    return serve(parser.parse_args(argv))


def serve(arguments: argparse.Namespace) -> int:
    """Run a sandbox until SIGINT or SIGTERM. Return the exit code 0, or 2 if the sandbox cannot start."""
    try:
        sandbox = _start(arguments)
    except _CannotStart as problem:
        sys.stderr.write(f"{problem}\n")
        return EXIT_USAGE
    if not arguments.quiet:
        _log_to_stderr()
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in before:
        signal.signal(number, on_signal)
    try:
        sys.stdout.write(_banner(sandbox, arguments))
        sys.stdout.flush()
        stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sandbox.stop()
    return 0


class _CannotStart(Exception):
    """The sandbox cannot start. The message says what to change."""


def _start(arguments: argparse.Namespace) -> "Sandbox":
    try:
        from .api.calls import is_web_address
        from .options import Options
        from .sandbox import Sandbox
        from .simulation.state import UnreadableState

        import_module("jinja2")  # checked now, because the pages import jinja2 only when they are first shown
    except ModuleNotFoundError as missing:
        raise _CannotStart(f"{missing.name} is missing: pip install 'django-skinsback[sandbox]'") from missing
    for url in filter(None, (arguments.result_url, arguments.events_url)):
        if not is_web_address(url):
            raise _CannotStart(f"{url}: an address must begin with http:// or https://.")
    options = Options(
        holds=arguments.holds,
        notification_format=arguments.notification_format,
        notify_pending=not arguments.no_pending,
        rate_limit=arguments.rate_limit or None,
    )
    try:
        sandbox = Sandbox(
            host=arguments.host,
            port=arguments.port,
            options=options,
            state_file=arguments.state_file,
            result_url=arguments.result_url,
            events_url=arguments.events_url,
            allowed_hosts=arguments.allow_host,
        )
        sandbox.configure(multiplier=arguments.multiplier)
        return sandbox.start()
    except (UnreadableState, ValueError) as problem:
        raise _CannotStart(str(problem)) from problem
    except OSError as problem:
        where = f"{arguments.host}:{arguments.port}"
        raise _CannotStart(
            f"Cannot listen on {where} ({problem.strerror}). Stop the other program or choose a --port."
        ) from problem


def _banner(sandbox: "Sandbox", arguments: argparse.Namespace) -> str:
    from .web.control_page import settings_text

    project = sandbox.state.projects[CLIENT_ID]
    second = next(client_id for client_id in SECRETS if client_id != CLIENT_ID)
    return BANNER.format(
        url=sandbox.url,
        websocket=sandbox.websocket_url,
        result_url=project.result_url or "(set by the site, by --result-url or on the control page)",
        events_url=project.events_url or "(none; set it by --events-url or on the control page)",
        state=arguments.state_file or "in memory only",
        settings=settings_text(sandbox.url, CLIENT_ID),
        second=second,
        second_secret=SECRETS[second],
    )


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("django_skinsback.sandbox")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


if __name__ == "__main__":
    sys.exit(main())
