"""What an operator is told when something did not work: what happened, and what to do."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..exceptions import (
    AccountFault,
    APIError,
    ConfigurationError,
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


ADVICE: dict[type[SkinsBackError], Promise] = {
    TemporaryFailure: _("SkinsBack cannot answer at the moment (%(said)s). Try again in a few minutes."),
    AccountFault: _(
        "SkinsBack does not accept this project (%(said)s). Check its keys in the settings, and the allowed "
        "addresses and the state of the project at SkinsBack."
    ),
    TransactionNotFound: _("SkinsBack does not know it."),
    PurchaseNotFound: _("SkinsBack does not know it."),
    InsufficientFunds: _("The balance at SkinsBack is too low. Top it up, then buy again."),
    SkinUnavailable: _("The skin is not for sale any more. Search again."),
    PriceAboveCap: _("The skin costs more than its price cap. Search again."),
    TradeURLRefused: _("SkinsBack does not accept the trade URL. Ask the user for a new one."),
    APIError: _("SkinsBack said no: %(said)s."),
    UnknownOutcome: _(
        "SkinsBack was reached but its answer could not be read, so it may or may not have taken effect. "
        "The row is kept and SkinsBack is asked again by itself; do not repeat it in another way."
    ),
    RequestNotSent: _("SkinsBack could not be reached and nothing was sent. Try again in a moment."),
    ConfigurationError: _("The settings are not complete: %(said)s"),
}
"""For each kind of error, and the kinds below it that are not named themselves. Others speak for themselves."""


def advice(error: SkinsBackError) -> str:
    """The error in an operator's words. What SkinsBack said is in it as plain text: escape it in HTML."""
    words = next((ADVICE[kind] for kind in type(error).__mro__ if kind in ADVICE), None)
    if words is None:
        return str(error)
    said = f"{error.message or error.method}, {error.code}" if isinstance(error, APIError) else str(error)
    return str(words) % {"said": said}
