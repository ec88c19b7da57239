from collections import Counter
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...flows.ledger.database import database
from ...flows.webhooks.replay import is_processed, replay
from ...models import WebhookEvent
from ..command import NOT_DONE, USAGE, SkinsBackCommand
from ..dates import moment


class Command(SkinsBackCommand):
    help = (
        "Apply stored deliveries of SkinsBack again: by id, by time, by outcome. What was applied before changes "
        "nothing, so a whole day can be replayed safely."
    )
    examples = (
        ("17 18", "the deliveries with these ids, which the admin shows"),
        ("--outcome failed", "everything that could not be applied so far"),
        ("--since 2026-05-01 --until 2026-05-02", "one day"),
    )
    exit_codes = {
        USAGE: "an argument is wrong, or names a delivery that is not there: nothing was replayed",
        NOT_DONE: "at least one delivery could not be applied; the sweep tries it again",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, help="ids of deliveries, as the admin shows them")
        parser.add_argument("--since", type=moment, help="received at or after: 2026-05-01, or 2026-05-01T12:00")
        parser.add_argument("--until", type=moment, help="received before")
        parser.add_argument("--outcome", choices=WebhookEvent.Outcome.values, help="only with this outcome")

    def work(self, *_args: Any, ids: list[int], account: str | None, **options: Any) -> int | None:
        conditions = {
            "pk__in": ids,
            "received_at__gte": options["since"],
            "received_at__lt": options["until"],
            "outcome": options["outcome"],
            "account": account,
        }
        chosen = {name: value for name, value in conditions.items() if value}
        if not chosen:
            message = "Say which: ids, --since, --until, --outcome or --account. See --help."
            raise CommandError(message, returncode=USAGE)
        events = WebhookEvent.objects.using(database()).filter(**chosen)
        if absent := sorted({*ids} - {*events.values_list("pk", flat=True)} if ids else ()):
            message = f"There is no such delivery: {', '.join(map(str, absent))}. Nothing was replayed."
            raise CommandError(message, returncode=USAGE)
        counts: Counter[str] = Counter()
        left_alone = 0
        try:
            with self.progress.bar("deliveries", total=events.count, unit="deliveries") as advance:
                for event, result in replay(events):
                    if isinstance(result, Exception):
                        counts["failed"] += 1
                        self.warn(f"Delivery {event.pk} could not be applied: {type(result).__name__}")
                    elif is_processed(event):
                        left_alone += 1
                    else:
                        counts[str(result)] += 1
                    advance(1)
        finally:  # what was applied before an error, or before Ctrl-C, is said too
            outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "none"
            if left_alone:
                outcomes += f"; left alone, since they were processed before: {left_alone}"
            values = {"left_alone": left_alone} if left_alone else {}
            self.tell(f"deliveries replayed: {outcomes}", replayed=counts.total(), outcomes=dict(counts), **values)
        return NOT_DONE if counts["failed"] else None
