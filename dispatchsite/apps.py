from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created

from dispatchsite import observers, slow_queries


def log_statements(sender, connection, **kwargs):
    slow_queries.install(connection, echo=settings.SQL_ECHO, slow_ms=settings.SLOW_QUERY_MS)


class DispatchsiteConfig(AppConfig):
    name = "dispatchsite"

    def ready(self):
        if settings.CELERY_BROKER_URL:
            import_module("dispatchsite.celery")  # processes that send tasks need the broker too
        observers.start()
        connection_created.connect(log_statements, dispatch_uid="log_statements")
