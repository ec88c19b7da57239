"""What every ``skinsback_*`` command has in common: ``--account``, ``--json``, exit codes, a help with examples."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.db import DatabaseError

from .. import conf
from ..exceptions import InvalidInput, SkinsBackError
from ..money import amount_text
from .printing import Stream
from .progress import Progress

USAGE, NEEDS_PERSON, NOT_DONE, NOT_KNOWN, INTERRUPTED = 2, 3, 4, 5, 130
"""Exit codes besides 0. No command ends with 1: Python does, after an exception that was not caught."""

DJANGOS_CODE = 1
"""Django's exit code for a command that it does not start, for example because a system check fails."""


def described(error: Exception) -> str:
    """The kind of an error and the first line of what it says."""
    return ": ".join(filter(None, [type(error).__name__, *str(error).splitlines()[:1]]))


def advised(error: Exception | str) -> str:
    """What went wrong, and what to do about it."""
    return f"{str(error).rstrip('.')}. Run skinsback_check to see what to do."


class HelpFormatter(DjangoHelpFormatter):
    """Keeps the lines of examples as they are written; a text of one line is wrapped."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class SkinsBackCommand(BaseCommand):
    """A door to a flow: ``work`` calls it and tells what came of it.

    A command says with ``examples`` (arguments, meaning) how it is used, and with ``exit_codes`` what it ends with;
    ``work`` returns that code, or None for 0. Errors of this package and of the database end it with their message:
    with 2 if an argument is wrong, else with 4. Output never raises. If standard output does not take it, it goes to
    standard error, and a command that would end with 0 ends with 3.
    """

    examples: ClassVar[Iterable[tuple[str, str]]] = ()
    exit_codes: ClassVar[Mapping[int, str]] = {}
    default_account: ClassVar[str | None] = None
    """The account where ``--account`` is not given; None for all of them."""

    as_json = False
    accounts: tuple[str, ...] = ()
    """Aliases of the accounts that are meant."""

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
        whose = f"with the keys of this account of SKINSBACK (default: {self.default_account})"
        only = "only this account of SKINSBACK (default: all)"
        parser.add_argument("--account", metavar="ALIAS", help=whose if self.default_account else only)
        parser.add_argument(
            "--json",
            action="store_true",
            help="for programs: one JSON object on each line, amounts as text, times in UTC; no progress bar",
        )
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        errors = Stream(options.get("stderr") or sys.stderr)
        self._printed = Stream(options.get("stdout") or sys.stdout, instead=errors)
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
            self.accounts = self.chosen_accounts(account)
            code = self.work(account=account or self.default_account, **options)
        except InvalidInput as error:
            raise CommandError(str(error), returncode=USAGE) from error
        except SkinsBackError as error:
            raise CommandError(advised(error), returncode=NOT_DONE) from error
        except DatabaseError as error:
            raise CommandError(advised(f"The database: {described(error)}"), returncode=NOT_DONE) from error
        except KeyboardInterrupt:
            self.warn("Stopped.")
            code = INTERRUPTED
        if self._printed.failed:
            code = code or NEEDS_PERSON
        if code:
            raise SystemExit(code)

    def work(self, *args: Any, **options: Any) -> int | None:
        """Do it; returns the exit code where it is not 0."""
        raise NotImplementedError

    def chosen_accounts(self, account: str | None) -> tuple[str, ...]:
        """The aliases meant by ``--account``; CommandError for one that is not in the settings."""
        known = conf.accounts()
        account = account or self.default_account
        if account is not None and account not in known:
            message = f"SKINSBACK has no account {account!r}. Use one of: {', '.join(known)}."
            raise CommandError(message, returncode=USAGE)
        return known if account is None else (account,)

    def tell(self, text: str, /, **values: Any) -> None:
        """Print one line: the text for people, or with ``--json`` the values for programs."""
        with self.progress.room():
            self.stdout.write(json.dumps(values, default=_written) if self.as_json else text)

    def warn(self, text: str) -> None:
        """Tell a person on standard error that something is not as it should be."""
        with self.progress.room():
            self.stderr.write(text, self.style.WARNING)


def _written(value: Any) -> Any:
    if isinstance(value, Decimal):
        return amount_text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
