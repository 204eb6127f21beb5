"""Find trips by client, reference or driver, for lists of what belongs to trips."""

from django.utils.translation import gettext_lazy as _

from bookings.search import TRIPS_FOUND, booking_ids
from dispatch.models import Assignment
from drivers.admin.base import ReadOnlyAdmin
from drivers.fleet.find import find_drivers

DRIVERS_FOUND = 50
ROWS_FOUND = 1_000


class FindsByTrip(ReadOnlyAdmin):
    """The search of a list whose rows belong to bookings, the newest found first."""

    search_fields = ["booking__reference"]  # so that there is a search: it asks `trips_found`
    search_help_text = _("The trips of a client, a phone, a reference or a driver.")

    def get_search_results(self, request, queryset, search_term):
        text = search_term.strip()
        if not text:
            return queryset, False
        trips = trips_found(text, request.company)
        if request.GET.keys() & {"day", "from", "to"} and request.GET.get("day") != "all":
            return queryset.filter(booking_id__any_of=trips), False  # of a short time
        # Not filtered by company, which is the trips': SQLite would read the whole company.
        found = self.model.objects.filter(booking_id__any_of=trips)
        newest = found.order_by("-id").values_list("id", flat=True)[:ROWS_FOUND]
        return queryset.filter(id__any_of=list(newest)), False


def trips_found(text, company):
    """Return the ids of the newest trips of a client, a reference or a driver: 4 statements or 5.

    A driver's trips are those assigned now or before.
    """
    driver_ids = list(find_drivers(company, text).values_list("id", flat=True)[:DRIVERS_FOUND])
    found = booking_ids(text, company=company)
    if not driver_ids:  # told of none, SQLite may read all assignments to find so
        return sorted(set(found))
    # Not filtered by company, which is the drivers': SQLite would read the whole company.
    driven = Assignment.objects.filter(driver_id__any_of=driver_ids)
    newest = driven.order_by("-planned_pickup_at", "-id").values_list("booking_id", flat=True)
    return sorted({*found, *newest[:TRIPS_FOUND]})
