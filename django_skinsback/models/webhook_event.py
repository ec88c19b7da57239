"""What SkinsBack delivered, byte for byte."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from . import fields
from .deposit import Deposit
from .purchase import Purchase


class WebhookEvent(models.Model):
    """One verified delivery. ``processed_at`` is empty while it is still to be applied, and then ``error`` says why.

    ``next_try_at`` is when the sweep tries it again; empty where it was applied or has been tried for long enough.
    """

    class Kind(models.TextChoices):
        DEPOSIT = "deposit", _("deposit notification")
        EVENT = "event", _("real-time event")

    class Outcome(models.TextChoices):
        APPLIED = "applied", _("applied")
        REPEAT = "repeat", _("said nothing new")
        STALE = "stale", _("older than what is known")
        CONFLICT = "conflict", _("contradicts what is known")
        UNKNOWN_STATUS = "unknown_status", _("status not known")
        UNMATCHED = "unmatched", _("no such row here")
        MISMATCHED = "mismatched", _("ids do not belong together")
        WITHHELD = "withheld", _("kept back for review")
        IGNORED = "ignored", _("of no concern")
        FAILED = "failed", _("could not be applied")
        DISMISSED = "dismissed", _("dismissed by an operator")

    account = models.CharField(_("account"), max_length=fields.ALIAS_LENGTH)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    digest = models.CharField(_("digest"), max_length=64, help_text=_("SHA-256 of the body"))
    body = models.BinaryField(_("body"))
    content_type = models.CharField(_("content type"), max_length=100, blank=True)
    headers = models.JSONField(_("headers"), default=dict, blank=True)
    remote_addr = models.CharField(_("remote address"), max_length=64, blank=True)
    received_at = fields.UTCDateTimeField(_("received at"), default=fields.utc_now, db_index=True)
    processed_at = fields.UTCDateTimeField(_("processed at"), null=True, blank=True)
    next_try_at = fields.UTCDateTimeField(_("next try at"), null=True, blank=True, db_index=True)
    deliveries = models.PositiveIntegerField(_("deliveries"), default=1)
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome)
    error = models.TextField(_("error"), blank=True)
    needs_review = models.BooleanField(
        _("needs review"),
        default=False,
        db_index=True,
        help_text=_("could not be applied for too long; replay or dismiss it"),
    )
    deposit = models.ForeignKey(
        Deposit,
        verbose_name=_("deposit"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="webhook_events",
    )
    purchase = models.ForeignKey(
        Purchase,
        verbose_name=_("purchase"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="webhook_events",
    )

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "digest"], name="skinsback_webhook_digest"),
        ]
        permissions = [
            ("view_webhook_body", _("Can see raw bodies of deliveries")),
            ("replay_webhookevent", _("Can apply deliveries again")),
            ("dismiss_webhookevent", _("Can dismiss deliveries that could not be applied")),
        ]

    def __str__(self) -> str:
        return self.digest[:12]
