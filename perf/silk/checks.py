from django.apps import apps
from django.core.checks import Warning
from django.db import DatabaseError, connections
from django.utils.translation import gettext as _


def silk_has_its_tables(app_configs, **kwargs):
    """Warn where Silk is on without its tables: every request would fail."""
    if not apps.is_installed("silk"):
        return []
    try:
        if "silk_request" in connections["silk"].introspection.table_names():
            return []
        problem = _("The database of Silk has no tables, so every request will fail.")
    except DatabaseError as error:
        problem = _("The database of Silk does not answer: %(error)s") % {"error": error}
    hint = _("Run manage.py migrate --database silk, or unset PROFILING.")
    return [Warning(problem, hint=hint, id="perf.W001")]
