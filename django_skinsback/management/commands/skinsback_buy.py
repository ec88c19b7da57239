import sys
import time
import uuid
from argparse import ArgumentTypeError
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.db.models import QuerySet

from ... import conf
from ...exceptions import InvalidInput, SkinsBackError
from ...flows import purchases
from ...flows.database import database
from ...flows.preview import preview
from ...models import Purchase
from ...money import amount_text, parse_amount
from ...sensitive import hide
from ...statuses import PURCHASE_FINAL, PurchaseStatus
from ...steam import GAMES, TradeURL
from ..command import COULD_NOT_RUN, FAILED, SkinsBackCommand

WAIT_SECONDS, PAUSE_SECONDS = 900, 10
MOMENTS, MOMENT_SECONDS = 20, 0.5

KEY = "skinsback_buy"
"""Under this key of a purchase's metadata stands the run that bought it."""

DONE = PURCHASE_FINAL | {PurchaseStatus.ACCEPTED}
CALLS = {"skin_id", "market_hash_name", "game", "max_price", "charge", "charge_currency", "trade_url", "account"}


class Command(SkinsBackCommand):
    help = (
        "Buy one skin on SkinsBack's market and have it sent to a trade URL. Spends the project's balance: try "
        "--dry-run first. A purchase that was begun is never lost: the worker, or skinsback_poll, goes on with it."
    )
    examples = (
        (
            '--name "AK-47 | Redline (Field-Tested)" --trade-url "https://steam…" --max-price 12.50 --dry-run',
            "what would be bought, and at which price; buys nothing",
        ),
        (
            '--id 62696971 --trade-url "https://steam…" --user alice --charge 10 --charge-currency usd --wait',
            "buy that very skin for alice, take 10 USD from her, and wait until she has it",
        ),
    )
    exit_codes = {
        FAILED: "not bought; with --dry-run: it would not be; with --wait: or the trade was not finished in time",
    }
    default_account = conf.DEFAULT_ACCOUNT
    sleep = staticmethod(time.sleep)

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--id", dest="skin_id", help="the skin's id on the market")
        which.add_argument(
            "--name", dest="market_hash_name", help="its exact name: the cheapest of that name is bought"
        )
        parser.add_argument("--game", choices=list(GAMES), help="whose skins to look among (default: DEFAULT_GAME)")
        parser.add_argument(
            "--trade-url", required=True, type=hide, help="who gets it; in quotes, because of the & in it"
        )
        parser.add_argument(
            "--max-price", metavar="USD", type=_amount, help="pay no more than this (default: BUY_MAX_PRICE)"
        )
        parser.add_argument("--user", help="for which user of the site: the name, or the primary key")
        parser.add_argument(
            "--charge", metavar="AMOUNT", type=_amount, help="what the site takes from this user for it"
        )
        parser.add_argument("--charge-currency", metavar="CODE", default="", help="such as usd; needed with --charge")
        parser.add_argument("--dry-run", action="store_true", help="look the skin up, change nothing, buy nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can answer")
        parser.add_argument(
            "--wait",
            metavar="SECONDS",
            nargs="?",
            type=int,
            const=WAIT_SECONDS,
            help="wait until the trade is finished (default: %(const)s seconds)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        options["trade_url"] = hide(options["trade_url"])  # call_command() gives it as it is
        super().handle(*args, **options)

    def work(self, *_args: Any, **options: Any) -> int | None:
        item = {name: options[name] for name in CALLS} | {"user": _user(options["user"])}
        if options["dry_run"]:
            return self._preview(item)
        if not options["yes"] and not self._confirmed(item):
            self.tell("Nothing was bought.", bought=False)
            return FAILED
        purchase = self._buy(item, options["wait"])
        self._show(purchase)
        unfinished = options["wait"] and purchase.status not in DONE
        return FAILED if unfinished or purchase.status in PURCHASE_FINAL else None

    def _preview(self, item: dict[str, Any]) -> int | None:
        found = preview(**item)
        what = f"{found.market_hash_name or 'skin'} ({found.skin_id})" if found.skin_id else found.market_hash_name
        lines = [f"{what}: {found.for_sale} for sale, max_price {amount_text(found.max_price)} USD"]
        if found.price is not None:
            lines.append(f"costs {amount_text(found.price)} USD of a balance of {amount_text(found.balance)} USD")
        lines.append(f"would go to the Steam account {found.steam_id}")
        lines.append(self.style.ERROR(found.problem) if found.problem else self.style.SUCCESS("It would be bought."))
        values = {name: getattr(found, name) for name in found.__slots__}
        self.tell("\n".join(lines), dry_run=True, would_buy=not found.problem, **values)
        return FAILED if found.problem else None

    def _confirmed(self, item: dict[str, Any]) -> bool:
        """Ask whoever sits at the terminal; CommandError where nobody does."""
        if self.as_json or not sys.stdin.isatty():
            raise CommandError("Nobody can be asked here: add --yes to buy, or --dry-run.", returncode=COULD_NOT_RUN)
        read = purchases.read_item(item, item["user"])
        what = read.get("market_hash_name") or f"the skin {read['skin_id']}"
        for_whom = f"the Steam account {TradeURL.parse(item['trade_url']).steam_id}"
        self.stdout.write(f"Buy {what} ({read['game']}) for at most {amount_text(read['max_price'])} USD")
        self.stdout.write(f"and send it to {for_whom}?")
        if "charge_amount" in read:
            amount = f"{amount_text(read['charge_amount'])} {read['charge_currency'].upper()}"
            self.stdout.write(f"{item['user']} is charged {amount}.")
        try:
            return input("Type yes to buy: ").strip().lower() in {"y", "yes"}
        except EOFError:
            return False

    def _buy(self, item: dict[str, Any], wait: int | None) -> Purchase:
        run = uuid.uuid4().hex
        rows = Purchase.objects.using(database())
        newest = rows.order_by("-pk").values_list("pk", flat=True).first() or 0
        mine = rows.filter(pk__gt=newest, **{f"metadata__{KEY}": run})
        try:
            purchase = self._begin(item, run, mine)
            if not self.as_json:
                self.tell(f"Kept as {purchase.custom_id}; sending it to SkinsBack.")
            purchase = self._submit(purchase)
            return self._wait_for(purchase, wait) if wait else purchase
        except KeyboardInterrupt:
            begun = mine.first()
            if begun is None:
                self.warn("Nothing was bought.")
            else:
                self.warn(f"The purchase {begun.custom_id} was begun and goes on by itself: look at it in the admin.")
            raise

    def _begin(self, item: dict[str, Any], run: str, mine: QuerySet[Purchase]) -> Purchase:
        try:
            return purchases.buy(**item, metadata={KEY: run})
        except Exception as error:
            said = ": ".join(filter(None, [type(error).__name__, str(error)]))
            begun = mine.first()
            if begun is not None:  # raised after the commit: by a hook of the site's, or by a connection that broke
                self.warn(f"The purchase was begun and goes on, but something failed after it was kept ({said}).")
                return begun
            if isinstance(error, SkinsBackError | DatabaseError):
                raise
            message = f"Nothing was bought: the site did not allow the charge ({said})."
            raise CommandError(message, returncode=FAILED) from error

    def _submit(self, purchase: Purchase) -> Purchase:
        try:
            purchase = purchases.submit(purchase)
        except SkinsBackError as error:
            self.warn(f"It could not be sent now, and will be later: {error}")
            return purchase
        for _attempt in range(MOMENTS):
            if not (purchase.status == PurchaseStatus.REQUESTED and purchase.attempts):
                break
            self.sleep(MOMENT_SECONDS)  # a worker was quicker and sends it now
            purchase.refresh_from_db(using=database())
        return purchase

    def _wait_for(self, purchase: Purchase, seconds: int) -> Purchase:
        with self.progress.bar("waiting for the trade", total=seconds, unit="seconds") as advance:
            for _ in range(0, seconds, PAUSE_SECONDS):
                if purchase.status in DONE:
                    break
                self.sleep(PAUSE_SECONDS)
                advance(PAUSE_SECONDS)
                before = purchase.status
                purchase = self._ask(purchase)
                if purchase.status != before and not self.as_json:
                    self.tell(purchase.get_status_display())
        return purchase

    def _ask(self, purchase: Purchase) -> Purchase:
        try:
            return purchases.refresh(purchase)[0] if purchase.attempts else purchases.submit(purchase)
        except InvalidInput:
            raise
        except SkinsBackError:  # the next time, perhaps
            return Purchase.objects.using(database()).get(pk=purchase.pk)

    def _show(self, purchase: Purchase) -> None:
        failed = purchase.status in PURCHASE_FINAL
        style = self.style.ERROR if failed else self.style.SUCCESS if purchase.buy_id else self.style.WARNING
        text = f"{purchase.custom_id}: {purchase.get_status_display()}"
        if purchase.debited_amount is not None:
            text += f", {amount_text(purchase.debited_amount)} USD taken from the balance"
        if purchase.error_message:
            text += f" ({purchase.error_message})"
        if purchase.status == PurchaseStatus.REQUESTED:
            text += ". It is not bought for certain: the worker, or skinsback_poll, goes on with it."
        names = ("custom_id", "buy_id", "status", "error_code", "error_message", "skin_id", "market_hash_name", "game")
        amounts = ("max_price", "price", "debited_amount", "charge_amount", "charge_currency")
        values = {name: getattr(purchase, name) for name in (*names, *amounts, "steam_id", "needs_review")}
        bought = False if failed else True if purchase.buy_id else None  # None: not known yet
        self.tell(style(text), bought=bought, **values)


def _amount(text: str) -> Decimal:
    try:
        return parse_amount(text)
    except InvalidInput:
        raise ArgumentTypeError(f"{text!r} is not an amount such as 8.28") from None


def _user(text: str | None) -> Any:
    if not text:
        return None
    users = get_user_model()._default_manager
    by_name = users.filter(**{get_user_model().USERNAME_FIELD: text}).first()
    if by_name is not None:
        return by_name
    try:
        return users.get(pk=text)
    except (users.model.DoesNotExist, ValidationError, ValueError, TypeError):
        raise CommandError(f"There is no user {text!r}.", returncode=COULD_NOT_RUN) from None
