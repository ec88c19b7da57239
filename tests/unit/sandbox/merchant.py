"""A merchant's server, in place of HTTP."""

import hashlib
import hmac
import json
from urllib.parse import parse_qsl

from django_skinsback.sandbox import CLIENT_SECRET, Options, Sandbox
from tests.unit.sandbox import call

RESULT_URL, EVENTS_URL = "https://shop.example/result/", "https://shop.example/events/"


class Merchant:
    """The merchant's server: it records the deliveries and returns the statuses in ``answers``, then 200."""

    def __init__(self):
        self.received = []
        self.answers = []

    def __call__(self, url, body, headers):
        self.received.append((url, body, headers))
        return self.answers.pop(0) if self.answers else 200

    def deposits(self):
        """The fields of every Result URL notification that came as a form."""
        return [
            dict(parse_qsl(body.decode(), keep_blank_values=True))
            for url, body, _ in self.received
            if url == RESULT_URL
        ]

    def statuses(self):
        """The status in every Result URL notification."""
        return [fields["status"] for fields in self.deposits()]

    def events(self):
        """Every event webhook."""
        return [json.loads(body) for url, body, _ in self.received if url == EVENTS_URL]


def start(merchant, **options):
    """A sandbox with one deposit that sends its notifications to the merchant."""
    sandbox = Sandbox(manual=True, send=merchant, result_url=RESULT_URL, options=Options(**options))
    call(sandbox, "create", order_id="1")
    return sandbox


def hmac_sha1(pairs):
    """The documented signature of a form's scalars."""
    text = "".join(f"{key}:{value};" for key, value in sorted(pairs) if "[" not in key and key != "sign")
    return hmac.new(CLIENT_SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()
