"""What a deposit and a purchase have in common."""

import uuid
from datetime import timedelta
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from . import fields

RowModel = TypeVar("RowModel", bound="Row")


class RowQuerySet(models.QuerySet[RowModel]):
    def to_review(self) -> Self:
        """Rows that wait for an operator."""
        return self.filter(needs_review=True)


class Row(models.Model):
    """One thing SkinsBack does with one user's skins, and what is to be done about it."""

    public_id = models.UUIDField(_("public ID"), default=uuid.uuid4, unique=True, editable=False)
    account = models.CharField(_("account"), max_length=fields.ALIAS_LENGTH, default="default")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="skinsback_%(class)ss",
    )
    steam_id = models.CharField(_("Steam ID"), max_length=fields.STEAM_ID_LENGTH, blank=True)
    game = models.CharField(_("game"), max_length=16, blank=True)
    trade_offer_id = models.CharField(_("trade offer ID"), max_length=fields.ID_LENGTH, blank=True)
    needs_review = models.BooleanField(_("needs review"), default=False, db_index=True)
    review_reason = models.TextField(_("review reason"), blank=True)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True, help_text=_("the site's own"))
    created_at = fields.UTCDateTimeField(_("created at"), default=fields.utc_now, editable=False)
    updated_at = fields.UTCDateTimeField(_("updated at"), default=fields.utc_now, editable=False)
    finished_at = fields.UTCDateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        now = fields.utc_now()
        self.updated_at = now if self._state.adding else max(now, self.updated_at + timedelta(microseconds=1))
        if options.get("update_fields"):
            options["update_fields"] = {*options["update_fields"], "updated_at"}
        super().save(*args, **options)
