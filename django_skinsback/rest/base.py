"""The base class of the API's views. It sets permissions, formats, throttles, headers and the handler of exceptions."""

from typing import Any

from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..views import without_transaction
from .pagination import NewestFirst
from .parsers import SmallJSONParser
from .problems import exception_handler
from .schema import Schema
from .throttles import ReadThrottle, ScopeThrottle

VARY = ("Accept-Language", "Authorization", "Cookie")


class JSONNegotiation(DefaultContentNegotiation):
    """Accepts or refuses a request by its header Accept. The answer is always JSON. The address cannot set a format."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:  # noqa: A002 - the name of DRF's argument
        """Return all renderers, whatever the parameter ``format`` of the address is."""
        return renderers

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """Return the JSON renderer. Raise NotAcceptable if the header Accept excludes JSON.

        A header with ``application/problem+json`` alone is accepted, because refusals have this type.
        """
        if "application/problem+json" in request.headers.get("Accept", ""):
            return renderers[0], renderers[0].media_type
        return super().select_renderer(request, renderers, format_suffix)


# Flows open their own database transactions, and those that call SkinsBack refuse to run inside one.
@method_decorator(without_transaction, name="dispatch")
class BaseView(APIView):
    """A view for a user who is logged in. The site's settings of Django REST framework define how users log in."""

    permission_classes: Any = (IsAuthenticated,)
    renderer_classes = (JSONRenderer,)
    parser_classes = (SmallJSONParser,)
    content_negotiation_class = JSONNegotiation
    versioning_class = None
    metadata_class = None
    schema: Any = Schema()
    throttles: dict[str, type[ScopeThrottle]] = {}
    """HTTP method -> throttle. A method that is missing here has ReadThrottle."""

    @property
    def user(self) -> Any:
        """The user of the request: an instance of the site's user model."""
        return self.request.user

    def get_exception_handler(self) -> Any:
        """Return the handler that answers with problem details. The site's setting EXCEPTION_HANDLER is not used."""
        return exception_handler

    def get_throttles(self) -> list[Any]:
        """Return the throttle of the request's method."""
        return [self.throttles.get(str(self.request.method), ReadThrottle)()]

    def get_format_suffix(self, **_arguments: Any) -> None:
        """Return None, because addresses have no suffix such as ``.json``."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **arguments: Any) -> Any:
        """Add headers to the answer, so that no shared cache stores the answer for other users."""
        response.headers.setdefault("Cache-Control", "private, no-cache")
        patch_vary_headers(response, VARY)
        return super().finalize_response(request, response, *args, **arguments)

    def page_of(self, rows: Any, make: Any) -> Response:
        """Return one page of the queryset ``rows``. The results are what ``make(row)`` returns for each row."""
        paginator = NewestFirst()
        page: Any = paginator.paginate_queryset(rows, self.request, view=self) or []
        return Response(
            {
                "results": [make(row) for row in page],
                "next": paginator.get_next_link(),
                "previous": paginator.get_previous_link(),
            }
        )
