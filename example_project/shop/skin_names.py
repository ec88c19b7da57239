"""Market hash names: ``AK-47 | Safari Mesh (Minimal Wear)``."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"(?:(?P<kind>.+?) \| )?(?P<finish>.+?)(?: \((?P<wear>[^()]+)\))?")


@dataclass(frozen=True, slots=True)
class SkinName:
    """``kind`` and ``wear`` are empty where a game does without them."""

    kind: str
    finish: str
    wear: str


def read(market_hash_name: str) -> SkinName:
    """Any text is a name; what has no parts is all finish."""
    found = _NAME.fullmatch(market_hash_name)
    if found is None:
        return SkinName("", market_hash_name, "")
    return SkinName(found["kind"] or "", found["finish"], found["wear"] or "")
