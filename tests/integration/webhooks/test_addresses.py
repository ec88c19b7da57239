"""Absolute URLs of this site that are sent to SkinsBack."""

import pytest
from django.core.exceptions import DisallowedHost
from django.urls import include, path

from django_skinsback.exceptions import ConfigurationError, InvalidInput
from django_skinsback.flows.addresses import page_url, site_url, webhook_url

HOSTILE = "evil.example"


@pytest.fixture
def site(settings):
    """Set SITE_URL and DEBUG."""

    def set_url(url, *, debug=False):
        settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": url}
        settings.DEBUG = debug

    settings.ALLOWED_HOSTS = ["shop.example", "127.0.0.1", "localhost", "[::1]"]
    return set_url


@pytest.fixture
def request_from(rf):
    """Make a request with this Host header."""

    def make(host, *, secure=True):
        return rf.get("/deposit/", secure=secure, headers={"host": host})

    return make


def test_the_setting_is_used_before_the_request(site, request_from):
    site("https://shop.example")
    assert site_url() == site_url(request_from("127.0.0.1")) == "https://shop.example"


def test_the_setting_is_used_before_a_hostile_host(site, request_from):
    site("https://shop.example")
    assert site_url(request_from(HOSTILE)) == "https://shop.example"
    assert webhook_url("result", "default", request_from(HOSTILE)) == "https://shop.example/skinsback/result/"


@pytest.mark.parametrize("url", ["https://shop.example/", "https://shop.example/some/path?a=b", "HTTPS://shop.example"])
def test_only_scheme_and_host_of_the_setting_are_used(site, url):
    site(url)
    assert site_url() == "https://shop.example"


def test_without_the_setting_the_host_of_the_request_is_used(site, request_from):
    for nothing in (None, ""):
        site(nothing)
        assert site_url(request_from("shop.example")) == "https://shop.example"
        assert site_url(request_from("shop.example:8443")) == "https://shop.example:8443"


def test_without_the_setting_a_hostile_host_is_refused(site, request_from):
    site(None)
    for use in (site_url, lambda request: webhook_url("result", "default", request), lambda r: page_url("/done/", r)):
        with pytest.raises(DisallowedHost):
            use(request_from(HOSTILE))


def test_a_forwarded_host_is_ignored(site, rf):
    site(None)
    request = rf.get("/", secure=True, headers={"host": "shop.example", "x-forwarded-host": HOSTILE})
    assert site_url(request) == "https://shop.example"


def test_without_the_setting_and_a_request_there_is_no_address(site):
    site(None)
    assert site_url() is None
    assert webhook_url("result", "default") is None


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_http_is_accepted_on_this_machine(site, request_from, host):
    site(None)
    assert site_url(request_from(host, secure=False)) == f"http://{host}"
    site(f"http://{host}")
    assert site_url() == f"http://{host}"


def test_http_on_other_hosts_is_accepted_only_with_debug(site, request_from):
    for url, request in (("http://shop.example", None), (None, request_from("shop.example", secure=False))):
        site(url)
        with pytest.raises(ConfigurationError, match="SITE_URL"):
            site_url(request)
        site(url, debug=True)
        assert site_url(request) == "http://shop.example"


@pytest.mark.parametrize(
    "url",
    [
        "shop.example",
        "//shop.example",
        "ftp://shop.example",
        "https://",
        "https:///path",
        "javascript://shop.example",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
    ],
)
def test_a_setting_that_is_not_a_safe_url_is_refused(site, url):
    site(url)
    with pytest.raises(ConfigurationError):
        site_url()


def test_a_scheme_other_than_http_is_refused_with_debug_too(site):
    site("ftp://shop.example", debug=True)
    with pytest.raises(ConfigurationError):
        site_url()


@pytest.mark.parametrize(
    ("name", "account", "path"),
    [
        ("result", "default", "/skinsback/result/"),
        ("events", "default", "/skinsback/events/"),
        ("result", "second", "/skinsback/result/second/"),
        ("events", "second-shop_2", "/skinsback/events/second-shop_2/"),
    ],
)
def test_each_account_has_its_own_addresses(site, name, account, path):
    site("https://shop.example")
    assert webhook_url(name, account) == f"https://shop.example{path}"


def test_the_error_names_the_namespace_that_encloses_the_webhooks(site, settings):
    site("https://shop.example")
    inner = path("skinsback/", include("django_skinsback.urls"))
    settings.ROOT_URLCONF = type("Nested", (), {"urlpatterns": [path("shop/", include(([inner], "shop")))]})
    with pytest.raises(ConfigurationError, match=r"inside the URL namespace 'shop'.*root URLconf"):
        webhook_url("result", "default")


def test_the_error_names_the_include_that_is_missing_in_the_urlconf(site, settings):
    site("https://shop.example")
    settings.ROOT_URLCONF = type("Empty", (), {"urlpatterns": []})
    with pytest.raises(ConfigurationError, match=r"include\(\"django_skinsback.urls\"\)"):
        webhook_url("result", "default")


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("/done/", "https://shop.example/done/"),
        ("done/", "https://shop.example/done/"),
        ("/done/?order=1#paid", "https://shop.example/done/?order=1#paid"),
        ("?paid=1", "https://shop.example/?paid=1"),
        ("https://shop.example/done/", "https://shop.example/done/"),
    ],
)
def test_a_page_of_this_site_becomes_an_absolute_url(site, url, absolute):
    site("https://shop.example")
    assert page_url(url) == absolute


@pytest.mark.parametrize("rest", ["", "?paid=1", "#paid"])
def test_the_url_of_the_home_page_may_have_no_slash(site, rest):
    site("https://shop.example")
    assert page_url(f"https://shop.example{rest}") in {f"https://shop.example{rest}", f"https://shop.example/{rest}"}


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_page_gives_none(site, nothing):
    site(None)
    assert page_url(nothing) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example/",
        "\n//evil.example/",
        "http://shop.example/done/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://shop.example:8443/",
        "https://evil.example\\@shop.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://shop.example/",
    ],
)
def test_a_page_of_another_site_is_refused(site, url):
    site("https://shop.example")
    with pytest.raises(InvalidInput):
        page_url(url)


@pytest.mark.parametrize(
    "url", ["https:evil.example/x", "https:///evil.example/x", "\\\\evil.example", "/..//evil.example"]
)
def test_a_url_that_imitates_another_host_becomes_a_url_of_this_site(site, url):
    site("https://shop.example")
    assert page_url(url).startswith("https://shop.example/")


def test_a_page_without_the_setting_and_a_request_is_a_configuration_error(site, request_from):
    site(None)
    with pytest.raises(ConfigurationError, match="SITE_URL"):
        page_url("/done/")
    assert page_url("/done/", request_from("shop.example")) == "https://shop.example/done/"
