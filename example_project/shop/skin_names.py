"""Splits market hash names such as ``AK-47 | Safari Mesh (Minimal Wear)`` into their parts."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"(?:(?P<kind>.+?) \| )?(?P<finish>.+?)(?: \((?P<wear>[^()]+)\))?")


@dataclass(frozen=True, slots=True)
class SkinName:
    """``kind`` and ``wear`` are empty if the name has no such part."""

    kind: str
    finish: str
    wear: str


def parse(market_hash_name: str) -> SkinName:
    """Return the parts of a name. A name without parts is all ``finish``; no text raises an error."""
    found = _NAME.fullmatch(market_hash_name)
    if found is None:
        return SkinName("", market_hash_name, "")
    return SkinName(found["kind"] or "", found["finish"], found["wear"] or "")
