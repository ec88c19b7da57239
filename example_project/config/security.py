"""A strict Content-Security-Policy.

Inline scripts and styles are forbidden. Pages load pictures of skins and SkinsBack's pay page from elsewhere, and
nothing more: ``csp_sources`` returns the addresses.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from django_skinsback.pictures import csp_sources


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that adds the policy to each response, except Django's debug pages.

    ``form-action`` allows the origin of the pay pages too: browsers also check the redirect that follows a form.
    """
    sources = csp_sources()
    policy = "; ".join(
        [
            "default-src 'self'",
            *(f"{directive} 'self' {' '.join(origins)}" for directive, origins in sources.items()),
            f"form-action 'self' {' '.join(sources['frame-src'])}",
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
