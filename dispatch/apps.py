from django.apps import AppConfig
from django.core.checks import register
from django.utils.translation import gettext_lazy as _


class DispatchConfig(AppConfig):
    name = "dispatch"
    verbose_name = _("Dispatch")

    def ready(self):
        """Guard the trips that stand against changes of bookings and of the fleet."""
        from bookings import guards
        from dispatch.checks import planner_is_compiled
        from dispatch.trips.booking_changes import change_of_booking
        from dispatch.trips.bulk_changes import change_of_bookings
        from dispatch.trips.fleet_changes import change_of_fleet
        from dispatch.trips.forbidden_drivers import forbid_drivers
        from drivers.fleet import changes

        register(planner_is_compiled, deploy=True)
        changes.register(change_of_fleet)
        guards.register(change_of_booking)
        guards.register_bulk(change_of_bookings)
        guards.register_forbid(forbid_drivers)
