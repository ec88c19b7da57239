"""Searches for deliveries that break an invariant, guided by coverage: ``python -m tests.fuzz [-max_total_time=60] …``.

The options are those of libFuzzer. Failing inputs are written to the current folder; ``python -m tests.fuzz FILE``
runs one again. It needs atheris, which is not in the development environment: ``pip install atheris``.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
os.environ["TEST_DATABASE"] = "sqlite"

try:
    import atheris
except ImportError:
    sys.exit("This needs atheris: .venv/bin/python -m pip install atheris")

with atheris.instrument_imports(include=["django_skinsback", "urllib.parse", "json"]):
    import django

    django.setup()

    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection

    from tests.fuzz import delivery, mutation

KINDS = ("unsigned", "signed", "signed as PHP does", "event")
TYPES = (delivery.JSON, delivery.FORM)


def first_byte(kind: str, content_type: str) -> bytes:
    """Return the first byte of an input. It selects how the rest is signed and sent."""
    return bytes([KINDS.index(kind) + len(KINDS) * TYPES.index(content_type)])


def target(user: User) -> Callable[[bytes], None]:
    """Return the function that delivers one input and raises if an invariant is broken."""

    def one_input(data: bytes) -> None:
        chosen, body = data[0] if data else 0, data[1:]
        kind, content_type = KINDS[chosen % len(KINDS)], TYPES[chosen // len(KINDS) % len(TYPES)]
        if kind == "unsigned":
            delivery.deliver_unsigned(delivery.Delivery(body, content_type))
        elif kind == "event":
            headers = delivery.signed_event(body)
            delivery.deliver_signed(delivery.Delivery(body, content_type, delivery.EVENTS, headers=headers), user)
        elif (signed := delivery.signed(body, content_type, as_php=kind != "signed")) is not None:
            delivery.deliver_signed(delivery.Delivery(signed, content_type), user)

    return one_input


def write_seeds(folder: Path) -> None:
    """Write the samples for each kind of signature as the first corpus."""
    notifications, events = (
        mutation.unsigned([sample.body for sample in samples])
        for samples in (mutation.NOTIFICATIONS, mutation.EVENT_SAMPLES)
    )
    for kind in KINDS:
        for number, body in enumerate(events if kind == "event" else notifications):
            content_type = delivery.JSON if body.lstrip().startswith(b"{") else delivery.FORM
            (folder / f"{kind}-{number}").write_bytes(first_byte(kind, content_type) + body)


def main() -> None:
    logging.disable()
    connection.settings_dict["NAME"] = ":memory:"
    call_command("migrate", verbosity=0)
    user = User.objects.create(username="alice")
    with tempfile.TemporaryDirectory() as folder:
        write_seeds(Path(folder))
        arguments = sys.argv[1:]
        corpus = [] if any(Path(each).exists() for each in arguments) else [folder]
        atheris.Setup([sys.argv[0], "-max_len=4096", *corpus, *arguments], target(user))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
