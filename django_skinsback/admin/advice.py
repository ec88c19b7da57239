"""What an operator is told when something did not work: what happened, and what to do."""

from django.utils.translation import gettext as _

from ..exceptions import (
    AccountFault,
    APIError,
    ConfigurationError,
    CustomIdExists,
    InsufficientFunds,
    PriceAboveCap,
    PurchaseNotFound,
    RequestNotSent,
    SkinsBackError,
    SkinUnavailable,
    TemporaryFailure,
    TradeURLRefused,
    TransactionNotFound,
    UnknownOutcome,
)

SAME_FOR_ALL = (AccountFault, ConfigurationError, RequestNotSent, TemporaryFailure)
"""Errors that the next row would only meet again."""


def advice(error: SkinsBackError) -> str:
    """The error in an operator's words. Text of SkinsBack's in it is short and printable, but not HTML."""
    match error:
        case TemporaryFailure():
            return _("SkinsBack cannot answer at the moment (%(error)s). Try again in a few minutes.") % _said(error)
        case AccountFault():
            return _(
                "SkinsBack does not accept this project (%(error)s). Check its keys in the settings, and the allowed "
                "addresses and the state of the project at SkinsBack."
            ) % _said(error)
        case TransactionNotFound() | PurchaseNotFound():
            return _("SkinsBack does not know it.")
        case InsufficientFunds():
            return _("The balance at SkinsBack is too low. Top it up, then buy again.")
        case SkinUnavailable():
            return _("The skin is not for sale any more. Search again.")
        case PriceAboveCap():
            return _("The skin costs more than its price cap. Search again.")
        case TradeURLRefused():
            return _("SkinsBack does not accept the trade URL. Ask the user for a new one.")
        case CustomIdExists() | UnknownOutcome():
            return _(
                "SkinsBack was reached but its answer could not be read, so it may or may not have taken effect. "
                "The row is kept and SkinsBack is asked again by itself; do not repeat it in another way."
            )
        case RequestNotSent():
            return _("SkinsBack could not be reached and nothing was sent. Try again in a moment.")
        case ConfigurationError():
            return _("The settings are not complete: %(error)s") % {"error": error}
        case APIError():
            return _("SkinsBack said no: %(error)s.") % _said(error)
        case _:
            return str(error)


def _said(error: APIError) -> dict[str, str]:
    return {"error": f"{error.message}, {error.code}" if error.message else str(error.code)}
