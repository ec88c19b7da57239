"""Pictures of skins: their addresses at Steam, drawn placeholders, and what a Content-Security-Policy must allow."""

import re
from urllib.parse import urlsplit

from . import conf
from .steam import GAMES

__all__ = ["csp_sources", "picture_url", "placeholder"]

_CLASS_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
_ICON = re.compile(r"[A-Za-z0-9_-]{1,512}")
_SIZE = re.compile(r"/[0-9]{1,4}fx[0-9]{1,4}f", re.ASCII)


def picture_url(*, class_id: str = "", icon: str = "", game: str = "cs2", large: bool = False) -> str:
    """Return the address of a skin's picture at ``PICTURE_URL``; an empty text if there is none.

    ``icon`` is the hash of the picture, or an address of it that begins with ``PICTURE_URL``. Without a usable
    ``icon``, the picture is found by ``class_id`` and ``game``. ``large`` chooses the second of ``PICTURE_SIZES``. The
    server does not load the picture: the browser does.
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
    """Return the hash of an icon. Return empty text for an address of another site and for anything else."""
    hash_ = _SIZE.sub("", icon.removeprefix(base)) if icon.startswith(base) else icon
    return hash_ if _ICON.fullmatch(hash_) else ""


def csp_sources() -> dict[str, tuple[str, ...]]:
    """Return the origins that the pages load from, by directive of the Content-Security-Policy header.

    ``img-src`` is the origin of ``PICTURE_URL``, and ``frame-src`` is the origin of ``API_URL``, where the pay pages
    are. Add them to the site's own policy. In Django 6.0 and later::

        from django.utils.csp import CSP
        from django_skinsback.pictures import csp_sources

        SECURE_CSP = {
            "default-src": [CSP.SELF],
            **{directive: [CSP.SELF, *origins] for directive, origins in csp_sources().items()},
        }

    This belongs below the setting ``SKINSBACK``. With django-csp 4, it is the value of ``DIRECTIVES``. A site without
    either sets the header in a middleware::

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
"""Silhouette -> words with which the name of such a thing begins or ends."""

_OTHER = "gem"


def placeholder(market_hash_name: str) -> str:
    """Return the path of a drawn silhouette for the static files: ``skinsback/skins/rifle.svg``.

    It shows the kind of skin while the picture loads, and in its place if there is none.
    """
    return f"skinsback/skins/{shape_of(market_hash_name)}.svg"


def shape_of(market_hash_name: str) -> str:
    """Return the name of the silhouette. It is found by the last words before ``|`` or ``of``.

    Return ``gem`` if no word is known.
    """
    thing = market_hash_name.lower().split(" | ")[0].split(" of ")[0].split(" the ")[-1].split(" (")[0]
    words = thing.split()
    for count in range(len(words)):
        rest = " ".join(words[-1 - count :])
        for shape, known in _WORDS.items():
            if any(rest.startswith(word) or rest.endswith(word) for word in known):
                return shape
    return _OTHER
