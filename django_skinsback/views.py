"""The views of the two webhook addresses. A view reads the body, calls the flow for the notification, and answers."""

import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO

from django.contrib.auth.decorators import login_not_required
from django.core.serializers.json import DjangoJSONEncoder
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
    """Return the view, exempt from ``ATOMIC_REQUESTS`` of every database.

    The flows must commit before the view answers.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


class UnloggedResponse(HttpResponse):
    """A JSON response that no cache stores. Django never logs this response, not even with an error status.

    The webhook views log refused deliveries themselves and limit the number of log lines. Django has no such limit, so
    any sender could fill the log. Django would also mail each 503 of the health address to the site's administrators.
    """

    _has_been_logged = True  # django.utils.log reads this attribute
    _resource_closers: list[Callable[[], object]]  # Django calls these functions when the response is closed

    def __init__(self, values: Mapping[str, object], status: int) -> None:
        # Bytes, because a JsonResponse takes twice as long, and anyone can send deliveries that are refused.
        body = json.dumps(values, cls=DjangoJSONEncoder).encode()
        super().__init__(body, "application/json", status, headers={"Cache-Control": "no-store"})


_HEADERS = {
    "Content-Type": "CONTENT_TYPE",
    "Content-Length": "CONTENT_LENGTH",
    "User-Agent": "HTTP_USER_AGENT",
    "X-Forwarded-For": "HTTP_X_FORWARDED_FOR",
    "Signature": "HTTP_SIGNATURE",
    "Authorization": "HTTP_AUTHORIZATION",
}
"""The headers that are read: name -> key in ``request.META``. Reading all headers would take too much time."""


class WebhookView(View):
    """The view of one webhook address. It answers 200 only after the commit. No answer contains text of the request."""

    http_method_names = ["post"]
    kind = WebhookEvent.Kind.DEPOSIT

    def post(self, request: HttpRequest, account: str | None = None) -> HttpResponse:
        response = self._receive(request, account)
        # The request is in a reference cycle. Without this line, the body stays in memory until the next garbage
        # collection.
        response._resource_closers.append(partial(_set_body, request, b""))
        return response

    def _receive(self, request: HttpRequest, account: str | None) -> UnloggedResponse:
        from .flows.webhooks.receive import receive
        from .flows.webhooks.rejections import refuse

        # X-SIGN is deleted, because Django mails the headers of a failed request, and some sites accept X-SIGN as a
        # signature.
        request.META.pop("HTTP_X_SIGN", None)
        request.__dict__.pop("headers", None)  # a cached copy of META, which exists if a middleware has read headers
        alias = account or conf.DEFAULT_ACCOUNT
        if alias not in conf.accounts():
            return UnloggedResponse({"status": "unknown"}, 404)
        remote_addr = str(request.META.get("REMOTE_ADDR") or "")
        try:
            body = read_body(request, int(conf.get("WEBHOOK_MAX_BYTES")))
        except NotificationRefused as error:
            refuse(alias, self.kind, error, remote_addr)
            return UnloggedResponse({"status": "refused"}, error.http_status)
        try:
            headers = {name: request.META[key] for name, key in _HEADERS.items() if key in request.META}
            receive(self.kind, alias, body, headers, remote_addr)
        except NotificationRefused as error:
            return UnloggedResponse({"status": "refused"}, error.http_status)
        except Exception:
            logger.exception("skinsback.notification_failed", extra={"account": alias, "kind": str(self.kind)})
            return UnloggedResponse({"status": "failed"}, 500)
        return UnloggedResponse({"status": "ok"}, 200)


def read_body(request: HttpRequest, limit: int) -> bytes:
    """Read the body and return it. Afterwards ``request.body`` returns the same bytes.

    Raises NotificationTooLarge if the body has more than ``limit`` bytes, even with a smaller Content-Length. Raises
    UnreadableNotification if the body cannot be read to its end.
    """
    try:
        body = _read_stream(request, limit)
    except NotificationRefused:
        if not hasattr(request, "_body"):  # _body exists if a middleware has read the body before
            _set_body(request, b"")
        raise
    _set_body(request, body)
    return body


def _set_body(request: HttpRequest, body: bytes) -> None:
    """Set the value of ``request.body`` for a middleware that reads it after the view.

    Without this, ``request.body`` would raise an exception, or would read a refused body into memory.
    """
    request._body = body  # Django has no method for this
    request._stream = BytesIO(body)


def _read_stream(request: HttpRequest, limit: int) -> bytes:
    announced = str(request.META.get("CONTENT_LENGTH") or "")[:20]
    length = int(announced) if announced.isascii() and announced.isdigit() else 0
    if length > limit:
        raise NotificationTooLarge
    # A chunked body has no Content-Length, and without Content-Length Django reads nothing. If the server sets
    # wsgi.input_terminated, the stream has an end and can be read without Content-Length.
    ends = not announced and request.META.get("wsgi.input_terminated")
    stream = request.META["wsgi.input"] if ends else request
    parts: list[bytes] = []
    missing = limit + 1
    try:
        while missing and (part := stream.read(missing)):  # some servers return one chunk at a time
            parts.append(part)
            missing -= len(part)
    except Exception:  # noqa: BLE001 - after a lost connection or invalid chunks, each server raises its own exceptions
        raise UnreadableNotification from None
    if not missing:
        raise NotificationTooLarge
    body = b"".join(parts)
    if len(body) < length:
        raise UnreadableNotification
    return body


def _exempt(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    # A delivery contains a signature and trade tokens. No error report may show them.
    return csrf_exempt(login_not_required(without_transaction(sensitive_post_parameters()(view))))


result = _exempt(WebhookView.as_view(kind=WebhookEvent.Kind.DEPOSIT))
events = _exempt(WebhookView.as_view(kind=WebhookEvent.Kind.EVENT))
