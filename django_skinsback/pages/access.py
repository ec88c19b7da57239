"""The decorator of every page: login, allowed methods, caching and database transactions."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from ..views import without_transaction

View = Callable[..., HttpResponseBase]


def player_page(*methods: str) -> Callable[[View], View]:
    """Return a decorator for a view of the pages. ``methods`` are ``GET`` (with ``HEAD``) and ``POST``.

    Only a logged-in user reaches the view; others are redirected to ``LOGIN_URL``. A POST needs a CSRF token, also at a
    site without Django's middleware for it. No cache stores the answer. The view runs outside ``ATOMIC_REQUESTS``,
    because flows that call SkinsBack refuse to run in a database transaction.
    """
    allowed = [*methods, "HEAD"] if "GET" in methods else [*methods]

    def decorate(view: View) -> View:
        return without_transaction(never_cache(require_http_methods(allowed)(csrf_protect(login_required(view)))))

    return decorate
