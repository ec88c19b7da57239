"""The base of Deposit and Purchase: columns, querysets and properties that both have."""

import hashlib
import uuid
from datetime import datetime
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from . import fields
from .reasons import reason_texts

RowModel = TypeVar("RowModel", bound="Row")


def owner_key(key: Any) -> str:
    """Return the value of ``owner_id`` for a user: the primary key as text.

    If the key is too long for the column, return the SHA-256 of the key.
    """
    text = str(key)
    return text if len(text) <= fields.ID_LENGTH else hashlib.sha256(text.encode()).hexdigest()


class RowQuerySet(models.QuerySet[RowModel]):
    def due(self, now: datetime) -> Self:
        """Return the rows whose ``next_poll_at`` is not after ``now``, ordered by primary key."""
        return self.filter(next_poll_at__lte=now).order_by("pk")

    def to_review(self) -> Self:
        """Return the rows that are flagged for manual review."""
        return self.filter(needs_review=True)


class Row(models.Model):
    """The columns that deposits and purchases share.

    ``next_poll_at`` is the time at which the row is due. If the row is a purchase that was not sent, the purchase is
    sent at this time. Any other row is polled. If a row is not polled any more, ``next_poll_at`` is empty.

    When the user is deleted, ``user`` becomes empty and ``owner_id`` stays.
    """

    public_id = models.UUIDField(_("public ID"), default=uuid.uuid4, unique=True, editable=False)
    account = models.CharField(_("account"), max_length=fields.ALIAS_LENGTH, default="default")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="skinsback_%(class)ss",
        db_index=False,  # an index of the class Meta begins with this column
    )
    owner_id = models.CharField(
        _("owner ID"),
        max_length=fields.ID_LENGTH,
        blank=True,
        editable=False,
        help_text=_("the user's primary key as text; it stays when the user is deleted"),
    )
    steam_id = models.CharField(_("Steam ID"), max_length=fields.STEAM_ID_LENGTH, blank=True)
    game = models.CharField(_("game"), max_length=16, blank=True)
    trade_offer_id = models.CharField(_("trade offer ID"), max_length=fields.ID_LENGTH, blank=True)
    needs_review = models.BooleanField(_("needs review"), default=False)
    review_reasons = models.JSONField(_("review reasons"), default=list, blank=True)
    next_poll_at = fields.UTCDateTimeField(_("next poll at"), null=True, blank=True, db_index=True)
    poll_count = models.PositiveIntegerField(_("polls since the last change"), default=0)
    idempotency_digest = models.CharField(_("idempotency digest"), max_length=64, null=True, blank=True, editable=False)
    request_digest = models.CharField(_("request digest"), max_length=64, blank=True, editable=False)
    failing_since = fields.UTCDateTimeField(
        _("failing since"),
        null=True,
        blank=True,
        db_index=True,
        help_text=_("when the first of the consecutive failed updates of this row happened"),
    )
    forgotten_at = fields.UTCDateTimeField(
        _("forgotten at"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("when the user's Steam data was deleted; later reports do not add it again"),
    )
    metadata = models.JSONField(_("metadata"), default=dict, blank=True, help_text=_("the site's own data"))
    created_at = fields.UTCDateTimeField(_("created at"), default=fields.utc_now, editable=False, db_index=True)
    updated_at = fields.UTCDateTimeField(_("updated at"), default=fields.utc_now, editable=False)
    finished_at = fields.UTCDateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        abstract = True
        # An admin list is ordered by created_at. A list with one filter, with or without an account, reads one index.
        # A search for a user or a Steam ID reads the newest rows. The other searches find few rows, in any order.
        # PostgreSQL has a second index for each text column with db_index or unique, so these options are not used.
        indexes = [
            models.Index(fields=["account", "created_at"], name="skinsback_%(class)s_account"),
            models.Index(fields=["status", "created_at"], name="skinsback_%(class)s_status"),
            models.Index(fields=["account", "status", "created_at"], name="skinsback_%(class)s_acc_status"),
            models.Index(fields=["needs_review", "created_at"], name="skinsback_%(class)s_review"),
            models.Index(fields=["game", "created_at"], name="skinsback_%(class)s_game"),
            models.Index(fields=["account", "game", "created_at"], name="skinsback_%(class)s_acc_game"),
            models.Index(fields=["user", "created_at"], name="skinsback_%(class)s_user"),
            models.Index(fields=["steam_id", "created_at"], name="skinsback_%(class)s_steam"),
            models.Index(fields=["trade_offer_id"], name="skinsback_%(class)s_offer"),
            models.Index(fields=["finished_at"], name="skinsback_%(class)s_finished"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["idempotency_digest"], name="skinsback_%(class)s_idempotency"),
        ]

    def save(self, *args: Any, **options: Any) -> None:
        now = fields.utc_now()
        self.updated_at = now if self._state.adding else max(now, self.updated_at + fields.TICK)
        if self.user_id is not None:
            self.owner_id = owner_key(self.user_id)
        if options.get("update_fields"):
            options["update_fields"] = {*options["update_fields"], "owner_id", "updated_at"}
        super().save(*args, **options)

    @property
    def review_reason(self) -> str:
        """The review reasons as text in the active language, one reason per line."""
        return "\n".join(reason_texts(self.review_reasons))

    @property
    def is_owner_gone(self) -> bool:
        """Whether the row's user was deleted."""
        return self.user_id is None and bool(self.owner_id)
