"""``STEAM_ID`` by the real packages that log users in with Steam; run by ``test_hosts``."""

from types import SimpleNamespace

import pytest
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.steam import provider as steam_provider
from django.core.checks import run_checks
from social_core.backends.steam import SteamOpenId
from social_django.models import UserSocialAuth

from django_skinsback import players, steam_login
from django_skinsback.exceptions import TradeURLOfAnotherAccount

pytestmark = pytest.mark.django_db

STEAM_ID = "76561198050648523"
OTHER_STEAM_ID = "76561198827262007"
TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


def answer_of_steam(steam_id):
    """The answer of Steam's OpenID server, as far as both packages read it."""
    return SimpleNamespace(identity_url=f"https://steamcommunity.com/openid/id/{steam_id}")


@pytest.fixture
def log_in_with_allauth(rf, user, monkeypatch):
    """Connect a Steam account as allauth does after a login. The profile at Steam is not asked for."""
    monkeypatch.setattr(
        steam_provider,
        "request_steam_account_summary",
        lambda _key, steam_id: {"steamid": steam_id, "personaname": "A"},
    )

    def log_in(steam_id):
        provider = steam_provider.SteamOpenIDProvider(rf.get("/"))
        account = SocialAccount(
            provider=provider.sub_id,
            uid=provider.sociallogin_from_response(rf.get("/"), answer_of_steam(steam_id)).account.uid,
            extra_data={},
        )
        login = SocialLogin(user=user, account=account)
        login.account.user = user
        login.account.save()

    return log_in


def log_in_with_social_auth(user, steam_id):
    """Connect a Steam account as social-auth does after a login."""
    uid = SteamOpenId().get_user_id({}, answer_of_steam(steam_id))
    return UserSocialAuth.create_social_auth(user, uid, SteamOpenId.name)


def test_allauth_gives_the_steam_id(user, log_in_with_allauth):
    log_in_with_allauth(STEAM_ID)

    assert steam_login.allauth(user) == STEAM_ID


def test_allauth_gives_the_steam_id_of_the_last_login(user, log_in_with_allauth):
    log_in_with_allauth(STEAM_ID)
    log_in_with_allauth(OTHER_STEAM_ID)
    SocialAccount.objects.filter(uid=STEAM_ID).update(last_login="2030-01-01T00:00:00Z")

    assert steam_login.allauth(user) == STEAM_ID


def test_social_auth_gives_the_steam_id(user):
    log_in_with_social_auth(user, STEAM_ID)

    assert steam_login.social_auth(user) == STEAM_ID


def test_users_without_steam_and_logins_of_other_services_and_users_give_an_empty_text(user, operator):
    for other, provider, steam_id in ((user, "google", STEAM_ID), (operator, "steam", OTHER_STEAM_ID)):
        SocialAccount.objects.create(user=other, provider=provider, uid=steam_id)
        UserSocialAuth.create_social_auth(other, steam_id, provider)

    assert steam_login.allauth(user) == steam_login.social_auth(user) == ""


@pytest.mark.parametrize("function", ["allauth", "social_auth"])
def test_a_trade_url_of_another_account_than_the_logins_is_refused(user, settings, function, log_in_with_allauth):
    settings.SKINSBACK = {**settings.SKINSBACK, "STEAM_ID": f"django_skinsback.steam_login.{function}"}
    log_in_with_allauth(OTHER_STEAM_ID)
    log_in_with_social_auth(user, OTHER_STEAM_ID)

    with pytest.raises(TradeURLOfAnotherAccount):
        players.set_trade_url(user, TRADE_URL)

    SocialAccount.objects.update(uid=STEAM_ID)
    UserSocialAuth.objects.update(uid=STEAM_ID)
    assert players.set_trade_url(user, TRADE_URL).steam_id == STEAM_ID


@pytest.mark.parametrize("function", ["allauth", "social_auth"])
def test_the_installed_package_is_no_error_of_the_system_checks(settings, function):
    settings.SKINSBACK = {**settings.SKINSBACK, "STEAM_ID": f"django_skinsback.steam_login.{function}"}

    assert not [message for message in run_checks() if message.id == "skinsback.E011"]
