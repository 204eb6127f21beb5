from django.apps import AppConfig, apps
from django.core.checks import register
from django.utils.translation import gettext_lazy as _

from perf.silk.checks import silk_has_its_tables


class PerfConfig(AppConfig):
    name = "perf"
    verbose_name = _("Performance")

    def ready(self):
        register(silk_has_its_tables)
        if apps.is_installed("silk"):
            from perf.silk import guard  # Silk's models cannot be imported where it is off

            guard.install()
        if apps.is_installed("debug_toolbar"):
            from perf.silk import toolbar

            toolbar.install()
