"""``gunicorn tests.hosts.wsgi:application``; ``LIVE_SITE`` is the settings module of the site."""

import os

import django
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = os.environ.get("LIVE_SITE", "tests.hosts.site_without_database")
if "LIVE_DATABASE" in os.environ:
    django.setup()
    call_command("migrate", verbosity=0)
application = get_wsgi_application()
