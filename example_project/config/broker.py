"""A Celery broker of plain folders for the demo: kombu's ``filesystem`` transport with atomic writes.

Kombu's transport opens the file of a message before it writes it, so a worker may read half of the message and crash.
"""

from pathlib import Path
from time import monotonic_ns
from typing import Any
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

SCHEME = "folders"


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: dict[str, Any], **_options: Any) -> None:
        """Write a message. Its file name begins with the time, because messages are read in order of their names."""
        folder = Path(self.data_folder_out)
        name = f"{monotonic_ns():020}_{uuid4()}.{queue}.msg"
        draft = folder / f"{name}.draft"
        draft.write_text(dumps(payload))
        draft.rename(folder / name)


class Transport(filesystem.Transport):
    Channel = Channel


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
