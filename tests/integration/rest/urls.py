"""A site that serves the API, the webhooks, and a page in two languages."""

from django.urls import include, path

urlpatterns = [
    path("api/", include("django_skinsback.rest.urls")),
    path("skinsback/", include("django_skinsback.urls")),
]
