"""The Celery application: ``celery --app example_project.config worker --beat``."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.config.settings")

app = Celery("example_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def set_beat_schedule(sender: Celery, **_options: Any) -> None:
    """Use the beat schedule that django_skinsback recommends."""
    from django_skinsback.tasks import beat_schedule

    sender.conf.beat_schedule = beat_schedule()


@worker_ready.connect
def mark_worker_ready(**_options: Any) -> None:
    """Create a file when the worker is ready. ``demo.py`` waits for it. A real site does not need this file."""
    from django.conf import settings

    Path(settings.WORKER_READY_FILE).touch()
