"""A pretend SkinsBack on localhost: run and test a site without an account. ``python -m django_skinsback.sandbox``.

It needs the extra ``sandbox``. Nothing here knows Django.
"""

from typing import TYPE_CHECKING, Any

from .keys import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from .options import Options
    from .sandbox import Sandbox

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "Options", "Sandbox"]


def __getattr__(name: str) -> Any:
    # The keys are wanted where werkzeug is not installed.
    if name == "Sandbox":
        from .sandbox import Sandbox

        return Sandbox
    if name == "Options":
        from .options import Options

        return Options
    raise AttributeError(name)
