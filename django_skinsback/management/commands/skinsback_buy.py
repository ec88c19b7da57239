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
from ...error_texts import text_for
from ...exceptions import IdempotencyConflict, InvalidInput, SkinsBackError
from ...flows.ledger.database import database
from ...flows.ledger.idempotency import key_digest
from ...flows.purchases.buy import read_item
from ...flows.purchases.preview import preview
from ...models import Purchase
from ...money import amount_text, parse_amount
from ...sensitive import hide
from ...statuses import PURCHASE_FINAL, PurchaseStatus
from ...steam import GAMES, TradeURL
from ..command import NEEDS_PERSON, NOT_DONE, NOT_KNOWN, USAGE, SkinsBackCommand, described

logger = logging.getLogger("django_skinsback")

WAIT_SECONDS, POLL_SECONDS = 900, 10
"""The seconds that ``--wait`` without a number waits, and the seconds between two polls."""
WORKER_CHECKS, WORKER_CHECK_SECONDS = 20, 0.5
"""How often the row is read again while a worker sends the purchase, and the seconds between two reads."""

UNCERTAIN = {PurchaseStatus.REQUESTED, PurchaseStatus.UNKNOWN}
DONE = PURCHASE_FINAL | {PurchaseStatus.ACCEPTED}
ITEM_OPTIONS = {
    "skin_id",
    "market_hash_name",
    "game",
    "max_price",
    "charge",
    "charge_currency",
    "trade_url",
    "account",
}
"""Options of this command that are passed to ``purchases.buy`` under the same name."""


class Command(SkinsBackCommand):
    help = (
        "Buy one skin on SkinsBack's market and send it to a trade URL. This debits the project's balance, so use "
        "--dry-run first. If this command is stopped after it saved the purchase, the worker or skinsback_poll "
        "completes the purchase."
    )
    examples = (
        (
            '--name "AK-47 | Redline (Field-Tested)" --trade-url "https://steam…" --max-price 12.50 --dry-run',
            "only show the skin and the price; nothing is bought",
        ),
        (
            '--id 62696971 --trade-url "https://steam…" --user alice --charge 10 --charge-currency usd --wait',
            "buy this skin for alice, charge alice 10 USD, and wait until the trade is finished",
        ),
        (
            '--id 62696971 --trade-url "https://steam…" --key order-7 --yes',
            "for scripts: a second run with the same key shows the purchase of the first run and buys nothing",
        ),
    )
    exit_codes = {
        NEEDS_PERSON: "bought, but the purchase needs review, or standard output could not be written",
        NOT_DONE: "not bought: nothing was saved, or the purchase was refused; with --dry-run: the skin cannot be "
        "bought now",
        NOT_KNOWN: "saved, but it is not known yet whether the skin is bought (with --wait: delivered); the custom_id "
        "is printed, and the worker or skinsback_poll completes the purchase",
    }
    default_account = conf.DEFAULT_ACCOUNT
    sleep = staticmethod(time.sleep)

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--id", dest="skin_id", help="the skin's id on the market")
        which.add_argument(
            "--name", dest="market_hash_name", help="the skin's exact name: buys the cheapest skin with this name"
        )
        parser.add_argument("--game", choices=list(GAMES), help="the skin's game (default: DEFAULT_GAME)")
        parser.add_argument(
            "--trade-url", required=True, type=hide, help="the receiver's trade URL, in quotes because it contains &"
        )
        parser.add_argument(
            "--max-price", metavar="USD", type=_amount, help="the highest price to pay (default: BUY_MAX_PRICE)"
        )
        parser.add_argument("--user", help="the site's user who gets the skin: user name or primary key")
        parser.add_argument("--charge", metavar="AMOUNT", type=_amount, help="amount that the site charges the user")
        parser.add_argument("--charge-currency", metavar="CODE", default="", help="such as usd; required with --charge")
        parser.add_argument(
            "--key",
            default="",
            help="idempotency key: a second run with the same key and user shows the purchase of the first run",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only search the skin and show its price; buy and change nothing"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask for a confirmation; required in scripts")
        parser.add_argument(
            "--wait",
            metavar="SECONDS",
            nargs="?",
            type=int,
            const=WAIT_SECONDS,
            help="wait until the trade is finished (default: %(const)s seconds)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        options["trade_url"] = hide(options["trade_url"])  # call_command() does not apply ``type=hide`` of the argument
        super().handle(*args, **options)

    def work(self, *_args: Any, **options: Any) -> int | None:
        item = {name: options[name] for name in ITEM_OPTIONS} | {"user": _user(options["user"])}
        if options["dry_run"]:
            return self._preview(item)
        key = options["key"] or uuid.uuid4().hex
        digest = key_digest(item["account"], item["user"], key)
        saved = Purchase.objects.using(database()).filter(idempotency_digest=digest)
        repeated = bool(options["key"]) and saved.exists()
        if not repeated and not options["yes"] and not self._confirmed(item):
            self.tell("Nothing was bought.", bought=False)
            return NOT_DONE
        return self._buy(item, key, saved, repeated=repeated, wait=options["wait"])

    def _preview(self, item: dict[str, Any]) -> int | None:
        found = preview(**item)
        what = f"{found.market_hash_name or 'skin'} ({found.skin_id})" if found.skin_id else found.market_hash_name
        lines = [f"{what}: {found.for_sale} for sale, max_price {amount_text(found.max_price)} USD"]
        if found.price is not None:
            lines.append(f"price {amount_text(found.price)} USD, balance {amount_text(found.balance)} USD")
        lines.append(f"receiver: the Steam account {found.steam_id}")
        lines.append(self.style.ERROR(found.problem) if found.problem else self.style.SUCCESS("It would be bought."))
        values = {name: getattr(found, name) for name in found.__slots__}
        self.tell("\n".join(lines), dry_run=True, would_buy=not found.problem, **values)
        return NOT_DONE if found.problem else None

    def _confirmed(self, item: dict[str, Any]) -> bool:
        """Ask for confirmation at the terminal. Return True if the answer is "y" or "yes".

        Raise CommandError if the option ``--json`` is given or if there is no terminal.
        """
        if self.as_json or sys.stdin is None or not sys.stdin.isatty():
            raise CommandError("There is no terminal for a confirmation: add --yes or --dry-run.", returncode=USAGE)
        read = read_item(item, item["user"])
        what = read.get("market_hash_name") or f"the skin {read['skin_id']}"
        receiver = f"the Steam account {TradeURL.parse(item['trade_url']).steam_id}"
        self.tell(f"Buy {what} ({read['game']}) for at most {amount_text(read['max_price'])} USD")
        self.tell(f"and send it to {receiver}?")
        if "charge_amount" in read:
            amount = f"{amount_text(read['charge_amount'])} {read['charge_currency'].upper()}"
            self.tell(f"{item['user']} is charged {amount}.")
        try:
            return input("Type yes to buy: ").strip().lower() in {"y", "yes"}
        except (EOFError, OSError, RuntimeError):  # OSError and RuntimeError: the terminal was closed
            return False

    def _buy(
        self, item: dict[str, Any], key: str, saved: QuerySet[Purchase], *, repeated: bool, wait: int | None
    ) -> int | None:
        """Save the purchase, send it to SkinsBack, and return the exit code.

        If the purchase was saved, its custom_id is printed, even after an error.
        """
        purchase: Purchase | None = None
        try:
            purchase = self._save(item, key, saved, repeated=repeated)
            if purchase is None:
                return self._not_known(key)
            if repeated:
                self.tell(f"Nothing was bought now: the key {key} was used before for {purchase.custom_id}.")
            else:
                self.tell(f"Saved as {purchase.custom_id}. Sending it to SkinsBack.")
                purchase = self._submit(purchase)
            purchase = self._wait_for(purchase, wait) if wait else purchase
            self._show(purchase, repeated=repeated)
            return _exit_code(purchase, wait)
        except KeyboardInterrupt:
            try:
                begun = purchase or saved.first()
            except DatabaseError:
                return self._not_known(key)
            if begun is None:
                self.warn("Nothing was bought.")
            else:
                self.warn(
                    f"The purchase {begun.custom_id} was saved. A worker or skinsback_poll completes it: see the admin."
                )
            raise
        except Exception as error:
            if purchase is None:
                raise
            logger.exception("skinsback.buy_command_failed", extra={"custom_id": purchase.custom_id})
            problem = f"but its status is not known ({described(error)}): see the admin."
            self.warn(f"The purchase {purchase.custom_id} was saved, {problem}")
            return NOT_KNOWN

    def _save(self, item: dict[str, Any], key: str, saved: QuerySet[Purchase], *, repeated: bool) -> Purchase | None:
        """Save the purchase and return its row.

        After an error, read the row again by its key. If the row was saved, return it. If the row was not saved, raise
        the error. If the error comes from the site's own code, raise CommandError instead. If the database cannot be
        read, return None.
        """
        try:
            return purchases.buy(**item, idempotency_key=key)
        except IdempotencyConflict:
            raise
        except Exception as error:
            if repeated:
                raise
            summary = described(error)
            try:
                connections[database()].close_if_unusable_or_obsolete()  # a broken connection is opened again
                begun = saved.first()
            except DatabaseError:
                logger.exception("skinsback.buy_command_failed", extra={"custom_id": ""})
                return None
            if begun is not None:  # an on_commit hook raised the error, or the connection was lost during the commit
                self.warn(f"The purchase was saved and will be sent, but then an error occurred ({summary}).")
                return begun
            if isinstance(error, SkinsBackError | DatabaseError):
                raise
            message = f"Nothing was bought: the site did not allow the charge ({summary})."
            raise CommandError(message, returncode=NOT_DONE) from error

    def _not_known(self, key: str) -> int:
        advice = f"run the same command with --key {key}: it shows a purchase that was saved and does not buy it again"
        self.warn(f"The database does not say whether a purchase was saved: {advice}.")
        return NOT_KNOWN

    def _submit(self, purchase: Purchase) -> Purchase:
        """Send the purchase to SkinsBack and return its row.

        If a worker is sending the purchase at this moment, wait for the worker's result, but at most 10 seconds.
        """
        try:
            purchase = purchases.submit(purchase)
        except SkinsBackError as error:
            self.warn(f"The purchase could not be sent now. It will be sent later. {text_for(error)}")
            return purchase
        for _attempt in range(WORKER_CHECKS):
            if not (purchase.status == PurchaseStatus.REQUESTED and purchase.attempts):
                break
            self.sleep(WORKER_CHECK_SECONDS)
            purchase.refresh_from_db(using=database())
        return purchase

    def _wait_for(self, purchase: Purchase, seconds: int) -> Purchase:
        with self.progress.bar("waiting for the trade", total=seconds, unit="seconds") as advance:
            for _ in range(0, seconds, POLL_SECONDS):
                if purchase.status in DONE:
                    break
                self.sleep(POLL_SECONDS)
                advance(POLL_SECONDS)
                before = purchase.status
                purchase = self._refresh(purchase)
                if purchase.status != before:
                    self.tell(purchase.get_status_display())
        return purchase

    def _refresh(self, purchase: Purchase) -> Purchase:
        try:
            return purchases.refresh([purchase])[0] if purchase.attempts else purchases.submit(purchase)
        except InvalidInput:
            raise
        except SkinsBackError:  # the next poll follows after POLL_SECONDS
            return Purchase.objects.using(database()).get(pk=purchase.pk)

    def _show(self, purchase: Purchase, *, repeated: bool) -> None:
        failed = purchase.status in PURCHASE_FINAL
        style = self.style.ERROR if failed else self.style.SUCCESS if purchase.buy_id else self.style.WARNING
        text = f"{purchase.custom_id}: {purchase.get_status_display()}"
        if purchase.debited_amount is not None:
            text += f", {amount_text(purchase.debited_amount)} USD debited from the balance"
        if purchase.error_message:
            text += f" ({purchase.error_message})"
        if purchase.status in UNCERTAIN:
            text += ". It may not have been bought: the worker or skinsback_poll checks it again."
        names = ("custom_id", "buy_id", "status", "error_code", "error_message", "skin_id", "market_hash_name", "game")
        amounts = ("max_price", "price", "debited_amount", "charge_amount", "charge_currency")
        values = {name: getattr(purchase, name) for name in (*names, *amounts, "steam_id", "needs_review")}
        bought = False if failed else True if purchase.buy_id else None  # None: not known yet
        self.tell(style(text), bought=bought, repeated=repeated, **values)


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
