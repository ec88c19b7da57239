"""Two tables: frozen users, and one row per user that is locked while the limits of this user are checked."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from . import fields


class Freeze(models.Model):
    """A frozen user, who cannot start a deposit or a purchase. Earlier deposits and purchases continue.

    Use ``players.freeze`` and ``players.unfreeze``. If a deposit or purchase of the user is being saved, these
    functions wait until it is saved.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="skinsback_freeze"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("the operator who froze the user; empty if code of the site did"),
    )
    reason = models.TextField(_("reason"), help_text=_("for operators; the user does not see it"))
    since = fields.UTCDateTimeField(_("since"), default=fields.utc_now)

    class Meta:
        verbose_name = _("frozen user")
        verbose_name_plural = _("frozen users")
        permissions = [("freeze_user", _("Can freeze and unfreeze users"))]

    def __str__(self) -> str:
        return str(self.user)


class UserGuard(models.Model):
    """One row per user. Flows lock this row by a write before they check the freeze and the limits of the user.

    Without this lock, two requests of one user at the same time could both pass a limit that allows only one of them.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+"
    )
    updated_at = fields.UTCDateTimeField(_("updated at"), default=fields.utc_now)

    class Meta:
        verbose_name = _("user guard")
        verbose_name_plural = _("user guards")

    def __str__(self) -> str:
        return str(self.user)
