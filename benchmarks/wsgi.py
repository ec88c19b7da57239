"""``gunicorn benchmarks.wsgi:application``"""

import os

from django.apps import apps
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
application = get_wsgi_application()

if apps.is_installed("djstripe"):
    from benchmarks.stripe_site import block_network

    block_network()
