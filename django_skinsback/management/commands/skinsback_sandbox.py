from argparse import Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...sandbox.__main__ import add_arguments, serve


class Command(BaseCommand):
    help = (
        "Run a simulation of SkinsBack on this machine, so that you can try everything without an account. "
        "Same as: python -m django_skinsback.sandbox"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        raise SystemExit(serve(Namespace(**options)))
