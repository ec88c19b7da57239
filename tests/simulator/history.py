"""The steps of a history: everything that can happen at the site and at SkinsBack, in any order."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from django_skinsback import deposits, purchases
from django_skinsback.exceptions import RowChanged, SkinsBackError
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.reconciliation.run import reconcile
from django_skinsback.flows.webhooks import replay
from django_skinsback.models import Deposit, LedgerEntry, Purchase, WebhookEvent
from django_skinsback.sandbox import Impossible
from django_skinsback.sandbox.simulation.outcomes import OUTCOMES
from django_skinsback.statuses import DEPOSIT_FINAL, DEPOSIT_OPEN, PURCHASE_FINAL, EntryKind
from tests.wallet.receivers import NotEnoughMoney

from .invariants import Records, check_end, check_step, shown
from .site import RETRIES, STEAM_IDS, TRADE_URLS, ReceiverFailed, Site

MINUTE, HOUR, DAY = 60, 3600, 86400
FINAL_STEPS = (*[3 * MINUTE] * 7, *[20 * MINUTE] * 3, *[7 * HOUR] * 2, DAY, DAY, *[3 * DAY] * 5)
"""Seconds by which the clock moves at the end, until every row is final."""

UNREADABLE_ANSWER = ("lose_answer", "html_error_after", "empty_answer", "truncated", "cut_off", "garbage")
NOT_DONE = (
    "drop_request",
    "html_error",
    "redirect",
    "rate_limited",
    "maintenance",
    "market_disabled",
    "shop_not_active",
)
ERRORS = {
    "create": ("5 order_id_already_exists", "15 something_new"),
    "create_from_user_inventory": ("7 order_id_already_exists", "5 items_not_found"),
    "orderstatus": ("4 transaction_not_found", "15 something_new"),
    "offer_approve": ("5 offer_already_approved_or_canceled", "4 transaction_not_found", "15 something_new"),
    "market_buy": (
        "5 skin_unavailable",
        "6 skins_not_found_at_specified_price",
        "7 custom_id_already_exists",
        "11 x",
    ),
    "market_batch_buy": ("4 insufficient_funds", "11 something_new"),
    "market_getinfo": ("2 offer_not_found", "15 something_new"),
}
NOTIFY = ("notify_drop", "notify_twice", "notify_delay", "notify_reorder", "notify_bad_sign", "notify_no_sign")

HOLD_LIMITS = {
    "usd": (Decimal(30), Decimal(45)),
    "eur": (Decimal(30), Decimal(45)),
    "rub": (Decimal(2500), Decimal(4000)),
}
"""Limits of approved holds: most histories approve one or two holds and are then refused the next."""

tally: Counter[str] = Counter()
"""Counts of what the histories of this process contained."""

users = st.integers(0, 2)
numbers = st.integers(0, 5)
faults = st.sampled_from([None, "error", "error", "error_after", "unreachable", *UNREADABLE_ANSWER, *NOT_DONE])
crashes = st.one_of(st.none(), st.none(), st.integers(0, 9), st.integers(0, 45))
"""Point of a flow at which the process dies; None: it does not. The longest flow, reconciliation, has fewer than 46."""


@dataclass(frozen=True)
class OpenPage:
    """A page that an operator has open: the row as shown, its token, and the decision of its form."""

    row: Any
    shown: dict[str, Any]
    seen: str
    decide: Callable[..., Any]


class History(RuleBasedStateMachine):
    """One site from its first deposit until every row is final."""

    site: Site

    @initialize(
        credit=st.sampled_from(["user_amount", "amount"]),
        policy=st.sampled_from(["manual", "tests.simulator.site.hold_policy"]),
        limits=st.sampled_from([None, HOLD_LIMITS]),
        refund_user=st.booleans(),
        form=st.sampled_from(["form", "json", "json-numbers"]),
        paid=st.lists(st.sampled_from(["held", "at once", "not yet", "approved", "taken back"]), max_size=4),
        bought=st.lists(st.sampled_from([*OUTCOMES, "rollback_user"]), max_size=2),
    )
    def begin(
        self,
        credit: str,
        policy: str,
        limits: dict[str, tuple[Decimal, Decimal]] | None,
        refund_user: bool,
        form: str,
        paid: list[str],
        bought: list[str],
    ) -> None:
        self.site = Site(
            notification_format=form,
            CREDIT=credit,
            HOLD_POLICY=policy,
            HOLD_APPROVE_MAX=limits,
            REFUND_USER_ROLLBACK=refund_user,
        )
        self.sandbox = self.site.sandbox
        self.ids_with_false_reports: set[str] = set()
        self.polling_ended_early: set[int] = set()
        """Purchases that were polled for the last time while the site's clock was ahead."""
        self.pages: list[OpenPage] = []
        for number, when in enumerate(paid):
            self.open_deposit(number, "", (None, None), known=False, crash=None)
            if when != "not yet":
                self.user_pays(number, when != "at once", other=9)
            if when in {"approved", "taken back"}:
                self.hold_is_approved(number, when == "taken back", crash=None)
        for number, outcome in enumerate(bought):
            self.user_buys(0, "rust", number, 5, True, "200", outcome, crash=None)
            self.worker_submits(0, crash=None)

    def teardown(self) -> None:
        if not hasattr(self, "site"):
            return
        try:
            self._finish()
            check_end(self.site, self.ids_with_false_reports)
            self._count()
        finally:
            self.site.close()

    def _count(self) -> None:
        tally["histories"] += 1
        tally["errors swallowed"] += self.site.swallowed
        tally["crashes"] += self.site.crashes.happened
        tally["calls of SkinsBack"] += self.site.api.calls.total()
        tally["deliveries"] += self.site.deliveries.answers.total()
        tally["deliveries answered 500"] += self.site.deliveries.answers[500]
        tally["deposits"] += Deposit.objects.count()
        tally["purchases"] += Purchase.objects.count()
        for kind in EntryKind:
            tally[f"{kind} entries"] += LedgerEntry.objects.filter(kind=kind).count()
        tally["rows under review"] += Deposit.objects.to_review().count() + Purchase.objects.to_review().count()

    # Helpers

    def _do(self, flow: Callable[[], Any], crash: int | None = None) -> None:
        """Run a flow as a process that dies at the point ``crash``."""
        with (
            self.site.crashes.at(crash),
            suppress(SkinsBackError, NotEnoughMoney, ReceiverFailed),
        ):
            flow()

    def _order(self, number: int) -> str | None:
        orders = [deposit.order_id for deposit in self.sandbox.state.deposits.values()]
        return orders[number % len(orders)] if orders else None

    def _act_on_deposit(self, action: Callable[..., Any], number: int, **options: Any) -> None:
        order_id = self._order(number)
        if order_id:
            with suppress(Impossible):
                action(order_id, **options)

    @staticmethod
    def _row(model: Any, number: int, **filters: Any) -> Any:
        rows = list(model.objects.filter(**filters).order_by("pk"))
        return rows[number % len(rows)] if rows else None

    # Deposits

    @rule(
        who=users,
        currency=st.sampled_from(["", "usd", "eur", "rub"]),
        limits=st.sampled_from([(None, None), (1, 50), (None, 20)]),
        known=st.booleans(),
        crash=crashes,
    )
    def open_deposit(
        self, who: int, currency: str, limits: tuple[int | None, int | None], known: bool, crash: int | None
    ) -> None:
        least, most = limits if currency else (None, None)
        self._do(
            lambda: deposits.create(
                self.site.users[who],
                steam_id=STEAM_IDS[who] if known else "",
                currency=currency,
                min_amount=least,
                max_amount=most,
            ),
            crash,
        )

    @rule(who=users, count=st.integers(1, 3), crash=crashes)
    def open_deposit_from_inventory(self, who: int, count: int, crash: int | None) -> None:
        owned = [
            skin
            for skin in self.sandbox.inventory(STEAM_IDS[who])
            if skin.game == "cs2" and skin.tradable and skin.price > 1
        ]
        if owned:
            self._do(
                lambda: deposits.create_from_inventory(
                    self.site.users[who],
                    trade_url=TRADE_URLS[who],
                    item_asset_ids=[skin.asset_id for skin in owned[:count]],
                ),
                crash,
            )

    @rule(number=numbers, held=st.booleans(), other=st.integers(0, 9))
    def user_pays(self, number: int, held: bool, other: int) -> None:
        self._act_on_deposit(self.sandbox.pay, number, held=held, steam_id=STEAM_IDS[other] if other < 3 else "")

    @rule(number=numbers, at_once=st.booleans())
    def user_declines(self, number: int, at_once: bool) -> None:
        self._act_on_deposit(self.sandbox.choose, number)
        if at_once:
            self._act_on_deposit(self.sandbox.decline, number)

    @rule(number=numbers)
    def user_takes_skins_back(self, number: int) -> None:
        self._act_on_deposit(self.sandbox.give_back, number)

    @rule(number=numbers, crash=crashes)
    def operator_approves(self, number: int, crash: int | None) -> None:
        deposit = self._row(Deposit, number, status="in_hold")
        if deposit:
            self._do(lambda: deposits.approve_hold(deposit, by=self.site.users[3]), crash)

    @rule(number=numbers, taken_back=st.booleans(), crash=crashes)
    def hold_is_approved(self, number: int, taken_back: bool, crash: int | None) -> None:
        """The operator approves a hold early; the user may then take the trade back."""
        self.site.deliver()
        order_id = self._order(number)
        deposit = Deposit.objects.filter(order_id=order_id, status="in_hold").first()
        if deposit:
            self._do(lambda: deposits.approve_hold(deposit, by=self.site.users[3]), crash)
            if taken_back:
                self.user_takes_skins_back(number)

    @rule(number=numbers, outcome=st.sampled_from(["keep", "credit", "reverse"]), crash=crashes)
    def operator_settles_deposit(self, number: int, outcome: str, crash: int | None) -> None:
        deposit = self._row(Deposit, number, needs_review=True)
        if deposit:
            self._do(lambda: deposits.settle(deposit, outcome, by=self.site.users[3], note="seen"), crash)

    @rule(number=numbers, decision=st.sampled_from(["keep", "credit", "reverse", "approve", "leave"]))
    def operator_opens_deposit(self, number: int, decision: str) -> None:
        about_hold = {"approve": deposits.approve_hold, "leave": deposits.leave_hold}.get(decision)
        deposit = self._row(Deposit, number, **({"status": "in_hold"} if about_hold else {"needs_review": True}))
        if deposit:
            decide = about_hold or partial(deposits.settle, decision=decision)
            self.pages.append(OpenPage(deposit, shown(deposit), deposits.seen(deposit), decide))

    @rule(number=numbers, decision=st.sampled_from(["keep", "refund", "cancel"]))
    def operator_opens_purchase(self, number: int, decision: str) -> None:
        cancels = decision == "cancel"
        purchase = self._row(Purchase, number, **({"status": "requested"} if cancels else {"needs_review": True}))
        if purchase:
            decide = purchases.cancel if cancels else partial(purchases.settle, decision=decision)
            self.pages.append(OpenPage(purchase, shown(purchase), purchases.seen(purchase), decide))

    @precondition(lambda self: hasattr(self, "site") and self.pages)
    @rule(number=numbers, crash=crashes)
    def operator_sends_form(self, number: int, crash: int | None) -> None:
        """An operator sends a form long after the page was opened. It is accepted only if the row is as shown."""
        page = self.pages.pop(number % len(self.pages))
        is_as_shown = shown(page.row) == page.shown

        def decide() -> None:
            fresh = type(page.row)._default_manager.get(pk=page.row.pk)
            try:
                page.decide(fresh, by=self.site.users[3], seen=page.seen)
            except RowChanged:
                tally["decisions too late"] += 1
                assert not is_as_shown, "refused, but the row had not changed"
                raise
            tally["decisions after a while"] += 1
            assert is_as_shown, "decided about a row that differs from what was shown"

        self._do(decide, crash)

    @rule(
        number=numbers,
        decision=st.sampled_from(["keep", "credit", "approve", "leave", "cancel"]),
        meanwhile=st.sampled_from(["nothing", "swept", "another amount", "paid"]),
        crash=crashes,
    )
    def operator_decides_slowly(self, number: int, decision: str, meanwhile: str, crash: int | None) -> None:
        """A row needs a decision; its page is opened, and the row may change before the form is sent."""
        order_id = self._order(number)
        if decision == "cancel":
            self.user_buys(0, "rust", number, 5, True, "200", "accepted", crash=None)
            self.operator_opens_purchase(number, decision)
        elif order_id:
            if decision in {"approve", "leave"}:
                self.user_pays(number, held=True, other=9)
            else:
                self.ids_with_false_reports.add(order_id)
                self.sandbox.notify(order_id, status="frozen")
            self.site.deliver()
            self.operator_opens_deposit(number, decision)
        if not self.pages:
            return
        if meanwhile == "swept":
            self._do(self.site.sweep)
        elif meanwhile == "another amount" and order_id:
            self.ids_with_false_reports.add(order_id)
            self.sandbox.notify(order_id, amount=Decimal("7.77"), user_amount=Decimal("8.88"))
        elif meanwhile == "paid":
            self.user_pays(number, held=False, other=9)
        self.site.deliver()
        self.operator_sends_form(len(self.pages) - 1, crash)

    @rule(number=numbers, crash=crashes)
    def operator_asks_about_deposit(self, number: int, crash: int | None) -> None:
        deposit = self._row(Deposit, number)
        if deposit:
            self._do(lambda: deposits.refresh(deposit, by=self.site.users[3]), crash)

    # Reports of SkinsBack and their deliveries

    @rule(number=numbers)
    def skinsback_repeats_a_report(self, number: int) -> None:
        self._act_on_deposit(self.sandbox.notify, number, offer_date=str(len(self.site.deliveries.sent)))

    @rule(
        number=numbers,
        change=st.sampled_from(
            [
                {"amount": Decimal("7.77"), "user_amount": Decimal("8.88")},
                {"amount": "NaN", "user_amount": ""},
                {"amount": "0", "user_amount": "0"},
                {"amount_currency": "brl"},
                {"amount_currency": ""},
                {"transaction_id": "999"},
                {"steam_id": STEAM_IDS[0]},
                {"status": "frozen"},
                {"status": "requested"},
                {"status": "abandoned"},
            ]
        ),
    )
    def skinsback_sends_a_false_report(self, number: int, change: dict[str, Any]) -> None:
        order_id = self._order(number)
        if order_id:
            self.ids_with_false_reports.add(order_id)
            self.sandbox.notify(order_id, **change)

    @rule(number=numbers, status=st.sampled_from(["success", "fail", "hold_approved", "hold_returned", "in_hold"]))
    def skinsback_contradicts_a_final_status(self, number: int, status: str) -> None:
        """Report another final status than the true one; the true one must be stored in the end."""
        deposit = self._row(Deposit, number, status__in=DEPOSIT_FINAL)
        if deposit:
            self.ids_with_false_reports.add(deposit.order_id)
            self.sandbox.notify(deposit.order_id, status=status)

    @rule(crash=crashes)
    def notifications_arrive(self, crash: int | None) -> None:
        self.site.deliver(crash)

    @rule(name=st.sampled_from(NOTIFY), kind=st.sampled_from(["deposit", "event"]), times=st.integers(1, 3))
    def notifications_go_wrong(self, name: str, kind: str, times: int) -> None:
        self.sandbox.faults.add(name, kind, times=times, value=5 * HOUR if name == "notify_delay" else "")

    @precondition(lambda self: hasattr(self, "site") and self.site.deliveries.sent)
    @rule(number=st.integers(0, 40), crash=crashes)
    def old_notification_is_repeated(self, number: int, crash: int | None) -> None:
        sent = self.site.deliveries.sent
        self.site.crash_in_delivery = crash
        self.site.deliveries.post(*sent[-1 - number % len(sent)])

    @precondition(lambda self: hasattr(self, "site") and self.site.deliveries.sent)
    @rule(number=st.integers(0, 40), place=st.integers(0, 100))
    def third_party_forges_notification(self, number: int, place: int) -> None:
        url, body, headers = self.site.deliveries.sent[number % len(self.site.deliveries.sent)]
        forged = body.replace(b"status", b"sta" + str(place).encode(), 1)
        if forged == body:
            return
        rows = WebhookEvent.objects.count()
        assert self.site.deliveries.post(url, forged, headers) in {400, 403}
        assert WebhookEvent.objects.count() == rows

    # Purchases

    @rule(
        who=users,
        game=st.sampled_from(["rust", "cs2"]),
        number=st.integers(0, 3),
        charge=st.sampled_from([None, 5, 60]),
        by_id=st.booleans(),
        cap=st.sampled_from(["0.01", "200"]),
        outcome=st.sampled_from([*OUTCOMES, "accepted", "accepted"]),
        crash=crashes,
    )
    def user_buys(
        self,
        who: int,
        game: str,
        number: int,
        charge: int | None,
        by_id: bool,
        cap: str,
        outcome: str,
        crash: int | None,
    ) -> None:
        skin = self._offered(game)[number]
        asked = {"skin_id": str(skin.skin_id)} if by_id else {"market_hash_name": skin.market_hash_name}
        self.sandbox.store.planned_outcomes.clear()
        self.sandbox.next_outcome(outcome, times=2)

        def buy() -> None:
            purchase = purchases.buy(
                user=self.site.users[who],
                trade_url=TRADE_URLS[who],
                game=game,
                max_price=cap,
                charge=charge,
                charge_currency="usd" if charge else "",
                **asked,
            )
            assert Purchase.objects.filter(pk=purchase.pk).exists(), "buy returned, but there is no row"

        self._do(buy, crash)

    @rule(who=users, count=st.integers(2, 3), charge=st.sampled_from([None, 5, 40]), crash=crashes)
    def user_buys_several(self, who: int, count: int, charge: int | None, crash: int | None) -> None:
        money = {"charge": charge, "charge_currency": "usd"} if charge else {}
        items = [{"skin_id": str(skin.skin_id), "max_price": "200", **money} for skin in self._offered("rust")[:count]]
        self._do(
            lambda: purchases.buy_batch(user=self.site.users[who], trade_url=TRADE_URLS[who], items=items, game="rust"),
            crash,
        )

    def _offered(self, game: str) -> list[Any]:
        stock = [item for item in self.sandbox.state.stock.values() if item.game == game and not item.sold]
        return sorted(stock, key=lambda item: (item.price, item.skin_id))

    @rule(number=numbers, crash=crashes)
    def worker_submits(self, number: int, crash: int | None) -> None:
        purchase = self._row(Purchase, number, status="requested")
        if purchase:
            self._do(lambda: purchases.submit(purchase), crash)

    @rule(number=numbers, crash=crashes)
    def operator_cancels(self, number: int, crash: int | None) -> None:
        purchase = self._row(Purchase, number, status="requested")
        if purchase:
            self._do(lambda: purchases.cancel(purchase, by=self.site.users[3]), crash)

    @rule(number=numbers, outcome=st.sampled_from(["keep", "refund"]), crash=crashes)
    def operator_settles_purchase(self, number: int, outcome: str, crash: int | None) -> None:
        purchase = self._row(Purchase, number, needs_review=True)
        if purchase:
            self._do(lambda: purchases.settle(purchase, outcome, by=self.site.users[3]), crash)

    @rule(crash=crashes)
    def operator_asks_about_purchases(self, crash: int | None) -> None:
        self._do(lambda: purchases.refresh(list(Purchase.objects.order_by("pk"))), crash)

    @rule(number=numbers, outcome=st.sampled_from(sorted(OUTCOMES)))
    def purchase_ends(self, number: int, outcome: str) -> None:
        """End a purchase. Rollbacks happen only during the hold, because the site does not ask after it."""
        bought = list(self.sandbox.state.purchases.values())
        if not bought:
            return
        purchase = bought[number % len(bought)]
        since = self.sandbox.store.now() - purchase.history[-1][1]
        if purchase.status == "accepted" and (purchase.in_hold is False or (not purchase.in_hold and since > DAY)):
            return
        with suppress(Impossible):
            self.sandbox.end_purchase(purchase.custom_id, outcome)

    # Faults, time and the sweep

    @rule(method=st.sampled_from(sorted(ERRORS)), faults=st.lists(faults, min_size=1, max_size=4))
    def calls_go_wrong(self, method: str, faults: list[str | None]) -> None:
        """Plan faults for the next calls of a method; None is a call without a fault."""
        if method not in {"market_buy", "market_batch_buy"}:
            faults = [fault for fault in faults if fault != "error_after"]
        if not method.startswith("market_"):
            faults = [fault for fault in faults if fault != "market_disabled"]
        self.site.api.planned_faults[method] = [fault and (fault, ERRORS[method]) for fault in faults]

    @rule(first=st.sampled_from(["lose_answer", "drop_request", None]), last=st.sampled_from(ERRORS["market_buy"]))
    def skinsback_denies_a_purchase(self, first: str | None, last: str) -> None:
        """An answer is lost, SkinsBack does not know the purchase, and the repeated call is refused."""
        self.user_buys(0, "rust", 0, 5, True, "200", "accepted", crash=None)
        buys, asks = ERRORS["market_buy"], ERRORS["market_getinfo"][:1]
        unsent = Purchase.objects.filter(status="requested").count()
        planned_faults = self.site.api.planned_faults
        planned_faults["market_buy"] = [first and (first, buys)] * unsent + [("error", (last,))] * unsent
        self._do(poll_purchases)
        planned_faults["market_getinfo"] = [("error", asks)] * 2 * unsent
        self.site.advance(3 * MINUTE)
        self._do(poll_purchases)
        planned_faults.clear()

    @rule(broken=st.booleans())
    def site_receiver_breaks(self, broken: bool) -> None:
        self.site.broken = broken

    @rule(swallows=st.booleans())
    def site_receiver_swallows_errors(self, swallows: bool) -> None:
        self.site.swallows = swallows

    @rule(number=numbers, crash=crashes)
    def a_swallowed_error_rolls_back_a_payment(self, number: int, crash: int | None) -> None:
        """The site's receiver swallows an error at the first two reports of a payment and works at the next."""
        self.site.swallows = True
        self.user_pays(number, held=False, other=9)
        self.site.deliver(crash)
        self._do(poll_deposits)
        self.site.swallows = False
        self.site.advance(RETRIES[0])
        self.site.deliver()

    @rule(seconds=st.sampled_from([5, 70, 11 * MINUTE, HOUR, 7 * HOUR, DAY, 4 * DAY]))
    def time_passes(self, seconds: int) -> None:
        self.site.advance(seconds)

    @rule(hours=st.sampled_from([1, 7, 25, 9 * 24]))
    def site_works_for(self, hours: int) -> None:
        """Deliver and sweep without any fault."""
        self.site.deliver()
        self._do(self.site.sweep)
        self.site.advance(hours * HOUR)
        self.site.deliver()
        self._do(self.site.sweep)

    @rule(hours=st.sampled_from([1, 30, 20 * 24]), deposit=st.booleans(), bought=st.booleans())
    def clock_is_ahead_for_a_while(self, hours: int, deposit: bool, bought: bool) -> None:
        """The site's clock is ahead for some steps, so they store times in the future; then it is right again."""
        accepted = Purchase.objects.filter(status="accepted")
        polled = set(accepted.exclude(next_poll_at=None).values_list("pk", flat=True))
        with self.site.clock_ahead(hours * HOUR):
            if deposit:
                self.open_deposit(0, "", (None, None), known=False, crash=None)
            if bought:
                self.user_buys(0, "rust", 0, 5, True, "200", "accepted", crash=None)
            self._do(self.site.sweep)
        self.polling_ended_early |= polled & set(accepted.filter(next_poll_at=None).values_list("pk", flat=True))

    @rule(crash=crashes)
    def deposits_are_swept(self, crash: int | None) -> None:
        self._do(poll_deposits, crash)

    @rule(crash=crashes)
    def purchases_are_swept(self, crash: int | None) -> None:
        self._do(poll_purchases, crash)

    @rule(crash=crashes)
    def lists_are_compared(self, crash: int | None) -> None:
        self._do(reconcile, crash)

    @rule(crash=crashes)
    def kept_notifications_are_swept(self, crash: int | None) -> None:
        self._do(replay.apply_kept, crash)

    @rule(number=numbers, crash=crashes)
    def notifications_wait_for_the_site(self, number: int, crash: int | None) -> None:
        """The site's receiver fails at every delivery and works after SkinsBack has stopped repeating them."""
        was_broken, self.site.broken = self.site.broken, True
        self.user_pays(number, held=False, other=9)
        for seconds in (0, *RETRIES):
            self.site.advance(seconds)
            self.site.deliver()
        self.site.broken = was_broken
        self.site.advance(HOUR)
        self._do(replay.apply_kept, crash)

    # Checks

    @invariant()
    def invariants_hold(self) -> None:
        if hasattr(self, "site"):
            check_step(self.site, self.ids_with_false_reports)

    def _finish(self) -> None:
        """Turn off all faults and sweep until every row is final."""
        self.site.stop_faults()
        for seconds in FINAL_STEPS:
            self.site.deliver()
            self.site.sweep()
            if self._is_finished():
                break
            self.site.advance(seconds)
        else:
            assert self._is_finished(except_reviews=True), "a row is still open at the end"
        for deposit in Deposit.objects.filter(status="abandoned"):
            # Paid after it was abandoned, without a report: reconciliation would find it.
            with suppress(SkinsBackError):
                deposits.refresh(deposit)
        # Rolled back after polling had ended, without a report: reconciliation would find it.
        purchases.refresh(list(Purchase.objects.filter(pk__in=self.polling_ended_early)))

    def _is_finished(self, *, except_reviews: bool = False) -> bool:
        if self.sandbox.store.next_due() is not None:
            return False
        waiting = WebhookEvent.objects.filter(processed_at=None, next_try_at__isnull=False).exclude(outcome="unmatched")
        purchases_open = Purchase.objects.exclude(status__in=PURCHASE_FINAL).filter(finished_at=None)
        deposits_open = Deposit.objects.filter(status__in=DEPOSIT_OPEN)
        due = Deposit.objects.filter(next_poll_at__isnull=False)
        if except_reviews:  # rows under review or settled are polled for ever
            decided = Records().settled
            rows = [*purchases_open, *deposits_open, *due]
            return not waiting.exists() and all(row.needs_review or row in decided for row in rows)
        return not any(rows.exists() for rows in (waiting, purchases_open, deposits_open, due))
