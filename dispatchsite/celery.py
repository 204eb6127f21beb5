"""Celery for several machines: `celery -A dispatchsite.celery worker`."""

import logging.config
import os
import threading

from celery import Celery
from celery.signals import setup_logging, worker_ready, worker_shutting_down
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dispatchsite.settings")
TENDED_EVERY_S = 10

app = Celery("dispatchsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
stop = threading.Event()


@setup_logging.connect
def log_as_set(**about):
    """Log by LOG_FORMAT and LOG_LEVEL: Celery would put handlers of its own there."""
    logging.config.dictConfig(settings.LOGGING)


@worker_ready.connect
def look_after_the_dead(**about):
    """Let this worker's main process tend the runs of workers that died."""
    from dispatch.runs.queue import tend_forever  # the apps are loaded by now

    stop.clear()
    threading.Thread(target=tend_forever, args=(stop, TENDED_EVERY_S), daemon=True).start()


@worker_shutting_down.connect
def rest(**about):
    stop.set()
