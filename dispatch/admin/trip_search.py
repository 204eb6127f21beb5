"""Find trips by client, reference or driver, for lists of what belongs to trips."""

from bookings.search import TRIPS_FOUND, booking_ids
from dispatch.models import Assignment
from drivers.models import Driver

DRIVERS_FOUND = 50


def trips_found(text, company):
    """Return the ids of the newest trips of a client, a reference or a driver: 5 statements.

    A driver's trips are those assigned now or before.
    """
    drivers = Driver.objects.filter(company=company, folded_name__icontains=text)
    driver_ids = list(
        drivers.order_by("folded_name", "id").values_list("id", flat=True)[:DRIVERS_FOUND]
    )
    # Not filtered by company, which is the drivers': SQLite would read the whole company.
    driven = Assignment.objects.filter(driver_id__any_of=driver_ids)
    newest = driven.order_by("-planned_pickup_at", "-id").values_list("booking_id", flat=True)
    return sorted({*booking_ids(text, company=company), *newest[:TRIPS_FOUND]})
