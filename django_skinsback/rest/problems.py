"""Answers refused requests with problem details (RFC 9457): a stable code, and a text in the active language."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ..exceptions import InvalidInput, PriceChanged, SkinsBackError
from ..models import Quote
from ..player_texts import NOT_AVAILABLE_CODE, NextStep, for_error, next_text
from .representations import quote_values

logger = logging.getLogger("django_skinsback")

CONTENT_TYPE = "application/problem+json"
CSRF_FAILED = "CSRF Failed"
"""DRF's message of a failed CSRF check begins with this text. DRF has no code for a failed CSRF check."""

CODES: dict[str, tuple[int, Promise]] = {
    "malformed_request": (400, _("The request cannot be read.")),
    "invalid_input": (400, _("One of the values is not valid.")),
    "idempotency_key_required": (
        400,
        _("Send the header Idempotency-Key: 1 to 255 visible ASCII characters, new for each new request."),
    ),
    "not_authenticated": (401, _("Log in first.")),
    "authentication_failed": (401, _("The credentials are not valid.")),
    "permission_denied": (403, _("You do not have permission for this request.")),
    "csrf_failed": (403, _("The CSRF token is missing or wrong. Reload the page.")),
    "not_found": (404, _("Nothing was found at this address.")),
    "method_not_allowed": (405, _("This method is not allowed here.")),
    "not_acceptable": (406, _("Answers are JSON. The header Accept does not allow JSON.")),
    "limits_impossible": (409, _("The upper limit must be above the lower limit.")),
    "too_large": (413, _("The request is too large.")),
    "unsupported_media_type": (415, _("Send JSON, with the header Content-Type: application/json.")),
    "throttled": (429, _("Too many requests. Wait a moment.")),
}
"""Code -> HTTP status and text. The REST API refuses requests with these codes before a flow is called.

If the site's first authentication class sends no header ``WWW-Authenticate``, the status is 403 instead of 401.
"""

TITLES: dict[int, Promise] = {
    400: _("Not valid"),
    401: _("Not logged in"),
    403: _("Not allowed"),
    404: _("Not found"),
    405: _("Not allowed here"),
    406: _("Not acceptable"),
    409: _("Not possible"),
    413: _("Too large"),
    415: _("Not JSON"),
    429: _("Too many requests"),
}


_DJANGO: dict[type[Exception], str] = {
    Http404: "not_found",
    PermissionDenied: "permission_denied",
    RequestDataTooBig: "too_large",
    SuspiciousOperation: "malformed_request",
}
"""Exception of Django -> code."""


class RequestTooLarge(drf.APIException):
    """Raised when the body of a request is larger than 64 KiB."""

    status_code = 413
    default_code = "too_large"


class LimitsImpossible(drf.APIException):
    """Raised when the upper limit of a deposit is not above its lower limit."""

    status_code = 409
    default_code = "limits_impossible"


class IdempotencyKeyRequired(drf.APIException):
    """Raised when a request that starts a deposit or a purchase has no valid header ``Idempotency-Key``."""

    status_code = 400
    default_code = "idempotency_key_required"


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """The problem details of one answer. ``more`` contains the members that only this kind of problem has."""

    code: str
    status: int
    title: str
    detail: str
    next_step: NextStep = NextStep.NONE
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> HttpResponse:
        """Return the answer as ``application/problem+json``."""
        body = {
            "type": f"urn:django-skinsback:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "next_step": self.next_step.value,
            "next_text": next_text(self.next_step),
            **self.more,
        }
        return HttpResponse(
            json.dumps(body, ensure_ascii=False),
            status=self.status,
            content_type=CONTENT_TYPE,
            headers=dict(self.headers),
        )


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | Response | None:
    """Return the answer for an exception of a view. For an unexpected exception, return None: Django handles it."""
    details = _details(error)
    if details is None:
        return None
    set_rollback()
    if details.code == NOT_AVAILABLE_CODE:
        logger.error(
            "skinsback.rest_request_failed", exc_info=error, extra={"path": getattr(context.get("request"), "path", "")}
        )
    return details.response()


def _details(error: Exception) -> ProblemDetails | None:
    match error:
        case SkinsBackError():
            return _of_package(error)
        case drf.APIException():
            return _of_framework(error)
    code = next((code for kind, code in _DJANGO.items() if isinstance(error, kind)), None)
    return None if code is None else _known(code)


def _known(code: str, status: int | None = None, **more: Any) -> ProblemDetails:
    known_status, text = CODES[code]
    return ProblemDetails(code, status or known_status, str(TITLES[status or known_status]), str(text), **more)


def _of_package(error: SkinsBackError) -> ProblemDetails:
    problem = for_error(error)
    more: dict[str, Any] = {}
    if isinstance(error, PriceChanged) and isinstance(error.quote, Quote):
        more["quote"] = quote_values(error.quote)
    if isinstance(error, InvalidInput) and problem.http_status == 400:
        more["fields"] = {}
    headers = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
    return ProblemDetails(
        problem.code, problem.http_status, problem.title, problem.text, problem.next_step, more=more, headers=headers
    )


def _of_framework(error: drf.APIException) -> ProblemDetails:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(challenge)
    wait = getattr(error, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, int(wait)))
    if isinstance(error, drf.ValidationError):
        return _known("invalid_input", more={"fields": _fields(error.detail)})
    code = _code(error)
    if code in CODES:
        return _known(code, error.status_code, headers=headers)
    title = str(TITLES.get(error.status_code, TITLES[400]))
    return ProblemDetails(code, error.status_code, title, str(error.detail), headers=headers)


def _code(error: drf.APIException) -> str:
    match error:
        case drf.ParseError():
            return "malformed_request"
        case drf.UnsupportedMediaType():
            return "unsupported_media_type"
        case drf.PermissionDenied() if str(error.detail).startswith(CSRF_FAILED):
            return "csrf_failed"
    return str(error.default_code)


def _fields(detail: Any) -> dict[str, list[str]]:
    """Return a dict: name of a field -> texts. If an error belongs to no field, the name is ``request``."""
    if not isinstance(detail, Mapping):
        return {"request": _texts(detail)}
    return {"request" if name == "non_field_errors" else str(name): _texts(found) for name, found in detail.items()}


def _texts(found: Any) -> list[str]:
    """Return the texts of nested lists and mappings as one list."""
    if isinstance(found, Mapping):
        return [text for each in found.values() for text in _texts(each)]
    if isinstance(found, list | tuple):
        return [text for each in found for text in _texts(each)]
    return [str(found)]
