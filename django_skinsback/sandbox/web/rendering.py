"""HTML from templates with everything escaped, the files beside them, and pictures of skins."""

from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from ..simulation.market import BY_CLASS_ID
from .pictures import draw

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
"""What every answer carries, unless it says otherwise."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / "templates" / name).read_text(encoding="utf-8").rstrip())


def html(template: str, /, **values: object) -> Markup:
    """A template with its ``$placeholders`` filled; only Markup is put in as it is."""
    return Markup(_template(template).substitute({key: safe(value) for key, value in values.items()}))


def safe(value: object) -> str:
    """The value as it may stand in HTML, text or quoted attribute."""
    return value if isinstance(value, Markup) else escape(str(value))


def join(parts: Iterable[Markup]) -> Markup:
    """Several pieces of HTML as one."""
    return Markup("".join(parts))


def page(template: str, /, *, http_status: int = 200, **values: object) -> Response:
    """A whole page."""
    return Response(html(template, **values), http_status, mimetype="text/html")


def allow_frames(response: Response) -> Response:
    """Let other sites show this page in a frame: widgets are made for that, all other pages refuse."""
    response.headers["Content-Security-Policy"] = f"{_POLICY}*"
    return response


def static_file(_request: Request, name: str) -> Response:
    """A style sheet or a script."""
    if name not in _STATIC:
        raise NotFound
    response = Response((_FOLDER / "static" / name).read_bytes(), mimetype=_STATIC[name])
    response.headers["Cache-Control"] = "max-age=60"
    return response


def picture(_request: Request, class_id: str) -> Response:
    """A skin's picture."""
    design = BY_CLASS_ID.get(class_id)
    if design is None:
        raise NotFound
    response = Response(draw(design.kind, design.rarity, class_id), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "max-age=86400"
    return response
