"""A simulated SkinsBack on localhost, to test a site without an account: ``python -m django_skinsback.sandbox``.

Other code uses ``Sandbox``, its ``Options``, the public keys and ``Impossible``, which ``Sandbox`` raises. The sandbox
needs the extra ``sandbox`` and imports no Django. Folders: ``simulation``, ``api``, ``webhooks``, ``web``.
"""

from typing import TYPE_CHECKING, Any

from .keys import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from .options import Options
    from .sandbox import Sandbox
    from .simulation.store import Impossible

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "Impossible", "Options", "Sandbox"]


def __getattr__(name: str) -> Any:
    # Imported late: reading the keys must work without the extra.
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
