"""Make the rows of the operator's desk, at the first start of the demo. The sandbox must run."""

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand

from django_skinsback.models import Discrepancy
from example_project.shop.operator_day import make_rows


class Command(BaseCommand):
    help = "Make one row for each queue of the operator's desk, unless this was done before."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if Discrepancy.objects.exists():
            return
        logging.disable(logging.ERROR)  # one of the rows is a delivery that fails, with a traceback in the log
        try:
            make_rows(User.objects.get(username="alice"), User.objects.get(username="bob"), settings.SANDBOX_URL)
        finally:
            logging.disable(logging.NOTSET)
