"""Generates ``openapi.yaml``. ``python docs/openapi.py`` writes the file. A test compares the file with the code."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework.serializers import Serializer, URLField

from .. import __version__
from . import serializers
from .idempotency import KEY_PATTERN

F = TypeVar("F", bound=Callable[..., Any])

FILE = Path(__file__).parent / "openapi.yaml"
SERVER = "https://your.site/api"
"""The address of the API in ``openapi.yaml``. The view of ``v1/schema/`` replaces it with the address at this site."""

SETTINGS = {
    "TITLE": "SkinsBack for players",
    "DESCRIPTION": (
        "Deposits by skins and purchases of skins. Every answer is about the user who is logged in. If the site "
        "supports the header Accept-Language, texts are in the language of this header."
    ),
    "VERSION": __version__,
    "OAS_VERSION": "3.1.1",
    "SERVERS": [{"url": SERVER}],
    "SCHEMA_PATH_PREFIX": "/v1",
    "PREPROCESSING_HOOKS": [],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": True,
    "ENUM_NAME_OVERRIDES": {
        "Game": serializers.GAME_CHOICES,
        "Tone": serializers.TONES,
        "NextStep": serializers.NEXT_STEPS,
        "DepositStatus": serializers.DEPOSIT_STATUSES,
        "PurchaseStatus": serializers.PURCHASE_STATUSES,
        "EntryKind": serializers.ENTRY_KINDS,
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": "sessionid",
                "description": "Django's session. The site may configure other ways to log in. Requests other than GET "
                "also need the header X-CSRFToken.",
            }
        }
    },
}
PROBLEM_TYPE = "application/problem+json"
PROBLEM_MEANINGS = {
    400: "A value is missing or not valid. If the wrong fields are known, `fields` contains them.",
    401: "Not logged in.",
    403: "Not logged in, the CSRF token is missing, or the user is frozen.",
    404: "The user has no such row, or the cursor is damaged.",
    406: "The header Accept excludes JSON.",
    409: "The request is not possible now. `code` is the reason.",
    413: "The body is larger than 64 KiB.",
    415: "The body is not JSON.",
    429: "Too many requests, or a limit of the site is reached. If the time to wait is known, Retry-After contains it.",
    500: "A fault of the site. If the request had an Idempotency-Key, send the request again with the same key.",
    503: "SkinsBack is not available, or the site cannot use SkinsBack now.",
}
_ALWAYS = (401, 403, 406, 429, 500, 503)

KEY_PARAMETER = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": KEY_PATTERN},
    OpenApiParameter.HEADER,
    required=True,
    description="Use a new key for each new request, for example a UUID. Use the same key to repeat a request.",
)
TAG_PARAMETERS = [
    OpenApiParameter(
        "If-None-Match",
        str,
        OpenApiParameter.HEADER,
        description="The ETag of the last answer. If nothing has changed since that answer, the status is 304.",
    ),
    OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200], required=True),
]


class Schema(AutoSchema):
    """Describes the views of the API. The site's settings for DRF do not change the description."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return the session as the way to log in. For a public address, return that no login is needed."""
        return [{}] if getattr(self.view, "is_public", False) else [{"session": []}]

    def get_tags(self) -> list[str]:
        """Return the first part of the path as the only tag."""
        return [self.path.strip("/").split("/")[1]]


def documented(
    operation_id: str,
    summary: str,
    *,
    answers: dict[int, Any],
    request: Any = None,
    problems: Sequence[int] = (),
    parameters: Sequence[OpenApiParameter | type[Serializer[Any]]] = (),
) -> Callable[[F], F]:
    """Return a decorator that describes one method of a view.

    ``answers`` is a dict: HTTP status -> serializer. ``problems`` are HTTP statuses of refusals. Statuses that every
    method may return are added automatically.
    """
    statuses = {*_ALWAYS, *problems, *((400, 413, 415) if request else ())}
    responses: dict[Any, Any] = dict(answers)
    for status in sorted(statuses):
        responses[status, PROBLEM_TYPE] = OpenApiResponse(
            serializers.ProblemSerializer, description=PROBLEM_MEANINGS[status]
        )
    return _with_own_schema(
        operation_id=operation_id,
        summary=summary,
        request={"application/json": request} if request else None,
        responses=responses,
        parameters=list(parameters),
    )


def hidden(method: F) -> F:
    """Leave one method of a view out of the description."""
    return _with_own_schema(exclude=True)(method)


def _with_own_schema(**options: Any) -> Callable[[F], F]:
    """Return the decorator ``extend_schema`` with these options. It uses Schema instead of DRF's default class."""

    def decorate(method: F) -> F:
        method.kwargs = {"schema": Schema}  # type: ignore[attr-defined] # where extend_schema finds its base
        return extend_schema(**options)(method)

    return decorate


def page_of(item: type[Serializer[Any]], name: str) -> Serializer[Any]:
    """Return the serializer of one page of a list."""
    return inline_serializer(
        name,
        {
            "results": item(many=True),
            "next": URLField(allow_null=True, help_text="The address of the next page; null on the last page."),
            "previous": URLField(allow_null=True, help_text="The address of the page before; null on the first page."),
        },
    )


NOT_MODIFIED = OpenApiResponse(description="Nothing has changed since the answer with this ETag.")
CURSOR_PARAMETER = OpenApiParameter(
    "cursor", str, description="The cursor in the address `next` or `previous` of another page."
)


def generate() -> str:
    """Return the OpenAPI description of the API as YAML. Raise ValueError if drf-spectacular warns about a view."""
    from .urls import urlpatterns

    generator: Any = SchemaGenerator
    renderer: Any = OpenApiYamlRenderer()
    reset_generator_stats()
    with patched_settings(SETTINGS):
        schema = generator(patterns=urlpatterns).get_schema(request=None, public=True)
        problems = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
        reset_generator_stats()
    if problems:
        raise ValueError("\n".join(problems))
    text: str = renderer.render(schema, renderer_context={}).decode()
    return text
