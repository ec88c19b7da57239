"""Functions that return HTML pages from Jinja2 templates, and static files. All values in the templates are escaped."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.exceptions import NotFound, ServiceUnavailable
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent
_STATIC = {
    "pay.css": "text/css",
    "pay.js": "text/javascript",
    "control.css": "text/css",
    "control.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors "
)
HEADERS = {
    "Content-Security-Policy": f"{_POLICY}'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""The default headers of every response. A response may set another value for a header."""


@cache
def _environment() -> "Environment":
    try:
        import jinja2
    except ModuleNotFoundError:
        raise ServiceUnavailable("Jinja2 is missing: pip install 'django-skinsback[sandbox]'") from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["long_time"] = lambda seconds: f"{_utc(seconds):%d %B %Y %H:%M:%S}"
    environment.filters["short_time"] = lambda seconds: f"{_utc(seconds):%d %b %H:%M:%S}"
    return environment


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def render(template: str, /, **values: object) -> str:
    """Return the rendered template. Every value is escaped. Raise ServiceUnavailable if Jinja2 is not installed."""
    return _environment().get_template(template).render(values)


def page(template: str, /, *, http_status: int = 200, **values: object) -> Response:
    """Render a template and return it as an HTML response."""
    return Response(render(template, **values), http_status, mimetype="text/html")


def allow_frames(response: Response) -> Response:
    """Allow other sites to show this response in a frame, and return it. The pay page of a widget needs this."""
    response.headers["Content-Security-Policy"] = f"{_POLICY}*"
    return response


def static_file(_request: Request, name: str) -> Response:
    """Return a style sheet, a script or the icon. Raise NotFound for any other name."""
    if name not in _STATIC:
        raise NotFound
    response = Response((_FOLDER / "static" / name).read_bytes(), mimetype=_STATIC[name])
    response.headers["Cache-Control"] = "max-age=60"
    return response
