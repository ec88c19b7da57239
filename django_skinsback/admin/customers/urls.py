"""The URLs of the page of a user. They are below the URL of the deposits: ``/admin/skinsback/deposit/customer/…``."""

from functools import partial
from typing import Any

from django.urls import URLPattern, path

from ..base import without_transaction
from .freezing import freezing_view
from .page import customer_view


def customer_urls(model_admin: Any) -> list[URLPattern]:
    """Return the URL patterns of the page of a user, and of the pages that freeze and unfreeze the user."""
    views = {
        "": ("customer", partial(customer_view, model_admin=model_admin)),
        "freeze/": ("freeze", partial(freezing_view, model_admin=model_admin, action="freeze")),
        "unfreeze/": ("unfreeze", partial(freezing_view, model_admin=model_admin, action="unfreeze")),
    }
    return without_transaction(
        [
            path(
                f"customer/<str:user_pk>/{end}",
                model_admin.admin_site.admin_view(view),
                name=f"skinsback_deposit_{name}",
            )
            for end, (name, view) in views.items()
        ]
    )
