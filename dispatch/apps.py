from django.apps import AppConfig
from django.core.checks import register
from django.utils.translation import gettext_lazy as _


class DispatchConfig(AppConfig):
    name = "dispatch"
    verbose_name = _("Dispatch")

    def ready(self):
        """Guard the trips that stand against changes, say what roads know, forget clients."""
        from bookings import guards, offered_times, pickup_times
        from bookings.privacy import export, forget
        from dispatch.checks import planner_is_compiled
        from dispatch.day.off_road import ask_about
        from dispatch.day.rides import rides
        from dispatch.day.travel_times import say_straight
        from dispatch.runs.forget import assignments_of, erase_from_runs
        from dispatch.trips.advice.offer import offer_times
        from dispatch.trips.booking_changes import change_of_booking
        from dispatch.trips.bulk_changes import change_of_bookings
        from dispatch.trips.cancel import cancel_trips
        from dispatch.trips.fleet_changes import change_of_fleet
        from dispatch.trips.forbidden_drivers import forbid_drivers
        from drivers.fleet import changes
        from drivers.models.far_places import register as register_roads

        register(planner_is_compiled, deploy=True)
        forget.register(erase_from_runs)
        export.register(assignments_of)
        changes.register(change_of_fleet)
        register_roads(ask_about)
        guards.register(change_of_booking)
        pickup_times.register(rides, say_straight)
        offered_times.register(offer_times)
        guards.register_bulk(change_of_bookings)
        guards.register_forbid(forbid_drivers)
        guards.register_cancel(cancel_trips)
