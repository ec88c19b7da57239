"""What a player reads about a deposit: title, text, steps and next step."""

from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import conf
from ..models import Deposit
from ..statuses import DepositStatus, EntryKind
from .dates import hold_days_left, hold_duration, is_trade_offer_over, was_held
from .texts import REFRESH_FAST, REFRESH_SLOW, Entry, NextStep, StatusText, Tone, status_text

PAY_PAGE_STEPS = [gettext_lazy("Pay page"), gettext_lazy("Skins traded"), gettext_lazy("On your balance")]
TRADE_STEPS = [gettext_lazy("Trade offer"), *PAY_PAGE_STEPS[1:]]
HELD = gettext_lazy("Trade protected")

DEPOSIT_TEXTS: dict[str, Entry] = {
    DepositStatus.CREATED: Entry(
        Tone.WAIT,
        gettext_lazy("Opening your deposit"),
        gettext_lazy("We are waiting for SkinsBack's answer. No skins have moved."),
        step=0,
        next_step=NextStep.WAIT,
        refresh_seconds=REFRESH_FAST,
    ),
    DepositStatus.PENDING: Entry(
        Tone.ACT,
        gettext_lazy("Waiting for your skins"),
        gettext_lazy("Choose skins on the pay page and accept the trade offer on Steam."),
        step=1,
        next_step=NextStep.OPEN_PAY_PAGE,
        refresh_seconds=REFRESH_FAST,
    ),
    DepositStatus.IN_HOLD: Entry(
        Tone.WAIT,
        gettext_lazy("Your skins have arrived and are on hold"),
        gettext_lazy(
            "Steam Trade Protection lets both sides take a trade back for up to 8 days. After that time the money is "
            "added to your balance. You can close this page."
        ),
        step=2,
        next_step=NextStep.WAIT,
        refresh_seconds=REFRESH_SLOW,
    ),
    DepositStatus.HOLD_APPROVED: Entry(
        Tone.GOOD,
        gettext_lazy("Credited early"),
        gettext_lazy(
            "The money is on your balance already, before the hold is over. If the trade is taken back during the "
            "hold, the same amount leaves your balance."
        ),
        step=4,
        refresh_seconds=REFRESH_SLOW,
    ),
    DepositStatus.SUCCESS: Entry(
        Tone.GOOD, gettext_lazy("Deposit complete"), gettext_lazy("The money is on your balance."), step=4
    ),
    DepositStatus.FAIL: Entry(
        Tone.BAD,
        gettext_lazy("Deposit not completed"),
        gettext_lazy(
            "The trade was declined, expired or was taken back. You keep your skins, and nothing was credited."
        ),
        step=1,
        next_step=NextStep.DEPOSIT,
    ),
    DepositStatus.HOLD_RETURNED: Entry(
        Tone.BAD,
        gettext_lazy("The trade was taken back"),
        gettext_lazy("Your skins are back in your Steam inventory, so the money for them has left your balance."),
        step=2,
        next_step=NextStep.CONTACT_SUPPORT,
    ),
    DepositStatus.ABANDONED: Entry(
        Tone.WAIT,
        gettext_lazy("The pay page has expired"),
        gettext_lazy(
            "No skins have arrived yet. If you have accepted the trade offer, the money is added to your balance as "
            "soon as SkinsBack reports the trade. If you have not accepted a trade offer, start a new deposit."
        ),
        step=1,
        next_step=NextStep.DEPOSIT,
        refresh_seconds=REFRESH_SLOW,
    ),
}

TRADE_OFFER = Entry(
    Tone.ACT,
    gettext_lazy("Accept the trade offer on Steam"),
    gettext_lazy("Compare the name of the bot and the skins on Steam with this page before you accept."),
    step=0,
    next_step=NextStep.ACCEPT_TRADE,
    refresh_seconds=REFRESH_FAST,
)
TRADE_OFFER_OVER = Entry(
    Tone.WAIT,
    gettext_lazy("Waiting for the result of the trade"),
    gettext_lazy(
        "The time to accept the trade offer is over. If you accepted the offer in time, this page shows the result "
        "soon."
    ),
    step=0,
    next_step=NextStep.WAIT,
    refresh_seconds=REFRESH_FAST,
)
NO_WAY_TO_PAY = Entry(
    Tone.WAIT,
    gettext_lazy("Waiting for SkinsBack"),
    gettext_lazy(
        "SkinsBack gave us no pay page for this deposit. If you have accepted a trade offer, wait here. If you have "
        "not accepted a trade offer, start a new deposit."
    ),
    step=0,
    next_step=NextStep.DEPOSIT,
    refresh_seconds=REFRESH_SLOW,
)
NEVER_OPENED = Entry(
    Tone.BAD,
    gettext_lazy("The deposit could not be opened"),
    gettext_lazy("No skins were moved. Start a new deposit."),
    step=0,
    next_step=NextStep.DEPOSIT,
)
RETURNED_UNCREDITED = Entry(
    Tone.BAD,
    gettext_lazy("The trade was taken back"),
    gettext_lazy("Your skins went back to your Steam inventory before the hold was over, so nothing was credited."),
    step=2,
    next_step=NextStep.DEPOSIT,
)
NOT_CREDITED = Entry(
    Tone.WAIT,
    gettext_lazy("We are checking your deposit"),
    gettext_lazy("Your skins have arrived, but the money is not on your balance yet. You do not have to do anything."),
    step=2,
    next_step=NextStep.WAIT,
    refresh_seconds=REFRESH_SLOW,
)
CREDITED = Entry(
    Tone.GOOD, gettext_lazy("The deposit was credited"), gettext_lazy("The money is on your balance."), step=4
)
CREDIT_TAKEN_BACK = Entry(
    Tone.BAD,
    gettext_lazy("The credit was taken back"),
    gettext_lazy("The money for this deposit has left your balance. Contact us if this is wrong."),
    step=2,
    next_step=NextStep.CONTACT_SUPPORT,
)


def for_deposit(deposit: Deposit) -> StatusText:
    """Return what the player sees of a deposit.

    Reads the ``entries`` and the ``changes`` of the deposit. For a list of deposits, prefetch both.
    """
    entry = _entry(deposit)
    steps = [*(TRADE_STEPS if _is_own_inventory(deposit) else PAY_PAGE_STEPS)]
    if was_held(deposit):
        steps.insert(2, HELD)
    return status_text(entry, steps, notes=_notes(deposit))


def is_payable(deposit: Deposit) -> bool:
    """Return whether the player can pay the deposit now, on the page at ``pay_url``."""
    return deposit.status in {DepositStatus.CREATED, DepositStatus.PENDING} and bool(deposit.pay_url)


def expected_credit(deposit: Deposit) -> tuple[Decimal, str] | None:
    """Return the amount that is credited when the hold of the deposit ends, and its currency.

    Return None if the deposit is not in hold, if SkinsBack has not reported the amount, or if ``CREDIT`` is a function.
    The function is called only when the deposit is credited.
    """
    if deposit.status != DepositStatus.IN_HOLD or conf.callable_setting("CREDIT"):
        return None
    amount: Decimal | None = getattr(deposit, conf.credit_column())
    return (amount, deposit.amount_currency) if amount and deposit.amount_currency else None


def _entry(deposit: Deposit) -> Entry:
    kinds = {entry.kind for entry in deposit.entries.all()}
    if EntryKind.REVERSAL in kinds or EntryKind.CREDIT in kinds:
        return _posted(deposit.status, is_reversed=EntryKind.REVERSAL in kinds)
    found = DEPOSIT_TEXTS[deposit.status]
    match deposit.status:
        case DepositStatus.SUCCESS | DepositStatus.HOLD_APPROVED:
            found = NOT_CREDITED
        case DepositStatus.HOLD_RETURNED:
            found = RETURNED_UNCREDITED
        case DepositStatus.FAIL if was_held(deposit):
            found = RETURNED_UNCREDITED
        case DepositStatus.ABANDONED if not (deposit.pay_url or deposit.trade_offer_id or deposit.transaction_id):
            found = NEVER_OPENED  # SkinsBack does not know it
        case DepositStatus.PENDING:
            found = _pending(deposit)
    return found


def _posted(status: str, *, is_reversed: bool) -> Entry:
    """Return the texts of a deposit that was credited.

    If an operator has credited the deposit, its status may be one that posts no credit by itself.
    """
    if is_reversed:
        return DEPOSIT_TEXTS[status] if status == DepositStatus.HOLD_RETURNED else CREDIT_TAKEN_BACK
    is_credited_status = status in {DepositStatus.SUCCESS, DepositStatus.HOLD_APPROVED}
    return DEPOSIT_TEXTS[status] if is_credited_status else CREDITED


def _pending(deposit: Deposit) -> Entry:
    if deposit.pay_url:
        return DEPOSIT_TEXTS[DepositStatus.PENDING]
    if not deposit.trade_offer_id:
        return NO_WAY_TO_PAY
    return TRADE_OFFER_OVER if is_trade_offer_over(deposit) else TRADE_OFFER


def _is_own_inventory(deposit: Deposit) -> bool:
    """Return whether the player chose the skins on this site. Then the deposit has a trade offer and no pay page."""
    return bool(deposit.trade_offer_id) and not deposit.pay_url


def _notes(deposit: Deposit) -> list[str]:
    days = hold_days_left(deposit)
    if days is None:
        return []
    if not days:
        return [_("The hold is over. SkinsBack reports the result soon.")]
    return [_("The hold lasts %(duration)s.") % {"duration": hold_duration(deposit)}]
