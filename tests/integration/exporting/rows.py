"""Rows for the tests of exports, and helpers that read exported files."""

import csv
import io
from decimal import Decimal

from django.contrib.auth.models import Permission
from django.urls import reverse

from django_skinsback.models import LedgerEntry
from django_skinsback.statuses import EntryKind
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import browser_of

EXPORT_ALL = ["export_deposit", "export_purchase", "export_ledgerentry"]
VIEW = ["view_deposit", "view_purchase", "view_ledgerentry"]
AMOUNTS = {EntryKind.CREDIT: 5, EntryKind.REVERSAL: -5, EntryKind.CHARGE: -7, EntryKind.REFUND: 7}


def exporter():
    return browser_of(*VIEW, *EXPORT_ALL)


def export(browser, model, **filters):
    return browser.get(reverse(f"admin:skinsback_{model}_export"), filters)


def read_csv(response):
    """Return the rows of a CSV file as dicts."""
    text = response.getvalue().decode("utf-8-sig") if hasattr(response, "getvalue") else response
    return [*csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))]


def make_entry(kind="credit", *, amount=None, currency="usd", account="default", user=None, **values):
    """Save a ledger entry with its deposit or purchase."""
    is_deposit = kind in {EntryKind.CREDIT, EntryKind.REVERSAL}
    make = make_deposit if is_deposit else make_purchase
    row = make(account=account, user=user)
    source = {"deposit" if is_deposit else "purchase": row}
    value = Decimal(AMOUNTS[kind] if amount is None else amount)
    return LedgerEntry.objects.create(kind=kind, amount=value, currency=currency, user=user, **source, **values)


def permit(browser, *codenames):
    found = Permission.objects.filter(content_type__app_label="skinsback", codename__in=codenames)
    browser.user.user_permissions.set(found)
