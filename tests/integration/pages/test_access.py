"""Who reaches the pages, and what every answer has."""

import uuid

import pytest
from django.urls import URLPattern, get_resolver, reverse

from django_skinsback.models import Deposit, Purchase
from django_skinsback.pages import urls
from django_skinsback.testing import make_deposit, make_purchase

pytestmark = pytest.mark.django_db

PUBLIC = {"deposit_done"}
"""Pages without a login. They show nothing of a user."""

KEY = uuid.UUID("4a9a4e5e-52cd-4d35-8a38-7c9a2f9c1c11")


def patterns():
    assert all(isinstance(pattern, URLPattern) for pattern in urls.urlpatterns)
    return [pytest.param(pattern, id=str(pattern.pattern)) for pattern in urls.urlpatterns]


def path_of(pattern, **values):
    """Return the path of a page, with ``values`` where it takes them and with random keys elsewhere."""
    kwargs = {name: values.get(name, KEY) for name in pattern.pattern.converters}
    return reverse(f"skinsback-pages:{pattern.name}", kwargs=kwargs)


def row_of(name, user):
    """Return a row of ``user`` for a page of one row."""
    if name.startswith("deposit"):
        return make_deposit(user=user, pay_url="https://pay.example/1")
    return make_purchase(user=user, status="waiting_accept", trade_offer_id="77")


@pytest.mark.parametrize("pattern", [case for case in patterns() if case.values[0].name not in PUBLIC])
@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_login_every_page_leads_to_the_login(client, pattern, method):
    answer = getattr(client, method)(path_of(pattern))
    if answer.status_code == 405:
        return
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("pattern", patterns())
def test_no_answer_is_stored_by_a_cache(player, user, pattern):
    row = row_of(pattern.name, user)
    answer = player.get(path_of(pattern, public_id=row.public_id))
    if answer.status_code != 404:  # a page that is not found shows nothing of the user
        assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("pattern", [case for case in patterns() if "public_id" in case.values[0].pattern.converters])
def test_the_row_of_another_user_is_not_found(player, stranger, user, pattern):
    row = row_of(pattern.name, user)
    path = path_of(pattern, public_id=row.public_id)
    before = list(type(row).objects.values())
    assert player.get(path).status_code in {200, 405}
    for answer in (stranger.get(path), stranger.post(path), stranger.post(path, {"key": str(KEY)})):
        assert answer.status_code in {404, 405}
    assert list(type(row).objects.values()) == before


@pytest.mark.parametrize("pattern", [case for case in patterns() if "public_id" in case.values[0].pattern.converters])
def test_a_row_without_a_user_is_found_by_nobody(player, pattern):
    row = row_of(pattern.name, None)
    assert player.get(path_of(pattern, public_id=row.public_id)).status_code in {404, 405}


def test_the_pages_need_no_messages_framework(player, settings):
    settings.INSTALLED_APPS = [
        app for app in settings.INSTALLED_APPS if app not in {"django.contrib.messages", "django.contrib.admin"}
    ]
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "messages" not in name]
    settings.TEMPLATES = [
        {
            **settings.TEMPLATES[0],
            "OPTIONS": {
                "context_processors": [
                    name for name in settings.TEMPLATES[0]["OPTIONS"]["context_processors"] if "messages" not in name
                ]
            },
        }
    ]
    settings.ROOT_URLCONF = "tests.integration.pages.urls_without_admin"
    for name in ("deposit", "history", "trade_url"):
        player.read(reverse(f"skinsback-pages:{name}"))


def test_the_end_of_the_frame_is_public_where_every_page_needs_a_login(client, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert client.get(f"/skins/deposit/done/{KEY}/").status_code == 200
    assert client.get("/skins/deposit/").status_code == 302


def test_the_pages_may_have_a_namespace_of_the_site(player, settings):
    settings.ROOT_URLCONF = "tests.integration.pages.urls_with_namespace"
    text = player.read("/trade/history/")
    assert 'href="/trade/deposit/"' in text
    assert player.get("/trade/deposit/back/")["Location"] == "/trade/deposit/"


@pytest.mark.parametrize("has_middleware", [True, False])
def test_a_form_without_a_csrf_token_is_refused(has_middleware, user, settings):
    from django.test import Client

    if not has_middleware:
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "csrf" not in name]
    player = Client(enforce_csrf_checks=True)
    player.force_login(user)
    for name in ("deposit", "deposit_inventory", "trade_url", "confirm", "quotes", "cart_add"):
        assert player.post(reverse(f"skinsback-pages:{name}")).status_code == 403
    assert not Deposit.objects.exists()
    assert not Purchase.objects.exists()


def test_the_pages_are_the_only_ones_below_their_prefix():
    names = {pattern.name for pattern in urls.urlpatterns}
    assert {"deposit", "deposit_row", "deposit_inventory", "deposit_back", "withdraw", "purchase"} <= names
    assert {"history", "trade_url"} <= names
    assert get_resolver().namespace_dict["skinsback-pages"][0] == "skins/"
