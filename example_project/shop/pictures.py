"""Draw an SVG picture of a skin: a silhouette of its kind, such as a rifle, in colours that depend on its name."""

import zlib

from django.template.loader import render_to_string

SHAPES = {
    "rifle": "M6 38h10l4-4h30l3-5h14l3 5h36v-3h8v9h-8v2H74l-3 4 5 20H66l-7-18h-8l-5 12H36l5-15H24L10 56H4z",
    "sniper": "M4 42h16l6-5h20v-6h-4v-7h30v7h-6v6h42v-2h8v6h-8v2H68l-4 4h-8l-5 13H41l4-12H30L12 58H4z",
    "pistol": "M20 22h74v6h4v12H64l-4 4v6q0 4-4 4h-9l-5 20H24l7-26-9-8z",
    "smg": "M14 30h8v-4h58v5h22v8H80v5H66l-2 24H52l-1-20h-5l-5 14H30l5-17H22l-6 6h-4z",
    "blade": "M8 62 26 48l-5-5 5-5 6 6Q66 18 112 12 98 44 44 56l5 5-5 5-6-6-22 12z",
    "sword": "M10 66 32 48l-7-7 5-5 7 7L104 8h10v10L51 52l7 7-5 5-7-7-27 17z",
    "axe": "M14 70 64 20l-6-6Q80 2 104 14l-4 6q8 14 4 32Q90 40 74 38l-4-10-48 48z",
    "staff": "M18 72 72 24l6 6-52 48zM84 6l10 10 12-4-4 12 10 10-13 1-6 13-6-12-13-2 9-10z",
    "bow": "M28 8q66 2 64 64l-9-1Q83 18 29 17zM30 13l3-3 56 56-3 3zM12 72 62 22l-5-5 18-4-4 18-5-5-50 50z",
    "gloves": "M26 72V46L14 30l8-6 12 14V12h8v22h4V8h8v26h4V12h8v26q8-10 12-4L64 56v16zM84 72V52l-4-6 16-18 8 4 6 40z",
    "helmet": "M24 58V40q0-32 36-32t36 32v18l-12 10-6-18H42l-6 18zM48 56h24l-4 16H52z",
    "top": "M44 10q16 10 32 0l26 16-10 18-10-5v33H38V39l-10 5-10-18z",
    "legs": "M38 8h44l8 64H68l-8-42-8 42H30z",
    "boots": "M22 12h20v32q22 4 22 14v10H22zM70 20h18v28q20 3 20 12v8H70z",
    "animal": "M30 34q-10-14 0-24 14 4 16 14 14-5 28 0 2-10 16-14 10 10 0 24 10 36-30 40-40-4-30-40z"
    "M48 44h6v7h-6zM66 44h6v7h-6z",
    "eye": "M6 40q26-32 54-32t54 32q-26 32-54 32T6 40zM60 24a16 16 0 1 0 0 32 16 16 0 0 0 0-32zM60 34a6 6 0 1 0 0 12z",
    "door": "M34 6h52v68H34zM42 14v24h14V14zM64 14v24h14V14zM42 44v22h14V44zM64 44v22h14V44z",
    "box": "M18 30 60 12l42 18v32L60 76 18 62zM24 34v24l32 11V46zM64 46v23l32-11V34z",
    "gem": "M36 12h48l22 24-46 38-46-38zM40 18 28 34h18zM80 18l12 16H74zM52 18h16l-8 14z",
}

WORDS = {
    "sniper": ("awp", "ssg", "scar", "g3sg1", "bolt rifle"),
    "pistol": ("eagle", "usp", "glock", "p250", "seven", "tec-9", "cz75", "berettas", "revolver", "python"),
    "smg": ("mp9", "mp7", "mac-10", "ump", "p90", "bizon", "thompson", "smg"),
    "rifle": ("ak", "m4a", "galil", "famas", "aug", "sg 553", "nova", "xm1014", "mag-7", "lr-300", "sar"),
    "blade": ("knife", "bayonet", "karambit", "daggers", "cutlass", "hook", "sabre"),
    "sword": ("sword", "edge", "blade", "fang"),
    "axe": ("axe", "cleaver", "hatchet", "adze", "pick"),
    "staff": ("staff", "sceptre", "rod", "crook"),
    "bow": ("bow",),
    "gloves": ("gloves", "wraps", "bracers"),
    "boots": ("boots",),
    "legs": ("pants", "belt"),
    "top": (
        "hoodie",
        "vest",
        "chestplate",
        "mantle",
        "carapace",
        "pauldrons",
        "cloak",
        "shawl",
        "cape",
        "wings",
    ),
    "helmet": ("helm", "helmet", "hood", "crown", "cap", "hat", "mask", "facemask", "bandana", "bucket"),
    "animal": ("fox", "tortoise", "gull", "mouse", "courier"),
    "eye": ("ward", "eye", "watcher"),
    "door": ("door",),
    "box": ("box", "case", "bag", "chest"),
}


def shape_of(market_hash_name: str) -> str:
    """Return the key of the silhouette in ``SHAPES``. It is found by the last words before ``|`` or ``of``.

    Return ``gem`` if no word is known.
    """
    thing = market_hash_name.lower().split(" | ")[0].split(" of ")[0].split(" the ")[-1]
    endings = [word for word in thing.replace("★ ", "").split() if word]
    for count in range(len(endings)):
        rest = " ".join(endings[-1 - count :])
        for shape, words in WORDS.items():
            if any(rest.startswith(word) or rest.endswith(word) for word in words):
                return shape
    return "gem"


def picture(market_hash_name: str) -> str:
    """Return the picture as an SVG document. The same name always gives the same picture."""
    seed = zlib.crc32(market_hash_name.encode())
    hue, turn, gap = seed % 360, seed // 360 % 180, 7 + seed // 64800 % 9
    words = {
        "shape": SHAPES[shape_of(market_hash_name)],
        "first": hue,
        "second": (hue + 40 + turn // 2) % 360,
        "turn": turn,
        "gap": gap,
        "half": str(gap / 2),
    }
    return render_to_string("shop/skin.svg", words)
