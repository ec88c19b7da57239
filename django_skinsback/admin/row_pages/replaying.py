"""Applies stored deliveries again for an operator, and shows the results."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext

from ...error_texts import text_for
from ...exceptions import SkinsBackError
from ...flows.webhooks.replay import is_processed, replay
from ...models import WebhookEvent
from ..actions import log_each

Outcome = WebhookEvent.Outcome


def replay_deliveries(model_admin: Any, request: HttpRequest, rows: Sequence[WebhookEvent]) -> None:
    """Apply deliveries again, and show the results as messages. Skip deliveries that were processed before."""
    applied = skipped = 0
    for event, result in replay(WebhookEvent.objects.filter(pk__in=[row.pk for row in rows])):
        if isinstance(result, Exception):
            error = text_for(result) if isinstance(result, SkinsBackError) else f"{type(result).__name__}."
            values = {"event": event, "error": error}
            messages.error(request, gettext("Delivery %(event)s could not be applied: %(error)s") % values)
            continue
        if is_processed(event):
            skipped += 1
            continue
        log_each(model_admin, request, [event], gettext("Applied again: %(outcome)s.") % {"outcome": result.label})
        if result == Outcome.APPLIED:
            applied += 1
        else:
            values = {"event": event, "outcome": result.label}
            messages.warning(request, gettext("Delivery %(event)s was not applied: %(outcome)s.") % values)
    if applied:
        text = ngettext("%(count)s delivery was applied again.", "%(count)s deliveries were applied again.", applied)
        messages.success(request, text % {"count": applied})
    if skipped:
        text = ngettext(
            "%(count)s delivery was processed before and was skipped.",
            "%(count)s deliveries were processed before and were skipped.",
            skipped,
        )
        messages.info(request, text % {"count": skipped})
