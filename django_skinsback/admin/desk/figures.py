"""The figures of the desk: today, 7 and 30 days."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest


def figures_context(request: HttpRequest, accounts: Sequence[str]) -> dict[str, Any]:
    """Return the context of the figures. Its keys begin with ``figures_``."""
    return {}
