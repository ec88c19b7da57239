"""The history of deposits and purchases. It also contains reports and decisions that did not change the status."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from . import fields
from .deposit import Deposit
from .purchase import Purchase
from .reasons import reason_texts
from .webhook_event import WebhookEvent

DECISION_LABELS = {
    "keep": _("kept as it is"),
    "credit": _("credited"),
    "reverse": _("credit reversed"),
    "refund": _("charge refunded"),
    "cancel": _("cancelled before it was sent"),
    "approve": _("approval of the hold requested"),
    "leave": _("hold left to run out"),
}


class StatusChange(models.Model):
    """One entry of the history of a deposit or purchase.

    If ``from_status`` and ``to_status`` are equal, a report or decision did not change the status. ``amount`` is the
    reported amount, in ``currency``. ``credit_amount`` is the credit that ``CREDIT`` returned for this amount, in
    ``credit_currency``. ``by`` is the person who decided.
    """

    class Source(models.TextChoices):
        FLOW = "flow", _("this site")
        ANSWER = "answer", _("answer to a call")
        WEBHOOK = "webhook", _("webhook")
        SOCKET = "socket", _("websocket")
        POLL = "poll", _("poll")
        LIST = "list", _("list comparison")
        OPERATOR = "operator", _("operator")

    deposit = models.ForeignKey(
        Deposit, verbose_name=_("deposit"), null=True, on_delete=models.CASCADE, related_name="changes"
    )
    purchase = models.ForeignKey(
        Purchase, verbose_name=_("purchase"), null=True, on_delete=models.CASCADE, related_name="changes"
    )
    from_status = models.CharField(_("from status"), max_length=fields.WORD_LENGTH)
    to_status = models.CharField(_("to status"), max_length=fields.WORD_LENGTH)
    source = models.CharField(_("source"), max_length=16, choices=Source)
    webhook_event = models.ForeignKey(
        WebhookEvent,
        verbose_name=_("webhook event"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="changes",
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    decision = models.CharField(
        _("decision"),
        max_length=16,
        blank=True,
        choices=list(DECISION_LABELS.items()),
        help_text=_("what a person decided"),
    )
    settled_reasons = models.JSONField(_("settled reasons"), default=list, blank=True)
    note = models.TextField(_("note"), blank=True)
    amount = fields.amount_field(_("reported amount"), null=True, help_text=_("in the reported currency"))
    currency = models.CharField(_("reported currency"), max_length=fields.CURRENCY_LENGTH, blank=True)
    credit_amount = fields.amount_field(
        _("credit"), null=True, help_text=_("what the user is given for the amount, in the credit's currency")
    )
    credit_currency = models.CharField(_("credit's currency"), max_length=fields.CURRENCY_LENGTH, blank=True)
    created_at = fields.UTCDateTimeField(_("created at"), default=fields.utc_now)

    class Meta:
        verbose_name = _("status change")
        verbose_name_plural = _("status changes")
        indexes = [models.Index(fields=["source", "id"], name="skinsback_change_source")]
        constraints = [
            models.CheckConstraint(
                condition=Q(deposit__isnull=False, purchase__isnull=True)
                | Q(deposit__isnull=True, purchase__isnull=False),
                name="skinsback_change_one_row",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"

    @property
    def text(self) -> str:
        """The decision, the note and the settled reasons as text in the active language, each on its own line."""
        return "\n".join(filter(None, [self.get_decision_display(), self.note, *reason_texts(self.settled_reasons)]))
