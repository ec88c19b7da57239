"""The two addresses SkinsBack delivers to: verify, hand over, answer."""

import logging
from collections.abc import Callable
from functools import partial
from io import BytesIO

from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from . import conf
from .exceptions import NotificationRefused, NotificationTooLarge, UnreadableNotification
from .models import WebhookEvent

logger = logging.getLogger("django_skinsback")


def without_transaction(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Exempt a view from ``ATOMIC_REQUESTS`` of every database: a flow commits before it answers, or calls."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


_HEADERS = {
    "Content-Type": "CONTENT_TYPE",
    "Content-Length": "CONTENT_LENGTH",
    "User-Agent": "HTTP_USER_AGENT",
    "X-Forwarded-For": "HTTP_X_FORWARDED_FOR",
    "Signature": "HTTP_SIGNATURE",
    "Authorization": "HTTP_AUTHORIZATION",
}
"""What is looked at or kept, and nothing else: reading all headers costs more than to refuse a message."""


class WebhookView(View):
    """Answers 200 only after the commit, and never with anything that was sent."""

    http_method_names = ["post"]
    kind = WebhookEvent.Kind.DEPOSIT

    def post(self, request: HttpRequest, account: str | None = None) -> HttpResponse:
        response = self._receive(request, account)
        # Requests are part of reference cycles: without this, bodies would stay in memory until they are collected.
        response._resource_closers.append(partial(_keep_body, request, b""))  # type: ignore[attr-defined] # Django's own
        return response

    def _receive(self, request: HttpRequest, account: str | None) -> HttpResponse:
        from .flows.webhooks.receive import receive
        from .flows.webhooks.rejections import refuse

        # A constant that would sign anything elsewhere: Django mails a failed request's headers to the administrators.
        request.META.pop("HTTP_X_SIGN", None)
        request.__dict__.pop("headers", None)  # made of META once, perhaps by a middleware before
        alias = account or conf.DEFAULT_ACCOUNT
        if alias not in conf.accounts():
            return _answer("unknown", 404)
        remote_addr = str(request.META.get("REMOTE_ADDR") or "")
        try:
            body = read_body(request, int(conf.get("WEBHOOK_MAX_BYTES")))
        except NotificationRefused as error:
            refuse(alias, self.kind, error, remote_addr)
            return _answer("refused", error.http_status)
        try:
            headers = {name: request.META[key] for name, key in _HEADERS.items() if key in request.META}
            receive(self.kind, alias, body, headers, remote_addr)
        except NotificationRefused as error:
            return _answer("refused", error.http_status)
        except Exception:
            logger.exception("skinsback.notification_failed", extra={"account": alias, "kind": str(self.kind)})
            return _answer("failed", 500)
        return _answer("ok", 200)


def read_body(request: HttpRequest, limit: int) -> bytes:
    """The body, read up to the limit whatever the length header says; ``request.body`` has it from then on.

    Raises NotificationTooLarge, and UnreadableNotification if the body cannot be read to its end.
    """
    try:
        body = _read(request, limit)
    except NotificationRefused:
        if not hasattr(request, "_body"):  # else middleware has read it before
            _keep_body(request, b"")
        raise
    _keep_body(request, body)
    return body


def _keep_body(request: HttpRequest, body: bytes) -> None:
    """Have ``request.body`` give this to middleware that reads it after the view.

    Django refuses to give it once the stream was read, and would read what was refused unread into memory.
    """
    request._body = body  # Django has no method for this
    request._stream = BytesIO(body)


def _read(request: HttpRequest, limit: int) -> bytes:
    announced = str(request.META.get("CONTENT_LENGTH") or "")[:20]
    length = int(announced) if announced.isascii() and announced.isdigit() else 0
    if length > limit:
        raise NotificationTooLarge
    # A body in chunks has no length, and Django reads none without one. Such a server ends the stream by itself.
    ends = not announced and request.META.get("wsgi.input_terminated")
    stream = request.META["wsgi.input"] if ends else request
    parts: list[bytes] = []
    missing = limit + 1
    try:
        while missing and (part := stream.read(missing)):  # some servers give a chunk at a time
            parts.append(part)
            missing -= len(part)
    except Exception:  # noqa: BLE001 - the sender went away, or the server cannot read the chunks and says so its own way
        raise UnreadableNotification from None
    if not missing:
        raise NotificationTooLarge
    body = b"".join(parts)
    if len(body) < length:
        raise UnreadableNotification
    return body


def _answer(status: str, code: int) -> HttpResponse:
    content = f'{{"status": "{status}"}}'
    response = HttpResponse(content, "application/json", code, headers={"Cache-Control": "no-store"})
    # Logged above, in a bounded number of lines; Django would add one, and a mail, for whatever a stranger sends.
    response._has_been_logged = True  # type: ignore[attr-defined] # what django.utils.log looks for
    return response


def _exempt(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    # What was delivered holds a signature and trade tokens, which are in no error report.
    return csrf_exempt(login_not_required(without_transaction(sensitive_post_parameters()(view))))


result = _exempt(WebhookView.as_view(kind=WebhookEvent.Kind.DEPOSIT))
events = _exempt(WebhookView.as_view(kind=WebhookEvent.Kind.EVENT))
