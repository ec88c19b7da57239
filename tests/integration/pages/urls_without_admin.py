"""The URLs of a site with the pages for users and without Django's admin."""

from django.urls import include, path

urlpatterns = [
    path("skinsback/", include("django_skinsback.urls")),
    path("skins/", include("django_skinsback.pages.urls")),
]
