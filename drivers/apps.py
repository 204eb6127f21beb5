from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models import BigAutoField, CharField, ForeignKey, IntegerField
from django.utils.translation import gettext_lazy as _

from drivers.db.folding import know_fold
from drivers.db.lookups import AnyOf, AnyOfTexts


class DriversConfig(AppConfig):
    name = "drivers"
    verbose_name = _("Fleet")

    def ready(self):
        BigAutoField.register_lookup(AnyOf)
        ForeignKey.register_lookup(AnyOf)
        IntegerField.register_lookup(AnyOf)
        CharField.register_lookup(AnyOfTexts)
        connection_created.connect(know_fold, dispatch_uid="know_fold")
