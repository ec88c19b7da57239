from typing import Any

from django.core.management.base import CommandParser

from ... import conf
from ...flows.monitoring.digest import digest_text, send_digest
from ..command import SkinsBackCommand


class Command(SkinsBackCommand):
    help = (
        "Mail the daily digest to the addresses of DIGEST_RECIPIENTS: what waits for operators, balances, holds, and "
        "what is wrong. The digest of a day is mailed once. The Celery schedule and skinsback_poll --forever mail it "
        "every morning, so you need this command only if you use neither."
    )
    examples = (
        ("", "mail the digest of today, if it was not mailed yet"),
        ("--show", "print the digest and mail nothing"),
        ("--again", "mail it once more, for example after you have added an address"),
    )

    def add_arguments(self, parser: CommandParser) -> None:
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--show", action="store_true", help="print the digest and mail nothing")
        choice.add_argument("--again", action="store_true", help="mail the digest even if it was mailed today")

    def work(self, *_args: Any, show: bool, again: bool, **_options: Any) -> None:
        if show:
            subject, text = digest_text()
            self.tell(f"{subject}\n\n{text}", subject=subject, text=text)
            return
        sent = send_digest(again=again)
        addresses = len(conf.digest_recipients())
        text = f"digest mailed to {addresses} {'address' if addresses == 1 else 'addresses'}"
        self.tell(text if sent else "the digest of today was mailed before; --again mails it once more", sent=sent)
