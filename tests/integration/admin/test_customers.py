"""The page of one user in the admin."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone

from django_skinsback import players
from django_skinsback.admin import CustomerLinkMixin
from django_skinsback.admin.customers import page as customer_page
from django_skinsback.admin.customers import statement
from django_skinsback.admin.customers.statement import read_ledger
from django_skinsback.models import Freeze, LedgerEntry, SteamProfile
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import browser_of, list_url, messages_of, page_url

pytestmark = pytest.mark.django_db

TOKEN = "SeCr3tTk"
HOSTILE = "<img src=x onerror=alert(1)>"
ALL_PARTS = ("view_deposit", "view_purchase", "view_ledgerentry", "view_steamprofile", "view_freeze")


def url_of(user, end=""):
    return f"/admin/skinsback/deposit/customer/{user.pk}/{end}"


def shown(user, *permissions):
    answer = browser_of(*permissions).get(url_of(user))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode()).replace("\xa0", " ")


def post_entry(user, kind, amount, currency="usd"):
    """Post an entry of a new deposit or purchase."""
    row = make_deposit(user=user) if kind in {"credit", "reversal"} else make_purchase(user=user)
    link = {row._meta.model_name: row}
    return LedgerEntry.objects.create(user=user, kind=kind, amount=Decimal(amount), currency=currency, **link)


@pytest.fixture
def player():
    """A user with a row of each kind."""
    user = get_user_model().objects.create_user("player")
    SteamProfile.objects.create(user=user, steam_id="76561198050648523", partner="90382795", token=TOKEN)
    make_deposit(user=user, order_id="order-of-player", status="hold_approved", user_risk={"total_deposits_count": 41})
    make_purchase(user=user, market_hash_name="Knife of player", token=TOKEN)
    post_entry(user, "credit", "12.345678")
    players.freeze(user, by=None, reason="Stolen account")
    return user


class TestPermissions:
    @pytest.mark.parametrize("permission", ["view_ledgerentry", "view_steamprofile", "view_freeze", "freeze_user"])
    def test_without_deposits_or_purchases_there_is_no_page(self, player, permission):
        assert browser_of(permission).get(url_of(player)).status_code == 403

    def test_a_stranger_gets_the_login(self, player, client):
        answer = client.get(url_of(player))
        assert answer.status_code == 302
        assert "login" in answer.url

    @pytest.mark.parametrize(
        ("permission", "own"),
        [
            ("view_deposit", "order-of-p"),
            ("view_purchase", "Knife of player"),
            ("view_ledgerentry", "12.345678 USD"),
            ("view_steamprofile", "90382795"),
            ("view_freeze", "Stolen account"),
            ("freeze_user", "Stolen account"),
        ],
    )
    def test_each_part_is_shown_only_to_persons_who_may_see_its_model(self, player, permission, own):
        base = "view_purchase" if permission == "view_deposit" else "view_deposit"
        assert own in shown(player, permission, base)
        others = {*ALL_PARTS, "freeze_user"} - {permission}
        if permission in {"view_freeze", "freeze_user"}:
            others -= {"view_freeze", "freeze_user"}
        assert own not in shown(player, *others)

    def test_the_statistics_of_skinsback_belong_to_the_deposits(self, player):
        assert "Deposits so far" in shown(player, "view_deposit")
        assert "Deposits so far" not in shown(player, "view_purchase", "view_ledgerentry")

    def test_the_trade_token_is_never_shown(self, player):
        assert TOKEN not in shown(player, *ALL_PARTS, "freeze_user", "buy_skins")

    def test_links_that_act_need_their_permission(self, player):
        assert "/purchase/buy/" not in shown(player, *ALL_PARTS)
        assert f"/admin/skinsback/purchase/buy/?user={player.pk}" in shown(player, "view_deposit", "buy_skins")
        assert "Unfreeze…" not in shown(player, *ALL_PARTS)
        assert url_of(player, "unfreeze/") in shown(player, "view_deposit", "freeze_user")

    def test_the_users_own_admin_is_linked_only_with_its_permission(self, player):
        target = f'href="/admin/auth/user/{player.pk}/change/"'
        assert target not in shown(player, "view_deposit")
        browser = browser_of("view_deposit")
        browser.user.user_permissions.add(Permission.objects.get(codename="view_user"))
        assert target in browser.get(url_of(player)).content.decode()

    @pytest.mark.parametrize("key", ["999999", "x", "9" * 40, "_2F"])
    def test_a_user_who_does_not_exist_is_not_found(self, key):
        assert browser_of("view_deposit").get(f"/admin/skinsback/deposit/customer/{key}/").status_code == 404


class TestContent:
    def test_a_name_cannot_add_html(self):
        user = get_user_model().objects.create_user(HOSTILE)
        make_purchase(user=user, market_hash_name=HOSTILE)
        make_deposit(user=user, order_id=HOSTILE, user_risk={HOSTILE: HOSTILE})
        players.freeze(user, by=user, reason=HOSTILE)
        SteamProfile.objects.create(user=user, broken_at=timezone.now(), broken_reason=HOSTILE, partner="1", token="x")
        page = shown(user, *ALL_PARTS)
        assert HOSTILE not in page
        assert "&lt;img src=x" in page

    def test_a_broken_trade_url_and_failed_trades_are_shown(self, player):
        SteamProfile.objects.update(broken_at=timezone.now(), broken_reason="invalid_trade_token")
        make_purchase(user=player, status="invalid_trade_token")
        make_purchase(user=player, status="user_not_tradable", created_at=timezone.now() - timedelta(days=60))
        page = shown(player, *ALL_PARTS)
        assert "broken since" in page
        assert "invalid_trade_token" in page
        assert "1 purchase of the last 30 days failed" in page

    def test_the_newest_rows_are_shown_with_a_link_to_all_of_them(self, player, monkeypatch):
        monkeypatch.setattr(customer_page, "SHOWN_ROWS", 2)
        rows = [make_deposit(user=player, order_id=f"newest-{number}") for number in range(3)]
        other = make_deposit(user=get_user_model().objects.create_user("other"))
        page = shown(player, "view_deposit")
        assert [page_url(row) in page for row in rows] == [False, True, True]
        assert "Only the newest 2 are shown." in page
        every = re.search(r'href="([^"]+)">All deposits of this user', page)[1]
        listed = browser_of("view_deposit").get(every).context["cl"].queryset
        assert set(rows) < set(listed)
        assert other not in listed

    def test_open_exposure_is_the_credits_of_approved_holds_that_were_not_reversed(self, player):
        for status, kinds in (
            ("hold_approved", ["credit"]),
            ("hold_approved", ["credit", "reversal"]),
            ("success", ["credit"]),
        ):
            deposit = make_deposit(user=player, status=status)
            for kind in kinds:
                amount = Decimal(7) if kind == "credit" else Decimal(-7)
                LedgerEntry.objects.create(user=player, deposit=deposit, kind=kind, amount=amount, currency="eur")
        page = shown(player, *ALL_PARTS)
        assert "Open exposure: credits of approved holds</dt><dd>7.00 EUR</dd>" in page

    def test_a_page_needs_the_same_queries_for_many_rows_as_for_one(self, player):
        browser = browser_of(*ALL_PARTS)
        browser.get(url_of(player))
        with CaptureQueriesContext(connection) as few:
            browser.get(url_of(player))
        for _ in range(10):
            post_entry(player, "credit", "1")
            post_entry(player, "charge", "-1", "eur")
        with CaptureQueriesContext(connection) as many:
            browser.get(url_of(player))
        assert len(few) == len(many) <= 20

    def test_there_is_no_inline_script_or_style(self, player):
        for end, permissions in (("", ALL_PARTS), ("unfreeze/", ["freeze_user", "view_deposit"])):
            text = browser_of(*permissions).get(url_of(player, end)).content.decode()
            assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=", text)


class TestLedger:
    def balances(self, user, **options):
        return {
            each.currency: [balance for _entry, balance in each.lines]
            for each in read_ledger(user, **options).statements
        }

    def test_each_entry_has_the_exact_balance_after_it(self, user):
        for kind, amount in (
            ("credit", "0.1"),
            ("credit", "0.2"),
            ("charge", "-0.300001"),
            ("credit", "12345678.123456"),
        ):
            post_entry(user, kind, amount)
        post_entry(user, "credit", "5", "eur")
        assert self.balances(user) == {
            "eur": [Decimal(5)],
            "usd": [Decimal("12345678.123455"), Decimal("-0.000001"), Decimal("0.3"), Decimal("0.1")],
        }
        ledger = read_ledger(user)
        for statement_ in ledger.statements:
            assert statement_.balance == LedgerEntry.objects.balance(user, statement_.currency)
        assert ledger.sums["usd"]["credit"] == (3, Decimal("12345678.423456"))

    def test_the_balance_is_right_although_only_the_newest_entries_are_shown(self, user, monkeypatch):
        monkeypatch.setattr(statement, "SHOWN_ENTRIES", 2)
        monkeypatch.setattr(statement, "_CHUNK", 3)
        for number in range(1, 8):
            post_entry(user, "credit", number)
        assert self.balances(user) == {"usd": [Decimal(28), Decimal(21)]}
        assert read_ledger(user).statements[0].is_cut
        assert read_ledger(user).is_complete

    def test_a_whole_number_of_chunks_is_complete(self, user, monkeypatch):
        monkeypatch.setattr(statement, "_CHUNK", 2)
        for _ in range(4):
            post_entry(user, "credit", "1")
        assert read_ledger(user, limit=4).is_complete
        assert self.balances(user)["usd"][0] == 4

    def test_a_balance_that_would_be_wrong_is_not_shown(self, user, monkeypatch):
        monkeypatch.setattr(customer_page, "SUMMED_ENTRIES", 2)
        for _ in range(3):
            post_entry(user, "credit", "1.11")
        ledger = read_ledger(user, limit=2)
        assert not ledger.is_complete
        assert self.balances(user, limit=2) == {"usd": [None, None]}
        page = shown(user, *ALL_PARTS)
        assert "The user has more than 2 ledger entries." in page
        assert 'href="?entries=all"' in page
        asked = browser_of(*ALL_PARTS).get(url_of(user), {"entries": "all"}).content.decode().replace("\xa0", " ")
        assert "3.33 USD" in asked
        assert "more than" not in asked

    def test_the_entries_of_other_users_are_not_counted(self, user, django_user_model):
        post_entry(django_user_model.objects.create_user("other"), "credit", "5")
        assert read_ledger(user).statements == []


class TestFreezing:
    def ask(self, browser, user, action="freeze"):
        return browser.get(url_of(user, f"{action}/"))

    def send(self, browser, user, seen, action="freeze", note="Stolen account"):
        return browser.post(url_of(user, f"{action}/"), {"seen": seen, "note": note})

    def test_an_operator_freezes_and_unfreezes_a_user_with_a_reason(self, user):
        browser = browser_of("freeze_user", "view_deposit")
        answer = self.send(browser, user, self.ask(browser, user).context["seen"])
        assert answer.url == url_of(user)
        assert messages_of(browser, answer) == ["alice is frozen now."]
        freeze = Freeze.objects.get()
        assert (freeze.user, freeze.by, freeze.reason) == (user, browser.user, "Stolen account")

        asked = self.ask(browser, user, "unfreeze")
        assert "Stolen account" in asked.content.decode()
        answer = self.send(browser, user, asked.context["seen"], "unfreeze", "The user has called")
        assert messages_of(browser, answer) == ["alice is not frozen any more."]
        assert not players.is_frozen(user)

        logged = LogEntry.objects.filter(user=browser.user).order_by("pk")
        assert [(entry.get_edited_object(), entry.get_change_message()) for entry in logged] == [
            (user, "Frozen: Stolen account"),
            (user, "Unfrozen: The user has called"),
        ]

    def test_a_form_that_is_sent_twice_changes_nothing_the_second_time(self, user):
        browser = browser_of("freeze_user", "view_deposit")
        seen = self.ask(browser, user).context["seen"]
        self.send(browser, user, seen)
        before = Freeze.objects.values().get()
        answer = self.send(browser, user, seen, note="another reason")
        assert "has changed since you looked at it" in messages_of(browser, answer)[-1]
        assert Freeze.objects.values().get() == before
        assert LogEntry.objects.count() == 1

    def test_an_old_page_does_not_unfreeze_a_user_who_was_frozen_again(self, user):
        browser = browser_of("freeze_user", "view_deposit")
        players.freeze(user, by=None, reason="first")
        seen = self.ask(browser, user, "unfreeze").context["seen"]
        players.unfreeze(user)
        players.freeze(user, by=None, reason="second")
        self.send(browser, user, seen, "unfreeze")
        assert Freeze.objects.get().reason == "second"
        assert not LogEntry.objects.exists()

    @pytest.mark.parametrize("seen", ["", "0" * 32])
    def test_a_forged_form_changes_nothing(self, user, seen):
        self.send(browser_of("freeze_user"), user, seen)
        assert not players.is_frozen(user)

    @pytest.mark.parametrize("note", ["", "   "])
    def test_a_reason_is_required(self, user, note):
        browser = browser_of("freeze_user")
        answer = self.send(browser, user, self.ask(browser, user).context["seen"], note=note)
        assert answer.context["form"].errors
        assert not players.is_frozen(user)

    def test_without_the_permission_nothing_is_shown_or_changed(self, user):
        seen = self.ask(browser_of("freeze_user"), user).context["seen"]
        browser = browser_of(*ALL_PARTS, "buy_skins", "settle_purchase")
        assert self.ask(browser, user).status_code == 403
        assert self.send(browser, user, seen).status_code == 403
        assert not players.is_frozen(user)

    def test_a_user_who_is_frozen_already_is_not_asked_about(self, player):
        browser = browser_of("freeze_user")
        answer = self.ask(browser, player)
        assert answer.url == list_url("freeze")
        assert messages_of(browser, answer) == ["player is frozen already."]

    def test_a_post_without_a_csrf_token_is_refused(self, user):
        browser = browser_of("freeze_user")
        seen = self.ask(browser, user).context["seen"]
        browser.handler.enforce_csrf_checks = True
        assert self.send(browser, user, seen).status_code == 403
        assert not players.is_frozen(user)


class TestLinksFromRows:
    @pytest.mark.parametrize("model", ["deposit", "purchase", "ledgerentry", "freeze", "steamprofile"])
    def test_every_list_and_page_of_rows_leads_to_the_user(self, player, model):
        rows = {
            "deposit": player.skinsback_deposits,
            "purchase": player.skinsback_purchases,
            "ledgerentry": player.skinsback_entries,
            "freeze": Freeze.objects,
            "steamprofile": SteamProfile.objects,
        }
        row = rows[model].first()
        with_link = browser_of(f"view_{model}", "view_deposit")
        for url in (list_url(model), page_url(row)):
            assert f'href="{url_of(player)}"' in with_link.get(url).content.decode(), url
        if model not in {"deposit", "purchase"}:
            without = browser_of(f"view_{model}")
            for url in (list_url(model), page_url(row)):
                assert url_of(player) not in without.get(url).content.decode(), url

    @pytest.mark.parametrize("model", ["freeze", "steamprofile"])
    def test_the_lists_still_lead_to_the_pages_of_their_rows(self, player, model):
        row = Freeze.objects.get() if model == "freeze" else SteamProfile.objects.get()
        page = browser_of(f"view_{model}", "view_deposit").get(list_url(model)).content.decode()
        assert f'href="{page_url(row)}"' in page


class TestMixin:
    @pytest.fixture
    def user_admin(self, settings):
        class SiteUserAdmin(CustomerLinkMixin, UserAdmin):
            pass

        site = admin.site
        stock = site.get_model_admin(get_user_model())
        site.unregister(get_user_model())
        site.register(get_user_model(), SiteUserAdmin)
        urlpatterns = [path("admin/", site.urls), path("skinsback/", include("django_skinsback.urls"))]
        settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": urlpatterns})
        yield site.get_model_admin(get_user_model())
        site.unregister(get_user_model())
        site.register(get_user_model(), type(stock))

    def browser(self, *permissions):
        browser = browser_of(*permissions)
        browser.user.user_permissions.add(
            *Permission.objects.filter(codename__in=["view_user", "change_user", "add_user"])
        )
        return browser

    @pytest.mark.usefixtures("user_admin")
    @pytest.mark.parametrize("permission", ["view_deposit", "view_purchase"])
    def test_the_list_and_the_page_of_a_user_lead_to_the_customer_page(self, user, permission):
        browser = self.browser(permission)
        for url in ("/admin/auth/user/", f"/admin/auth/user/{user.pk}/change/"):
            assert f'href="{url_of(user)}"' in browser.get(url).content.decode(), url

    @pytest.mark.usefixtures("user_admin")
    def test_without_a_permission_there_is_no_link(self, user):
        browser = self.browser("view_ledgerentry")
        for url in ("/admin/auth/user/", f"/admin/auth/user/{user.pk}/change/"):
            page = browser.get(url).content.decode()
            assert url_of(user) not in page
            assert "skinsback_customer" not in page

    @pytest.mark.usefixtures("user_admin")
    def test_the_pages_that_add_and_change_a_user_still_work(self, user):
        browser = self.browser("view_deposit")
        assert browser.get("/admin/auth/user/add/").status_code == 200
        page = browser.get(f"/admin/auth/user/{user.pk}/change/")
        form = page.context["adminform"].form
        data = {name: form.initial.get(name) or "" for name in form.fields}
        data |= {"first_name": "Alice", "date_joined_0": "2026-01-01", "date_joined_1": "12:00:00"}
        del data["password"], data["user_permissions"], data["groups"]
        assert browser.post(f"/admin/auth/user/{user.pk}/change/", data).status_code == 302
        user.refresh_from_db()
        assert user.first_name == "Alice"

    def test_it_works_with_any_model_admin(self, user, operator):
        class Plain(CustomerLinkMixin, admin.ModelAdmin):
            fields = ("first_name",)

        request = RequestFactory().get("/")
        request.user = operator
        plain = Plain(get_user_model(), admin.site)
        assert plain.get_list_display(request) == ["__str__", "skinsback_customer"]
        assert url_of(user) in plain.skinsback_customer(user)
        assert plain.get_form(request, user).base_fields.keys() == {"first_name"}
