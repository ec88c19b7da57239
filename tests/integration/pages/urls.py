"""The URLs of a site with the pages for users."""

from django.urls import include, path

from tests.urls import urlpatterns as other_urls

urlpatterns = [*other_urls, path("skins/", include("django_skinsback.pages.urls"))]
