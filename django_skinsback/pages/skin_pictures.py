"""Finds the class IDs of skins by name. The picture of a skin needs the class ID."""

from collections.abc import Iterable

from ..models import MarketItem


def class_ids(skins: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return a dict: (game, market hash name) -> class ID. Skins that were never in the price list are missing.

    Takes one query. If ``skins`` is empty, takes no query.
    """
    wanted = {*skins}
    if not wanted:
        return {}
    rows = MarketItem.objects.filter(
        game__in={game for game, _name in wanted}, market_hash_name__in={name for _game, name in wanted}
    )
    return {(item.game, item.market_hash_name): item.class_id for item in rows}
