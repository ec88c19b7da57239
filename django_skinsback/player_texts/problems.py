"""Converts an exception to what a player reads: code, title, text, next step, and the HTTP status of the answer."""

from dataclasses import dataclass, replace

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .. import exceptions
from ..error_texts import ERROR_TEXTS
from .code_texts import CODE_TEXTS, MARKET_NOT_AVAILABLE, NOT_AVAILABLE, code_text
from .texts import NextStep, next_text

NOT_AVAILABLE_CODE = "not_available"
"""The code of every fault of the site: wrong settings or keys, a low balance at SkinsBack, or an error in its code."""

RETRY_AFTER_SECONDS = 60
"""Seconds to wait before a repeat, if SkinsBack is not available and has not reported how long to wait."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What a player reads about an error. The texts are already translated.

    ``code`` is for programs. The code of a kind of error never changes. ``next_step`` is a code of NextStep.
    ``next_text`` is the text of the link or button for ``next_step``. ``retry_after`` is the number of seconds to wait,
    or None.
    """

    code: str
    title: str
    text: str
    next_step: NextStep
    next_text: str
    http_status: int
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table KINDS. If ``code`` is empty, the slug of the exception is the code.

    If ``text`` is None, the text is in ERROR_TEXTS. If ``shows_message`` is True, the message of the exception is shown
    instead, unless it is the default message of the class.
    """

    title: Promise
    http_status: int
    next_step: NextStep = NextStep.NONE
    text: Promise | None = None
    code: str = ""
    shows_message: bool = False
    retry_after: int | None = None


_SITE_FAULT = Kind(
    _("Not available at the moment"),
    503,
    NextStep.TRY_AGAIN,
    NOT_AVAILABLE,
    code=NOT_AVAILABLE_CODE,
    retry_after=RETRY_AFTER_SECONDS,
)
_INTERNAL = Kind(_("Not available at the moment"), 500, NextStep.TRY_AGAIN, NOT_AVAILABLE, code=NOT_AVAILABLE_CODE)
_AWAY = Kind(
    _("SkinsBack is not available"),
    503,
    NextStep.TRY_AGAIN,
    NOT_AVAILABLE,
    code=exceptions.TemporaryFailure.slug,
    retry_after=RETRY_AFTER_SECONDS,
)
_TRADE_URL = _("Trade URL needed")

KINDS: dict[type[exceptions.SkinsBackError], Kind] = {
    exceptions.SkinsBackError: _INTERNAL,
    # Arguments
    exceptions.InvalidInput: Kind(_("A value is not valid"), 400, NextStep.TRY_AGAIN),
    exceptions.InvalidTradeURL: Kind(_("Not a trade URL"), 400, NextStep.ENTER_TRADE_URL, shows_message=True),
    exceptions.InvalidSteamID: Kind(_("Steam account not known"), 409, NextStep.ENTER_TRADE_URL),
    exceptions.RowDeleted: Kind(_("Not found"), 404, text=_("This deposit or purchase does not exist.")),
    exceptions.IdempotencyConflict: Kind(
        _("Already sent"), 409, text=_("This request was already sent with other values. Look at your history.")
    ),
    # Site
    exceptions.ConfigurationError: _SITE_FAULT,
    exceptions.RowChanged: Kind(_("Changed meanwhile"), 409, NextStep.TRY_AGAIN),
    # Rules of the site
    exceptions.NotAllowedNow: Kind(_("Not possible now"), 409),
    exceptions.UserFrozen: Kind(_("Your account is blocked"), 403, NextStep.CONTACT_SUPPORT),
    exceptions.LimitReached: Kind(_("Limit reached"), 429, NextStep.WAIT, shows_message=True),
    exceptions.GameSwitchedOff: Kind(_("Switched off"), 409, NextStep.CHOOSE_ANOTHER),
    exceptions.TradeURLMissing: Kind(_TRADE_URL, 409, NextStep.ENTER_TRADE_URL),
    exceptions.TradeURLBroken: Kind(_TRADE_URL, 409, NextStep.ENTER_TRADE_URL),
    exceptions.TradeURLChangedRecently: Kind(_("Trade URL changed"), 409, NextStep.WAIT, shows_message=True),
    exceptions.InventoryBusy: Kind(_("Please wait"), 429, NextStep.TRY_AGAIN),
    exceptions.NoPrice: Kind(_("Not for sale"), 409, NextStep.CHOOSE_ANOTHER),
    exceptions.PriceChanged: Kind(_("The price has changed"), 409, NextStep.SEE_NEW_PRICE),
    exceptions.PurchaseVetoed: Kind(_("Purchase refused"), 409, shows_message=True),
    # Connection
    exceptions.RequestNotSent: _AWAY,
    exceptions.UnknownOutcome: Kind(
        _("SkinsBack has not answered yet"),
        503,
        NextStep.WAIT,
        _("SkinsBack has not answered yet. We keep asking SkinsBack. Look at your history before you try again."),
        code="unknown_outcome",
    ),
    # Answers of SkinsBack
    exceptions.APIError: _SITE_FAULT,
    exceptions.InsufficientFunds: _SITE_FAULT,
    exceptions.TemporaryFailure: _AWAY,
    exceptions.UnderMaintenance: Kind(
        _("SkinsBack is under maintenance"),
        503,
        NextStep.TRY_AGAIN,
        CODE_TEXTS["under_maintenance"].text,
        retry_after=RETRY_AFTER_SECONDS,
    ),
    exceptions.MarketDisabled: Kind(
        _("The market is closed"), 503, NextStep.TRY_AGAIN, MARKET_NOT_AVAILABLE, retry_after=RETRY_AFTER_SECONDS
    ),
    exceptions.DepositTooSmall: Kind(_("Not enough skins"), 409, NextStep.CHOOSE_ANOTHER),
    exceptions.SkinUnavailable: Kind(_("Already sold"), 409, NextStep.CHOOSE_ANOTHER),
    exceptions.PriceAboveCap: Kind(
        _("The price has changed"),
        409,
        NextStep.SEE_NEW_PRICE,
        CODE_TEXTS["skins_not_found_at_specified_price"].text,
        code="price_risen",
    ),
    exceptions.TradeURLRefused: Kind(
        _TRADE_URL,
        409,
        NextStep.ENTER_TRADE_URL,
        CODE_TEXTS["invalid_token_value"].text,
    ),
    exceptions.TooManyFailedAttempts: Kind(
        _("Too many failed trades"),
        409,
        NextStep.WAIT,
        CODE_TEXTS["too_many_failed_attempts"].text,
    ),
}
"""Exception class -> kind of problem. If a class is missing here, the kind of its base class is used."""

_REFUSED_CODES = frozenset(
    {
        "invalid_steam_id",
        "invalid_max_value",
        "invalid_game",
        "invalid_currency",
        "items_not_found",
        "invalid_trade_token",
        "user_cant_trade",
        "private_inventory",
        "user_trade_ban",
        "user_inventory_is_full",
        "too_many_failed_attempts",
    }
)
"""SkinsBack's codes that have no exception class, and about which the player can do something.

The code of the problem is the same as SkinsBack's code.
"""


def for_error(error: exceptions.SkinsBackError) -> Problem:
    """Return what the player reads about an error.

    The message of the error is shown only for the kinds with ``shows_message``, because these messages are written for
    players. An example is the message of LimitReached.
    """
    if type(error) is exceptions.APIError and error.message in _REFUSED_CODES:
        return _of_code(error.message)
    kind = next(KINDS[base] for base in type(error).__mro__ if base in KINDS)
    if isinstance(error, exceptions.PurchaseVetoed):
        kind = replace(kind, code=error.code)
    kind = replace(
        kind,
        code=kind.code or error.slug,
        retry_after=getattr(error, "retry_after", None) or kind.retry_after,
    )
    if kind.shows_message and str(error) != error.default_message:
        return _problem(kind, str(error))
    texts = (ERROR_TEXTS[base] for base in type(error).__mro__ if base in ERROR_TEXTS)
    return _problem(kind, str(kind.text or next(texts, NOT_AVAILABLE)))


def problems_of_codes() -> list[Problem]:
    """Return the problem of each code in ``_REFUSED_CODES``."""
    return [_of_code(code) for code in sorted(_REFUSED_CODES)]


def _of_code(code: str) -> Problem:
    kind = Kind(_("SkinsBack refused the request"), 409, CODE_TEXTS[code].next_step, code=code)
    return _problem(kind, str(CODE_TEXTS[code].text))


def for_code(code: str) -> str:
    """Return the text of a code that SkinsBack reported as a reason; empty if the code has no text."""
    found = code_text(code)
    return str(found.text) if found else ""


def _problem(kind: Kind, text: str) -> Problem:
    return Problem(
        code=kind.code,
        title=str(kind.title),
        text=text,
        next_step=kind.next_step,
        next_text=next_text(kind.next_step),
        http_status=kind.http_status,
        retry_after=kind.retry_after,
    )
