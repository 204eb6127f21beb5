from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BookingsConfig(AppConfig):
    name = "bookings"
    verbose_name = _("Bookings")

    def ready(self) -> None:
        """Follow the policy of companies, on which computed pickups depend."""
        from bookings.recompute import follow_policy
        from drivers.companies import policy

        policy.register(follow_policy)
