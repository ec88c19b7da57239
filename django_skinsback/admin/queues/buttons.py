"""Buttons in the lists of the queues: one for each possible action of a row. After the last row, the desk is shown."""

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ...flows.monitoring.queues import queue_rows, queues_of
from ...statuses import Queue
from ..desk.summary import DESK_PERMISSION
from ..links import page_url

BUTTON_NAME = "skinsback_button"
"""Name of the buttons. The value is the name of an action and the primary key of a row: ``settle:17``."""


def row_buttons(model_admin: Any, request: HttpRequest, row: Any) -> SafeString:
    """Return the buttons of a row, which belong to the form of the list. Each of them begins an action for this row."""
    labels = {**dict(model_admin.get_action_choices(request)), **getattr(model_admin, "button_labels", {})}
    allowed = model_admin.get_actions(request)
    names = [name for name in model_admin.available_actions(request, row) if name in allowed]
    if not names:
        return SafeString("")
    buttons = format_html_join(
        " ",
        '<button type="submit" class="button" name="{}" value="{}:{}" aria-label="{}">{}</button>',
        (
            (
                BUTTON_NAME,
                name,
                row.pk,
                _("%(action)s: %(row)s") % {"action": labels[name], "row": row},
                labels[name],
            )
            for name in names
        ),
    )
    return format_html('<div class="skinsback-buttons">{}</div>', buttons)


def is_row_key(text: str) -> bool:
    """Return whether the text is a number that a primary key can have."""
    return text.isascii() and text.isdecimal() and len(text) < 19


def choose_row_of_button(request: Any) -> None:
    """If a button of a row was pressed, change the POST data as if the row and the action had been selected."""
    name, _separator, key = request.POST.get(BUTTON_NAME, "").partition(":")
    if not is_row_key(key):
        return
    post = request.POST.copy()
    post["action"] = name
    post.setlist(ACTION_CHECKBOX_NAME, [key])
    request.POST = post


def desk_after_last_row(model_admin: Any, request: HttpRequest, queue: str | None, model: type[Model]) -> str:
    """Return the address of the desk if no row of the queue waits any more. Otherwise, return ""."""
    if queue not in queues_of(model) or not request.user.has_perm(DESK_PERMISSION):
        return ""
    if queue_rows(Queue(queue), model).exists():
        return ""
    return page_url("skinsback_desk_changelist", model_admin.admin_site.name)
