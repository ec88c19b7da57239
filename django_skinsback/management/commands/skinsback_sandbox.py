from argparse import REMAINDER
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = (
        "Run a pretend SkinsBack on this machine, to try everything without an account. "
        "The same as: python -m django_skinsback.sandbox"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("arguments", nargs=REMAINDER, help="see: python -m django_skinsback.sandbox --help")

    def handle(self, *_args: Any, arguments: list[str], **_options: Any) -> None:
        from ...sandbox.__main__ import main

        raise SystemExit(main(arguments))
