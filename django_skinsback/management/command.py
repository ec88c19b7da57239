"""Base class of the ``skinsback_*`` commands. It adds ``--account``, ``--json``, exit codes and examples of use."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.db import DatabaseError

from .. import conf
from ..error_texts import text_for
from ..exceptions import InvalidInput, SkinsBackError
from ..money import amount_text
from .printing import Stream
from .progress import Progress

USAGE, NEEDS_PERSON, NOT_DONE, NOT_KNOWN, INTERRUPTED = 2, 3, 4, 5, 130
"""Exit codes of the commands, in addition to 0.

The code 1 is not used, because Python ends with 1 after an uncaught exception.
"""

DJANGOS_CODE = 1
"""Django's exit code for a command that did not start, for example because a system check failed."""


def described(error: Exception) -> str:
    """Return the class name of an error and the first line of its message, such as ``ValueError: wrong``."""
    return ": ".join(filter(None, [type(error).__name__, *str(error).splitlines()[:1]]))


def advised(error: Exception | str) -> str:
    """Return the text of an error, followed by the advice to run ``skinsback_check``."""
    text = text_for(error) if isinstance(error, SkinsBackError) else str(error)
    return f"{text.rstrip('.')}. Run skinsback_check to see what to do."


class HelpFormatter(DjangoHelpFormatter):
    """A help formatter that keeps the line breaks of a text with several lines. Only a text of one line is wrapped."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class SkinsBackCommand(BaseCommand):
    """Base class of the commands. A subclass calls a flow in ``work`` and prints the results with ``tell``.

    ``examples`` are pairs: the arguments of the command, and what they do. The help shows ``examples`` and
    ``exit_codes``.

    If ``work`` raises InvalidInput, the command prints the text of the error and ends with the exit code 2. After
    another SkinsBackError or a DatabaseError, the exit code is 4. Printing never raises an exception. If a text cannot
    be written to standard output, it is written to standard error, and the exit code is 3 instead of 0.
    """

    examples: ClassVar[Iterable[tuple[str, str]]] = ()
    exit_codes: ClassVar[Mapping[int, str]] = {}
    default_account: ClassVar[str | None] = None
    """The alias of the account that is used without ``--account``. With None, all accounts are used."""

    as_json = False
    accounts: tuple[str, ...] = ()
    """The aliases of the accounts that ``--account`` selects."""

    progress = Progress(wanted=False)
    _printed: Stream

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        codes = {
            0: "done",
            USAGE: "an argument is wrong; the message says which",
            NOT_DONE: "not done; the message says why",
            **self.exit_codes,
        }
        lines = ["examples:"]
        for arguments, meaning in self.examples:
            lines += [f"  python manage.py {subcommand} {arguments}".rstrip(), f"      {meaning}"]
        lines += ["", "exit codes:", *(f"  {code}  {meaning}" for code, meaning in sorted(codes.items()))]
        options = {"formatter_class": HelpFormatter, "epilog": "\n".join(lines), **options}
        parser = super().create_parser(prog_name, subcommand, **options)
        one = f"use the keys of this account of SKINSBACK (default: {self.default_account})"
        only = "only this account of SKINSBACK (default: all)"
        parser.add_argument("--account", metavar="ALIAS", help=one if self.default_account else only)
        parser.add_argument(
            "--json",
            action="store_true",
            help="for programs: one JSON object per line, amounts as text, times in UTC, no progress bar",
        )
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        errors = Stream(options.get("stderr") or sys.stderr)
        self._printed = Stream(options.get("stdout") or sys.stdout, fallback=errors)
        options |= {"stdout": self._printed, "stderr": errors}
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            if error.returncode == DJANGOS_CODE:
                error.returncode = NOT_DONE
            raise

    def handle(self, *_args: Any, account: str | None = None, **options: Any) -> None:
        self.stderr.style_func = self.style.ERROR
        self.as_json = options["json"]
        self.progress = Progress(wanted=not self.as_json)
        try:
            self.accounts = self.selected_accounts(account)
            code = self.work(account=account or self.default_account, **options)
        except InvalidInput as error:
            raise CommandError(text_for(error), returncode=USAGE) from error
        except SkinsBackError as error:
            raise CommandError(advised(error), returncode=NOT_DONE) from error
        except DatabaseError as error:
            raise CommandError(advised(f"Database error: {described(error)}"), returncode=NOT_DONE) from error
        except KeyboardInterrupt:
            self.warn("Stopped.")
            code = INTERRUPTED
        if self._printed.failed:
            code = code or NEEDS_PERSON
        if code:
            raise SystemExit(code)

    def work(self, *args: Any, **options: Any) -> int | None:
        """Do the work of the command. Return the exit code, or None for 0."""
        raise NotImplementedError

    def selected_accounts(self, account: str | None) -> tuple[str, ...]:
        """Return the aliases of the accounts that ``--account`` selects. Raise CommandError for an unknown alias."""
        known = conf.accounts()
        account = account or self.default_account
        if account is not None and account not in known:
            message = f"SKINSBACK has no account {account!r}. Use one of: {', '.join(known)}."
            raise CommandError(message, returncode=USAGE)
        return known if account is None else (account,)

    def tell(self, text: str, /, **values: Any) -> None:
        """Print ``text``. With ``--json``, do not print ``text``: print ``values`` as one line of JSON.

        With ``--json`` and no ``values``, print nothing.
        """
        if self.as_json and not values:
            return
        with self.progress.paused():
            self.stdout.write(json.dumps(values, default=_as_json) if self.as_json else text)

    def warn(self, text: str) -> None:
        """Print a warning on standard error."""
        with self.progress.paused():
            self.stderr.write(text, self.style.WARNING)


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return amount_text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
