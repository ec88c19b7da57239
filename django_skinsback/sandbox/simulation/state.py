"""Everything the sandbox remembers, as plain structs that are saved to one file."""

import os
import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec

FORMAT = 1
OPEN_PURCHASES = frozenset({"creating_trade", "waiting_accept"})


class Project(msgspec.Struct, kw_only=True):
    """What a merchant sets up on SkinsBack's project page, and his money there."""

    client_id: str
    name: str
    result_url: str = ""
    events_url: str = ""
    success_url: str = ""
    fail_url: str = ""
    multiplier: Decimal = Decimal("1.2")
    balance: Decimal = Decimal("1000.00")
    deals_sum: Decimal = Decimal(0)


class Asset(msgspec.Struct, kw_only=True):
    """One skin in a Steam inventory; ``price`` in USD."""

    asset_id: str
    game: str
    market_hash_name: str
    price: Decimal
    class_id: str
    tradable: bool = True
    trade_protected: bool = False


class StockItem(msgspec.Struct, kw_only=True):
    """One skin on the market; ``price`` in USD. ``sold`` when a purchase has it."""

    skin_id: int
    game: str
    market_hash_name: str
    price: Decimal
    class_id: str
    sold: bool = False


class Deposit(msgspec.Struct, kw_only=True):
    """A user pays with skins. Times are UNIX seconds, sums in ``currency`` unless the name says otherwise."""

    transaction_id: int
    client_id: str
    order_id: str
    pay_hash: str
    created_at: int
    status: str = "pending"
    steam_id: str = ""
    game: str = "cs2"
    currency: str = "usd"
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    custom_currency: str = ""
    custom_currency_rate: Decimal | None = None
    widget: bool = False
    result_url: str = ""
    success_url: str = ""
    fail_url: str = ""
    skins: list[Asset] = []
    amount_usd: Decimal | None = None
    amount: Decimal | None = None
    user_amount: Decimal | None = None
    trade_offer_id: str = ""
    offered_at: int | None = None
    received_at: int | None = None
    due_at: float | None = None
    reason: str = ""
    advanced: bool = False
    history: list[tuple[str, int]] = []


class Purchase(msgspec.Struct, kw_only=True):
    """The merchant buys a skin for a user; sums in USD, times in UNIX seconds."""

    buy_id: int
    client_id: str
    custom_id: str
    partner: str
    steam_id: str
    skin: StockItem
    debited: Decimal
    created_at: int
    outcome: str = "accepted"
    error_reason_to_come: str = ""
    status: str = "creating_trade"
    error_reason: str | None = None
    trade_offer_id: str = ""
    in_hold: bool | None = None
    in_hold_until: int | None = None
    refunded: bool = False
    due_at: float | None = None
    history: list[tuple[str, int]] = []


class Delivery(msgspec.Struct, kw_only=True):
    """One notification and how the merchant's server answered it."""

    delivery_id: int
    client_id: str
    kind: str
    subject: str
    summary: str
    url: str
    body: bytes
    headers: dict[str, str]
    created_at: float
    transaction_id: int | None = None
    due_at: float | None = None
    held_back: bool = False
    attempts: int = 0
    http_code: int | None = None
    delivered: bool = False


class FailedCallback(msgspec.Struct, kw_only=True):
    """A deposit notification that the merchant's server did not take; ``http_code`` 0 is "no answer"."""

    delivery_id: int
    client_id: str
    transaction_id: int
    order_id: str
    http_code: int


class State(msgspec.Struct, kw_only=True):
    """The whole of it."""

    format: int = FORMAT
    saved_at: float
    next_id: int
    next_delivery_id: int = 0
    projects: dict[str, Project]
    stock: dict[int, StockItem]
    inventories: dict[str, list[Asset]] = {}
    deposits: dict[int, Deposit] = {}
    purchases: dict[int, Purchase] = {}
    deliveries: dict[int, Delivery] = {}
    failed_callbacks: dict[int, FailedCallback] = {}


class UnreadableState(Exception):
    """The state file was not written by this version of the sandbox; move it away to start afresh."""


def load(path: Path) -> State | None:
    """The state saved there; None when there is no file; UnreadableState when it is something else."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        state = msgspec.json.decode(raw, type=State)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableState(f"{path}: {UnreadableState.__doc__} ({error})") from None
    if state.format != FORMAT:
        raise UnreadableState(f"{path}: {UnreadableState.__doc__}")
    return state


def save(state: State, path: Path) -> None:
    """Replace the file in one step, so that a killed sandbox leaves the old state or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(state))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
