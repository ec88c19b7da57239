"""Serializers for the answers, the bodies of requests, and the query parameters."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..models.deposit import DEPOSIT_STATUS_LABELS
from ..models.fields import TEXT_LENGTH
from ..models.ledger import ENTRY_KIND_LABELS
from ..models.market import WEAR_LABELS, Quality
from ..models.purchase import PURCHASE_STATUS_LABELS
from ..player_texts import NextStep, Tone
from ..steam import GAMES, PARTNER, TRADE_TOKEN
from .formats import AmountField, FlagField, GivenAmountField, OptionalAmountField, TextField, UTCField

GAME_CHOICES = list(GAMES)
TONES = [tone.value for tone in Tone]
NEXT_STEPS = [step.value for step in NextStep]
DEPOSIT_STATUSES = [str(status) for status in DEPOSIT_STATUS_LABELS]
PURCHASE_STATUSES = [str(status) for status in PURCHASE_STATUS_LABELS]
WEARS = list(WEAR_LABELS)
QUALITIES = list(Quality.values)
SORTS = ["price", "-price", "name"]
ENTRY_KINDS = [str(kind) for kind in ENTRY_KIND_LABELS]

PATH_PATTERN = r"^/([A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]*$"
"""Matches a path of this site, such as ``/wallet/``. Does not match the address of another site."""

TRADE_URL_PATTERN = (
    rf"^https://steamcommunity\.com/tradeoffer/new/\?partner={PARTNER.pattern}&token={TRADE_TOKEN.pattern}$"
)
NAME_PATTERN = r"^[^\x00-\x1f\x7f]+$"
ASSET_ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
MOST_ITEMS = 200

Base = serializers.Serializer[Any]


class RowSerializer(Base):
    """The fields that deposits and purchases have in common."""

    id = serializers.UUIDField()
    game = serializers.ChoiceField(GAME_CHOICES, allow_null=True)
    tone = serializers.ChoiceField(TONES, help_text="How the status looks: wait, act, good or bad.")
    status_text = serializers.CharField(help_text="A short title for the status, translated.")
    detail_text = serializers.CharField(help_text="What the status means for the user, translated.")
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="Further sentences, for example about a hold or a refund. Translated."
    )
    next_step = serializers.ChoiceField(NEXT_STEPS, help_text="A code for what the user can do next.")
    next_text = serializers.CharField(help_text="The text of the link or button for next_step. May be empty.")
    refresh_seconds = serializers.IntegerField(
        allow_null=True, help_text="Read again after this many seconds. null: no further change is expected."
    )
    trade_offer_id = serializers.CharField(allow_null=True)
    trade_offer_url = serializers.URLField(allow_null=True, help_text="The trade offer on Steam.")
    trade_offer_expires_at = UTCField(
        allow_null=True,
        help_text="null: no trade offer waits for the user. For a purchase, the time is an estimate.",
    )
    hold_days_left = serializers.IntegerField(
        allow_null=True,
        help_text="Estimated number of days until the hold of Steam Trade Protection ends. null: there is no hold.",
    )
    created_at = UTCField()
    finished_at = UTCField(allow_null=True)


class DepositSerializer(RowSerializer):
    """A deposit: the user pays with skins."""

    status = serializers.ChoiceField(DEPOSIT_STATUSES)
    credited_amount = AmountField(allow_null=True)
    credited_currency = serializers.CharField(allow_null=True)
    reversed_amount = AmountField(
        allow_null=True, help_text="The amount that was taken back after the credit. null: nothing was taken back."
    )
    reversed_currency = serializers.CharField(allow_null=True)
    expected_amount = AmountField(
        allow_null=True,
        help_text="The amount that is credited when the hold ends. null: there is no hold, or the amount is not known.",
    )
    expected_currency = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True, help_text="The currency of min_amount and max_amount.")
    min_amount = AmountField(allow_null=True)
    max_amount = AmountField(allow_null=True)
    pay_url = serializers.URLField(
        allow_null=True, help_text="The address of SkinsBack's pay page. null: the user cannot pay there now."
    )
    bot_name = serializers.CharField(
        allow_null=True,
        help_text="Name of the sender of the trade offer. Show the name: the user must compare the sender on Steam.",
    )
    bot_steam_id = serializers.CharField(allow_null=True)


class PurchaseSerializer(RowSerializer):
    """A purchase: the user has ordered one skin."""

    status = serializers.ChoiceField(PURCHASE_STATUSES)
    market_hash_name = serializers.CharField(allow_null=True)
    charge_amount = AmountField(allow_null=True)
    charge_currency = serializers.CharField(allow_null=True)
    refunded_amount = AmountField(allow_null=True)
    refunded_currency = serializers.CharField(allow_null=True)


class NewDepositSerializer(Base):
    """The body of a request that opens a deposit on SkinsBack's pay page."""

    game = serializers.ChoiceField(
        GAME_CHOICES, required=False, help_text="The pay page shows the user's inventory of this game first."
    )
    widget = FlagField(default=False, help_text="true: your page shows the pay page in an iframe.")
    currency = TextField(
        r"^[A-Za-z]{3}$",
        required=False,
        help_text="The currency of min_amount and max_amount. The default is the site's currency.",
    )
    min_amount = GivenAmountField(required=False)
    max_amount = GivenAmountField(required=False)
    success_url = TextField(
        PATH_PATTERN,
        required=False,
        max_length=500,
        help_text="A path of this site. The pay page sends the user to this path after the payment.",
    )
    fail_url = TextField(
        PATH_PATTERN,
        required=False,
        max_length=500,
        help_text="A path of this site. The pay page sends the user to this path if the user does not pay.",
    )


class NewInventoryDepositSerializer(Base):
    """The body of a request that deposits chosen skins. SkinsBack sends a trade offer to the user's trade URL."""

    game = serializers.ChoiceField(GAME_CHOICES)
    asset_ids = serializers.ListField(
        child=TextField(ASSET_ID_PATTERN),
        min_length=1,
        max_length=MOST_ITEMS,
        help_text="The asset_id of each chosen skin, from /v1/inventory/.",
    )


class NewQuoteSerializer(Base):
    """The body of a request for a quote."""

    game = serializers.ChoiceField(GAME_CHOICES)
    market_hash_name = TextField(NAME_PATTERN, max_length=TEXT_LENGTH)


class NewPurchaseSerializer(Base):
    """The body of a request that buys at the price of a quote."""

    quote = serializers.UUIDField(help_text="The id of the quote.")


class QuoteSerializer(Base):
    """The price of one skin for this user. The user can buy one copy of the skin at this price until `expires_at`."""

    id = serializers.UUIDField()
    game = serializers.ChoiceField(GAME_CHOICES)
    market_hash_name = serializers.CharField()
    charge = serializers.CharField(help_text="The amount that the user pays, as decimal text.")
    currency = serializers.CharField()
    expires_at = serializers.DateTimeField()


class GameQuerySerializer(Base):
    """The query parameters of the inventory."""

    game = serializers.ChoiceField(GAME_CHOICES, required=False, help_text="The default is the site's default game.")


class MarketQuerySerializer(GameQuerySerializer):
    """The query parameters of the market."""

    search = serializers.CharField(
        required=False, allow_blank=True, max_length=TEXT_LENGTH, help_text="Words that the name must contain."
    )
    min = OptionalAmountField(required=False, help_text="The lowest price, in the site's currency.")
    max = OptionalAmountField(required=False, help_text="The highest price, in the site's currency.")
    sort = serializers.ChoiceField(SORTS, required=False)
    wear = serializers.MultipleChoiceField(
        choices=WEARS, required=False, help_text="Repeat the parameter to allow several wears."
    )
    quality = serializers.MultipleChoiceField(
        choices=QUALITIES, required=False, help_text="Repeat the parameter to allow several qualities."
    )
    cursor = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=2000,
        help_text="The cursor in the address `next` or `previous` of another page.",
    )


class InventorySkinSerializer(Base):
    """One skin of the user's Steam inventory."""

    asset_id = serializers.CharField()
    name = serializers.CharField()
    picture_url = serializers.CharField(allow_null=True)
    price = AmountField(
        allow_null=True, help_text="The amount that the user is credited for the skin. null: the amount is not known."
    )
    is_tradable = serializers.BooleanField(help_text="false: Steam does not let the user trade the skin now.")
    is_accepted = serializers.BooleanField(help_text="false: SkinsBack does not accept the skin.")


class InventorySerializer(Base):
    """The user's Steam inventory of one game."""

    game = serializers.ChoiceField(GAME_CHOICES)
    currency = serializers.CharField(allow_null=True, help_text="The currency of the prices.")
    loaded_at = UTCField()
    results = InventorySkinSerializer(many=True)


class MarketItemSerializer(Base):
    """A skin that the site sells. All copies with one name are one item, at the price of the cheapest copy."""

    game = serializers.ChoiceField(GAME_CHOICES)
    market_hash_name = serializers.CharField()
    price = AmountField(help_text="What a user pays. This price may change. Ask for a quote to get a fixed price.")
    currency = serializers.CharField()
    count = serializers.IntegerField(help_text="How many copies are for sale.")
    wear = serializers.CharField(allow_null=True)
    quality = serializers.CharField()
    picture_url = serializers.CharField(allow_null=True)


class LedgerEntrySerializer(Base):
    """One change of the user's balance by a deposit or a purchase."""

    kind = serializers.ChoiceField(ENTRY_KINDS)
    amount = AmountField(help_text="Above zero: given to the user. Below zero: taken from the user.")
    currency = serializers.CharField()
    deposit = serializers.UUIDField(allow_null=True)
    purchase = serializers.UUIDField(allow_null=True)
    created_at = UTCField()


class BalanceSerializer(Base):
    """The user's balance in one currency."""

    amount = AmountField()
    currency = serializers.CharField()


class BalancesSerializer(Base):
    """The user's balances."""

    results = BalanceSerializer(many=True)


class SteamProfileSerializer(Base):
    """The user's Steam ID and trade URL. SkinsBack sends the skins that the user buys to this trade URL."""

    steam_id = serializers.CharField(allow_null=True)
    has_trade_url = serializers.BooleanField()
    trade_url = serializers.CharField(allow_null=True)
    is_broken = serializers.BooleanField(help_text="SkinsBack refused the trade URL. The user must enter another one.")
    broken_text = serializers.CharField(
        allow_null=True, help_text="What the user must do if is_broken is true. Otherwise null. Translated."
    )
    purchases_blocked_until = UTCField(
        allow_null=True,
        help_text="The user has changed the trade URL and cannot buy until this time. null: purchases are not blocked.",
    )


@extend_schema_field({"type": "string", "pattern": TRADE_URL_PATTERN, "maxLength": 2000})
class TradeURLField(TextField):
    """A text with one trade URL. Other text around the URL is accepted. Other spellings of the URL are accepted too."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"(?s).*", **options)


class NewTradeURLSerializer(Base):
    """The body of a request that sets the user's trade URL."""

    trade_url = TradeURLField(max_length=2000, write_only=True, help_text="The whole trade URL, as Steam shows it.")


class GamesSerializer(Base):
    """The games whose skins users can deposit, and the games whose skins users can buy.

    If `deposits` is empty, deposits are switched off. If `purchases` is empty, purchases are switched off.
    """

    deposits = serializers.ListField(child=serializers.ChoiceField(GAME_CHOICES))
    purchases = serializers.ListField(child=serializers.ChoiceField(GAME_CHOICES))


class SumLimitSerializer(Base):
    """The highest sum in one currency for one user and one day."""

    amount = AmountField()
    currency = serializers.CharField()


class LimitSerializer(Base):
    """The limits for one user and one day. If `count` is null, the number of deposits or purchases is not limited."""

    count = serializers.IntegerField(allow_null=True)
    sums = SumLimitSerializer(many=True)


class LimitsSerializer(Base):
    """The site's limits of deposits and of purchases."""

    deposits = LimitSerializer()
    purchases = LimitSerializer()


class PicturesSerializer(Base):
    """Where pictures of skins come from."""

    url = serializers.CharField(help_text="The address in front of the path of a picture.")
    sizes = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Two sizes in pixels: the first for pictures in lists, the second for a large picture of one skin.",
    )


class ConfigSerializer(Base):
    """The settings of the site that a front end needs."""

    games = GamesSerializer()
    default_game = serializers.ChoiceField(GAME_CHOICES)
    limits = LimitsSerializer()
    quote_currency = serializers.CharField()
    quote_seconds = serializers.IntegerField(help_text="How long a quote is valid.")
    inventory_prices = serializers.BooleanField(help_text="false: the user's inventory is shown without prices.")
    pictures = PicturesSerializer(allow_null=True)
    is_frozen = serializers.BooleanField(help_text="true: this user can start no deposit and no purchase.")


class ProblemSerializer(Base):
    """Why a request was refused (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A text for the user, translated.")
    code = serializers.CharField(help_text="A code for programs. It does not change.")
    next_step = serializers.ChoiceField(NEXT_STEPS)
    next_text = serializers.CharField()
    quote = QuoteSerializer(
        required=False, help_text="Only with the code price_changed: a new quote, which the user may accept."
    )

    def get_fields(self) -> dict[str, Any]:
        """Add the field ``fields``. A class attribute cannot have this name, because ``Serializer`` uses the name."""
        texts = serializers.ListField(child=serializers.CharField())
        help_text = "Only if a value is not valid: name of a wrong field -> translated texts. May be empty."
        return {
            **super().get_fields(),
            "fields": serializers.DictField(child=texts, required=False, help_text=help_text),
        }
