"""Reads the wear and the quality of a CS2 skin from the name of the skin."""

from ...models.market import Quality

WEAR_OF_ENDING = {
    "(Factory New)": "factory_new",
    "(Minimal Wear)": "minimal_wear",
    "(Field-Tested)": "field_tested",
    "(Well-Worn)": "well_worn",
    "(Battle-Scarred)": "battle_scarred",
}
"""End of a name -> wear, a key of ``models.market.WEAR_LABELS``."""

GAME_WITH_FACETS = "cs2"

_NORMAL, _STATTRAK, _SOUVENIR = Quality.NORMAL.value, Quality.STATTRAK.value, Quality.SOUVENIR.value


def facets(market_hash_name: str, game: str = GAME_WITH_FACETS) -> tuple[str, str]:
    """Return the wear and the quality of a skin, such as ``("field_tested", "stattrak")``.

    The end of the name contains the wear. If the name contains no wear, the wear is an empty string. The beginning of
    the name, after ``★``, contains the quality. If the name contains no quality, the quality is ``normal``. For a skin
    of another game, the wear is an empty string and the quality is ``normal``.
    """
    if game != GAME_WITH_FACETS:
        return "", _NORMAL
    wear = ""
    if market_hash_name.endswith(")"):
        wear = WEAR_OF_ENDING.get(market_hash_name[market_hash_name.rfind("(") :], "")
    if market_hash_name.startswith(("StatTrak™ ", "★ StatTrak™ ")):
        return wear, _STATTRAK
    return wear, _SOUVENIR if market_hash_name.startswith("Souvenir ") else _NORMAL
