from argparse import ArgumentTypeError
from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import get_default_timezone

from ...flows.notifications import replay
from ...models import WebhookEvent


class Command(BaseCommand):
    help = (
        "Apply stored deliveries again: by id, by time, by outcome. What was applied before changes nothing, so a "
        "whole day can be replayed safely. Exit code 1 if any could not be applied."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, help="ids of deliveries, as the admin shows them")
        parser.add_argument("--since", type=_moment, help="received at or after: 2026-05-01, or 2026-05-01T12:00")
        parser.add_argument("--until", type=_moment, help="received before")
        parser.add_argument("--outcome", choices=WebhookEvent.Outcome.values, help="only with this outcome")
        parser.add_argument("--account", help="only of this account of SKINSBACK")

    def handle(self, *_args: Any, ids: list[int], **options: Any) -> None:
        conditions = {
            "pk__in": ids,
            "received_at__gte": options["since"],
            "received_at__lt": options["until"],
            "outcome": options["outcome"],
            "account": options["account"],
        }
        chosen = {name: value for name, value in conditions.items() if value}
        if not chosen:
            raise CommandError("Say which: ids, --since, --until, --outcome or --account. See --help.")
        counts: Counter[str] = Counter()
        for event, result in replay(WebhookEvent.objects.filter(**chosen)):
            if isinstance(result, Exception):
                self.stderr.write(self.style.ERROR(f"{event.pk}: {type(result).__name__}"))
                counts["failed"] += 1
            else:
                counts[result] += 1
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "none"
        self.stdout.write(f"deliveries replayed: {told}")
        if counts["failed"]:
            raise SystemExit(1)


def _moment(text: str) -> datetime:
    try:
        date = parse_date(text)
        moment = datetime(date.year, date.month, date.day) if date else parse_datetime(text)  # noqa: DTZ001 - below
    except ValueError:
        moment = None
    if moment is None:
        raise ArgumentTypeError(f"{text!r} is not a date such as 2026-05-01 or a time such as 2026-05-01T12:00")
    return moment if moment.tzinfo else moment.replace(tzinfo=get_default_timezone())
