"""Create the users of the demo. Existing users, trade URLs and wallets are not changed."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from django_skinsback import players
from example_project.wallet.models import Wallet, in_millionths

TRADE_URLS = {
    "alice": "https://steamcommunity.com/tradeoffer/new/?partner=1038734273&token=alice-01",
    "bob": "https://steamcommunity.com/tradeoffer/new/?partner=1038734274&token=bob-0002",
    "operator": "https://steamcommunity.com/tradeoffer/new/?partner=1038734275&token=operator",
}
"""Trade URLs of Steam accounts that exist only in the sandbox."""
GIFTS = {"bob": Decimal(250)}
"""Balance of a new wallet in the shop's currency, by user name."""


class Command(BaseCommand):
    help = "Create the users of the demo with their trade URLs and first balances."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.DEMO_LOGINS:
            raise CommandError("The demo users have public passwords, so they are created only with DEBUG on.")
        for login in settings.DEMO_LOGINS:
            name = login["username"]
            user, created = User.objects.get_or_create(username=name)
            if created:
                user.set_password(login["password"])
                user.is_staff = user.is_superuser = name == "operator"
                user.save()
            if players.get_profile(user) is None:
                players.set_trade_url(user, TRADE_URLS[name])
            gift = in_millionths(GIFTS.get(name, Decimal(0)))
            Wallet.objects.get_or_create(user=user, currency=settings.SHOP_CURRENCY, defaults={"millionths": gift})
