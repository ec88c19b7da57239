"""What every ``skinsback_*`` command has in common: ``--account``, ``--json``, exit codes, a help with examples."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter

from .. import conf
from ..exceptions import InvalidInput, SkinsBackError
from ..money import amount_text
from .progress import Progress

FAILED, COULD_NOT_RUN, INTERRUPTED = 1, 2, 130


def advised(error: Exception) -> str:
    """What went wrong, and what to do about it."""
    return f"{str(error).rstrip('.')}. Run skinsback_check to see what to do."


class HelpFormatter(DjangoHelpFormatter):
    """Keeps the lines of examples as they are written; a text of one line is wrapped."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class SkinsBackCommand(BaseCommand):
    """A door to a flow: ``work`` calls it and tells what came of it.

    A command says with ``examples`` (arguments, meaning) how it is used, and with ``exit_codes`` what else than 0 and
    2 it ends with; ``work`` returns that code, or None. Errors of this package end it with 2 and their message.
    """

    examples: ClassVar[Iterable[tuple[str, str]]] = ()
    exit_codes: ClassVar[Mapping[int, str]] = {}
    default_account: ClassVar[str | None] = None
    """The account where ``--account`` is not given; None for all of them."""

    as_json = False
    accounts: tuple[str, ...] = ()
    """Aliases of the accounts that are meant."""

    progress = Progress(wanted=False)

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        codes = {0: "done", COULD_NOT_RUN: "it could not run; the message says why", **self.exit_codes}
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

    def handle(self, *_args: Any, account: str | None = None, **options: Any) -> None:
        self.as_json = options["json"]
        self.progress = Progress(wanted=not self.as_json)
        try:
            self.accounts = self.chosen_accounts(account)
            code = self.work(account=account or self.default_account, **options)
        except InvalidInput as error:
            raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
        except SkinsBackError as error:
            raise CommandError(advised(error), returncode=COULD_NOT_RUN) from error
        except KeyboardInterrupt:
            self.warn("Stopped.")
            code = INTERRUPTED
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
            raise CommandError(message, returncode=COULD_NOT_RUN)
        return known if account is None else (account,)

    def tell(self, text: str, /, **values: Any) -> None:
        """Print one line: the text for people, or with ``--json`` the values for programs."""
        with self.progress.room():
            self.stdout.write(json.dumps(values, default=_written, ensure_ascii=False) if self.as_json else text)

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
