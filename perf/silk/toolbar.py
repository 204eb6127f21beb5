"""The debug toolbar, made harmless: its buttons replay a SELECT and nothing else.

Version 8 sends whatever it recorded again, an UPDATE too, and commits it.
"""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from perf.indexes.explain import rolled_back


def show(request):
    """Show the toolbar in DEBUG, to this machine, outside of Silk's pages."""
    return (
        settings.DEBUG
        and request.META.get("REMOTE_ADDR") in settings.INTERNAL_IPS
        and not request.path.startswith("/silk/")
    )


def install():
    """Patch the form behind the buttons, once."""
    from debug_toolbar.panels.sql.forms import SQLSelectForm  # only where the toolbar is on

    if getattr(SQLSelectForm, "guarded", False):
        return
    SQLSelectForm.guarded = True
    clean = SQLSelectForm.clean

    def clean_select(self):
        data = clean(self)
        if not data["query"]["raw_sql"].lstrip("( \n\t").upper().startswith("SELECT"):
            raise ValidationError(_("Only a SELECT is sent again."))
        return data

    def taken_back(method):
        def replay(self):
            with rolled_back(self.connection):
                return method(self)

        return replay

    SQLSelectForm.clean = clean_select
    for name in ("select", "explain", "profile"):
        setattr(SQLSelectForm, name, taken_back(getattr(SQLSelectForm, name)))
