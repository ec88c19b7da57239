"""The two addresses SkinsBack delivers to: verify, hand over, answer."""

import logging

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from . import conf
from .exceptions import NotificationRefused, NotificationTooLarge
from .models import WebhookEvent

logger = logging.getLogger("django_skinsback")


@method_decorator([csrf_exempt, login_not_required, transaction.non_atomic_requests], name="dispatch")
class WebhookView(View):
    """Answers 200 only after the commit, and never with anything that was sent."""

    http_method_names = ["post"]
    kind = WebhookEvent.Kind.DEPOSIT

    def post(self, request: HttpRequest, account: str = conf.DEFAULT_ACCOUNT) -> HttpResponse:
        from .flows import notifications

        try:
            body = read_body(request, int(conf.get("WEBHOOK_MAX_BYTES")))
            notifications.receive(self.kind, account, body, request.headers, str(request.META.get("REMOTE_ADDR") or ""))
        except NotificationRefused as error:
            return _answer("refused", error.http_status)
        except Exception:
            logger.exception("skinsback.notification_failed", extra={"account": account, "kind": str(self.kind)})
            return _answer("failed", 500)
        return _answer("ok", 200)


def read_body(request: HttpRequest, limit: int) -> bytes:
    """The body, read up to the limit whatever the length header says. Raises NotificationTooLarge."""
    length = str(request.META.get("CONTENT_LENGTH") or "")
    if length.isascii() and length.isdigit() and int(length[:20]) > limit:
        raise NotificationTooLarge
    body: bytes = request.read(limit + 1)
    if len(body) > limit:
        raise NotificationTooLarge
    return body


def _answer(status: str, code: int) -> JsonResponse:
    return JsonResponse({"status": status}, status=code, headers={"Cache-Control": "no-store"})


result = WebhookView.as_view(kind=WebhookEvent.Kind.DEPOSIT)
events = WebhookView.as_view(kind=WebhookEvent.Kind.EVENT)
