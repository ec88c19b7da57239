"""Texts that say, for each reason why a row waits, what it may cost and what an operator can do about it.

The texts of the reasons (``models.reasons``), outcomes and kinds say what happened. The placeholders of the advice are
filled with the amounts of the row.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ...models import Discrepancy

REASON_LABELS: dict[str, Promise] = {
    "currency_missing": _("no currency"),
    "currency_mismatch": _("another currency"),
    "amount_missing": _("no amount"),
    "other_amount": _("another amount"),
    "other_payer": _("another payer"),
    "amount_outside_limits": _("amount outside the limits"),
    "credit_failed": _("CREDIT failed"),
    "credit_not_positive": _("CREDIT returned no amount"),
    "owner_gone": _("user deleted"),
    "failed_after_credit": _("failed after the credit"),
    "paid_after_reversal": _("paid after the reversal"),
    "differs_from_approval": _("another amount than approved"),
    "hold_policy_failed": _("HOLD_POLICY failed"),
    "approval_refused": _("approval refused"),
    "hold_limit_reached": _("limit of approved holds"),
    "no_amount": _("nothing to credit"),
    "deposit_not_known": _("unknown to SkinsBack"),
    "not_sent": _("not sent"),
    "refused_after_unknown": _("outcome unknown"),
    "accepted_after_refund": _("accepted after the refund"),
    "rollback_by_user": _("rolled back by the user"),
    "other_skin": _("another skin"),
    "other_name": _("another name"),
    "other_receiver": _("another receiver"),
    "price_above_cap": _("above the price cap"),
    "debit_differs": _("another debit"),
    "purchase_not_known": _("unknown to SkinsBack"),
    "earlier_version": _("flagged by an earlier version"),
    "contradiction": _("contradiction"),
    "other_transaction_id": _("another transaction ID"),
    "other_buy_id": _("another buy ID"),
    "conflicting_answer": _("conflicting answer"),
    "unknown_status": _("unknown status"),
    "failing": _("updates fail"),
    "stuck": _("stuck"),
}
"""Code of a review reason -> its short name, for filters and counts."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a reason may cost, and what an operator can do."""

    cost: Promise
    action: Promise


_CREDIT_WAITS = _("The user waits for a credit of %(amount)s.")
_CREDIT_STANDS = _("The user keeps the credit. At risk: %(amount)s.")
_PAID_FOR = _("SkinsBack may have taken %(price)s for a skin that the user did not get. The user paid %(charge)s.")
_NO_MONEY = _("No money has moved because of this.")

DEPOSIT_ADVICE: dict[str, Advice] = {
    "currency_missing": Advice(
        _CREDIT_WAITS, _("Refresh the deposit. If it still has no currency, ask SkinsBack's support.")
    ),
    "currency_mismatch": Advice(
        _CREDIT_WAITS,
        _("Check the currency in the project's settings at SkinsBack. Then settle: credit the user or keep it."),
    ),
    "amount_missing": Advice(
        _CREDIT_WAITS, _("Refresh the deposit. If it still has no amount, ask SkinsBack's support.")
    ),
    "other_amount": Advice(
        _("The credit was calculated from the first amount, %(amount)s. The amount reported later may be right."),
        _("Compare both amounts with SkinsBack's project page. Then settle and keep it, or reverse the credit."),
    ),
    "other_payer": Advice(
        _("If the payer's account is stolen, Steam may return the skins: %(amount)s."),
        _("Compare the Steam IDs and ask the user. Then settle: keep it, or reverse the credit."),
    ),
    "amount_outside_limits": Advice(
        _CREDIT_STANDS, _("Check the amount. If the site can accept it, settle and keep it as it is.")
    ),
    "credit_failed": Advice(
        _CREDIT_WAITS, _("Ask a developer to repair the CREDIT function. Then settle and credit the user.")
    ),
    "credit_not_positive": Advice(
        _CREDIT_WAITS, _("Ask a developer to check the CREDIT function. Then settle: credit the user or keep it.")
    ),
    "owner_gone": Advice(
        _("The site has earned %(amount)s, and no user was credited."),
        _("Settle and keep it as it is. If the person writes to you, pay outside of this site."),
    ),
    "failed_after_credit": Advice(
        _("SkinsBack pays nothing for a credit of %(amount)s."),
        _("Settle: reverse the credit, or keep it at the site's expense."),
    ),
    "paid_after_reversal": Advice(
        _("The site has earned %(amount)s. The user's credit stays reversed."),
        _(
            "A reversed credit cannot be posted again here. Credit the amount in your own system, then settle and keep "
            "it."
        ),
    ),
    "differs_from_approval": Advice(
        _("The credit is calculated from the reported amount, %(amount)s. The approval expected another amount."),
        _("Compare both amounts. Then settle and keep it, or reverse the credit."),
    ),
    "hold_limit_reached": Advice(
        _("The user waits for the end of the hold: %(amount)s."),
        _("Settle and keep it. Then approve the hold when other holds have ended, or leave it to run out."),
    ),
    "hold_policy_failed": Advice(
        _("The user waits for the end of the hold: %(amount)s."),
        _("Ask a developer to repair HOLD_POLICY. Settle and keep it. You can also approve the hold."),
    ),
    "approval_refused": Advice(
        _("The user waits for the end of the hold: %(amount)s."),
        _("Read why SkinsBack refused. Settle and keep it, or approve the hold again later."),
    ),
    "no_amount": Advice(_CREDIT_WAITS, _("Refresh the deposit, so that SkinsBack reports the amount. Then settle it.")),
    "deposit_not_known": Advice(
        _("If the user has paid, a credit of %(amount)s is missing."),
        _("Look for the deposit on SkinsBack's project page, and check the account's keys. Then settle and keep it."),
    ),
    "earlier_version": Advice(
        _("At risk: %(amount)s."), _("Refresh the deposit and read its history. Then settle it.")
    ),
    "contradiction": Advice(
        _("Only one of the two statuses is right. At risk: %(amount)s."),
        _("Refresh the deposit. Ask SkinsBack's support which status is right. Then settle it."),
    ),
    "other_transaction_id": Advice(
        _("SkinsBack may have received a second payment for this order. At risk: %(amount)s."),
        _("Look for both transaction IDs on SkinsBack's project page. Then settle it."),
    ),
    "conflicting_answer": Advice(_NO_MONEY, _("Refresh the deposit. If it happens again, ask SkinsBack's support.")),
    "unknown_status": Advice(
        _("A credit or a reversal of %(amount)s may be missing."),
        _("Ask SkinsBack's support what the status means. Install the newest version of this package. Then settle it."),
    ),
    "failing": Advice(
        _("The user may wait for a credit of %(amount)s that SkinsBack has reported."),
        _("Refresh the deposit and read the error. If the error stays, ask a developer. Then settle it."),
    ),
    "stuck": Advice(
        _("The user may wait for a credit of %(amount)s."),
        _("Refresh the deposit. If the status stays, ask SkinsBack's support. Then settle and keep it."),
    ),
}
"""Code of a review reason -> advice for a deposit. ``amount`` is what the credit is, was or would be."""

PURCHASE_ADVICE: dict[str, Advice] = {
    "not_sent": Advice(
        _("Nothing was bought. The user paid %(charge)s and has no skin."),
        _("Check the balance and whether calls are paused. Cancel the purchase to refund the user, or let it wait."),
    ),
    "refused_after_unknown": Advice(
        _PAID_FOR,
        _("Look for the skin on SkinsBack's project page. Do not buy it again before that. Then settle it."),
    ),
    "accepted_after_refund": Advice(
        _("The user has the skin and the refund of %(charge)s. The site has paid %(price)s."),
        _("Ask the user to pay, in your own system. Then settle and keep it as it is."),
    ),
    "rollback_by_user": Advice(
        _("The user paid %(charge)s and gave the skin back. SkinsBack does not report whether it returned %(price)s."),
        _("Check the balance at SkinsBack. Then settle: refund the charge or keep it."),
    ),
    "other_skin": Advice(
        _("The site has paid %(price)s for another skin. The user paid %(charge)s."),
        _("Compare both skins. Ask SkinsBack's support to return the price if the skin is wrong. Then settle it."),
    ),
    "other_name": Advice(
        _("The site has paid %(price)s for another skin. The user paid %(charge)s."),
        _("Compare both names. Ask SkinsBack's support to return the price if the skin is wrong. Then settle it."),
    ),
    "other_receiver": Advice(
        _("The skin of %(price)s may have gone to another person. The user paid %(charge)s."),
        _("Compare the Steam IDs. Ask SkinsBack's support. Then settle: refund the charge or keep it."),
    ),
    "price_above_cap": Advice(
        _("The site has paid %(price)s, more than was allowed. The user paid %(charge)s."),
        _("Ask SkinsBack's support for the difference. Then settle and keep it as it is."),
    ),
    "debit_differs": Advice(
        _("The debit of %(price)s is not the price of the skin."),
        _("Ask SkinsBack's support for the difference. Then settle and keep it as it is."),
    ),
    "purchase_not_known": Advice(
        _PAID_FOR, _("Look for the skin on SkinsBack's project page, and check the account's keys. Then settle it.")
    ),
    "earlier_version": Advice(
        _("At risk: %(price)s and the user's charge of %(charge)s."),
        _("Refresh the purchase and read its history. Then settle it."),
    ),
    "contradiction": Advice(
        _("Only one of the two statuses is right. At risk: %(price)s and the user's charge of %(charge)s."),
        _("Refresh the purchase. Ask SkinsBack's support which status is right. Then settle it."),
    ),
    "other_buy_id": Advice(
        _("SkinsBack may have bought two skins. At risk: %(price)s."),
        _("Look for both buy IDs on SkinsBack's project page. Then settle it."),
    ),
    "conflicting_answer": Advice(_NO_MONEY, _("Refresh the purchase. If it happens again, ask SkinsBack's support.")),
    "unknown_status": Advice(
        _("A refund of %(charge)s may be missing."),
        _("Ask SkinsBack's support what the status means. Install the newest version of this package. Then settle it."),
    ),
    "failing": Advice(
        _("A refund of %(charge)s may be missing."),
        _("Refresh the purchase and read the error. If the error stays, ask a developer. Then settle it."),
    ),
    "stuck": Advice(
        _PAID_FOR,
        _("Refresh the purchase. If the status stays, ask SkinsBack's support. Then settle: refund or keep it."),
    ),
}
"""Code of a review reason -> advice for a purchase.

``price`` is the debit, or the price cap if no debit was reported. ``charge`` is what the user paid.
"""

OTHER_ADVICE = Advice(
    _("The amount of this row is at risk."),
    _("Another version of this package has flagged the row. Read its history. Then settle it."),
)
"""Advice for a code that this version does not know."""

HOLD_HAPPENED = _("Steam can return the skins to the user until about %(date)s.")
HOLD_HAPPENED_UNDATED = _("Steam can still return the skins to the user.")
HOLD_ADVICE = Advice(
    _("Waiting costs nothing. If you approve and the trade is rolled back, SkinsBack pays nothing for %(amount)s."),
    _("Approve the hold to credit the user now, or leave it to run out."),
)

DELIVERY_ADVICE = Advice(
    _("The report in it was not applied. A credit, a reversal or a refund may be missing."),
    _("Apply it again. If the deposit or purchase is up to date, dismiss the delivery."),
)

DISCREPANCY_COSTS: dict[str, Promise] = {
    Discrepancy.Kind.MISSED: _("A credit or a refund was late, or is still missing."),
    Discrepancy.Kind.UNKNOWN: _("SkinsBack has moved money, but no user of this site was credited or charged for it."),
    Discrepancy.Kind.DIFFERING: _("A user may have been credited or charged with a wrong amount."),
    Discrepancy.Kind.DUPLICATE: _("SkinsBack may have counted this deposit or purchase twice."),
    Discrepancy.Kind.ABSENT: _("SkinsBack may not pay for a credit that the user has."),
}
DISCREPANCY_EXPLANATIONS: dict[str, Promise] = {
    Discrepancy.Kind.MISSED: _(
        "SkinsBack's list contained a newer status than the row here, because SkinsBack's report never arrived. If the "
        "status here is the same now, there is nothing to do. If not, open the deposit or purchase, find the reason, "
        "and settle the row."
    ),
    Discrepancy.Kind.UNKNOWN: _(
        "SkinsBack's list contains a deposit or purchase that has no row here. Possible reasons: another site uses the "
        "same keys, a person called the API by hand, or the row was deleted here. No user was credited. Find out which "
        "user it belongs to, then close this discrepancy."
    ),
    Discrepancy.Kind.DIFFERING: _(
        "The two sides contradict each other. This discrepancy has moved no money. Ask SkinsBack's support. If the row "
        "needs review, settle the row. Then close this discrepancy."
    ),
    Discrepancy.Kind.DUPLICATE: _(
        "SkinsBack's list contains this deposit or purchase twice, with different values. It is counted once here. Ask "
        "SkinsBack's support which values are right, then close this discrepancy."
    ),
    Discrepancy.Kind.ABSENT: _(
        "This deposit or purchase is paid here, but SkinsBack's list does not contain it. Check whether it was made "
        "with other keys or in the sandbox. Ask SkinsBack's support, then close this discrepancy."
    ),
}
"""Kind of a discrepancy -> what it means, and what an operator can do."""
