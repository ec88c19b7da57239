import logging
import sys
import time
import uuid
from argparse import ArgumentTypeError
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connections
from django.db.models import QuerySet

from ... import conf, purchases
from ...exceptions import InvalidInput, SkinsBackError
from ...flows.ledger.database import database
from ...flows.purchases.buy import read_item
from ...flows.purchases.preview import preview
from ...models import Purchase
from ...money import amount_text, parse_amount
from ...sensitive import hide
from ...statuses import PURCHASE_FINAL, PurchaseStatus
from ...steam import GAMES, TradeURL
from ..command import NEEDS_PERSON, NOT_DONE, NOT_KNOWN, USAGE, SkinsBackCommand, described

logger = logging.getLogger("django_skinsback")

WAIT_SECONDS, PAUSE_SECONDS = 900, 10
MOMENTS, MOMENT_SECONDS = 20, 0.5

KEY = "skinsback_buy"
"""Under this key of a purchase's metadata stands the run that bought it."""

UNCERTAIN = {PurchaseStatus.REQUESTED, PurchaseStatus.UNKNOWN}
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
        NEEDS_PERSON: "bought, but the purchase is flagged for review, or standard output could not be written",
        NOT_DONE: "not bought: nothing was begun, or it was refused for good; with --dry-run: it would not be",
        NOT_KNOWN: "begun, and it is not known yet whether it is bought (or with --wait: delivered); its custom_id is "
        "printed, and the worker, or skinsback_poll, goes on with it",
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
            return NOT_DONE
        return self._buy(item, options["wait"])

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
        return NOT_DONE if found.problem else None

    def _confirmed(self, item: dict[str, Any]) -> bool:
        """Ask the person at the terminal; CommandError where there is none."""
        if self.as_json or sys.stdin is None or not sys.stdin.isatty():
            raise CommandError("There is no terminal to ask at: add --yes to buy, or --dry-run.", returncode=USAGE)
        read = read_item(item, item["user"])
        what = read.get("market_hash_name") or f"the skin {read['skin_id']}"
        for_whom = f"the Steam account {TradeURL.parse(item['trade_url']).steam_id}"
        self.tell(f"Buy {what} ({read['game']}) for at most {amount_text(read['max_price'])} USD")
        self.tell(f"and send it to {for_whom}?")
        if "charge_amount" in read:
            amount = f"{amount_text(read['charge_amount'])} {read['charge_currency'].upper()}"
            self.tell(f"{item['user']} is charged {amount}.")
        try:
            return input("Type yes to buy: ").strip().lower() in {"y", "yes"}
        except (EOFError, OSError, RuntimeError):  # the last two: the terminal is gone
            return False

    def _buy(self, item: dict[str, Any], wait: int | None) -> int | None:
        """Buy, and say what came of it, whatever goes wrong once the purchase is kept. Returns the exit code."""
        run = uuid.uuid4().hex
        rows = Purchase.objects.using(database())
        newest = rows.order_by("-pk").values_list("pk", flat=True).first() or 0
        mine = rows.filter(pk__gt=newest, **{f"metadata__{KEY}": run})
        purchase: Purchase | None = None
        try:
            purchase = self._begin(item, run, mine)
            if purchase is None:
                return self._not_known(run)
            if not self.as_json:
                self.tell(f"Kept as {purchase.custom_id}; sending it to SkinsBack.")
            sent = self._submit(purchase)
            done = self._wait_for(sent, wait) if wait else sent
            self._show(done)
            return _exit_code(done, wait)
        except KeyboardInterrupt:
            try:
                begun = purchase or mine.first()
            except DatabaseError:
                return self._not_known(run)
            if begun is None:
                self.warn("Nothing was bought.")
            else:
                self.warn(f"The purchase {begun.custom_id} was begun and goes on by itself: look at it in the admin.")
            raise
        except Exception as error:
            if purchase is None:
                raise
            logger.exception("skinsback.buy_command_failed", extra={"custom_id": purchase.custom_id})
            problem = f"but it is not known what became of it ({described(error)}): look at it in the admin."
            self.warn(f"The purchase {purchase.custom_id} was begun, {problem}")
            return NOT_KNOWN

    def _begin(self, item: dict[str, Any], run: str, mine: QuerySet[Purchase]) -> Purchase | None:
        """The row of the purchase; None if the database does not say whether there is one."""
        try:
            return purchases.buy(**item, metadata={KEY: run})
        except Exception as error:
            said = described(error)
            try:
                connections[database()].close_if_unusable_or_obsolete()  # it may be what broke
                begun = mine.first()
            except DatabaseError:
                logger.exception("skinsback.buy_command_failed", extra={"custom_id": ""})
                return None
            if begun is not None:  # raised after the commit: by a hook of the site's, or by a connection that broke
                self.warn(f"The purchase was begun and goes on, but something failed after it was kept ({said}).")
                return begun
            if isinstance(error, SkinsBackError | DatabaseError):
                raise
            message = f"Nothing was bought: the site did not allow the charge ({said})."
            raise CommandError(message, returncode=NOT_DONE) from error

    def _not_known(self, run: str) -> int:
        where = f"look in the admin for one whose metadata has {KEY} {run}"
        self.warn(f"The database does not say whether a purchase was begun: {where} before you buy again.")
        return NOT_KNOWN

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
            return purchases.refresh([purchase])[0] if purchase.attempts else purchases.submit(purchase)
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
        if purchase.status in UNCERTAIN:
            text += ". It may not have been bought: the worker, or skinsback_poll, goes on with it."
        names = ("custom_id", "buy_id", "status", "error_code", "error_message", "skin_id", "market_hash_name", "game")
        amounts = ("max_price", "price", "debited_amount", "charge_amount", "charge_currency")
        values = {name: getattr(purchase, name) for name in (*names, *amounts, "steam_id", "needs_review")}
        bought = False if failed else True if purchase.buy_id else None  # None: not known yet
        self.tell(style(text), bought=bought, **values)


def _exit_code(purchase: Purchase, wait: int | None) -> int | None:
    if purchase.status in PURCHASE_FINAL:
        return NOT_DONE
    if purchase.status in UNCERTAIN or (wait and purchase.status not in DONE):
        return NOT_KNOWN
    return NEEDS_PERSON if purchase.needs_review else None


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
        raise CommandError(f"There is no user {text!r}.", returncode=USAGE) from None
