"""Finds the class IDs of skins that are known by name, for their pictures."""

from collections.abc import Iterable

from ..models import MarketItem


def class_ids(skins: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the class IDs of skins: (game, market hash name) -> class ID. Skins that the market never had are missing.

    Takes one query, and none without skins.
    """
    wanted = {*skins}
    if not wanted:
        return {}
    rows = MarketItem.objects.filter(
        game__in={game for game, _name in wanted}, market_hash_name__in={name for _game, name in wanted}
    )
    return {(item.game, item.market_hash_name): item.class_id for item in rows}
