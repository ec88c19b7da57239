"""What the shop itself keeps."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from django_skinsback.models import Purchase


class Profile(models.Model):
    """Where a user receives skins."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="profile"
    )
    trade_url = models.CharField(_("Steam trade URL"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return str(self.user)


class Checkout(models.Model):
    """One confirmation of one page: pressing the button twice buys once, because ``key`` is unique."""

    key = models.UUIDField(_("key"), unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE)
    purchase = models.OneToOneField(Purchase, verbose_name=_("purchase"), null=True, on_delete=models.CASCADE)

    class Meta:
        verbose_name = _("checkout")
        verbose_name_plural = _("checkouts")

    def __str__(self) -> str:
        return str(self.key)
