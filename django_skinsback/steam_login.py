"""Ready functions for the setting ``STEAM_ID``: the Steam ID that a user has logged in with.

Each needs the package that the site logs its users in with. Neither package is a dependency of this one.
"""

from typing import Any

__all__ = ["allauth", "social_auth"]


def allauth(user: Any) -> str:
    """Return the Steam ID of the user's login by django-allauth (provider ``steam``); empty text if there is none.

    If several Steam accounts are connected, it is the one that the user has logged in with most recently.
    """
    from allauth.socialaccount.models import SocialAccount

    accounts = SocialAccount.objects.filter(user_id=user.pk, provider="steam").order_by("-last_login", "-pk")
    return accounts.values_list("uid", flat=True).first() or ""


def social_auth(user: Any) -> str:
    """Return the Steam ID of the user's login by social-auth-app-django (backend ``steam``).

    Returns empty text if there is none. If several Steam accounts are connected, it is the one that changed last.
    """
    from social_django.models import UserSocialAuth

    accounts = UserSocialAuth.objects.filter(user_id=user.pk, provider="steam").order_by("-modified", "-pk")
    return accounts.values_list("uid", flat=True).first() or ""
