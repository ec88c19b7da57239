"""URLs of all contestants."""

from django.apps import apps
from django.urls import include, path

from benchmarks.plain import views

urlpatterns = [
    path("skinsback/", include("django_skinsback.urls")),
    path("plain/result/", views.result),
    path("plain/verify/", views.verify),
    path("plain/verify/strictly/", views.verify_as_the_package),
]
if apps.is_installed("djstripe"):
    urlpatterns += [path("stripe/", include("djstripe.urls", namespace="djstripe"))]
