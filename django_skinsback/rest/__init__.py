"""The REST API for a site's users: ``path("api/", include("django_skinsback.rest.urls"))``.

The REST API needs ``pip install 'django-skinsback[rest]'``. ``openapi.yaml`` describes the addresses and the answers.
Everything else here is private.
"""
