"""Pictures of invented skins: a silhouette for the kind, colours for the rarity and the class id."""

from functools import cache
from pathlib import Path

_RARITIES = {
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
"""Kind of skin -> SVG path in a box of 200 by 140."""


@cache
def draw(kind: str, rarity: str, class_id: str) -> str:
    """The SVG of one skin; the same skin always looks the same."""
    seed = int(class_id)
    glow = _RARITIES[rarity]
    hue = seed % 360
    first, second = f"hsl({hue},62%,62%)", f"hsl({(hue + 40 + seed % 120) % 360},58%,42%)"
    angle, width = seed % 90 - 45, 6 + seed % 11
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 140" role="img">'
        f'<defs><radialGradient id="g" cx="50%" cy="52%" r="62%"><stop offset="0" stop-color="{glow}" '
        f'stop-opacity=".5"/><stop offset="1" stop-color="{glow}" stop-opacity=".04"/></radialGradient>'
        f'<pattern id="p" width="{2 * width}" height="{2 * width}" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate({angle})"><rect width="{2 * width}" height="{2 * width}" fill="{first}"/>'
        f'<rect width="{width}" height="{2 * width}" fill="{second}"/>'
        f'<circle cx="{width}" cy="{width}" r="{width / 3:.1f}" fill="#fff" fill-opacity=".35"/></pattern>'
        '<linearGradient id="s" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#fff" stop-opacity=".35"/>'
        '<stop offset=".55" stop-color="#000" stop-opacity="0"/><stop offset="1" stop-color="#000" '
        'stop-opacity=".45"/></linearGradient></defs>'
        '<rect width="200" height="140" fill="url(#g)"/>'
        f'<g fill-rule="evenodd" stroke-linejoin="round"><path d="{_SHAPES[kind]}" fill="url(#p)" '
        'stroke="#0b0e14" stroke-width="2.5"/>'
        f'<path d="{_SHAPES[kind]}" fill="url(#s)"/></g></svg>'
    )


def color(rarity: str) -> str:
    """The rarity's colour as a class name of the pages' style sheets."""
    return f"rarity-{_RARITIES[rarity].lstrip('#')}"
