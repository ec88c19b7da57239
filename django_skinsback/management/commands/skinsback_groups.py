from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import CommandError
from django.db import transaction

from ..command import SkinsBackCommand

VIEW = (
    "view_desk",
    "view_deposit",
    "view_purchase",
    "view_ledgerentry",
    "view_statuschange",
    "view_webhookevent",
    "view_steamprofile",
    "view_freeze",
)
"""Permissions of all groups: to see rows, but no balances and no bodies of deliveries."""

GROUPS = {
    "SkinsBack support": (*VIEW, "refresh_deposit", "refresh_purchase", "cancel_purchase"),
    "SkinsBack finance": (
        *VIEW,
        "view_balancesnapshot",
        "view_discrepancy",
        "view_marketitem",
        "refresh_deposit",
        "refresh_purchase",
        "cancel_purchase",
        "buy_skins",
        "settle_deposit",
        "settle_purchase",
        "close_discrepancy",
        "view_webhook_body",
        "replay_webhookevent",
        "dismiss_webhookevent",
        "export_deposit",
        "export_purchase",
        "export_ledgerentry",
    ),
    "SkinsBack risk": (*VIEW, "refresh_deposit", "approve_hold", "freeze_user", "export_deposit"),
}
"""Name of a group -> the codenames of its permissions."""


class Command(SkinsBackCommand):
    help = (
        "Create three groups of operators with their permissions: support (look, refresh, cancel), finance (buy, "
        "settle, close, replay, export) and risk (approve holds, freeze users). Then add your operators to the groups "
        "in the admin; each operator also needs staff status. If a group exists, missing permissions are added, and "
        "permissions that you have added stay."
    )
    examples = (("", "create the groups, or add the permissions that a new version has"),)

    def work(self, *_args: Any, **_options: Any) -> None:
        wanted = {codename for codenames in GROUPS.values() for codename in codenames}
        found = Permission.objects.filter(content_type__app_label="skinsback", codename__in=wanted)
        permissions = {permission.codename: permission for permission in found}
        if missing := sorted(wanted - permissions.keys()):
            raise CommandError(f"The database has no permission {missing[0]}. Run manage.py migrate first.")
        for name, codenames in GROUPS.items():
            with transaction.atomic():
                group, is_new = Group.objects.get_or_create(name=name)
                before = set(group.permissions.values_list("codename", flat=True))
                added = [codename for codename in codenames if codename not in before]
                group.permissions.add(*(permissions[codename] for codename in added))
            self.tell(_result(name, added, is_new=is_new), group=name, created=is_new, added=added)


def _result(name: str, added: list[str], *, is_new: bool) -> str:
    if is_new:
        return f"{name}: created with {len(added)} permissions"
    return f"{name}: {len(added)} permissions added" if added else f"{name}: has all permissions"
