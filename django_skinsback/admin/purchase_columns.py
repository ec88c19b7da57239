"""Columns and facts of the admin of purchases: prices, the charge, the refund, the hold."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..flows.purchases.settle import refund_obstacle
from ..models import Purchase
from ..models.fields import utc_now
from ..schedule import hold_until as end_of_hold
from ..statuses import EntryKind, PurchaseStatus
from . import display


class PurchaseColumns:
    """A mixin with the columns that are no columns of the database."""

    def facts(self, row: Purchase) -> list[tuple[Any, Any]]:
        return [
            (_("User"), row.user or display.NOTHING),
            (_("Steam ID"), row.steam_id),
            (_("Price cap"), self.shown_cap(row)),
            (_("Debited from the balance"), self.shown_debited(row)),
            (_("Charged to the user"), self.shown_charge(row)),
        ]

    @admin.display(description=gettext_lazy("skin"))
    def skin(self, row: Purchase) -> str:
        return row.market_hash_name or _("skin %(skin_id)s") % {"skin_id": row.skin_id}

    @admin.display(description=gettext_lazy("price"))
    def price_or_cap(self, row: Purchase) -> str:
        if row.debited_amount is not None:
            return display.breakable(self.shown_debited(row))
        return _("at most %(cap)s") % {"cap": display.breakable(self.shown_cap(row))}

    @admin.display(description=gettext_lazy("charge"))
    def charge(self, row: Purchase) -> str:
        return display.breakable(self.shown_charge(row))

    @admin.display(description=gettext_lazy("price cap"))
    def shown_cap(self, row: Purchase) -> str:
        return display.money(row.max_price)

    @admin.display(description=gettext_lazy("price"))
    def shown_price(self, row: Purchase) -> str:
        return display.money(row.price)

    @admin.display(description=gettext_lazy("debited from the balance"))
    def shown_debited(self, row: Purchase) -> str:
        return display.money(row.debited_amount)

    @admin.display(description=gettext_lazy("charged to the user"))
    def shown_charge(self, row: Purchase) -> str:
        return display.money(row.charge_amount, row.charge_currency)

    @admin.display(description=gettext_lazy("hold"))
    def shown_hold(self, row: Purchase) -> str:
        """Return a text with the time until which the trade can be rolled back.

        If SkinsBack did not report the end of the hold, the time is an estimate and the text says "about". Return a
        dash if the trade is not accepted.
        """
        if row.status != PurchaseStatus.ACCEPTED:
            return display.NOTHING
        until = hold_until(row)
        if until is None:
            return _("no hold: the trade cannot be rolled back")
        values = {"date": date_format(localtime(until), "DATETIME_FORMAT")}
        if until <= utc_now():
            return _("ended on %(date)s") % values
        if row.in_hold_until is not None:
            return _("the trade can be rolled back until %(date)s") % values
        return _("the trade can be rolled back until about %(date)s") % values

    @admin.display(description=gettext_lazy("metadata"))
    def shown_metadata(self, row: Purchase) -> SafeString | str:
        return display.json_text(row.metadata)


def hold_until(row: Purchase) -> datetime | None:
    return end_of_hold(row.game, row.in_hold, row.in_hold_until, row.accepted_at or row.updated_at)


def shown_refund(row: Purchase) -> SafeString | str:
    """Return the amount and currency of the refund. If a refund is not possible, return the reason."""
    obstacle = refund_obstacle(row, utc_now())
    if obstacle:
        return format_html("<em>{}</em>", obstacle)
    kinds = {entry.kind for entry in row.entries.all()}
    if EntryKind.CHARGE not in kinds:
        return _("not possible: the user was not charged")
    if EntryKind.REFUND in kinds:
        return _("not possible: the charge was refunded already")
    return display.money(row.charge_amount, row.charge_currency)
