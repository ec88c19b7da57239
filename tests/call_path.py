"""Counts the package's own functions that run for a webhook delivery and for a purchase.

``python -m tests.call_path`` prints the figures, and with ``--list`` the functions in the order of their calls. Not
counted: ``conf``, ``money``, the readers, fields and signing of ``wire``, the fields of the models, the database
helpers of the ledger, and the sandbox.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

PACKAGE = Path(__file__).parents[1] / "django_skinsback"
NOT_COUNTED = {
    "conf.py",
    "money.py",
    "wire/readers.py",
    "wire/fields.py",
    "models/fields.py",
    "wire/signing.py",
    "flows/ledger/database.py",
}
TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


class Call(NamedTuple):
    """One call of a function of the package."""

    file: str
    function: str


class Recorder:
    """A profile function that keeps the calls of the package's functions, in their order.

    A generator that is resumed counts as a call again. Comprehensions, generator expressions and lambdas do not count.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._known: dict[CodeType, Call | None] = {}

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in self._known:
            self._known[code] = counted_call(code)
        call = self._known[code]
        if call is not None:
            self.calls.append(call)


def counted_call(code: CodeType) -> Call | None:
    """The call that this code stands for; None if it does not count."""
    path = Path(code.co_filename)
    if code.co_name.startswith("<") or not path.is_relative_to(PACKAGE):
        return None
    file = path.relative_to(PACKAGE).as_posix()
    return None if file in NOT_COUNTED or file.startswith("sandbox/") else Call(file, code.co_qualname)


@contextmanager
def recorded(recorder: Recorder) -> Iterator[None]:
    before = sys.getprofile()
    sys.setprofile(recorder)
    try:
        yield
    finally:
        sys.setprofile(before)


def count_functions(calls: list[Call]) -> int:
    return len(set(calls))


def count_files(calls: list[Call]) -> int:
    return len({call.file for call in calls})


def count_file_changes(calls: list[Call]) -> int:
    """How often a call is in another file than the call before it."""
    return sum(before.file != after.file for before, after in pairwise(calls))


def credit_calls(client: Any, user: Any) -> list[Call]:
    """The calls from the webhook view to ``entry_posted``, for a signed notification that credits a deposit."""
    from django_skinsback.signals import entry_posted
    from django_skinsback.testing import make_deposit, post_notification, signed_notification

    def deliver() -> list[Call]:
        recorder, calls = Recorder(), []

        def stop(**_kwargs: object) -> None:
            calls.extend(recorder.calls)

        message = signed_notification(make_deposit(user=user))
        entry_posted.connect(stop)
        try:
            with recorded(recorder):
                response = post_notification(client, message)
        finally:
            entry_posted.disconnect(stop)
        assert response.status_code == 200
        view = next(number for number, call in enumerate(calls) if call == Call("views.py", "WebhookView.post"))
        return calls[view:]

    return after_warm_up(deliver)


def purchase_calls(sandbox: Any, user: Any) -> list[Call]:
    """The calls of ``buy`` with a charge, of ``submit``, and of one poll that finds the purchase accepted."""
    from django_skinsback import purchases
    from django_skinsback.connection import get_client
    from django_skinsback.flows.polling.purchases import poll_purchases

    skin = min(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)

    def buy() -> list[Call]:
        recorder = Recorder()
        with recorded(recorder):
            purchase = purchases.submit(
                purchases.buy(
                    user=user,
                    trade_url=TRADE_URL,
                    market_hash_name=skin.market_hash_name,
                    game="rust",
                    max_price=Decimal(1000),
                    charge=skin.price,
                    charge_currency="usd",
                )
            )
        sandbox.clock.advance(minutes=10)
        later: datetime = purchase.updated_at + timedelta(minutes=10)
        with recorded(recorder):
            poll_purchases(now=later)
        purchase.refresh_from_db()
        assert purchase.status == "accepted", purchase.status
        return recorder.calls

    return after_warm_up(buy)


def after_warm_up(measure: Callable[[], list[Call]]) -> list[Call]:
    """Measure twice and return the second result: the first run imports modules and fills caches."""
    measure()
    return measure()


def main() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.support.memory_settings"
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client, override_settings

    from django_skinsback.testing import SiteSandbox, allow_sandbox_secret
    from tests.wallet.models import Wallet

    call_command("migrate", verbosity=0)
    user = get_user_model().objects.create_user("alice")
    Wallet.objects.create(user=user, balance=1000)
    allow_sandbox_secret()
    with SiteSandbox() as sandbox:
        keys = {"API_URL": sandbox.api_url, "ACCOUNTS": {}, **sandbox.credentials()}
        with override_settings(SKINSBACK={**settings.SKINSBACK, **keys}, ALLOWED_HOSTS=["*"]):
            credit, purchase = credit_calls(Client(), user), purchase_calls(sandbox, user)

    figures = f"{count_functions(credit)} functions in {count_files(credit)} files"
    print(f"From the webhook view to the ledger entry: {figures}, {count_file_changes(credit)} changes of file")
    print(f"From buy over submit to the poll that finds it accepted: {count_file_changes(purchase)} changes of file")
    if "--list" in sys.argv[1:]:
        for title, calls in (("Webhook", credit), ("Purchase", purchase)):
            print(f"\n{title}")
            for call in calls:
                print(f"  {call.file:34} {call.function}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
