"""Views that return the OpenAPI description, and the answer for an unknown address."""

from typing import Any

from django.http import Http404, HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from ..base import BaseView
from ..schema import FILE, SERVER, hidden


class SchemaView(BaseView):
    """The OpenAPI description of the API."""

    permission_classes: Any = (AllowAny,)
    is_public = True

    @hidden
    def get(self, request: Request) -> HttpResponse:
        """Return the file ``openapi.yaml`` with the address of this site."""
        here = request.build_absolute_uri(request.path)
        text = FILE.read_text(encoding="utf-8").replace(SERVER, here.removesuffix("/v1/schema/"), 1)
        return HttpResponse(text, content_type="application/yaml; charset=utf-8")


class NotFoundView(BaseView):
    """Answers requests for unknown addresses below ``v1/`` with a problem. The site's 404 page is not used."""

    permission_classes: Any = (AllowAny,)

    schema = None

    def initial(self, request: Request, *_args: object, **_arguments: object) -> None:
        """Raise Http404 for every HTTP method."""
        raise Http404
