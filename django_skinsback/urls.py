"""The webhook addresses and the health address.

Include them in the root URLconf: ``path("skinsback/", include("django_skinsback.urls"))``.
"""

from django.urls import path, re_path

from . import monitoring, views

app_name = "skinsback"

urlpatterns = [
    path("result/", views.result, name="result"),
    path("result/<slug:account>/", views.result, name="result"),
    path("events/", views.events, name="events"),
    path("events/<slug:account>/", views.events, name="events"),
    path("health/", monitoring.health, name="health"),
    # The same addresses without the slash at the end. A redirect would turn SkinsBack's POST into a GET.
    re_path(r"^result(?:/(?P<account>[-\w]+))?$", views.result),
    re_path(r"^events(?:/(?P<account>[-\w]+))?$", views.events),
]
