"""What can happen to a site and to SkinsBack, in any order."""

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
from django_skinsback.flows.webhooks.replay import apply_kept
from django_skinsback.models import Deposit, LedgerEntry, Purchase, WebhookEvent
from django_skinsback.sandbox import Impossible
from django_skinsback.sandbox.simulation.outcomes import OUTCOMES
from django_skinsback.statuses import DEPOSIT_FINAL, DEPOSIT_OPEN, PURCHASE_FINAL, EntryKind
from tests.wallet.receivers import NotEnoughMoney

from .invariants import Books, check_end, check_step, shown
from .site import RETRIES, STEAM_IDS, TRADE_URLS, Site, SiteBroken

MINUTE, HOUR, DAY = 60, 3600, 86400
QUIETING = (*[3 * MINUTE] * 7, *[20 * MINUTE] * 3, *[7 * HOUR] * 2, DAY, DAY, *[3 * DAY] * 5)
"""How the clock goes on at the end, until everything is decided."""

SPOILT = ("lose_answer", "html_error_after", "empty_answer", "truncated", "cut_off", "garbage")
REFUSED = (
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

tally: Counter[str] = Counter()
"""What the histories of this process were made of."""

people = st.integers(0, 2)
numbers = st.integers(0, 5)
faults = st.sampled_from([None, "error", "error", "error_after", "unreachable", *SPOILT, *REFUSED])
crashes = st.one_of(st.none(), st.none(), st.integers(0, 9), st.integers(0, 45))
"""At which point of a flow the process dies, if at all. The longest, a comparison of lists, has fewer than 46."""


@dataclass(frozen=True)
class Page:
    """What an operator has open: a row as it was shown, its token, and the decision the form will carry."""

    row: Any
    shown: dict[str, Any]
    seen: str
    decide: Callable[..., Any]


class History(RuleBasedStateMachine):
    """One site from its first deposit to the day when everything is decided."""

    site: Site

    @initialize(
        credit=st.sampled_from(["user_amount", "amount"]),
        policy=st.sampled_from(["manual", "tests.simulator.site.hold_policy"]),
        refund_user=st.booleans(),
        form=st.sampled_from(["form", "json", "json-numbers"]),
        paid=st.lists(st.sampled_from(["held", "at once", "not yet", "approved", "taken back"]), max_size=4),
        bought=st.lists(st.sampled_from([*OUTCOMES, "rollback_user"]), max_size=2),
    )
    def begin(self, credit: str, policy: str, refund_user: bool, form: str, paid: list[str], bought: list[str]) -> None:
        self.site = Site(notification_format=form, CREDIT=credit, HOLD_POLICY=policy, REFUND_USER_ROLLBACK=refund_user)
        self.sandbox = self.site.sandbox
        self.odd: set[str] = set()
        self.pages: list[Page] = []
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
            self._become_quiet()
            check_end(self.site, self.odd)
            self._count()
        finally:
            self.site.close()

    def _count(self) -> None:
        tally["histories"] += 1
        tally["errors swallowed"] += self.site.swallowed
        tally["crashes"] += self.site.crashes.happened
        tally["calls of SkinsBack"] += self.site.line.calls.total()
        tally["deliveries"] += self.site.postman.answers.total()
        tally["deliveries answered 500"] += self.site.postman.answers[500]
        tally["deposits"] += Deposit.objects.count()
        tally["purchases"] += Purchase.objects.count()
        for kind in EntryKind:
            tally[f"{kind} entries"] += LedgerEntry.objects.filter(kind=kind).count()
        tally["rows under review"] += Deposit.objects.to_review().count() + Purchase.objects.to_review().count()

    # How steps are taken

    def _do(self, flow: Callable[[], Any], crash: int | None = None) -> None:
        """Run a flow as a process of its own, which may die on the way."""
        with (
            self.site.crashes.at(crash),
            suppress(SkinsBackError, NotEnoughMoney, SiteBroken),
        ):
            flow()

    def _order(self, number: int) -> str | None:
        orders = [deposit.order_id for deposit in self.sandbox.state.deposits.values()]
        return orders[number % len(orders)] if orders else None

    def _user_does(self, deed: Callable[..., Any], number: int, **options: Any) -> None:
        order_id = self._order(number)
        if order_id:
            with suppress(Impossible):
                deed(order_id, **options)

    @staticmethod
    def _row(model: Any, number: int, **filters: Any) -> Any:
        rows = list(model.objects.filter(**filters).order_by("pk"))
        return rows[number % len(rows)] if rows else None

    # Deposits

    @rule(
        who=people,
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

    @rule(who=people, count=st.integers(1, 3), crash=crashes)
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
        self._user_does(self.sandbox.pay, number, held=held, steam_id=STEAM_IDS[other] if other < 3 else "")

    @rule(number=numbers, at_once=st.booleans())
    def user_declines(self, number: int, at_once: bool) -> None:
        self._user_does(self.sandbox.choose, number)
        if at_once:
            self._user_does(self.sandbox.decline, number)

    @rule(number=numbers)
    def user_takes_skins_back(self, number: int) -> None:
        self._user_does(self.sandbox.give_back, number)

    @rule(number=numbers, crash=crashes)
    def operator_approves(self, number: int, crash: int | None) -> None:
        deposit = self._row(Deposit, number, status="in_hold")
        if deposit:
            self._do(lambda: deposits.approve_hold(deposit, by=self.site.users[3]), crash)

    @rule(number=numbers, taken_back=st.booleans(), crash=crashes)
    def hold_is_approved(self, number: int, taken_back: bool, crash: int | None) -> None:
        """The site hears of a hold, takes the risk, and may have been wrong to."""
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

    @rule(number=numbers, decision=st.sampled_from(["keep", "credit", "reverse", "approve"]))
    def operator_opens_deposit(self, number: int, decision: str) -> None:
        approves = decision == "approve"
        deposit = self._row(Deposit, number, **({"status": "in_hold"} if approves else {"needs_review": True}))
        if deposit:
            decide = deposits.approve_hold if approves else partial(deposits.settle, decision=decision)
            self.pages.append(Page(deposit, shown(deposit), deposits.seen(deposit), decide))

    @rule(number=numbers, decision=st.sampled_from(["keep", "refund", "cancel"]))
    def operator_opens_purchase(self, number: int, decision: str) -> None:
        cancels = decision == "cancel"
        purchase = self._row(Purchase, number, **({"status": "requested"} if cancels else {"needs_review": True}))
        if purchase:
            decide = purchases.cancel if cancels else partial(purchases.settle, decision=decision)
            self.pages.append(Page(purchase, shown(purchase), purchases.seen(purchase), decide))

    @precondition(lambda self: hasattr(self, "site") and self.pages)
    @rule(number=numbers, crash=crashes)
    def operator_sends_form(self, number: int, crash: int | None) -> None:
        """Long after the page was opened: only what still is as it was shown may be decided."""
        page = self.pages.pop(number % len(self.pages))
        is_as_shown = shown(page.row) == page.shown

        def decide() -> None:
            fresh = type(page.row)._default_manager.get(pk=page.row.pk)
            try:
                page.decide(fresh, by=self.site.users[3], seen=page.seen)
            except RowChanged:
                tally["decisions too late"] += 1
                assert not is_as_shown, "refused, and nothing had changed"
                raise
            tally["decisions after a while"] += 1
            assert is_as_shown, "decided about what was not shown"

        self._do(decide, crash)

    @rule(
        number=numbers,
        decision=st.sampled_from(["keep", "credit", "approve", "cancel"]),
        meanwhile=st.sampled_from(["nothing", "swept", "another amount", "paid"]),
        crash=crashes,
    )
    def operator_decides_slowly(self, number: int, decision: str, meanwhile: str, crash: int | None) -> None:
        """Something that wants a decision turns up, its page is opened, and more happens before the form is sent."""
        order_id = self._order(number)
        if decision == "cancel":
            self.user_buys(0, "rust", number, 5, True, "200", "accepted", crash=None)
            self.operator_opens_purchase(number, decision)
        elif order_id:
            if decision == "approve":
                self.user_pays(number, held=True, other=9)
            else:
                self.odd.add(order_id)
                self.sandbox.notify(order_id, status="frozen")
            self.site.deliver()
            self.operator_opens_deposit(number, decision)
        if not self.pages:
            return
        if meanwhile == "swept":
            self._do(self.site.sweep)
        elif meanwhile == "another amount" and order_id:
            self.odd.add(order_id)
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

    # What SkinsBack says, and how it arrives

    @rule(number=numbers)
    def skinsback_repeats_itself(self, number: int) -> None:
        self._user_does(self.sandbox.notify, number, offer_date=str(len(self.site.postman.sent)))

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
    def skinsback_says_odd_things(self, number: int, change: dict[str, Any]) -> None:
        order_id = self._order(number)
        if order_id:
            self.odd.add(order_id)
            self.sandbox.notify(order_id, **change)

    @rule(number=numbers, status=st.sampled_from(["success", "fail", "hold_approved", "hold_returned", "in_hold"]))
    def skinsback_contradicts_itself(self, number: int, status: str) -> None:
        """About a deposit that is final on both sides: the truth must win."""
        deposit = self._row(Deposit, number, status__in=DEPOSIT_FINAL)
        if deposit:
            self.odd.add(deposit.order_id)
            self.sandbox.notify(deposit.order_id, status=status)

    @rule(crash=crashes)
    def notifications_arrive(self, crash: int | None) -> None:
        self.site.deliver(crash)

    @rule(name=st.sampled_from(NOTIFY), kind=st.sampled_from(["deposit", "event"]), times=st.integers(1, 3))
    def notifications_go_wrong(self, name: str, kind: str, times: int) -> None:
        self.sandbox.faults.add(name, kind, times=times, value=5 * HOUR if name == "notify_delay" else "")

    @precondition(lambda self: hasattr(self, "site") and self.site.postman.sent)
    @rule(number=st.integers(0, 40), crash=crashes)
    def old_notification_comes_again(self, number: int, crash: int | None) -> None:
        sent = self.site.postman.sent
        self.site.crash_in_delivery = crash
        self.site.postman.post(*sent[-1 - number % len(sent)])

    @precondition(lambda self: hasattr(self, "site") and self.site.postman.sent)
    @rule(number=st.integers(0, 40), place=st.integers(0, 100))
    def stranger_forges_notification(self, number: int, place: int) -> None:
        url, body, headers = self.site.postman.sent[number % len(self.site.postman.sent)]
        forged = body.replace(b"status", b"sta" + str(place).encode(), 1)
        if forged == body:
            return
        rows = WebhookEvent.objects.count()
        assert self.site.postman.post(url, forged, headers) in {400, 403}
        assert WebhookEvent.objects.count() == rows

    # Purchases

    @rule(
        who=people,
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
            assert Purchase.objects.filter(pk=purchase.pk).exists(), "bought, and there is no row"

        self._do(buy, crash)

    @rule(who=people, count=st.integers(2, 3), charge=st.sampled_from([None, 5, 40]), crash=crashes)
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
        """Rolled back only inside the hold, or a day after a trade without one: later nobody asks any more."""
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
        """The next calls of a method, one after the other; None: that one goes well."""
        if method not in {"market_buy", "market_batch_buy"}:
            faults = [fault for fault in faults if fault != "error_after"]
        if not method.startswith("market_"):
            faults = [fault for fault in faults if fault != "market_disabled"]
        self.site.line.misfortunes[method] = [fault and (fault, ERRORS[method]) for fault in faults]

    @rule(first=st.sampled_from(["lose_answer", "drop_request", None]), last=st.sampled_from(ERRORS["market_buy"]))
    def skinsback_forgets_what_it_sold(self, first: str | None, last: str) -> None:
        """An answer is lost, the purchase is denied, and buying it once more is refused."""
        self.user_buys(0, "rust", 0, 5, True, "200", "accepted", crash=None)
        buys, asks = ERRORS["market_buy"], ERRORS["market_getinfo"][:1]
        unsent = Purchase.objects.filter(status="requested").count()
        misfortunes = self.site.line.misfortunes
        misfortunes["market_buy"] = [first and (first, buys)] * unsent + [("error", (last,))] * unsent
        self._do(poll_purchases)
        misfortunes["market_getinfo"] = [("error", asks)] * 2 * unsent
        self.site.advance(3 * MINUTE)
        self._do(poll_purchases)
        misfortunes.clear()

    @rule(broken=st.booleans())
    def site_handler_breaks(self, broken: bool) -> None:
        self.site.broken = broken

    @rule(swallows=st.booleans())
    def site_handler_swallows_errors(self, swallows: bool) -> None:
        self.site.swallows = swallows

    @rule(number=numbers, crash=crashes)
    def a_swallowed_error_undoes_a_payment(self, number: int, crash: int | None) -> None:
        """The site's receiver is wrong when a payment is told twice, and right when it is told again."""
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
        """Nothing unusual: what is due is delivered and swept."""
        self.site.deliver()
        self._do(self.site.sweep)
        self.site.advance(hours * HOUR)
        self.site.deliver()
        self._do(self.site.sweep)

    @rule(hours=st.sampled_from([1, 30, 20 * 24]), deposit=st.booleans(), bought=st.booleans())
    def clock_is_ahead_for_a_while(self, hours: int, deposit: bool, bought: bool) -> None:
        """What happens meanwhile is dated in the future, and then the clock is right again."""
        with self.site.clock_ahead(hours * HOUR):
            if deposit:
                self.open_deposit(0, "", (None, None), known=False, crash=None)
            if bought:
                self.user_buys(0, "rust", 0, 5, True, "200", "accepted", crash=None)
            self._do(self.site.sweep)

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
        self._do(apply_kept, crash)

    @rule(number=numbers, crash=crashes)
    def notifications_wait_for_the_site(self, number: int, crash: int | None) -> None:
        """The site's own handler fails when they come, and works when SkinsBack has given them up."""
        was_broken, self.site.broken = self.site.broken, True
        self.user_pays(number, held=False, other=9)
        for seconds in (0, *RETRIES):
            self.site.advance(seconds)
            self.site.deliver()
        self.site.broken = was_broken
        self.site.advance(HOUR)
        self._do(apply_kept, crash)

    # What must hold

    @invariant()
    def everything_is_in_order(self) -> None:
        if hasattr(self, "site"):
            check_step(self.site, self.odd)

    def _become_quiet(self) -> None:
        """Nothing goes wrong any more, and the sweep runs until it has nothing left to decide."""
        self.site.mend()
        for seconds in QUIETING:
            self.site.deliver()
            self.site.sweep()
            if self._is_quiet():
                break
            self.site.advance(seconds)
        else:
            assert self._is_quiet(but_for_operators=True), "something is still open when all should be decided"
        for deposit in Deposit.objects.filter(status="abandoned"):
            # Paid after it was given up, and nobody told us: comparing lists would ask.
            with suppress(SkinsBackError):
                deposits.refresh(deposit)

    def _is_quiet(self, *, but_for_operators: bool = False) -> bool:
        if self.sandbox.store.next_due() is not None:
            return False
        waiting = WebhookEvent.objects.filter(processed_at=None, next_try_at__isnull=False).exclude(outcome="unmatched")
        purchases_open = Purchase.objects.exclude(status__in=PURCHASE_FINAL).filter(finished_at=None)
        deposits_open = Deposit.objects.filter(status__in=DEPOSIT_OPEN)
        due = Deposit.objects.filter(next_poll_at__isnull=False)
        if but_for_operators:  # what waits for one, or was decided by one, is asked about for ever
            decided = Books().settled
            rows = [*purchases_open, *deposits_open, *due]
            return not waiting.exists() and all(row.needs_review or row in decided for row in rows)
        return not any(rows.exists() for rows in (waiting, purchases_open, deposits_open, due))
