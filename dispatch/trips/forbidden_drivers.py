"""Check what becomes of a client's trips when the client forbids a driver, before it is committed.

The driver is locked, the preference is written, and the client's planned trips with that driver
are refused, unless the caller agreed to release exactly these.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import Actor, Client
from dispatch import ledger
from dispatch.models import Assignment
from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.excluded_driver import EXCLUDED
from dispatch.planner.rules.rule import Breach
from dispatch.trips.fleet_changes import BrokenTrip, broken_trip, release_agreed
from dispatch.trips.violations import Fault, fault_of


@contextmanager
def forbid_drivers(
    client: Client,
    driver_ids: Collection[int],
    *,
    actor: Actor,
    now: datetime,
    agreed: Collection[int] = (),
) -> Iterator[list[BrokenTrip]]:
    """Guard a change that forbids these drivers, made inside the block; yield a list.

    After the block the list holds the BrokenTrips that were released. At most 9 statements besides
    the change. Raises TripsBroken, or StaleBookingError if a trip begins at the same moment.
    """
    released: list[BrokenTrip] = []
    with transaction.atomic():
        ledger.lock_drivers(client.company, driver_ids)
        yield released
        trips = (
            Assignment.objects.open()
            .filter(
                booking__client=client,
                driver__any_of=sorted(driver_ids),
                status=Assignment.Status.PLANNED,
                planned_dropoff_at__gt=now,
            )
            .select_related("booking", "driver__company")
            .order_by("planned_pickup_at", "id")
        )
        broken = [broken_trip(trip, trip.driver, _excluded(trip)) for trip in trips]
        release_agreed(
            broken, agreed, actor=actor, now=now, reason=_("the client has forbidden the driver")
        )
        released += broken


def _excluded(trip: Assignment) -> Fault:
    company = trip.driver.company
    breach = Breach(Block.FORBIDDEN, EXCLUDED, {"driver": trip.driver.name})
    return fault_of(company, company.local(trip.planned_pickup_at).date(), breach)
