"""To be written."""

from django.http import Http404, HttpRequest, HttpResponse

from ..access import player_page


@player_page("GET", "POST")
def edit(request: HttpRequest) -> HttpResponse:
    raise Http404
