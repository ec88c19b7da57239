"""Samples of what SkinsBack sends: ``<case>/body``, ``headers.json`` where there are headers, ``origin.md``."""

import json
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
CLIENT_ID = "1"
SECRET = "123"
"""The keys that the samples of notifications and events are signed with."""


@dataclass(frozen=True)
class Sample:
    """One message as it came over the wire."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")


def load(case: str) -> Sample:
    """The sample in the folder ``case``."""
    headers = FOLDER / case / "headers.json"
    return Sample(
        body=(FOLDER / case / "body").read_bytes(),
        headers=json.loads(headers.read_text()) if headers.exists() else {},
    )


def cases() -> list[str]:
    """The names of all samples."""
    return sorted(path.parent.name for path in FOLDER.glob("*/body"))
