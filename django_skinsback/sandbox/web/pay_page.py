"""The pay page: the user chooses skins, accepts or declines a trade, and returns to the merchant's site."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from werkzeug.exceptions import NotFound
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from django_skinsback.steam import GAMES

from ..api import php
from ..simulation import currencies, deposits
from ..simulation.state import Asset, Deposit, Project
from ..simulation.store import Impossible, Store
from .pictures import rarity_class
from .rendering import allow_frames, page


class Ending(NamedTuple):
    """The texts of the last page, which is shown for a final or held deposit. ``style`` is a CSS class."""

    style: str
    sign: str
    headline: str
    explanation: str


_PAID, _HELD, _FAILED = "paid", "held", "failed"
_ENDINGS = {
    "success": Ending(_PAID, "✓", "Deposit complete", "The skins have arrived."),
    "hold_approved": Ending(_PAID, "✓", "Deposit complete", "The shop has accepted your deposit early."),
    "in_hold": Ending(
        _HELD,
        "…",
        "Deposit on hold",
        "The skins have arrived. You can take them back on Steam for eight days. Then the deposit is final.",
    ),
    "fail": Ending(_FAILED, "✕", "Deposit failed", "You still have your skins."),
    "hold_returned": Ending(_FAILED, "✕", "Deposit returned", "You have taken your skins back."),
}
_REDIRECT_SECONDS = 6


def account_name(steam_id: str) -> str:
    """Return the name of the Steam account for the pages."""
    return deposits.STEAM_ACCOUNTS.get(steam_id, f"Steam user …{steam_id[-4:]}")


class PayPage:
    """The pages under ``/_/pay/<hash>/``. They need no login. For an unknown hash they raise NotFound."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def choose(self, request: Request, pay_hash: str) -> Response:
        """Show the payer's skins of one game.

        If a trade offer was sent, redirect to the trade offer. If the deposit is not pending, redirect to the last
        page.
        """
        with self.store.locked():
            deposit = self._deposit(pay_hash)
            if deposit.status != "pending":
                return redirect("finished", 303)
            if deposit.trade_offer_id:
                return redirect("trade", 303)
            steam_id = deposits.choose_payer(deposit, request.args.get("steam_id", ""))
            return self._choose_page(deposit, steam_id, request.args.get("game"))

    def offer(self, request: Request, pay_hash: str) -> Response:
        """Send the trade offer for the chosen skins, and redirect to it.

        If the chosen skins are not allowed, show the skins again with the reason.
        """
        with self.store.locked():
            deposit = self._deposit(pay_hash)
            steam_id = deposits.choose_payer(deposit, request.form.get("steam_id", ""))
            try:
                deposits.send_trade_offer(self.store, deposit, steam_id, request.form.getlist("asset_id"))
            except Impossible as problem:
                if deposit.status == "pending" and not deposit.trade_offer_id:
                    return self._choose_page(deposit, steam_id, request.form.get("game"), problem=str(problem))
        return redirect("trade", 303)

    def trade(self, _request: Request, pay_hash: str, problem: str = "") -> Response:
        """Show the trade offer, as Steam would show it to the user.

        If no trade offer was sent, redirect to the choice of skins. If the deposit is not pending, redirect to the last
        page.
        """
        with self.store.locked():
            deposit = self._deposit(pay_hash)
            if deposit.status != "pending":
                return redirect("finished", 303)
            if not deposit.trade_offer_id:
                return redirect("./", 303)
            return self._page(
                "pay_trade.html",
                deposit,
                title="Trade offer",
                problem=problem,
                bot_name=deposits.bot(deposit)[1],
                skins=[_skin(asset) for asset in deposit.skins],
                amount=_money(deposit.user_amount or Decimal(0), deposit),
                held=deposits.will_be_held(self.store, deposit),
            )

    def decide(self, request: Request, pay_hash: str) -> Response:
        """Accept or decline the trade offer, and redirect to the last page. A second click changes nothing.

        If the trade is not possible, show the trade offer again with the reason.
        """
        action = deposits.accept if request.form.get("decision") == "accept" else deposits.decline
        with self.store.locked():
            deposit = self._deposit(pay_hash)
            try:
                action(self.store, deposit)
            except Impossible as problem:
                if deposit.status == "pending":
                    return self.trade(request, pay_hash, str(problem))
        return redirect("finished", 303)

    def finished(self, _request: Request, pay_hash: str) -> Response:
        """Show the last page: the result of the deposit, and a link back to the site.

        If the deposit is not in a widget, the browser opens the link after a few seconds. If the deposit is pending,
        redirect to the choice of skins.
        """
        with self.store.locked():
            deposit = self._deposit(pay_hash)
            if deposit.status == "pending":
                return redirect("./", 303)
            ending = _ENDINGS["hold_returned" if deposit.reason == "returned" else deposit.status]
            project = self._project(deposit)
            failed = ending.style == _FAILED
            url = (deposit.fail_url or project.fail_url) if failed else (deposit.success_url or project.success_url)
            return self._page(
                "pay_finished.html",
                deposit,
                title=ending.headline,
                ending=ending,
                amount="" if failed else _money(deposit.user_amount or Decimal(0), deposit),
                return_url=url,
                redirect_seconds=_REDIRECT_SECONDS,
            )

    def _deposit(self, pay_hash: str) -> Deposit:
        transaction_id = self.store.pay_hashes.get(pay_hash)
        if transaction_id is None:
            raise NotFound
        return self.store.state.deposits[transaction_id]

    def _project(self, deposit: Deposit) -> Project:
        return self.store.state.projects[deposit.client_id]

    def _choose_page(self, deposit: Deposit, steam_id: str, game: str | None, *, problem: str = "") -> Response:
        game = game if game in GAMES else deposit.game
        accounts = dict(deposits.STEAM_ACCOUNTS)
        if deposit.steam_id:
            accounts.setdefault(deposit.steam_id, account_name(deposit.steam_id))
        assets = deposits.skins_of_game(self.store, steam_id, game)
        return self._page(
            "pay_choose.html",
            deposit,
            title="Choose skins",
            http_status=422 if problem else 200,
            problem=problem,
            limits=_limits(deposit, self._project(deposit).name),
            games={code: GAMES[code].name for code in GAMES},
            game=game,
            accounts=accounts,
            steam_id=steam_id,
            currency=currencies.display_currency(deposit),
            skins=[_choosable_skin(asset, deposit) for asset in assets],
        )

    def _page(self, template: str, deposit: Deposit, *, http_status: int = 200, **values: object) -> Response:
        response = page(
            template,
            http_status=http_status,
            deposit=deposit,
            project=self._project(deposit),
            account_name=account_name,
            **values,
        )
        return allow_frames(response) if deposit.widget else response


def _money(amount: Decimal, deposit: Deposit) -> str:
    return f"{amount:,.2f} {currencies.display_currency(deposit)}"


def _limits(deposit: Deposit, project: str) -> str:
    """Return a text with the limits of the deposit.

    If the prices on the page are multiplied, the text also contains the rate.
    """
    limits = _range(deposit, lambda amount: f"{amount:,.2f} {deposit.currency.upper()}")
    shown = _range(deposit, lambda amount: _money(currencies.user_amount(amount, deposit), deposit))
    request = f"Choose skins worth {limits}." if limits else f"Their value is added to your account at {project}."
    factor = deposit.multiplier * (deposit.custom_currency_rate or 1)
    if factor == 1 and not deposit.custom_currency:
        return request
    unit = currencies.display_currency(deposit)
    rate = f"{php.plain_text(factor)} {unit} for each 1 {deposit.currency.upper()}"
    return f"{request} Prices on this page are what {project} credits, {rate}{f': {shown}' if shown else ''}."


def _range(deposit: Deposit, text: Callable[[Decimal], str]) -> str:
    if deposit.min_amount is None:
        return ""
    if deposit.max_amount is None:
        return f"at least {text(deposit.min_amount)}"
    return f"{text(deposit.min_amount)} to {text(deposit.max_amount)}"


def _skin(asset: Asset) -> dict[str, Any]:
    name, _, wear = asset.market_hash_name.partition(" (")
    return {
        "name": name,
        "detail": wear.rstrip(")"),
        "class_id": asset.class_id,
        "rarity": rarity_class(asset.class_id),
    }


def _choosable_skin(asset: Asset, deposit: Deposit) -> dict[str, Any]:
    price = currencies.user_amount(currencies.from_usd(asset.price, deposit), deposit)
    return {
        **_skin(asset),
        "asset_id": asset.asset_id,
        "cents": int(price * 100),
        "price": _money(price, deposit),
        "tradable": asset.tradable,
        "trade_protected": asset.trade_protected,
    }
