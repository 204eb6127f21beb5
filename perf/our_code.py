"""Which code is the project's own. Everything that watches asks here.

PERF in the settings may say it (`perf.checks` names all that it may hold):

    PERF = {
        "APPS": ["shop", "stock"],         # by label; without it every app that no package brought
        "IGNORE": ["shop.retry.retrying"], # modules, classes or functions that only pass calls on
    }
"""

import os
from functools import cache
from pathlib import Path

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.signals import setting_changed

INSTALLED = ("site-packages", "dist-packages")  # folders of what was installed, not written here
WORKBENCH = str(Path(__file__).resolve().parent) + os.sep
# What calls a view stands outside of the request: middleware, servers, tests.
HANDLERS = f"{os.sep}django{os.sep}core{os.sep}handlers{os.sep}"


@cache
def our_apps() -> tuple[AppConfig, ...]:
    """Return the apps whose tables and lines are the project's own.

    Those of `PERF["APPS"]` by label; without it every installed app that no package brought, but
    for the workbench. Raises LookupError for a label that is no app.
    """
    labels = option("APPS")
    if labels is not None:
        return tuple(apps.get_app_config(label) for label in labels)
    return tuple(
        app
        for app in apps.get_app_configs()
        if not _is_installed(app.path) and not f"{app.path}{os.sep}".startswith(WORKBENCH)
    )


def option(name, default=None):
    """Return what PERF in the settings says of `name`, or the default."""
    return getattr(settings, "PERF", {}).get(name, default)


def base_folder() -> Path:
    """Return the project's folder: BASE_DIR, or without it the folder it was started in."""
    return Path(getattr(settings, "BASE_DIR", None) or Path.cwd())


def our_labels() -> frozenset[str]:
    return frozenset(app.label for app in our_apps())


def is_ours(path: str) -> bool:
    """Say whether a file, of code or a template, belongs to one of our apps."""
    return path.startswith(_folders())


def is_beside(path: str) -> bool:
    """Say whether a file is the project's without being an app's: tests, scripts, a workbench."""
    return path.startswith(_base()) and not _is_installed(path) and not is_ours(path)


def is_ignored(module: str, qualname: str) -> bool:
    """Say whether `PERF["IGNORE"]` names the function, its class, its module or its package."""
    name = f"{module}.{qualname}."
    return any(name.startswith(f"{one}.") for one in option("IGNORE", ()))


def shown_path(path: str) -> str:
    """Return the file as people are told of it: from the project's folder, or of which package."""
    if path.startswith(_base()) and not _is_installed(path):
        return path[len(_base()) :]
    for folder in INSTALLED:
        _before, found, rest = path.rpartition(f"{os.sep}{folder}{os.sep}")
        if found:
            return rest
    return path


def _is_installed(path):
    return any(f"{os.sep}{folder}{os.sep}" in path for folder in INSTALLED)


@cache
def _folders():
    return tuple(f"{app.path}{os.sep}" for app in our_apps())


@cache
def _base():
    return f"{base_folder()}{os.sep}"


def _forget(*, setting, **kwargs):
    if setting in ("PERF", "INSTALLED_APPS", "BASE_DIR"):
        for kept in (our_apps, _folders, _base):
            kept.cache_clear()


setting_changed.connect(_forget, dispatch_uid="perf.our_code")
