"""A strict Content-Security-Policy: no inline scripts or styles, and nothing from other sites but pay pages."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def pay_page_origin() -> str:
    """Origin of the pay pages: SkinsBack's site, or the sandbox."""
    parts = urlsplit(settings.SKINSBACK["API_URL"])
    return f"{parts.scheme}://{parts.netloc}"


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that adds the policy. ``form-action`` allows pay pages too, because browsers apply it to redirects."""
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
        if not (settings.DEBUG and response.status_code in {404, 500}):  # Django's debug pages have inline styles
            response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return middleware
