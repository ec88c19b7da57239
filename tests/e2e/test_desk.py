"""The desk and the lists of its queues in a browser: readable for everyone, on a wide screen and on a phone."""

from importlib.resources import files

import pytest

from tests.e2e.test_admin_lists import CUT_COLUMNS, opened
from tests.integration.desk.rows import make_everything
from tests.support.admin_staff import browser_of, list_url

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]

AXE = files("axe_playwright_python") / "axe.min.js"
SERIOUS_FAULTS = """async () => {
    const {violations} = await axe.run("#content", {resultTypes: ["violations"]});
    const serious = violations.filter(({impact}) => ["serious", "critical"].includes(impact));
    return serious.map(({id, nodes}) => `${id}: ${nodes.map(({target}) => target).join(", ")}`);
}"""
TOO_WIDE = "() => document.documentElement.scrollWidth - window.innerWidth"


@pytest.mark.parametrize("is_calm", [False, True], ids=["busy", "calm"])
def test_the_desk_has_no_serious_fault_for_screen_readers_and_fits_every_screen(is_calm, user):
    if not is_calm:
        make_everything(user)
    desk = list_url("desk")
    pages = {desk: browser_of(superuser=True).get(desk).content}

    found = {}
    with opened(pages) as page:
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.goto(desk)
                page.add_script_tag(path=AXE)
                assert page.get_by_role("heading", name="What needs me").is_visible()
                found[width, scheme] = [*page.evaluate(SERIOUS_FAULTS), *[page.evaluate(TOO_WIDE)]]

    assert set(map(tuple, found.values())) == {(0,)}, found


def test_the_first_screen_shows_what_needs_the_operator_and_the_balance(user):
    make_everything(user)
    desk = list_url("desk")
    pages = {desk: browser_of(superuser=True).get(desk).content}

    with opened(pages) as page:
        page.goto(desk)
        shown = [
            box.bounding_box()["y"]
            for box in (
                page.get_by_text("discrepancy is open"),
                page.get_by_text("155.55"),
                page.get_by_text("Reserved for purchases").first,
            )
        ]

    assert max(shown) < 900


QUEUES = {
    "deposit": "holds",
    "purchase": "review",
    "webhookevent": "deliveries",
    "discrepancy": "discrepancies",
}


def test_no_list_of_a_queue_cuts_what_to_do(user):
    make_everything(user)
    client = browser_of(superuser=True)
    pages = {list_url(model): client.get(list_url(model), {"queue": queue}).content for model, queue in QUEUES.items()}

    cut = {}
    with opened(pages) as page:
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for url in pages:
                page.goto(url)
                assert page.locator(".skinsback-advice").count() == 1
                cut[width, url] = page.evaluate(CUT_COLUMNS)

    assert not any(cut.values()), cut
