"""A trade URL in the error reports of a request."""

import secrets

import pytest
from django.views.debug import ExceptionReporter

from django_skinsback import players

from .conftest import TRADE_URL

pytestmark = pytest.mark.django_db

TOKEN = secrets.token_urlsafe(6)  # not a constant: a report quotes the source of this file too


def broken(*args, **options):
    del args, options  # this frame is in the reports too
    raise RuntimeError("out of order")


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("function", ["set_trade_url", "get_profile"])
def test_a_report_of_an_error_does_not_show_the_trade_url(function, debug, caller, settings, monkeypatch):
    settings.DEBUG = debug
    body = {"body": {"trade_url": TRADE_URL.replace("i1ArBZey", TOKEN)}}
    caller.put("steam-profile/", **body)
    monkeypatch.setattr(players, function, broken)
    send = caller.get if function == "get_profile" else caller.put
    with pytest.raises(RuntimeError) as caught:
        send("steam-profile/", **({} if function == "get_profile" else body))
    frames = ExceptionReporter(None, caught.type, caught.value, caught.tb).get_traceback_data()["frames"]
    shown = [str(value) for frame in frames if "django_skinsback" in frame["filename"] for _, value in frame["vars"]]
    assert shown
    assert not [value for value in shown if TOKEN in value]
