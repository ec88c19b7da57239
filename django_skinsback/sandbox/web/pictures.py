"""Pictures of the skins. The shape depends on the kind of skin, the colours depend on the rarity and the class ID."""

import re
from functools import cache
from pathlib import Path

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from ...steam import GAMES
from ..simulation.market import BY_CLASS_ID, ICON_PREFIX
from .rendering import render

_RARITY_COLORS = {
    "common": "#b0c3d9",
    "plain": "#b0c3d9",
    "industrial": "#5e98d9",
    "uncommon": "#5e98d9",
    "milspec": "#4b69ff",
    "rare_item": "#4b69ff",
    "fine": "#3fb28f",
    "restricted": "#8847ff",
    "mythical": "#8847ff",
    "classified": "#d32ce6",
    "legendary": "#d32ce6",
    "covert": "#eb4b4b",
    "epic": "#eb6a4b",
    "arcana": "#ade55c",
    "immortal": "#e4ae39",
    "rare": "#e4ae39",
}

_SHAPES = dict(
    line.split(" ", 1) for line in (Path(__file__).parent / "silhouettes.txt").read_text(encoding="utf-8").splitlines()
)
"""Kind of skin -> SVG path in a box of 200 by 140 units."""

_SIZE = re.compile(r"[0-9]{1,4}fx[0-9]{1,4}f", re.ASCII)


def steam_picture(request: Request, icon: str, size: str) -> Response:
    """Return the picture at an address that is built as on Steam's server. Raise NotFound for an unknown icon.

    So the setting ``PICTURE_URL`` may be the sandbox's address with ``/economy/image/``. The picture fits every size.
    """
    if not _SIZE.fullmatch(size):
        raise NotFound
    return picture(request, icon.removeprefix(ICON_PREFIX))


def steam_picture_of_class(request: Request, app_id: str, class_id: str, size: str) -> Response:
    """Return the picture of a skin by the app ID of its game and its class ID. Raise NotFound if they do not fit."""
    if not _SIZE.fullmatch(size) or class_id not in BY_CLASS_ID:
        raise NotFound
    if app_id != str(GAMES[BY_CLASS_ID[class_id].game].app_id):
        raise NotFound
    return picture(request, class_id)


def picture(_request: Request, class_id: str) -> Response:
    """Return the response with the SVG picture of a skin. Raise NotFound for an unknown class ID."""
    if class_id not in BY_CLASS_ID:
        raise NotFound
    response = Response(draw(class_id), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "max-age=86400"
    return response


@cache
def draw(class_id: str) -> str:
    """Return the picture of a skin as SVG text. The same class ID always has the same picture."""
    design, seed = BY_CLASS_ID[class_id], int(class_id)
    hue = seed % 360
    return render(
        "skin.svg",
        shape=_SHAPES[design.kind],
        color=_RARITY_COLORS[design.rarity],
        first=f"hsl({hue},62%,62%)",
        second=f"hsl({(hue + 40 + seed % 120) % 360},58%,42%)",
        angle=seed % 90 - 45,
        width=6 + seed % 11,
    )


def rarity_class(class_id: str) -> str:
    """Return the CSS class for the rarity of a skin on the pay page."""
    return f"rarity-{_RARITY_COLORS[BY_CLASS_ID[class_id].rarity].lstrip('#')}"
