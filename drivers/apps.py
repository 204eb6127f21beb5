from importlib import import_module

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models import BigAutoField, CharField, ForeignKey, IntegerField, TextField
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _

from drivers.db import lock_timeout
from drivers.db.folding import FoldedField, know_fold
from drivers.db.lookups import AnyOf, AnyOfTexts


class DriversConfig(AppConfig):
    name = "drivers"
    verbose_name = _("Fleet")

    def ready(self):
        # They hear of logins.
        import_module("drivers.logins.brake")
        import_module("drivers.logins.session_limits")
        BigAutoField.register_lookup(AnyOf)
        ForeignKey.register_lookup(AnyOf)
        IntegerField.register_lookup(AnyOf)
        CharField.register_lookup(AnyOfTexts)
        TextField.register_lookup(AnyOfTexts)
        FoldedField.register_lookup(AnyOfTexts)
        connection_created.connect(know_fold, dispatch_uid="know_fold")
        pre_migrate.connect(lock_timeout.begin, dispatch_uid="lock_timeout.begin")
        post_migrate.connect(lock_timeout.end, dispatch_uid="lock_timeout.end")
