"""The REST API for a site's users: ``path("api/", include("django_skinsback.rest.urls"))``.

It needs ``pip install 'django-skinsback[rest]'``. Everything here is private except the addresses and the answers,
which ``openapi.yaml`` describes.
"""
