"""Logged-in clients of staff users with given permissions, and helpers for requests to the admin."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

VIEW_ALL = [
    f"view_{model}"
    for model in (
        "deposit",
        "discrepancy",
        "purchase",
        "ledgerentry",
        "statuschange",
        "webhookevent",
        "marketitem",
        "balancesnapshot",
    )
]


def browser_of(*permissions, superuser=False):
    """Return a test client, logged in as a staff user with exactly these permissions of the package."""
    users = get_user_model().objects
    name = f"staff{users.count()}"
    user = users.create_user(name, is_staff=True, is_superuser=superuser)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="skinsback", codename__in=permissions))
    client = Client()
    client.force_login(user)
    client.user = user
    return client


def list_url(model):
    return reverse(f"admin:skinsback_{model}_changelist")


def page_url(row):
    return reverse(f"admin:skinsback_{row._meta.model_name}_change", args=[row.pk])


def act(client, action, *rows, **fields):
    """POST an action for these rows, as the list or its confirmation page does."""
    data = {"action": action, "_selected_action": [row.pk for row in rows], **fields}
    return client.post(list_url(rows[0]._meta.model_name), data)


def messages_of(client, response):
    """Return the messages on the next page."""
    page = client.get(response.url) if response.status_code == 302 else response
    return [str(message) for message in page.context["messages"]]


def seen_on(page):
    """Return the hidden ``seen`` fields of a confirmation page."""
    return [f"{each['row'].pk}:{each['seen']}" for each in page.context["rows"]]
