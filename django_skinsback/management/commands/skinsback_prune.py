from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...flows.retention import prune


class Command(BaseCommand):
    help = "Forget raw deliveries older than RETENTION_DAYS. Rows about money, and what could not be applied, stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, help="older than this many days (default: RETENTION_DAYS)")

    def handle(self, *_args: Any, days: int | None, **_options: Any) -> None:
        self.stdout.write(f"{prune(days)} deliveries forgotten")
