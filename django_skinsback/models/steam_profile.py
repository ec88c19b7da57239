"""The table of Steam profiles. A profile contains the trade URL at which a user receives skins."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..steam import TradeURL
from . import fields


class SteamProfile(models.Model):
    """The Steam ID and the trade URL of one user. Change it with ``players.set_trade_url``.

    ``partner`` and ``token`` are the two parts of the trade URL. If ``broken_at`` is set, SkinsBack has refused the
    trade URL. A refused trade URL is not used any more: the user must enter another trade URL.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="skinsback_profile"
    )
    steam_id = models.CharField(_("Steam ID"), max_length=fields.STEAM_ID_LENGTH, blank=True)
    partner = models.CharField(_("partner"), max_length=10, blank=True)
    token = models.CharField(_("token"), max_length=8, blank=True)
    trade_url_changed_at = fields.UTCDateTimeField(
        _("trade URL changed at"),
        null=True,
        blank=True,
        help_text=_("when another trade URL replaced this user's earlier one"),
    )
    broken_at = fields.UTCDateTimeField(_("broken since"), null=True, blank=True)
    broken_reason = models.CharField(
        _("reason"), max_length=fields.WORD_LENGTH, blank=True, help_text=_("SkinsBack's status or error message")
    )
    updated_at = fields.UTCDateTimeField(_("updated at"), default=fields.utc_now, editable=False)

    class Meta:
        verbose_name = _("Steam profile")
        verbose_name_plural = _("Steam profiles")
        indexes = [models.Index(fields=["steam_id"], name="skinsback_profile_steam")]

    def __str__(self) -> str:
        return self.steam_id

    @property
    def trade_url(self) -> str:
        """The whole trade URL. Empty if the user has no trade URL. Show the trade URL only to this user."""
        return TradeURL(self.partner, self.token).url if self.partner and self.token else ""
