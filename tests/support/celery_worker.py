"""Celery app for workers that tests start and kill: ``celery --app tests.support.celery_worker worker``."""

import os

from celery import Celery

app = Celery("tests", broker=os.environ.get("TEST_BROKER"))
app.conf.update(task_default_queue=os.environ.get("TEST_QUEUE", "skinsback-tests"))
app.autodiscover_tasks(["django_skinsback"])
