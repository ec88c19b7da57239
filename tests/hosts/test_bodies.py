"""Request bodies as other servers and other middleware pass them to Django."""

from io import BytesIO
from urllib.parse import urlencode

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.urls import resolve, reverse

from django_skinsback.models import LedgerEntry
from django_skinsback.testing import make_deposit, signed_notification

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def body(user):
    return urlencode(signed_notification(make_deposit(user=user))).encode()


def answer(request):
    view = resolve(request.path)
    return view.func(request, *view.args, **view.kwargs)


def test_row_76_the_form_can_be_read_after_the_view(rf, body):
    request = rf.post(reverse("skinsback:result"), body, content_type=FORM)

    assert answer(request).status_code == 200
    assert request.body == body
    assert request.POST["status"] == "success"
    assert LedgerEntry.objects.count() == 1


def test_the_body_can_be_read_before_and_after_the_view(rf, body):
    request = rf.post(reverse("skinsback:result"), body, content_type=FORM)

    assert request.body == body
    assert answer(request).status_code == 200
    assert request.body == body


def test_a_body_that_middleware_has_read_stays_readable_even_if_it_is_too_large(rf):
    request = rf.post(reverse("skinsback:result"), b"a" * 300_000, content_type=FORM)

    assert len(request.body) == 300_000
    assert answer(request).status_code == 413
    assert len(request.body) == 300_000


def test_a_body_in_chunks_that_middleware_could_not_read_is_read(rf, body):
    """As under gunicorn: Django believes that a body without a length is empty."""
    request = rf.post(reverse("skinsback:result"), body, content_type=FORM)
    del request.META["CONTENT_LENGTH"]
    request.META |= {"wsgi.input": BytesIO(body), "wsgi.input_terminated": True}
    request._body, request._stream = b"", BytesIO()

    assert answer(request).status_code == 200
    assert request.body == body


def test_a_server_that_does_not_end_the_stream_is_not_waited_for(rf, body):
    """Where the server does not say so, reading a stream without a length may never end."""
    request = rf.post(reverse("skinsback:result"), body, content_type=FORM)
    request.META |= {"CONTENT_LENGTH": "", "wsgi.input": None}
    request._stream = BytesIO()

    assert answer(request).status_code == 403


def test_a_body_without_a_length_is_accepted_under_asgi(body):
    scope = {
        "type": "http",
        "method": "POST",
        "path": reverse("skinsback:result"),
        "query_string": b"",
        "headers": [(b"host", b"shop.example"), (b"content-type", FORM.encode())],
    }
    request = ASGIRequest(scope, BytesIO(body))

    assert answer(request).status_code == 200
    assert request.body == body


def test_the_body_is_not_kept_once_the_answer_was_sent(rf, body):
    request = rf.post(reverse("skinsback:result"), body, content_type=FORM)

    answer(request).close()

    assert request.body == b""
