"""The skins of the sandbox, the stock of the market, and the first inventory of each Steam account.

The names are invented and look like Steam's names. Only ``DOCUMENTED_SKIN`` is the name of a real skin.
"""

import random
import zlib
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from .currencies import CENT, round_to_cents
from .state import Asset, StockItem

PAID_PERCENT = (70, 79)
"""A deposit of a skin pays a percentage of its market price. This is the lowest and the highest percentage.

Even after the default price multiplier of 1.2, a deposit pays less than the market price. So a user who buys skins and
deposits them loses money.
"""

WEARS = {
    "FN": "Factory New",
    "MW": "Minimal Wear",
    "FT": "Field-Tested",
    "WW": "Well-Worn",
    "BS": "Battle-Scarred",
}

DOCUMENTED_SKIN = "AK-47 | Redline (Field-Tested)"
"""The skin in the examples of SkinsBack's documentation. It is for sale, but no new inventory contains it."""


ICON_PREFIX = "sandbox-"
"""An icon is this and the class ID of a skin. It has the characters of Steam's icons."""


@dataclass(frozen=True, slots=True)
class Design:
    """One kind of skin. ``price`` is the usual market price in USD."""

    game: str
    kind: str
    rarity: str
    price: Decimal
    name: str
    class_id: str


_CS2 = """
rifle|covert|84.20|AK-47 | Paper Lantern|FT
rifle|classified|19.75|AK-47 | Copper Tide|MW
rifle|restricted|6.40|AK-47 | Night Ferry|FT
rifle|milspec|1.18|AK-47 | Dry Meadow|WW
rifle|covert|61.90|M4A4 | Glass Harbour|FN
rifle|restricted|4.85|M4A4 | Signal Fire|FT
rifle|classified|23.10|M4A1-S | Winter Orchard|MW
rifle|milspec|2.26|M4A1-S | Slate Garden|FT
rifle|restricted|3.72|Galil AR | Tin Parade|MW
rifle|milspec|0.84|Galil AR | Lagoon Grid|BS
rifle|restricted|5.15|FAMAS | Cloud Almanac|FN
rifle|industrial|0.31|FAMAS | Moss Ledger|FT
rifle|milspec|1.64|AUG | Quiet Comet|MW
rifle|milspec|0.97|SG 553 | Rust Choir|WW
sniper|covert|142.50|AWP | Heron at Dawn|FT
sniper|classified|38.60|AWP | Velvet Storm|MW
sniper|restricted|11.35|AWP | Chalk River|FT
sniper|restricted|2.90|SSG 08 | Lantern Moth|FN
sniper|industrial|0.22|SSG 08 | Grey Pasture|FT
sniper|milspec|0.76|SCAR-20 | Harvest Line|MW
pistol|classified|14.95|Desert Eagle | Amber Vault|FN
pistol|restricted|3.33|Desert Eagle | Tidewire|FT
pistol|classified|9.80|USP-S | Midnight Tram|MW
pistol|milspec|1.05|USP-S | Pale Circuit|FT
pistol|restricted|4.10|Glock-18 | Neon Fern|FN
pistol|industrial|0.19|Glock-18 | Sandglass|WW
pistol|milspec|0.68|P250 | Clover Tape|MW
pistol|milspec|0.55|Five-SeveN | Blue Ticket|FT
pistol|restricted|2.48|Tec-9 | Ember Script|MW
pistol|industrial|0.12|CZ75-Auto | Field Notes|BS
smg|restricted|3.95|MP9 | Orchid Static|FN
smg|milspec|0.88|MAC-10 | Night Market|FT
smg|milspec|0.73|UMP-45 | Signal Bloom|MW
smg|industrial|0.16|P90 | Gravel Path|FT
smg|classified|8.25|P90 | Kite Season|MW
shotgun|milspec|0.61|Nova | Harbour Rope|FT
shotgun|restricted|1.92|XM1014 | Fox Lantern|MW
knife|rare|214.00|★ Falchion Knife | Aurora Glass|FN
knife|rare|168.40|★ Navaja Knife | Ember Grove|FT
gloves|rare|131.75|★ Driver Gloves | Plum Corduroy|MW
rifle|classified|11.90|AK-47 | Redline|FT
"""
_DOTA2 = """
sword|immortal|12.40|Edge of the Ninth Tide
sword|mythical|3.75|Sabre of the Salt Regent
sword|rare_item|1.10|Blade of the Hollow Pine
sword|common|0.14|Cutlass of the Ferry Guard
sword|legendary|6.90|Twinfang of the Amber Court
sword|uncommon|0.32|Hook of the Marsh Warden
axe|immortal|18.25|Cleaver of the Last Orchard
axe|mythical|2.85|Axe of the Frost Notary
axe|rare_item|0.95|Hatchet of the Kiln Elder
axe|common|0.11|Adze of the Quarry Hand
staff|legendary|7.60|Staff of the Lantern Choir
staff|mythical|4.05|Sceptre of the Blind Almanac
staff|rare_item|1.36|Rod of the Tidal Scribe
staff|uncommon|0.41|Crook of the Pale Shepherd
bow|immortal|9.85|Bow of the Quiet Comet
bow|mythical|3.20|Longbow of the Copper Heron
bow|uncommon|0.29|Shortbow of the Fen Scout
helm|legendary|5.55|Helm of the Glass Regent
helm|mythical|2.60|Hood of the Night Ferry
helm|rare_item|0.88|Crown of the Moss Chancellor
helm|uncommon|0.25|Cap of the Lamp Lighter
helm|common|0.09|Kettle Hat of the Toll Keeper
armor|immortal|14.70|Mantle of the Drowned Bell
armor|legendary|6.15|Carapace of the Iron Moth
armor|mythical|2.95|Pauldrons of the Ember Court
armor|rare_item|1.02|Vest of the River Judge
armor|uncommon|0.36|Bracers of the Salt Mill
armor|common|0.12|Belt of the Long Road
cape|legendary|8.45|Wings of the Ash Heron
cape|mythical|3.48|Cloak of the Thousand Kites
cape|rare_item|1.24|Shawl of the Winter Market
cape|common|0.10|Cape of the Goat Path
courier|arcana|34.90|Pip the Lantern Fox
courier|immortal|21.60|Brindle the Cloud Tortoise
courier|mythical|4.80|Tuppence the Harbour Gull
courier|rare_item|1.75|Nettle the Hedge Mouse
ward|legendary|5.20|Eye of the Old Lighthouse
ward|mythical|2.35|Ward of the Weeping Birch
ward|uncommon|0.48|Watcher on the Milestone
ward|common|0.13|Ward of the Paper Owl
"""
_RUST = """
hoodie|epic|9.40|Harbour Crew Hoodie
hoodie|fine|3.15|Copper Fox Hoodie
hoodie|fine|2.20|Night Tram Hoodie
hoodie|plain|0.74|Quarry Hoodie
pants|fine|2.65|Salt Marsh Pants
pants|plain|0.58|Ferry Hand Pants
pants|plain|0.49|Tin Roof Pants
mask|epic|14.80|Heron Facemask
mask|epic|11.25|Ember Choir Facemask
mask|fine|4.30|Moth Bandana
mask|plain|0.92|Chalk Bandana
helm|epic|7.95|Lantern Coffee Can Helmet
helm|fine|2.88|River Judge Helmet
helm|plain|0.66|Bucket of Rivets
armor|epic|12.10|Glasshouse Metal Chestplate
armor|fine|3.90|Roadsign Almanac Vest
armor|plain|0.83|Gravel Path Vest
gloves|fine|2.05|Orchard Gloves
gloves|plain|0.52|Ropewalk Gloves
boots|fine|2.44|Winter Market Boots
boots|plain|0.61|Mill Pond Boots
rifle|epic|22.50|Paper Lantern AK
rifle|fine|5.70|Blue Ticket AK
rifle|fine|4.95|Kite Season LR-300
rifle|plain|1.31|Dry Meadow SAR
sniper|epic|8.20|Winter Orchard Bolt Rifle
sniper|fine|3.05|Chalk River Bolt Rifle
pistol|fine|1.98|Amber Vault Revolver
pistol|plain|0.57|Pale Circuit Python
smg|fine|2.72|Neon Fern Thompson
smg|plain|0.79|Clover Tape SMG
bow|plain|0.71|Fen Scout Bow
axe|fine|3.36|Kiln Elder Hatchet
axe|plain|0.88|Quarry Hand Pick
door|epic|16.40|Old Lighthouse Garage Door
door|fine|6.05|Signal Bloom Sheet Door
door|plain|1.46|Toll Keeper Wooden Door
box|fine|3.82|Harbour Rope Box
box|plain|1.09|Apple Store Box
bag|plain|1.87|Cloud Almanac Sleeping Bag
"""


def _designs(game: str, table: str) -> dict[str, Design]:
    designs = {}
    for line in table.strip().splitlines():
        kind, rarity, price, rest = line.split("|", 3)
        name, _, wear = rest.rpartition("|") if game == "cs2" else (rest, "", "")
        if wear:
            name = f"{name} ({WEARS[wear]})"
        class_id = str(3_000_000_000 + zlib.crc32(f"{game}:{name}".encode()) % 1_000_000_000)
        designs[name] = Design(game, kind, rarity, Decimal(price), name, class_id)
    return designs


DESIGNS = {game: _designs(game, table) for game, table in (("cs2", _CS2), ("dota2", _DOTA2), ("rust", _RUST))}
BY_CLASS_ID = {design.class_id: design for designs in DESIGNS.values() for design in designs.values()}


def new_stock(first_skin_id: int) -> list[StockItem]:
    """Return the skins for a full market: one to four skins of each kind, with slightly different prices.

    Every call returns the same names and prices.
    """
    chance = random.Random(1)
    items: list[StockItem] = []
    for designs in DESIGNS.values():
        for design in designs.values():
            for number in range(chance.randint(1, 4)):
                price = design.price * (100 + number * chance.randint(1, 4)) / 100
                items.append(
                    StockItem(
                        skin_id=first_skin_id + len(items),
                        game=design.game,
                        market_hash_name=design.name,
                        price=round_to_cents(price),
                        class_id=design.class_id,
                    )
                )
    return items


def payable_price(market_price: Decimal, percent: int = PAID_PERCENT[1]) -> Decimal:
    """Return the amount in USD that a deposit of a skin with this market price pays. It is at least one cent."""
    return max((market_price * percent / 100).quantize(CENT, ROUND_DOWN), CENT)


def new_inventory(steam_id: str) -> list[Asset]:
    """Return the first inventory of a Steam account. Every call with the same account returns the same skins."""
    chance = random.Random(steam_id)
    assets = []
    least, most = PAID_PERCENT
    asset_id = 30_000_000_000 + zlib.crc32(steam_id.encode())
    for game, designs in DESIGNS.items():
        owned = [design for design in designs.values() if design.name != DOCUMENTED_SKIN]
        for design in chance.sample(owned, 18 if game == "cs2" else 10):
            asset_id += chance.randint(1, 900)
            assets.append(
                Asset(
                    asset_id=str(asset_id),
                    game=game,
                    market_hash_name=design.name,
                    price=payable_price(design.price, chance.randint(least, most)),
                    class_id=design.class_id,
                    tradable=chance.random() > 0.08,
                    trade_protected=game == "cs2" and chance.random() < 0.4,
                )
            )
    return assets
