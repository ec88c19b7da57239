"""The sandbox's data as plain structs, and the functions that load and save them in a state file."""

import os
import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec

FORMAT = 1
"""The version of the format of the state file."""

HELD_DEPOSITS = frozenset({"in_hold", "hold_approved"})
"""The statuses of a held deposit. In these statuses, the user can still undo the trade on Steam."""

OPEN_PURCHASES = frozenset({"creating_trade", "waiting_accept"})
"""The statuses of a purchase that is neither accepted nor failed yet."""


class Project(msgspec.Struct, kw_only=True):
    """A merchant's project: its settings and its balance. Amounts are in USD."""

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
    """One skin in a user's Steam inventory. ``price`` is the amount in USD that a deposit of the skin pays."""

    asset_id: str
    game: str
    market_hash_name: str
    price: Decimal
    class_id: str
    tradable: bool = True
    trade_protected: bool = False


class StockItem(msgspec.Struct, kw_only=True):
    """One skin on the market. ``price`` is in USD. ``sold`` is True while its purchase is open or accepted."""

    skin_id: int
    game: str
    market_hash_name: str
    price: Decimal
    class_id: str
    sold: bool = False


class Deposit(msgspec.Struct, kw_only=True):
    """A deposit: a user pays with skins. Times are in UNIX seconds.

    Amounts are in ``currency``, except ``amount_usd`` and ``user_amount``. ``amount_usd`` is in USD. ``user_amount`` is
    the amount that the pay page shows. It is in the custom currency if the deposit has one. ``advanced`` is True while
    the amount is part of the merchant's balance.
    """

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
    """A purchase: the merchant buys a skin for a user. Amounts are in USD. Times are in UNIX seconds.

    ``status`` and ``error_reason`` are the current values. ``outcome`` and ``error_reason_to_come`` are the values that
    the purchase will have at its end.
    """

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
    """A Result URL notification or an event webhook, and the answer of the site.

    ``due_at`` is the UNIX time of the next attempt, or None if there will be no attempt. ``http_code`` is None before
    the first attempt, and 0 if the site did not answer. ``held_back`` is True if the fault ``notify_reorder`` delays
    this delivery. Then it is sent after the next delivery, or after one minute.
    """

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
    """A Result URL notification without a 2xx answer of the site. ``http_code`` is 0 if the site did not answer."""

    delivery_id: int
    client_id: str
    transaction_id: int
    order_id: str
    http_code: int


class State(msgspec.Struct, kw_only=True):
    """All data of the sandbox. The state file contains one State as JSON."""

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
    """The state file cannot be read, because another version or another program wrote it."""

    def __init__(self, path: Path | None, detail: object = "") -> None:
        reason = f" ({detail})" if detail else ""
        super().__init__(
            f"{path}: the state file was not written by this version of the sandbox. "
            f"Move it away to start with an empty state.{reason}"
        )


def load(path: Path) -> State | None:
    """Return the saved state. Return None if the file does not exist. Raise UnreadableState if it cannot be read."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        state = msgspec.json.decode(raw, type=State)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableState(path, error) from None
    if state.format != FORMAT:
        raise UnreadableState(path)
    return state


def save(state: State, path: Path) -> None:
    """Save the state and replace the file atomically. A crash leaves either the old file or the new file."""
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
