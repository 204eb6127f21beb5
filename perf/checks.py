"""System checks of the workbench's settings."""

from dataclasses import fields
from difflib import get_close_matches

from django.conf import settings
from django.core.checks import Error

from perf.sampling.options import Options

# What PERF may hold, and where it is read.
KNOWN = {
    "APPS": "perf.our_code",
    "IGNORE": "perf.our_code",
    "GUARD": "perf.apps",
    "DOORS": "perf.doors.door",
    "BUDGETS": "perf.doors.budget_file",
    **{field.name.upper(): "perf.sampling.options" for field in fields(Options)},
}


def settings_are_known(app_configs, **kwargs):
    """Refuse a name in PERF that nothing reads: a typing error would be silent."""
    return [
        Error(
            f'PERF["{name}"] is not known.',
            hint=f'Did you mean PERF["{near[0]}"]?'
            if (near := get_close_matches(str(name).upper(), KNOWN, n=1))
            else f"PERF may hold {', '.join(KNOWN)}.",
            id="perf.E001",
        )
        for name in getattr(settings, "PERF", {})
        if name not in KNOWN
    ]
