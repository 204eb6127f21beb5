"""Lock one trip: the driver, then the booking, each in order of id, then read all again.

A trip is a booking and its open assignment, if it has one. Every change of one starts here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bookings.models import Booking
from bookings.save import StaleBookingError
from dispatch import ledger
from dispatch.day.rows import DONE
from dispatch.models import OPEN, Assignment
from drivers.models import Company
from drivers.refused import Refused


class NoSuchTrip(Refused):
    """The company has no such booking, or the driver no such trip."""

    code = "not_found"
    status = 404


class NoSuchDriver(Refused):
    """The company has no such driver."""

    code = "does_not_exist"
    status = 400
    field = "driver"


@dataclass(frozen=True, slots=True)
class LockedTrip:
    """A booking and its open assignment, as a use-case read or left them; `changed` if it wrote."""

    booking: Booking
    assignment: Assignment | None
    changed: bool = False


@contextmanager
def locked_trip(
    company: Company, booking_id: int, *, driver_id: int | None = None, ended: bool = False
) -> Iterator[LockedTrip]:
    """Yield the trip, locked until the end of the transaction: at most 4 statements.

    With `driver_id`, only trips of this driver exist. With `ended`, a trip that was driven comes
    with its assignment too. Raises NoSuchTrip, and StaleBookingError
    if the trip changes drivers at the same moment.
    """
    with transaction.atomic():
        seen = driver_of(company, booking_id, ended=ended)
        ledger.lock_drivers(company, [seen] if seen else [])
        booking = ledger.lock_bookings(company.id, [booking_id]).get(booking_id)
        if booking is None:
            raise no_such_trip()
        assignment = _of(company, booking_id, ended).order_by("id").first()
        if (assignment and assignment.driver_id) != seen:
            raise stale(booking)
        if driver_id is not None:
            latest = assignment or (
                Assignment.objects.filter(booking=booking, status__in=sorted(DONE))
                .order_by("-id")
                .first()
            )
            if latest is None or latest.driver_id != driver_id:
                raise no_such_trip()
        yield LockedTrip(booking, assignment)


def lock_with_others(company: Company, booking_id: int, driver_id: int) -> None:
    """Lock the booking and the driver's others, which may have to move, in order: 2 statements."""
    others = Assignment.objects.open().filter(company=company, driver=driver_id)
    wanted = {booking_id, *others.values_list("booking_id", flat=True)}
    ledger.lock_bookings(company.id, wanted)


def driver_of(company: Company, booking_id: int, *, ended: bool = False) -> int | None:
    """Return the id of the driver who has the trip, or None: 1 statement.

    With `ended`, also of the driver who has driven it.
    """
    found = _of(company, booking_id, ended).order_by("id")
    return found.values_list("driver_id", flat=True).first()


def _of(company: Company, booking_id: int, ended: bool) -> QuerySet[Assignment]:
    """Return the assignment of a booking that is open or, with `ended`, driven: at most one."""
    condition = OPEN | Q(status__in=sorted(DONE)) if ended else OPEN
    return Assignment.objects.filter(condition, company=company, booking_id=booking_id)


def no_such_trip() -> NoSuchTrip:
    return NoSuchTrip(_("Trip not found."))


def no_such_driver() -> NoSuchDriver:
    return NoSuchDriver(_("Driver not found."))


def stale(booking: object) -> StaleBookingError:
    """Return the refusal that names a booking, or its label."""
    return StaleBookingError(
        _("Trip %(trip)s was changed by someone else. Reload it and try again.") % {"trip": booking}
    )
