"""Two tables: differences between SkinsBack's lists and our rows, and the place up to which each list was read."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from . import fields
from .deposit import Deposit
from .purchase import Purchase
from .webhook_event import WebhookEvent


class ListName(models.TextChoices):
    """The lists of SkinsBack. The value of a list is the name of the API method that returns the list."""

    ORDERS = "orders", _("list of deposits")
    MARKET_HISTORY = "market_history", _("list of purchases")
    CALLBACK_ERROR_LIST = "callback_error_list", _("list of failed webhooks")


class DiscrepancyQuerySet(models.QuerySet["Discrepancy"]):
    def open(self) -> Self:
        """Return the discrepancies that wait for an operator."""
        return self.filter(state=Discrepancy.State.OPEN)


class Discrepancy(models.Model):
    """One difference between a list of SkinsBack and our row.

    If the same difference is found again, ``times_seen`` is increased. ``ours`` contains the values of our row, and
    ``theirs`` contains the values of SkinsBack's row, all as text. ``ours`` is empty if this site has no such row.
    ``theirs`` is empty if SkinsBack's list has no such row.
    """

    class Kind(models.TextChoices):
        MISSED = "missed", _("missed report")
        UNKNOWN = "unknown", _("no matching row")
        DIFFERING = "differing", _("mismatch")
        DUPLICATE = "duplicate", _("listed twice")
        ABSENT = "absent", _("missing from the list")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        REPAIRED = "repaired", _("repaired")
        RESOLVED = "resolved", _("resolved")
        CLOSED = "closed", _("closed by an operator")

    account = models.CharField(_("account"), max_length=fields.ALIAS_LENGTH)
    found_in = models.CharField(_("found in"), max_length=32, choices=ListName)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    digest = models.CharField(_("digest"), max_length=64, unique=True, editable=False)
    deposit = models.ForeignKey(
        Deposit, verbose_name=_("deposit"), null=True, on_delete=models.SET_NULL, related_name="discrepancies"
    )
    purchase = models.ForeignKey(
        Purchase, verbose_name=_("purchase"), null=True, on_delete=models.SET_NULL, related_name="discrepancies"
    )
    our_id = models.CharField(_("our ID"), max_length=fields.ID_LENGTH, blank=True)
    their_id = models.CharField(_("SkinsBack's ID"), max_length=fields.ID_LENGTH, blank=True)
    ours = models.JSONField(_("our values"), default=dict, blank=True)
    theirs = models.JSONField(_("SkinsBack's values"), default=dict, blank=True)
    outcome = models.CharField(
        _("outcome"),
        max_length=16,
        choices=WebhookEvent.Outcome,
        blank=True,
        help_text=_("what happened when the row of SkinsBack was recorded as a report"),
    )
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.OPEN)
    times_seen = models.PositiveIntegerField(_("times seen"), default=1)
    first_seen_at = fields.UTCDateTimeField(_("first seen at"), default=fields.utc_now)
    last_seen_at = fields.UTCDateTimeField(_("last seen at"), default=fields.utc_now)
    closed_at = fields.UTCDateTimeField(_("closed at"), null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("closed by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    note = models.TextField(_("note"), blank=True)

    objects = DiscrepancyQuerySet.as_manager()

    class Meta:
        verbose_name = _("discrepancy")
        verbose_name_plural = _("discrepancies")
        indexes = [
            models.Index(fields=["account", "found_in", "state"], name="skinsback_discrepancy_state"),
            models.Index(fields=["state", "id"], name="skinsback_discrepancy_open"),
            models.Index(fields=["account", "id"], name="skinsback_discrepancy_account"),
            models.Index(fields=["our_id"], name="skinsback_discrepancy_our_id"),
            models.Index(fields=["their_id"], name="skinsback_discrepancy_their_id"),
        ]
        permissions = [("close_discrepancy", _("Can close discrepancies"))]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.our_id or self.their_id}"


class ListCursor(models.Model):
    """The place up to which one list of one account was read, and the claim of the run that reads the list now.

    If a run was interrupted, ``since`` and ``until`` are the time range of this run. ``start_from`` is the first page
    that this run has not read. The next run resumes at this page. ``claim_token`` identifies the run that holds the
    claim.

    ``complete_until`` is the time up to which a list of deposits or purchases was compared. The list of failed webhooks
    has no time range. For this list, ``complete_until`` is the time at which the list was last read.
    """

    account = models.CharField(_("account"), max_length=fields.ALIAS_LENGTH)
    name = models.CharField(_("list"), max_length=32, choices=ListName)
    since = fields.UTCDateTimeField(_("since"), null=True, blank=True)
    until = fields.UTCDateTimeField(_("until"), null=True, blank=True)
    start_from = models.CharField(_("next page"), max_length=fields.ID_LENGTH, blank=True)
    complete_until = fields.UTCDateTimeField(_("complete until"), null=True, blank=True)
    looked_back_at = fields.UTCDateTimeField(_("last long look-back at"), null=True, blank=True)
    stopped_by = models.TextField(_("stopped by"), blank=True)
    claim_token = models.CharField(_("claim token"), max_length=32, blank=True)
    claimed_until = fields.UTCDateTimeField(_("claimed until"), null=True, blank=True)
    updated_at = fields.UTCDateTimeField(_("updated at"), default=fields.utc_now)

    class Meta:
        verbose_name = _("list cursor")
        verbose_name_plural = _("list cursors")
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="skinsback_cursor_list")]

    def __str__(self) -> str:
        return f"{self.account}: {self.name}"
