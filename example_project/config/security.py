"""A strict Content-Security-Policy: the shop has no inline script or style, and nothing from elsewhere."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def pay_page_origin() -> str:
    """Where pay pages live: SkinsBack's own site, or the sandbox."""
    parts = urlsplit(settings.SKINSBACK["API_URL"])
    return f"{parts.scheme}://{parts.netloc}"


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Browsers apply ``form-action`` to redirects too: pay pages stand there as well as in ``frame-src``."""
    origin = pay_page_origin()
    policy = "; ".join(
        [
            "default-src 'self'",
            f"frame-src 'self' {origin}",
            f"form-action 'self' {origin}",
            "frame-ancestors 'self'",
            "base-uri 'none'",
            "object-src 'none'",
        ]
    )

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not (settings.DEBUG and response.status_code in {404, 500}):  # Django's pages for developers
            response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return middleware
