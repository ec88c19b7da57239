from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...flows import notifications, polling


class Command(BaseCommand):
    help = (
        "Do what is due, once: apply deliveries that were kept, ask SkinsBack about open deposits, send and ask about "
        "purchases. This is what worker and beat do; without Celery run it every minute."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="only this account of SKINSBACK (default: all)")

    def handle(self, *_args: Any, account: str | None, **_options: Any) -> None:
        self.stdout.write(f"deliveries: {notifications.apply_kept()} applied")
        for name, flow in (("deposits", polling.check_deposits), ("purchases", polling.poll_purchases)):
            counts = flow(account)
            self.stdout.write(f"{name}: {counts.asked} due, {counts.changed} changed")
            if counts.stopped_by:
                self.stderr.write(self.style.WARNING(f"{name}: stopped early by {counts.stopped_by}"))
