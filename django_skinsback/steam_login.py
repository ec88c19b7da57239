"""Functions for the setting ``STEAM_ID``. They return the Steam ID with which a user has logged in.

``allauth`` is for sites with django-allauth, and ``social_auth`` is for sites with social-auth-app-django. The site
must install the package that it uses: django-skinsback does not depend on these packages.
"""

from typing import Any

__all__ = ["allauth", "social_auth"]


def allauth(user: Any) -> str:
    """Return the Steam ID of the user's login by django-allauth (provider ``steam``).

    Return an empty string if no Steam account is connected. If several Steam accounts are connected, return the Steam
    ID of the most recent login.
    """
    from allauth.socialaccount.models import SocialAccount

    accounts = SocialAccount.objects.filter(user_id=user.pk, provider="steam").order_by("-last_login", "-pk")
    return accounts.values_list("uid", flat=True).first() or ""


def social_auth(user: Any) -> str:
    """Return the Steam ID of the user's login by social-auth-app-django (backend ``steam``).

    Return an empty string if no Steam account is connected. If several Steam accounts are connected, return the Steam
    ID of the account that was modified last.
    """
    from social_django.models import UserSocialAuth

    accounts = UserSocialAuth.objects.filter(user_id=user.pk, provider="steam").order_by("-modified", "-pk")
    return accounts.values_list("uid", flat=True).first() or ""
