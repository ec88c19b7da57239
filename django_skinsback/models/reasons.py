"""The reasons why a deposit or purchase needs manual review. A reason has a code and data. Each code has a text.

``Row.review_reasons`` and ``StatusChange.settled_reasons`` store a reason as ``{"code": …, "data": {…}}``. Two reasons
are equal if their codes and their data are equal. The text of a reason is translated when the reason is shown. Texts
are never stored or compared.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

REASON_TEXTS: dict[str, Promise] = {
    # Deposits
    "currency_missing": gettext_lazy("SkinsBack reported “%(status)s” without a currency. Nothing was credited."),
    "currency_mismatch": gettext_lazy(
        "SkinsBack reported “%(status)s” in the currency “%(reported)s” instead of “%(requested)s”. "
        "Nothing was credited."
    ),
    "amount_missing": gettext_lazy("SkinsBack reported “%(status)s” without a usable amount. Nothing was credited."),
    "other_amount": gettext_lazy(
        "SkinsBack reported “%(status)s” again with another amount (%(amount)s %(currency)s). The first amount is kept."
    ),
    "other_payer": gettext_lazy("The deposit was paid from another Steam account than expected."),
    "amount_outside_limits": gettext_lazy("The paid amount %(amount)s is outside the requested limits."),
    "credit_failed": gettext_lazy("The CREDIT function raised an exception: %(error)s. Nothing was credited."),
    "credit_not_positive": gettext_lazy(
        "The CREDIT function must return an amount above zero and a currency. Nothing was credited."
    ),
    "owner_gone": gettext_lazy("The user of this deposit was deleted. Nothing was credited."),
    "failed_after_credit": gettext_lazy("The deposit failed after an operator had credited it."),
    "paid_after_reversal": gettext_lazy(
        "SkinsBack reported “%(status)s” after the credit was reversed. Nothing was credited again."
    ),
    "differs_from_approval": gettext_lazy(
        "The hold was approved for %(approved)s, but SkinsBack reported %(reported)s. The credit is calculated from "
        "the reported amount."
    ),
    "hold_policy_failed": gettext_lazy("HOLD_POLICY raised an exception. The hold was not approved."),
    "approval_refused": gettext_lazy("SkinsBack refused to approve the hold: %(error)s"),
    "hold_limit_reached": gettext_lazy(
        "HOLD_POLICY accepted the hold, but HOLD_APPROVE_MAX did not allow the approval (credit: %(credit)s). Approve "
        "the hold later, or leave it to run out."
    ),
    "no_amount": gettext_lazy(
        "The deposit has no amount that could be credited. Refresh the deposit from SkinsBack first."
    ),
    "deposit_not_known": gettext_lazy("SkinsBack does not know this deposit any more."),
    # Purchases
    "not_sent": gettext_lazy("The purchase could not be sent for more than a day."),
    "refused_after_unknown": gettext_lazy(
        "SkinsBack refused a repeated attempt (%(error)s), but an earlier attempt may have bought the skin."
    ),
    "accepted_after_refund": gettext_lazy("The user accepted the skin after an operator had refunded the charge."),
    "rollback_by_user": gettext_lazy("The user rolled the trade back. Decide whether to refund the charge."),
    "other_skin": gettext_lazy("SkinsBack bought another skin than the requested one: %(skin_id)s."),
    "other_name": gettext_lazy("SkinsBack bought “%(name)s”, which was not requested."),
    "other_receiver": gettext_lazy("SkinsBack reported another receiver: the Steam account %(steam_id)s."),
    "price_above_cap": gettext_lazy("The skin was bought for %(price)s USD, which is above the price cap."),
    "debit_differs": gettext_lazy("SkinsBack took %(debited)s USD from the balance for a skin of %(price)s USD."),
    "purchase_not_known": gettext_lazy("SkinsBack does not know this purchase any more."),
    # Both
    "earlier_version": gettext_lazy("%(text)s"),
    "contradiction": gettext_lazy("SkinsBack reported “%(first)s” and then the contradictory status “%(second)s”."),
    "other_transaction_id": gettext_lazy(
        "SkinsBack reported another transaction ID (%(id)s) for this order ID. The report was not applied."
    ),
    "other_buy_id": gettext_lazy(
        "SkinsBack reported another buy ID (%(id)s) for this custom ID. The report was not applied."
    ),
    "conflicting_answer": gettext_lazy(
        "SkinsBack's answer contained this ID twice with different content. Nothing was applied."
    ),
    "unknown_status": gettext_lazy("SkinsBack reported a status that is not known: “%(status)s”."),
    "failing": gettext_lazy("Every attempt to update this row from SkinsBack has failed since %(since)s."),
    "stuck": gettext_lazy("The status “%(status)s” has lasted too long."),
}
"""Code -> text. Another version may have stored a code that is missing here. Then the code itself is shown."""

Reason = dict[str, Any]


def make_reason(code: str, data: Mapping[str, object]) -> Reason:
    """Return a reason as it is stored. Raise KeyError for an unknown code.

    The values of ``data`` are converted to strings, because every database returns strings unchanged.
    """
    if code not in REASON_TEXTS:
        raise KeyError(code)
    return {"code": code, "data": {name: " ".join(str(value).split()) for name, value in data.items()}}


def reason_text(reason: Reason) -> str:
    """Return the text of a reason in the active language."""
    code, data = str(reason.get("code", "")), reason.get("data") or {}
    template = REASON_TEXTS.get(code)
    if template is None:
        return _("Unknown reason: %(code)s") % {"code": code}
    try:
        return str(template) % data
    except (KeyError, TypeError, ValueError):  # data stored by another version
        return f"{template} {data}"


def reason_texts(reasons: Iterable[Reason]) -> list[str]:
    """Return the texts of reasons in the active language, in the same order."""
    return [reason_text(reason) for reason in reasons]
