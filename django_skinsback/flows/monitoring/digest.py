"""The daily digest: a mail that tells operators what waits for them, how much money there is, and what is wrong."""

import logging
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ... import conf
from ...exceptions import ConfigurationError, InvalidInput
from ...models import DigestMail
from ...models.fields import utc_now
from ...money import EXACT, amount_text
from ...statuses import Queue
from ..addresses import site_url
from ..ledger.database import database
from .balance import days_left_text
from .exposure import holds_by_account, reserved_by_account
from .health import AccountHealth, Health, health
from .queues import MAX_COUNT, count_queue

logger = logging.getLogger("django_skinsback")

FIRST_HOUR = 7
"""The digest of a day is sent at the first run of the job after this hour, in the time zone of ``TIME_ZONE``."""


def send_digest(*, now: datetime | None = None, again: bool = False) -> bool:
    """Mail the digest of today to ``DIGEST_RECIPIENTS``. Return False if it was mailed before.

    With ``again=True``, the digest is mailed even if it was mailed before. Before the mail is sent, a row for the day
    is inserted, so two processes never send the same digest. If sending fails, the row is deleted, the exception is
    raised, and the next run tries again. If the process is killed while it sends, the digest of the day is not sent.

    Raises InvalidInput if ``DIGEST_RECIPIENTS`` is empty.
    """
    recipients = conf.digest_recipients()
    if not recipients:
        raise InvalidInput(_("No digest is sent: SKINSBACK['DIGEST_RECIPIENTS'] is empty."))
    mails = DigestMail.objects.using(database())
    day = _local(now or utc_now()).date()
    try:
        with transaction.atomic(using=database()):
            claim = mails.create(day=day)
    except IntegrityError:
        if not again:
            return False
        claim = mails.get(day=day)
    try:
        subject, text = digest_text(now)
        send_mail(subject, text, None, list(recipients))
    except Exception:
        mails.filter(pk=claim.pk, sent_at=None).delete()
        raise
    mails.filter(pk=claim.pk).update(sent_at=utc_now())
    logger.info("skinsback.digest_sent", extra={"day": str(day), "recipients": len(recipients)})
    return True


def send_digest_if_due(now: datetime | None = None) -> bool:
    """Mail the digest of today if it is after ``FIRST_HOUR``. Return whether it was mailed now.

    Does nothing if ``DIGEST_RECIPIENTS`` is empty. A job calls this function once an hour.
    """
    if not conf.digest_recipients() or _local(now or utc_now()).hour < FIRST_HOUR:
        return False
    return send_digest(now=now)


def digest_text(now: datetime | None = None) -> tuple[str, str]:
    """Return the subject and the text of the digest, in the language of ``LANGUAGE_CODE``.

    The text contains numbers and sums. It contains no names, IDs or other data of users.
    """
    with translation.override(settings.LANGUAGE_CODE):
        found = health(now=now)
        counts = {queue: count_queue(queue) for queue in Queue}
        waiting = sum(counts.values())
        day = _local(found.checked_at).date()
        values = {"day": day.isoformat(), "count": _bounded(waiting)}
        if waiting:
            subject = ngettext(
                "SkinsBack, %(day)s: %(count)s row waits for you",
                "SkinsBack, %(day)s: %(count)s rows wait for you",
                waiting,
            )
        else:
            subject = _("SkinsBack, %(day)s: nothing waits for you")
        sections = [
            [_("What needs you"), *_queue_lines(counts)],
            [_("Money"), *_money_lines(found)],
            [_("State of the site"), *_health_lines(found)],
        ]
        lines = ["\n".join([heading, *(f"  {line}" for line in rest)]) for heading, *rest in sections]
        if url := _desk_url():
            lines.append(_("The desk: %(url)s") % {"url": url})
        return subject % values, "\n\n".join(lines) + "\n"


def _queue_lines(counts: dict[Queue, int]) -> Iterator[str]:
    review, holds, deliveries, discrepancies = (counts[queue] for queue in Queue)
    lines = {
        ngettext("%(count)s row needs review", "%(count)s rows need review", review): review,
        ngettext("%(count)s hold waits for a decision", "%(count)s holds wait for a decision", holds): holds,
        ngettext(
            "%(count)s delivery could not be applied", "%(count)s deliveries could not be applied", deliveries
        ): deliveries,
        ngettext("%(count)s discrepancy is open", "%(count)s discrepancies are open", discrepancies): discrepancies,
    }
    if not any(lines.values()):
        yield _("Nothing.")
    for text, count in lines.items():
        if count:
            yield text % {"count": _bounded(count)}


def _money_lines(found: Health) -> Iterator[str]:
    aliases = [account.account for account in found.accounts]
    reserved, holds = reserved_by_account(aliases), holds_by_account(aliases)
    for account in found.accounts:
        held = reserved[account.account]
        yield f"{account.account}: {_balance_text(account)}"
        if account.balance is not None:
            free = _("free: %(amount)s USD") % {"amount": amount_text(EXACT.subtract(account.balance, held.amount))}
            about = _("reserved for purchases that are not sent: %(amount)s USD") % {"amount": amount_text(held.amount)}
            yield f"  {about}, {_('at least') + ' ' if held.is_minimum else ''}{free}"
        summary = holds[account.account]
        if summary.waiting_count:
            yield "  " + _("waiting in holds: %(sums)s") % {"sums": _sums(summary.waiting)}
        if summary.exposure_count:
            yield "  " + _("credited for holds that Steam can still undo: %(sums)s") % {"sums": _sums(summary.exposure)}


def _balance_text(account: AccountHealth) -> str:
    if account.balance is None:
        return _("no balance known yet")
    text = _("balance %(amount)s USD") % {"amount": amount_text(account.balance)}
    return ", ".join(filter(None, [text, days_left_text(account.days_left)]))


def _health_lines(found: Health) -> Iterator[str]:
    yield {"ok": _("Everything works."), "degraded": _("The site works, but look at this:")}.get(
        found.status, _("Something does not work:")
    )
    for reason in found.reasons:
        yield f"- {reason.text}"


def _sums(amounts: dict[str, Decimal]) -> str:
    return ", ".join(f"{amount_text(amount)} {currency.upper()}" for currency, amount in sorted(amounts.items()))


def _bounded(count: int) -> str:
    return f"{MAX_COUNT}+" if count > MAX_COUNT else str(count)


def _desk_url() -> str:
    """Return the address of the desk. Return "" if ``SITE_URL`` is not set, or the site's admin has another name."""
    try:
        site = site_url()
        return f"{site}{reverse('admin:skinsback_desk_changelist')}" if site else ""
    except (ConfigurationError, NoReverseMatch):
        return ""


def _local(time: datetime) -> datetime:
    return timezone.localtime(time, timezone.get_default_timezone())
