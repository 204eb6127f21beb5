from importlib import import_module

from django.apps import AppConfig, apps
from django.core.checks import register
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from perf.checks import settings_are_known
from perf.our_code import option
from perf.sampling.options import read_options
from perf.silk.checks import silk_has_its_tables

# What PERF["GUARD"] may name: the module that patches the app, and the package it comes in.
GUARDS = {
    "silk": ("perf.silk.guard", "django-silk"),
    "debug_toolbar": ("perf.silk.toolbar", "django-debug-toolbar"),
}


class PerfConfig(AppConfig):
    name = "perf"
    verbose_name = _("Performance")
    default_auto_field = "django.db.models.BigAutoField"  # as its migrations have it

    def ready(self):
        register(settings_are_known)
        register(silk_has_its_tables)
        for name in option("GUARD", ()):
            guard(name)
        if read_options().is_on:  # a wrong one stops the start
            background = import_module("perf.sampling.background")  # its models come with the apps
            background.follow_celery()
            background.follow_command()


def guard(name):
    """Patch an app that PERF["GUARD"] names. Raises ImproperlyConfigured where it is not there."""
    if name not in GUARDS:
        raise ImproperlyConfigured(
            f'PERF["GUARD"] names {name!r}; it may name {" and ".join(map(repr, GUARDS))}.'
        )
    module, package = GUARDS[name]
    if not apps.is_installed(name):
        raise ImproperlyConfigured(
            f'PERF["GUARD"] names {name!r}, which is not in INSTALLED_APPS: install the package '
            f"{package} and add it there, or take it out of the list."
        )
    import_module(module).install()  # whose imports need the app
