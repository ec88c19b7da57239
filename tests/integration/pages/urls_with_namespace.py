"""The URLs of a site that includes the pages in a namespace of its own."""

from django.urls import include, path

urlpatterns = [
    path("skinsback/", include("django_skinsback.urls")),
    path("trade/", include("django_skinsback.pages.urls", namespace="trade")),
]
