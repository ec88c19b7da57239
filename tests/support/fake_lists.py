"""Fake pages of SkinsBack's lists, returned by the client's own methods."""

from decimal import Decimal

from django_skinsback.client import SkinsBackClient
from django_skinsback.wire.types import DepositReport, FailedNotification, Page, PurchaseReport

PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}


class FakeLists:
    """Three lists in pages of ``size`` rows. ``start_from`` is the number of rows before a page.

    ``errors`` maps the number of a call, from 1, to the exception it raises. ``windows`` and ``start_froms`` hold the
    requested time ranges and start positions.
    """

    def __init__(self, monkeypatch, size=1000):
        self.orders, self.history, self.failed, self.statuses = [], [], [], {}
        self.size, self.errors, self.calls = size, {}, 0
        self.windows, self.start_froms, self.asked = [], [], []
        monkeypatch.setattr(
            SkinsBackClient,
            "list_deposits",
            lambda _client, since, until, start_from=None: self._window(self.orders, since, until, start_from),
        )
        monkeypatch.setattr(
            SkinsBackClient,
            "list_purchases",
            lambda _client, since, until, start_from=None: self._window(self.history, since, until, start_from),
        )
        monkeypatch.setattr(
            SkinsBackClient,
            "list_failed_notifications",
            lambda _client, start_from=None: self._page(self.failed, start_from),
        )
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda _client, *, order_id: self._status(order_id))

    def list(self, deposit, status=None, **fields):
        """Add a deposit to the list with the values of its row; arguments replace single values."""
        values = {
            "status": status or deposit.status,
            "order_id": deposit.order_id,
            "transaction_id": deposit.transaction_id or "",
            "amount": deposit.amount,
            "user_amount": deposit.user_amount,
            "amount_currency": deposit.amount_currency,
            "steam_id": deposit.payer_steam_id,
        }
        report = DepositReport(**{**values, **fields})
        self.orders.append(report)
        return report

    def list_purchase(self, purchase, status=None, **fields):
        """Add a purchase in the same way."""
        values = {
            "status": status or purchase.status,
            "custom_id": purchase.custom_id,
            "buy_id": purchase.buy_id or "",
            "steam_id": purchase.steam_id,
            "price": purchase.price,
            "debited_amount": purchase.debited_amount,
        }
        report = PurchaseReport(**{**values, **fields})
        self.history.append(report)
        return report

    def fail_notification(self, deposit, http_code="500"):
        """Add a failed notification about the deposit."""
        self.failed.append(
            FailedNotification(
                order_id=deposit.order_id, transaction_id=deposit.transaction_id or "", http_code=http_code
            )
        )

    def _window(self, rows, since, until, start_from):
        self.windows.append((since, until))
        return self._page(rows, start_from)

    def _page(self, rows, start_from):
        self._call()
        self.start_froms.append(start_from)
        begin = int(start_from or 0)
        end = begin + self.size
        more = end < len(rows)
        return Page(items=rows[begin:end], start_from=str(end) if more else "0", has_more=more, total_count=len(rows))

    def _status(self, order_id):
        self._call()
        self.asked.append(order_id)
        answer = self.statuses[order_id]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _call(self):
        self.calls += 1
        if self.calls in self.errors:
            raise self.errors[self.calls]
