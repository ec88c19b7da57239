import re

import pytest
from django.test import Client

from django_skinsback import players

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
STEAM_ID = "76561198050648523"


@pytest.fixture(autouse=True)
def site_with_pages(settings):
    settings.ROOT_URLCONF = "tests.integration.pages.urls"
    settings.SKINSBACK = {**settings.SKINSBACK}  # a test may change it in place


def problem_in(answer):
    """Return the code of the problem that a page shows; None if it shows none."""
    assert answer.status_code == 200
    found = re.search('data-skinsback-problem="([^"]+)"', answer.content.decode())
    return found and found.group(1)


class Player(Client):
    """A logged-in user's browser without JavaScript."""

    def read(self, url, status=200):
        """GET a page. Return its text; fail if the status is another one."""
        answer = self.get(url)
        assert answer.status_code == status, answer.content.decode()[:2000]
        return answer.content.decode()

    def key(self, url):
        """Return the hidden key in the form of a page."""
        return re.search(r'name="key"[^>]* value="([^"]+)"', self.read(url)).group(1)


@pytest.fixture
def player(user):
    player = Player()
    player.force_login(user)
    return player


@pytest.fixture
def stranger(django_user_model):
    stranger = Player()
    stranger.force_login(django_user_model.objects.create_user("mallory"))
    return stranger


@pytest.fixture
def profile(user):
    return players.set_trade_url(user, TRADE_URL)
