"""Settings modules of different sites, all built on ``tests.settings``."""

import os
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

from tests import settings


def database(name: str) -> dict[str, Any]:
    """Return the database settings with a test name of its own, so that runs at the same time do not collide."""
    chosen = deepcopy(settings.DATABASES["default"])
    own = f"skinsback_{name}_{os.environ.get('TEST_HOST_SUFFIX', 'main')}"
    if settings.DATABASE == "sqlite":
        own = str(Path(tempfile.gettempdir(), f"{own}.sqlite3"))
    chosen["TEST"] = {**chosen.get("TEST", {}), "NAME": own}
    return chosen
