"""Addresses of pages of the admin. A page that the admin site does not have has no address."""

from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse


def page_url(name: str, current_app: str | None, *args: Any, **query: str) -> str:
    """Return the address of the admin page ``name`` with these query parameters, or "" if there is no such page.

    ``current_app`` is the name of the admin site.
    """
    try:
        url = reverse(f"admin:{name}", args=args, current_app=current_app)
    except NoReverseMatch:
        return ""
    return f"{url}?{urlencode(query)}" if query else url


def list_url(model_name: str, current_app: str | None, **query: str) -> str:
    """Return the address of the list of a model, or "" if the model is not in the admin site."""
    return page_url(f"skinsback_{model_name}_changelist", current_app, **query)
