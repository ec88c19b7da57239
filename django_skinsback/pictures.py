"""Returns addresses of pictures and drawings of skins, and the origins for a Content-Security-Policy header."""

import re
from urllib.parse import urlsplit

from . import conf
from .steam import GAMES

__all__ = ["csp_sources", "picture_url", "placeholder"]

_CLASS_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
_ICON = re.compile(r"[A-Za-z0-9_-]{1,512}")
_SIZE = re.compile(r"/[0-9]{1,4}fx[0-9]{1,4}f", re.ASCII)


def picture_url(*, class_id: str = "", icon: str = "", game: str = "cs2", large: bool = False) -> str:
    """Return the address of a skin's picture below ``PICTURE_URL``. Return an empty string if there is no picture.

    ``icon`` is the hash of the picture, or an address that begins with ``PICTURE_URL`` and contains the hash. If
    ``icon`` is empty or not valid, ``class_id`` and ``game`` identify the picture. The size is the first value of
    ``PICTURE_SIZES``. If ``large`` is True, the size is the second value. This function downloads nothing.
    """
    base = conf.picture_url()
    if not base:
        return ""
    size = conf.get("PICTURE_SIZES")[1 if large else 0]
    if hash_ := _icon_hash(icon, base):
        return f"{base}{hash_}/{size}fx{size}f"
    if game in GAMES and _CLASS_ID.fullmatch(class_id):
        return f"{base}class/{GAMES[game].app_id}/{class_id}/{size}fx{size}f"
    return ""


def _icon_hash(icon: str, base: str) -> str:
    """Return the hash of a picture. ``icon`` is the hash, or an address that begins with ``base`` and contains it.

    Return an empty string if ``icon`` is another address or any other text.
    """
    hash_ = _SIZE.sub("", icon.removeprefix(base)) if icon.startswith(base) else icon
    return hash_ if _ICON.fullmatch(hash_) else ""


def csp_sources() -> dict[str, tuple[str, ...]]:
    """Return a dict: directive of the Content-Security-Policy header -> origins that the site must allow.

    ``img-src`` contains the origin of ``PICTURE_URL``, or nothing if there are no pictures. ``frame-src`` contains the
    origin of ``API_URL``, because SkinsBack's pay pages have the same origin. Add these origins to the site's own
    policy. In Django 6.0 and later::

        from django.utils.csp import CSP
        from django_skinsback.pictures import csp_sources

        SECURE_CSP = {
            "default-src": [CSP.SELF],
            **{directive: [CSP.SELF, *origins] for directive, origins in csp_sources().items()},
        }

    Put this code below the setting ``SKINSBACK``. With django-csp 4, the same dict is the value of ``DIRECTIVES``.
    Without Django 6.0 and without django-csp, set the header in a middleware::

        response["Content-Security-Policy"] = "default-src 'self'" + "".join(
            f"; {directive} 'self' {' '.join(origins)}" for directive, origins in csp_sources().items()
        )
    """
    picture = conf.picture_url()
    return {"img-src": (_origin(picture),) if picture else (), "frame-src": (_origin(conf.api_url()),)}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


# Placeholders

_WORDS = {
    "sniper": ("awp", "ssg", "scar", "g3sg1", "bolt rifle"),
    "pistol": ("eagle", "usp", "glock", "p250", "p2000", "seven", "tec-9", "cz75", "berettas", "revolver", "python"),
    "smg": ("mp9", "mp7", "mp5", "mac-10", "ump", "p90", "bizon", "thompson", "smg"),
    "rifle": (
        *("ak", "m4a", "galil", "famas", "aug", "sg 553", "nova", "xm1014", "mag-7", "lr-300", "sar"),
        *("negev", "m249", "sawed-off"),
    ),
    "blade": ("knife", "bayonet", "karambit", "daggers", "cutlass", "hook", "sabre"),
    "sword": ("sword", "edge", "blade", "fang"),
    "axe": ("axe", "cleaver", "hatchet", "adze", "pick"),
    "staff": ("staff", "sceptre", "rod", "crook"),
    "bow": ("bow",),
    "gloves": ("gloves", "wraps", "bracers"),
    "boots": ("boots",),
    "legs": ("pants", "belt"),
    "top": ("hoodie", "vest", "chestplate", "mantle", "carapace", "pauldrons", "cloak", "shawl", "cape", "wings"),
    "helmet": ("helm", "helmet", "hood", "crown", "cap", "hat", "mask", "facemask", "bandana", "bucket"),
    "animal": ("fox", "tortoise", "gull", "mouse", "courier"),
    "eye": ("ward", "eye", "watcher"),
    "door": ("door",),
    "box": ("box", "case", "bag", "chest", "capsule", "package"),
}
"""Silhouette -> words. ``shape_of`` compares these words with the name of a skin."""

_OTHER = "gem"


def placeholder(market_hash_name: str) -> str:
    """Return the path of a static file with a silhouette, such as ``skinsback/skins/rifle.svg``.

    The silhouette shows the kind of the skin, such as a rifle. Show the silhouette while the picture loads, or if the
    skin has no picture.
    """
    return f"skinsback/skins/{shape_of(market_hash_name)}.svg"


def shape_of(market_hash_name: str) -> str:
    """Return the name of a skin's silhouette, such as ``rifle``. Return ``gem`` if no word of the name is known.

    The part of the name before ``|``, ``(`` and ``of`` is used, and of this part only the words after ``the``. The last
    word is compared first, then the last two words, and so on.
    """
    thing = market_hash_name.lower().split(" | ")[0].split(" of ")[0].split(" the ")[-1].split(" (")[0]
    words = thing.split()
    for count in range(len(words)):
        rest = " ".join(words[-1 - count :])
        for shape, known in _WORDS.items():
            if any(rest.startswith(word) or rest.endswith(word) for word in known):
                return shape
    return _OTHER
