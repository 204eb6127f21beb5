from django.apps import apps
from django.core.checks import Warning
from django.db import DatabaseError, connections, router
from django.utils.translation import gettext as _


def silk_has_its_tables(app_configs, **kwargs):
    """Warn where Silk is on without its tables: every request would fail."""
    if not apps.is_installed("silk"):
        return []
    alias = router.db_for_read(apps.get_model("silk", "Request"))
    try:
        if "silk_request" in connections[alias].introspection.table_names():
            return []
        problem = _("The database of Silk has no tables, so every request will fail.")
    except DatabaseError as error:
        problem = _("The database of Silk does not answer: %(error)s") % {"error": error}
    hint = _("Run manage.py migrate --database %(alias)s, or take Silk out of the settings.") % {
        "alias": alias
    }
    return [Warning(problem, hint=hint, id="perf.W001")]
