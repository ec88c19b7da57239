"""A strict Content-Security-Policy.

Inline scripts and styles are forbidden. The only other site that a page may show in a frame is SkinsBack.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def pay_page_origin() -> str:
    """Return the origin of the pay pages, such as ``https://skinsback.com``. In the demo it is the sandbox."""
    parts = urlsplit(settings.SKINSBACK["API_URL"])
    return f"{parts.scheme}://{parts.netloc}"


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that adds the policy to each response, except Django's debug pages.

    ``form-action`` allows the origin of the pay pages too: browsers also check the redirect that follows a form.
    """
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
