"""Pending deposits, and signed deliveries about them as WSGI requests."""

import io
import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_skinsback.models import Deposit
from django_skinsback.wire.signing import sign
from tests.wallet.models import Wallet

USERS = 1000
SKINS = ({"name": "AK-47 | Safari Mesh (Minimal Wear)", "price": "0.4"},)

OURS, PLAIN, VERIFY = "/skinsback/result/", "/plain/result/", "/plain/verify/"
VERIFY_AS_THE_PACKAGE = "/plain/verify/strictly/"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST."""

    path: str
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)

    def to(self, path: str) -> "Delivery":
        return Delivery(path, self.body, self.content_type, self.headers)

    def environ(self) -> dict[str, Any]:
        """Return the WSGI environment of this request."""
        headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        return {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": self.path,
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": self.content_type,
            "CONTENT_LENGTH": str(len(self.body)),
            "HTTP_HOST": "127.0.0.1",
            "HTTP_USER_AGENT": "SkinsBack",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            **headers,
        }

    def http(self) -> bytes:
        """Return the bytes of this request for a connection that is closed after the answer."""
        headers = {
            "Host": "127.0.0.1",
            "User-Agent": "SkinsBack",
            "Content-Type": self.content_type,
            "Content-Length": str(len(self.body)),
            "Connection": "close",
            **self.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body


def make_users(count: int = USERS) -> list[int]:
    """Create users with a wallet each and return their primary keys."""
    users = get_user_model()
    users.objects.bulk_create([users(username=f"user-{number}") for number in range(count)])
    keys = list(users.objects.order_by("pk").values_list("pk", flat=True))
    Wallet.objects.bulk_create([Wallet(user_id=key) for key in keys])
    return keys


def make_deposits(count: int, users: list[int]) -> list[Deposit]:
    """Create pending deposits that are three minutes old."""
    now = timezone.now()
    return Deposit.objects.bulk_create(
        [
            Deposit(
                user_id=users[number % len(users)],
                owner_id=str(users[number % len(users)]),
                order_id=uuid.uuid4().hex,
                transaction_id=uuid.uuid4().hex[:20],
                status="pending",
                game="cs2",
                pay_url="https://skinsback.com/pay",
                created_at=now - timedelta(minutes=3),
                next_poll_at=now + timedelta(minutes=2),
            )
            for number in range(count)
        ],
        batch_size=1000,
    )


def credit(
    deposit: Deposit, *, form: bool = False, secret: str | None = None, skins: Sequence[dict[str, str]] = SKINS
) -> Delivery:
    """Return a signed ``success`` notification. A form has no nested fields, because the plain view reads none."""
    message: dict[str, Any] = {
        "status": "success",
        "transaction_id": deposit.transaction_id,
        "order_id": deposit.order_id,
        "steam_id": "76561198827262007",
        "date": "1596999226",
        "amount": "10.5",
        "amount_currency": "usd",
        "user_amount": "12.6",
        "offer_date": "1596999230",
        "skins_send_date": "1596999290",
    }
    if not form:
        message |= {
            "amount_in_currencies": {"usd": "10.5", "rub": "945"},
            "user_amount_in_currencies": {"usd": "12.6"},
            "skins": list(skins),
        }
    message["sign"] = sign(message, secret or settings.SKINSBACK["CLIENT_SECRET"])
    if form:
        return Delivery(OURS, urlencode(message).encode(), FORM)
    return Delivery(OURS, json.dumps(message, ensure_ascii=False).encode())


class Site:
    """The site of all contestants, called in this process through WSGI."""

    def __init__(self) -> None:
        from django.core.wsgi import get_wsgi_application

        self._application = get_wsgi_application()

    def call(self, environ: dict[str, Any]) -> str:
        """Return the status line of the answer."""
        statuses: list[str] = []
        answer = self._application(environ, lambda status, _headers: statuses.append(status))
        for _chunk in answer:
            pass
        answer.close()
        return statuses[0]

    def sender(self, deliveries: Iterable[Delivery], expected: str = "200 OK") -> Callable[[], None]:
        """Return a function that sends the next delivery. The requests are built before the measurement."""
        waiting = iter([delivery.environ() for delivery in deliveries])

        def send() -> None:
            status = self.call(next(waiting))
            if status != expected:
                raise AssertionError(f"Answered {status} instead of {expected}.")

        return send
