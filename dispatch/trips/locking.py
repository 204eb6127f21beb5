"""One trip under lock: the driver, then the booking, each in order of id, then all read again.

A trip is a booking and its open assignment, if it has one. Whoever changes one starts here.
"""

from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import Booking
from bookings.save import StaleBookingError
from dispatch.models import Assignment
from drivers.models import Driver


class NoSuchTrip(Exception):
    """The company has no such booking, or the driver no such trip."""


class NoSuchDriver(Exception):
    """The company has no such driver."""


@dataclass(frozen=True, slots=True)
class Trip:
    """A booking and its open assignment as they are after a use-case; `changed` if it wrote."""

    booking: Booking
    assignment: Assignment | None
    changed: bool = False


@contextmanager
def locked_trip(company, booking_id, *, driver_id=None):
    """Yield the trip, locked until the end of the transaction: at most 4 statements.

    With `driver_id` a trip that is not this driver's does not exist. Raises NoSuchTrip, and
    StaleBookingError where the trip changes hands at this very moment.
    """
    with transaction.atomic():
        seen = driver_of(company, booking_id)
        lock_drivers(company, [seen] if seen else [])
        booking = (
            Booking.objects.select_for_update(no_key=True)
            .filter(company=company, id=booking_id)
            .first()
        )
        if booking is None:
            raise no_such_trip()
        assignment = Assignment.objects.open().filter(booking=booking).order_by("id").first()
        if (assignment and assignment.driver_id) != seen:
            raise stale(booking)
        if driver_id is not None:
            mine = assignment or (
                Assignment.objects.filter(booking=booking, status__in=_DRIVEN)
                .order_by("-id")
                .first()
            )
            if mine is None or mine.driver_id != driver_id:
                raise no_such_trip()
        yield Trip(booking, assignment)


_DRIVEN = [Assignment.Status.COMPLETED, Assignment.Status.NO_SHOW]


def driver_of(company, booking_id):
    """Return the id of the driver who has the trip, or None: 1 statement."""
    return (
        Assignment.objects.open()
        .filter(company=company, booking_id=booking_id)
        .order_by("id")
        .values_list("driver_id", flat=True)
        .first()
    )


def lock_drivers(company, driver_ids):
    """Lock the company's drivers in order of id; return {id: Driver}: 1 statement."""
    if not driver_ids:
        return {}
    rows = Driver.objects.select_for_update(no_key=True).filter(company=company)
    return {row.id: row for row in rows.filter(id__any_of=sorted(driver_ids)).order_by("id")}


def no_such_trip():
    return NoSuchTrip(_("There is no such trip."))


def stale(booking):
    return StaleBookingError(
        _("Trip %(trip)s was changed by somebody else meanwhile. Read it again.")
        % {"trip": booking}
    )
