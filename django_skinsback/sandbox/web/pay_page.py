"""The hosted pay page: choose skins, then accept or decline a trade, then go back to the merchant's site."""

from collections.abc import Callable
from decimal import Decimal

from werkzeug.exceptions import NotFound
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from django_skinsback.steam import GAMES

from ..api import php
from ..api.deposit_methods import bot_of
from ..simulation import currencies as money
from ..simulation import deposits
from ..simulation.market import BY_CLASS_ID
from ..simulation.state import Asset, Deposit
from ..simulation.store import World
from .pictures import color
from .rendering import Markup, allow_frames, html, join, page

ACCOUNTS = {
    "76561198999000001": "Juniper",
    "76561198999000002": "Kestrel",
    "76561198999000003": "Marlow",
    "76561198999000004": "Wren",
}
"""Steam accounts that exist only in the sandbox; a payer may be any of them."""

ENDINGS = {
    "success": ("paid", "✓", "Deposit complete", "The skins have arrived."),
    "hold_approved": ("paid", "✓", "Deposit complete", "The shop has accepted your deposit ahead of the hold's end."),
    "in_hold": (
        "held",
        "…",
        "Deposit on hold",
        "The skins have arrived. Steam lets you take them back for eight days; then the deposit is final.",
    ),
    "fail": ("failed", "✕", "Deposit failed", "No skins have changed hands."),
    "hold_returned": ("failed", "✕", "Deposit returned", "You have taken your skins back."),
}
REDIRECT_SECONDS = 6


class PayPage:
    """Every address under ``/_/pay/<hash>/``; whoever knows the hash may pay."""

    def __init__(self, world: World) -> None:
        self.world = world

    def choose(self, request: Request, pay_hash: str) -> Response:
        """The inventory, one game at a time."""
        with self.world.work():
            deposit = self._deposit(pay_hash)
            if deposit.status != "pending":
                return redirect("finished", 303)
            if deposit.trade_offer_id:
                return redirect("trade", 303)
            return self._choice(deposit, payer(deposit, request.args.get("steam_id", "")), request.args.get("game"))

    def offer(self, request: Request, pay_hash: str) -> Response:
        """The user has chosen."""
        with self.world.work():
            deposit = self._deposit(pay_hash)
            steam_id = payer(deposit, request.form.get("steam_id", ""))
            try:
                deposits.offer(self.world, deposit, steam_id, request.form.getlist("asset_id"))
            except deposits.Impossible as problem:
                if deposit.status == "pending" and not deposit.trade_offer_id:
                    return self._choice(deposit, steam_id, request.form.get("game"), problem=str(problem))
        return redirect("trade", 303)

    def trade(self, _request: Request, pay_hash: str, problem: str = "") -> Response:
        """What the user would see in Steam."""
        with self.world.work():
            deposit = self._deposit(pay_hash)
            if deposit.status != "pending":
                return redirect("finished", 303)
            if not deposit.trade_offer_id:
                return redirect("./", 303)
            protected = deposits.is_held(self.world, deposit)
            content = html(
                "pay_trade.html",
                bot=bot_of(deposit)[1],
                trade_offer_id=deposit.trade_offer_id,
                account=account_name(deposit.steam_id),
                alert=_alert(problem),
                skins=join(html("pay_given.html", **_skin(skin)) for skin in deposit.skins),
                amount=_shown(deposit.user_amount or Decimal(0), deposit),
                project=self._project(deposit),
                hold=html("pay_hold.html") if protected else Markup(),
            )
            return self._page(deposit, "Trade offer", content, account=_told(deposit))

    def decide(self, request: Request, pay_hash: str) -> Response:
        """Accept or decline. A second click finds the deposit finished."""
        step = deposits.accept if request.form.get("decision") == "accept" else deposits.decline
        with self.world.work():
            deposit = self._deposit(pay_hash)
            try:
                step(self.world, deposit)
            except deposits.Impossible as problem:
                if deposit.status == "pending":
                    return self.trade(request, pay_hash, str(problem))
        return redirect("finished", 303)

    def finished(self, _request: Request, pay_hash: str) -> Response:
        """How it ended, and the way back."""
        with self.world.work():
            deposit = self._deposit(pay_hash)
            if deposit.status == "pending":
                return redirect("./", 303)
            ending = "hold_returned" if deposit.reason == "returned" else deposit.status
            mood, sign, headline, explanation = ENDINGS[ending]
            project = self.world.state.projects[deposit.client_id]
            failed = mood == "failed"
            url = (deposit.fail_url or project.fail_url) if failed else (deposit.success_url or project.success_url)
            content = html(
                "pay_finished.html",
                mood=mood,
                sign=sign,
                headline=headline,
                explanation=explanation,
                amount="" if failed else _shown(deposit.user_amount or Decimal(0), deposit),
                back=html("pay_back.html", url=url, project=project.name) if url else Markup(),
            )
            go_on = url and not deposit.widget
            refresh = html("pay_refresh.html", seconds=REDIRECT_SECONDS, url=url) if go_on else Markup()
            return self._page(deposit, headline, content, account=_told(deposit), refresh=refresh)

    def _deposit(self, pay_hash: str) -> Deposit:
        transaction_id = self.world.pay_hashes.get(pay_hash)
        if transaction_id is None:
            raise NotFound
        return self.world.state.deposits[transaction_id]

    def _project(self, deposit: Deposit) -> str:
        return self.world.state.projects[deposit.client_id].name

    def _choice(self, deposit: Deposit, steam_id: str, game: str | None, *, problem: str = "") -> Response:
        game = game if game in GAMES else deposit.game
        assets = deposits.choosable(self.world, steam_id, game)
        names = dict(ACCOUNTS)
        if deposit.steam_id:
            names.setdefault(deposit.steam_id, account_name(deposit.steam_id))
        content = html(
            "pay_choose.html",
            limits=_limits(deposit, self._project(deposit)),
            alert=_alert(problem),
            games=join(
                html(
                    "pay_game.html",
                    url=f"?steam_id={steam_id}&game={code}",
                    current=Markup('aria-current="page"') if code == game else "",
                    name=GAMES[code].name,
                )
                for code in GAMES
            ),
            currency=_unit(deposit),
            steam_id=steam_id,
            game=game,
            skins=join(_choosable_skin(asset, deposit) for asset in assets) or html("pay_empty.html"),
        )
        account = html(
            "pay_account.html",
            game=game,
            options=join(
                html(
                    "pay_option.html",
                    value=value,
                    selected=Markup("selected") if value == steam_id else "",
                    name=name,
                )
                for value, name in names.items()
            ),
        )
        status = 422 if problem else 200
        return self._page(deposit, "Choose skins", content, account=account, http_status=status)

    def _page(
        self,
        deposit: Deposit,
        title: str,
        content: Markup,
        *,
        account: Markup,
        refresh: Markup = Markup(),  # noqa: B008 - an empty text, never changed
        http_status: int = 200,
    ) -> Response:
        response = page(
            "pay.html",
            http_status=http_status,
            title=f"{title} · {self._project(deposit)}",
            refresh=refresh,
            layout="widget" if deposit.widget else "full",
            project=self._project(deposit),
            account=account,
            content=content,
        )
        return allow_frames(response) if deposit.widget else response


def payer(deposit: Deposit, wanted: str) -> str:
    """Who pays: the wanted account if it may be chosen here, else the deposit's, else the first."""
    if wanted in ACCOUNTS or (wanted and wanted == deposit.steam_id):
        return wanted
    return deposit.steam_id or next(iter(ACCOUNTS))


def account_name(steam_id: str) -> str:
    """What the pages call the account."""
    return ACCOUNTS.get(steam_id, f"Steam user …{steam_id[-4:]}")


def _told(deposit: Deposit) -> Markup:
    return html("pay_told.html", name=account_name(deposit.steam_id))


def _alert(problem: str) -> Markup:
    return html("pay_alert.html", problem=problem) if problem else Markup()


def _unit(deposit: Deposit) -> str:
    return deposit.custom_currency or deposit.currency.upper()


def _shown(amount: Decimal, deposit: Deposit) -> str:
    return f"{amount:,.2f} {_unit(deposit)}"


def _limits(deposit: Deposit, project: str) -> str:
    """The limits in the merchant's currency and, if that differs, in the one of the prices on this page."""
    asked = _range(deposit, lambda amount: f"{amount:,.2f} {deposit.currency.upper()}")
    shown = _range(deposit, lambda amount: _shown(money.seen_by_user(amount, deposit), deposit))
    wish = (
        f"{project} asks for skins worth {asked}." if asked else f"Their worth is added to your account at {project}."
    )
    factor = deposit.multiplier * (deposit.custom_currency_rate or 1)
    if factor == 1 and not deposit.custom_currency:
        return wish
    rate = f"{php.plain_text(factor)} {_unit(deposit)} for each 1 {deposit.currency.upper()}"
    return f"{wish} Prices on this page are what {project} credits, {rate}{f': {shown}' if shown else ''}."


def _range(deposit: Deposit, text: Callable[[Decimal], str]) -> str:
    if deposit.min_amount is None:
        return ""
    if deposit.max_amount is None:
        return f"at least {text(deposit.min_amount)}"
    return f"{text(deposit.min_amount)} to {text(deposit.max_amount)}"


def _skin(asset: Asset) -> dict[str, str]:
    name, _, wear = asset.market_hash_name.partition(" (")
    return {
        "name": name,
        "detail": wear.rstrip(")"),
        "class_id": asset.class_id,
        "rarity": color(BY_CLASS_ID[asset.class_id].rarity),
    }


def _choosable_skin(asset: Asset, deposit: Deposit) -> Markup:
    price = money.seen_by_user(money.local(asset.price, deposit), deposit)
    badge = "Cannot be traded" if not asset.tradable else "8-day hold" if asset.trade_protected else ""
    return html(
        "pay_skin.html",
        **_skin(asset),
        asset_id=asset.asset_id,
        cents=int(price * 100),
        disabled=Markup("" if asset.tradable else "disabled"),
        price=_shown(price, deposit),
        badge=html("pay_badge.html", text=badge) if badge else "",
    )
