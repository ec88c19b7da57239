"""URLs of the site with an admin."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("skinsback/", include("django_skinsback.urls"))]
