"""Split market hash names such as ``AK-47 | Safari Mesh (Minimal Wear)`` into kind, finish and wear."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"(?:(?P<kind>.+?) \| )?(?P<finish>.+?)(?: \((?P<wear>[^()]+)\))?")


@dataclass(frozen=True, slots=True)
class SkinName:
    """The parts of a market hash name. ``kind`` and ``wear`` are "" if the name has no such part."""

    kind: str
    finish: str
    wear: str


def parse(market_hash_name: str) -> SkinName:
    """Return the parts of a name. If it cannot be split, ``finish`` is the whole name. Never raise an error."""
    found = _NAME.fullmatch(market_hash_name)
    if found is None:
        return SkinName("", market_hash_name, "")
    return SkinName(found["kind"] or "", found["finish"], found["wear"] or "")
