"""Pictures of invented skins: a silhouette for the kind, colours for the rarity and the class id."""

from functools import cache

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

_SHAPES = {
    "rifle": "M14 66h30l6-8h44l4-6h50v-8h6v8h30v6h-30v6h-46l-6 8 8 26h-14l-8-22H78l-6 8H54l-4-6-36 14z",
    "sniper": "M10 70h34l8-10h30v-6h-8v-10h50v10h-8v6h20v-4h54v6h-54v6h-34l-6 8 6 20H98l-8-18H70L48 92 10 96z",
    "pistol": "M52 44h92v8h4v14H98l-6 10H82l-10 32H50l8-36-10-8z",
    "smg": "M22 62h30l6-8h60v-6h10v6h44v8h-44v8h-16l4 34h-14l-6-34h-8l-8 26H64l6-26H54l-28 12z",
    "shotgun": "M12 72l34-14h20l6-6h114v8h-30v8h-44v-4H78l-8 12H52l-36 18z",
    "knife": "M20 84C60 40 110 32 168 40c-14 22-52 34-92 36l-4 12-14-4-22 22-16-8z",
    "gloves": "M46 104V64l-14-8 8-14 18 10V30h12v26h6V24h12v32h6V28h12v30h6V36h12v46l-14 22zM124 104V92l8-14 22-8 6 14-14 8v12z",
    "sword": "M28 112l12-14-10-8 8-8 8 8L136 18l22-4-4 22-84 84 8 8-8 8-10-10-14 12z",
    "axe": "M40 118l70-78c-14-12-10-22-4-30 14 14 34 16 54 34 6 10 4 22-2 30-10 0-18-4-30-20l-76 74z",
    "staff": "M44 122l64-80c-12-8-10-26 6-32 20-4 34 12 26 28-6 10-16 12-24 8l-62 84zm82-86c8 0 8-14 0-14s-8 14 0 14z",
    "bow": "M50 14c64 4 96 44 100 102l-8-2C138 70 110 40 66 30l62 74-6 5L44 18z",
    "helm": "M48 100V62c0-62 104-62 104 0v38h-32V78h-40v22z",
    "armor": "M52 24l28 8c10 12 30 12 40 0l28-8 16 30-20 12v48H56V66L36 54z",
    "cape": "M66 16c20 12 48 12 68 0l36 98c-28-14-44 6-70-2-26 8-42-12-70 2z",
    "courier": "M44 96c-14-40 14-60 46-56l14-22 10 22c40-4 60 24 52 56h-16l-4-18-14 18H96L84 80l-8 16zM134 58a6 6 0 100 12 6 6 0 000-12z",
    "ward": "M30 66c40-56 100-56 140 0-40 54-100 54-140 0zm70-26a26 26 0 100 52 26 26 0 000-52zm0 14a12 12 0 110 24 12 12 0 010-24z",
    "hoodie": "M70 22c16 24 44 24 60 0l30 14 16 62-22 6-8-34v46H54V70l-8 34-22-6 16-62z",
    "pants": "M62 18h76l10 100h-34L100 54l-14 64H52z",
    "mask": "M44 36c36-20 76-20 112 0 4 44-18 78-56 84-38-6-60-40-56-84zm16 20l8 16 24-2-6-14zm80 0l-26 0-6 14 24 2z",
    "boots": "M52 20h38v58l40 16c8 4 10 14 8 22H52zM150 60l14-2v58h-14z",
    "door": "M60 14h80v108H60zm10 10v40h60V24zm0 50v38h60V74z",
    "box": "M30 48l70-26 70 26v52l-70 24-70-24zm10 8l60 22 60-22-60-20z",
    "bag": "M40 100C24 60 46 26 86 26h44c40 8 44 60 24 84H60c-10 0-16-4-20-10zM86 38c-20 12-20 40 0 52 16-14 16-38 0-52z",
}


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
