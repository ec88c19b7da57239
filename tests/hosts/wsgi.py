"""``gunicorn tests.hosts.wsgi:application``"""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.hosts.live"
application = get_wsgi_application()
