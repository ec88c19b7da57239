"""A Celery broker for the demo that stores messages as files: kombu's ``filesystem`` transport with atomic writes.

Kombu's own transport creates the file before it writes the message. A worker can read half of a message and crash.
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
        """Write the message to a draft file and rename it, so that a worker never reads half of a message.

        The file name begins with a time, because messages are read in the order of their file names.
        """
        folder = Path(self.data_folder_out)
        name = f"{monotonic_ns():020}_{uuid4()}.{queue}.msg"
        draft = folder / f"{name}.draft"
        draft.write_text(dumps(payload))
        draft.rename(folder / name)


class Transport(filesystem.Transport):
    Channel = Channel


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
