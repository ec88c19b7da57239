"""The shop's addresses, the admin's, and the two that SkinsBack calls."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("example_project.shop.urls")),
    path("admin/", admin.site.urls),
    path("skinsback/", include("django_skinsback.urls")),
]
