"""The pages to withdraw: the market, the confirmation of a quote, the cart, and the page of one purchase."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from ..access import player_page


@player_page("GET")
def market(request: HttpRequest) -> HttpResponse:
    raise Http404


@player_page("GET")
def show(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    raise Http404


urlpatterns = [
    path("withdraw/", market, name="withdraw"),
    path("withdraw/<uuid:public_id>/", show, name="purchase"),
    path("withdraw/<uuid:public_id>/status/", show, name="purchase_status"),
]
