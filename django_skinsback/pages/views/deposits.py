"""The pages to deposit: choose a way to pay, the return from the pay page, and the page of one deposit."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse

from ..access import player_page


@player_page("GET", "POST")
def start(request: HttpRequest) -> HttpResponse:
    raise Http404


@player_page("GET")
def back(request: HttpRequest, key: uuid.UUID | None = None) -> HttpResponse:
    raise Http404


@player_page("GET")
def done_in_frame(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    raise Http404


@player_page("GET")
def show(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    raise Http404


@player_page("GET")
def status(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    raise Http404
