"""A simulated SkinsBack on localhost, to test a site without an account: ``python -m django_skinsback.sandbox``.

The public names are ``Sandbox``, ``Options``, the keys ``CLIENT_ID`` and ``CLIENT_SECRET``, and the exception
``Impossible``. The sandbox needs the extra ``sandbox`` and does not import Django.
"""

from typing import TYPE_CHECKING, Any

from .keys import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from .options import Options
    from .sandbox import Sandbox
    from .simulation.store import Impossible

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "Impossible", "Options", "Sandbox"]


def __getattr__(name: str) -> Any:
    # Imported on first use, because the keys must be readable without the extra.
    if name == "Sandbox":
        from .sandbox import Sandbox

        return Sandbox
    if name == "Options":
        from .options import Options

        return Options
    if name == "Impossible":
        from .simulation.store import Impossible

        return Impossible
    raise AttributeError(name)
