"""The pages that ask for a reason before a user is frozen or unfrozen."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ...exceptions import RowChanged
from ...flows.ledger.database import database
from ...flows.players.freeze import freeze_as_seen, freeze_token, unfreeze_as_seen
from ...models import Freeze
from .links import customer_url, freezing_url
from .page import find_customer


class ReasonForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=1000,
        help_text=gettext_lazy("Operators see the reason with your name. The user does not see it."),
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
    )


def freezing_view(request: HttpRequest, model_admin: Any, user_pk: str, *, action: str) -> HttpResponse:
    """Show the page that asks for a reason, and freeze or unfreeze the user when its form is sent.

    ``action`` is ``freeze`` or ``unfreeze``. If the freeze has changed since the page was shown, nothing is done. So a
    form that is sent twice, or an old page, changes nothing. Raises PermissionDenied without ``freeze_user``.
    """
    if not request.user.has_perm("skinsback.freeze_user"):
        raise PermissionDenied
    user = find_customer(user_pk)
    freeze = Freeze.objects.using(database()).filter(user_id=user.pk).select_related("by").first()
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        _change(request, model_admin, user, action, form.cleaned_data["note"])
        return HttpResponseRedirect(_back_url(request, model_admin, user))
    if (freeze is not None) is (action == "freeze"):
        messages.warning(request, _already_text(action) % {"user": user})
        return HttpResponseRedirect(_back_url(request, model_admin, user))
    request.current_app = model_admin.admin_site.name  # the template tag url reads it
    title = _("Freeze %(user)s") if action == "freeze" else _("Unfreeze %(user)s")
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title % {"user": user},
        "opts": model_admin.opts,
        "media": model_admin.media,
        "customer": user,
        "action": action,
        "freeze": freeze,
        "form": form,
        "seen": freeze_token(user),
        "form_url": freezing_url(model_admin, action, user.pk, request),
        "back_url": _back_url(request, model_admin, user),
    }
    return TemplateResponse(request, "admin/skinsback/freeze.html", context)


def _change(request: HttpRequest, model_admin: Any, user: Any, action: str, reason: str) -> None:
    seen = request.POST.get("seen", "")
    try:
        if action == "freeze":
            freeze_as_seen(user, request.user, reason, seen)
            logged, text = _("Frozen: %(reason)s"), _("%(user)s is frozen now.")
        else:
            unfreeze_as_seen(user, request.user, seen)
            logged, text = _("Unfrozen: %(reason)s"), _("%(user)s is not frozen any more.")
    except RowChanged:
        text = _("Nothing was done: the freeze of %(user)s has changed since you looked at it. Look at it again.")
        messages.warning(request, text % {"user": user})
        return
    model_admin.log_change(request, user, logged % {"reason": reason})
    messages.success(request, text % {"user": user})


def _already_text(action: str) -> str:
    return _("%(user)s is frozen already.") if action == "freeze" else _("%(user)s is not frozen.")


def _back_url(request: HttpRequest, model_admin: Any, user: Any) -> str:
    """Return the URL of the page of the user, or of the list of frozen users if the person may not open that page."""
    url = customer_url(model_admin, user.pk, request)
    return url or reverse("admin:skinsback_freeze_changelist", current_app=model_admin.admin_site.name)
