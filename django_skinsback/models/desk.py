"""Tables of the operator's desk: figures of closed days, users who owe money, digest mails, and the desk itself."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from . import fields


class Desk(models.Model):
    """The operator's desk in the admin. It has no table. It exists so that every admin theme lists the desk."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = _("desk")
        verbose_name_plural = _("desk")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class DailyFigure(models.Model):
    """One figure of one closed day: a number of rows, and the sum of their amounts.

    A day is a day of ``TIME_ZONE``. ``game`` and ``currency`` are empty if the figure has none. A task replaces the
    rows of a day each time it runs. So other code must not change the stored values.
    """

    account = models.CharField(_("account"), max_length=fields.ALIAS_LENGTH)
    day = models.DateField(_("day"))
    game = models.CharField(_("game"), max_length=16, blank=True)
    currency = models.CharField(_("currency"), max_length=fields.CURRENCY_LENGTH, blank=True)
    kind = models.CharField(_("kind"), max_length=fields.WORD_LENGTH)
    count = models.PositiveIntegerField(_("number"), default=0)
    amount = fields.amount_field(_("amount"), default=0)
    written_at = fields.UTCDateTimeField(_("written at"), default=fields.utc_now)

    class Meta:
        verbose_name = _("daily figure")
        verbose_name_plural = _("daily figures")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "day", "game", "currency", "kind"], name="skinsback_daily_figure"
            ),
        ]
        indexes = [models.Index(fields=["day"], name="skinsback_figure_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.kind}"


class OwingUser(models.Model):
    """A user whose balance on this site is below zero after a reversal, as the setting ``BALANCE`` reported it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+"
    )
    currency = models.CharField(_("currency"), max_length=fields.CURRENCY_LENGTH)
    balance = fields.amount_field(_("balance"), help_text=_("below zero"))
    checked_at = fields.UTCDateTimeField(_("checked at"), default=fields.utc_now)

    class Meta:
        verbose_name = _("user who owes")
        verbose_name_plural = _("users who owe")
        constraints = [models.UniqueConstraint(fields=["user", "currency"], name="skinsback_owing_user")]

    def __str__(self) -> str:
        return str(self.user)


class DigestMail(models.Model):
    """The digest mail of one day. The row is inserted before the mail is sent, so that a day has only one mail."""

    day = models.DateField(_("day"), unique=True)
    sent_at = fields.UTCDateTimeField(_("sent at"), null=True, blank=True)

    class Meta:
        verbose_name = _("digest mail")
        verbose_name_plural = _("digest mails")

    def __str__(self) -> str:
        return str(self.day)
