"""The groups of operators that ``skinsback_groups`` makes."""

from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command

from django_skinsback.management.commands.skinsback_groups import GROUPS

pytestmark = pytest.mark.django_db


def run():
    out = StringIO()
    call_command("skinsback_groups", stdout=out)
    return out.getvalue()


def codenames(name):
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


def test_each_group_has_its_permissions():
    run()
    assert {name: codenames(name) for name in GROUPS} == {name: set(given) for name, given in GROUPS.items()}


def test_only_the_group_that_needs_it_can_move_money():
    assert "approve_hold" not in GROUPS["SkinsBack support"] + GROUPS["SkinsBack finance"]
    for codename in ("buy_skins", "settle_deposit", "settle_purchase"):
        assert [name for name in GROUPS if codename in GROUPS[name]] == ["SkinsBack finance"]


def test_a_second_run_adds_what_is_missing_and_keeps_what_the_site_added():
    run()
    group = Group.objects.get(name="SkinsBack support")
    group.permissions.add(Permission.objects.get(codename="approve_hold"))
    group.permissions.remove(Permission.objects.get(codename="view_deposit"))

    printed = run()

    assert "SkinsBack support: 1 permissions added" in printed
    assert "SkinsBack finance: has all permissions" in printed
    assert {"approve_hold", "view_deposit"} <= codenames("SkinsBack support")


def test_before_migrate_it_says_what_to_do():
    Permission.objects.filter(codename="approve_hold").delete()
    with pytest.raises(CommandError, match="no permission approve_hold"):
        run()
    assert not Group.objects.exists()
