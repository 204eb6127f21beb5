"""Which apps are the project's own. Everything that watches asks here."""

from functools import cache
from pathlib import Path

from django.apps import AppConfig, apps
from django.conf import settings

INSTALLED = {"site-packages", "dist-packages"}  # folders of what was installed, not written here


@cache
def our_apps() -> tuple[AppConfig, ...]:
    """Return the apps whose tables and lines are the project's own.

    Those of `PERF["APPS"]` by label; without it every installed app that no package brought, but
    for this one. Raises LookupError for a label that is no app.
    """
    labels = getattr(settings, "PERF", {}).get("APPS")
    if labels is not None:
        return tuple(apps.get_app_config(label) for label in labels)
    own = Path(__file__).resolve().parent
    return tuple(
        app
        for app in apps.get_app_configs()
        if not INSTALLED & set(Path(app.path).parts) and not Path(app.path).is_relative_to(own)
    )


def our_labels() -> frozenset[str]:
    return frozenset(app.label for app in our_apps())
