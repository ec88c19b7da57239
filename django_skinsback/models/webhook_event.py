"""The table of the deliveries of both webhooks, stored as they were received."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from . import fields
from .deposit import Deposit
from .purchase import Purchase


class WebhookEvent(models.Model):
    """One delivery with a valid signature.

    If the same delivery arrives again, ``deliveries`` is increased and no row is added.

    If a delivery could not be applied, ``error`` contains the reason, ``processed_at`` is empty, and the sweep tries
    again at ``next_try_at``. ``next_try_at`` is empty in three cases: the delivery was applied, the delivery has failed
    for too long and needs review, or the delivery has had no matching row for a week. In the last case, the
    reconciliation finds the deposit or purchase in SkinsBack's lists and stores a discrepancy.
    """

    class Kind(models.TextChoices):
        DEPOSIT = "deposit", _("deposit notification")
        EVENT = "event", _("real-time event")

    class Outcome(models.TextChoices):
        APPLIED = "applied", _("applied")
        REPEAT = "repeat", _("no change")
        STALE = "stale", _("outdated")
        CONFLICT = "conflict", _("contradiction")
        UNKNOWN_STATUS = "unknown_status", _("unknown status")
        UNMATCHED = "unmatched", _("no matching row")
        MISMATCHED = "mismatched", _("IDs do not match")
        WITHHELD = "withheld", _("withheld for review")
        IGNORED = "ignored", _("ignored")
        FAILED = "failed", _("could not be applied")
        DISMISSED = "dismissed", _("dismissed by an operator")

    account = models.CharField(_("account"), max_length=fields.ALIAS_LENGTH)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    digest = models.CharField(_("digest"), max_length=64, help_text=_("SHA-256 of the body, hexadecimal"))
    body = models.BinaryField(_("body"), help_text=_("the bytes as they were received"))
    content_type = models.CharField(_("content type"), max_length=100, blank=True)
    headers = models.JSONField(_("headers"), default=dict, blank=True, help_text=_("a fixed list; never X-SIGN"))
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
        help_text=_("could not be applied for too long: replay or dismiss it"),
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
        indexes = [
            models.Index(fields=["account", "received_at"], name="skinsback_webhook_account"),
            models.Index(fields=["outcome", "received_at"], name="skinsback_webhook_outcome"),
            models.Index(fields=["account", "outcome", "received_at"], name="skinsback_webhook_acc_outcome"),
            models.Index(fields=["needs_review", "received_at"], name="skinsback_webhook_review"),
        ]
        constraints = [
            # The digest comes first, so that an operator's search for a digest finds the deliveries of all accounts.
            models.UniqueConstraint(fields=["digest", "kind", "account"], name="skinsback_webhook_digest"),
        ]
        permissions = [
            ("view_webhook_body", _("Can see raw bodies of deliveries")),
            ("replay_webhookevent", _("Can replay deliveries")),
            ("dismiss_webhookevent", _("Can dismiss deliveries that could not be applied")),
        ]

    def __str__(self) -> str:
        return self.digest[:12]
