"""Celery for several machines: `celery -A dispatchsite.celery worker`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dispatchsite.settings")

app = Celery("dispatchsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
