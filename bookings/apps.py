from django.apps import AppConfig
from django.db.models import CharField
from django.utils.translation import gettext_lazy as _

from bookings.lookups import AnyOfTexts


class BookingsConfig(AppConfig):
    name = "bookings"
    verbose_name = _("Bookings")

    def ready(self):
        CharField.register_lookup(AnyOfTexts)
