from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created

from dispatchsite import slow_queries


def log_statements(sender, connection, **kwargs):
    slow_queries.install(connection, echo=settings.SQL_ECHO, slow_ms=settings.SLOW_QUERY_MS)


class DispatchsiteConfig(AppConfig):
    name = "dispatchsite"

    def ready(self):
        connection_created.connect(log_statements, dispatch_uid="log_statements")
