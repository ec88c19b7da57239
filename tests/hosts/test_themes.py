"""The admin's pages under themes of the admin, and in an admin site that has no desk."""

from importlib import metadata

import django
import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import include, path, reverse

from django_skinsback.admin.deposit import DepositAdmin
from django_skinsback.admin.webhook_event import WebhookEventAdmin
from django_skinsback.models import Deposit, WebhookEvent
from django_skinsback.testing import make_deposit
from tests.hosts.test_hosts import run

pytestmark = pytest.mark.timeout(400)

THEMES = {"unfold": "django-unfold", "jazzmin": "django-jazzmin"}
THIS_DJANGO = "{}.{}".format(*django.VERSION)


@pytest.mark.parametrize("theme", THEMES)
def test_the_pages_of_the_admin_open_and_act_under(theme):
    supported = metadata.metadata(THEMES[theme]).get_all("Classifier") or []
    if f"Framework :: Django :: {THIS_DJANGO}" not in supported:
        pytest.skip(f"{THEMES[theme]} does not say that it supports Django {THIS_DJANGO}")
    run(f"theme_{theme}", "tests/hosts/theme_pages.py", "tests/hosts/admin_pages.py", "-W", "ignore")


class SiteWithoutDesk:
    """URLs of an admin site that has the deposits and deliveries, and neither the desk nor the purchases."""

    site = admin.AdminSite(name="small")
    site.register(Deposit, DepositAdmin)
    site.register(WebhookEvent, WebhookEventAdmin)
    urlpatterns = [path("small/", site.urls), path("skinsback/", include("django_skinsback.urls"))]


@pytest.mark.django_db
def test_an_admin_site_without_the_desk_shows_its_lists_and_queues(settings):
    settings.ROOT_URLCONF = SiteWithoutDesk
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("operator"))
    row = make_deposit(needs_review=True, review_reasons=[{"code": "stuck", "data": {"status": "pending"}}])
    queue = reverse("small:skinsback_deposit_changelist") + "?queue=review"

    for url in ["/small/", "/small/skinsback/", queue, reverse("small:skinsback_deposit_change", args=[row.pk])]:
        assert client.get(url).status_code == 200, url
    asked = client.post(queue, {"skinsback_button": f"settle:{row.pk}"})
    seen = [f"{each['row'].pk}:{each['seen']}" for each in asked.context["rows"]]
    sent = {"action": "settle", "_selected_action": row.pk, "confirmed": "yes", "decision": "keep", "seen": seen}
    answer = client.post(queue, sent)

    assert answer.url == queue  # there is no desk to go to
    assert not Deposit.objects.get().needs_review
