from django.apps import AppConfig, apps
from django.core.checks import register
from django.utils.translation import gettext_lazy as _

from perf.checks import silk_has_its_tables


class PerfConfig(AppConfig):
    name = "perf"
    verbose_name = _("Performance")

    def ready(self):
        register(silk_has_its_tables)
        if apps.is_installed("silk"):
            from perf import silk_guard  # Silk's models cannot be imported where it is off

            silk_guard.install()
        if apps.is_installed("debug_toolbar"):
            from perf import toolbar

            toolbar.install()
