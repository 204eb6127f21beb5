"""Check what a change of an assigned booking does to its trip, before it is committed.

The driver is locked, the booking is changed, and the trip, at its planned time, is held against
the driver's day by the rules of an assignment by hand. What still fits keeps its driver, with a
new dropoff if the ride has changed; what does not is refused, unless the caller agreed to release
the trip, or to move it to the new time if the driver can.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from bookings.events import Changes
from bookings.guards import PLANNED_FIELDS, Agreed
from bookings.models import Booking
from dispatch import ledger
from dispatch.day.day import Day
from dispatch.day.rows import BookingRow
from dispatch.trips.assign import load_trip
from dispatch.trips.fleet_changes import BrokenTrip, TripsBroken
from dispatch.trips.insertion import Proposal, others_moved, propose
from dispatch.trips.locking import driver_of, lock_with_others, stale
from dispatch.trips.release import release_trips
from dispatch.trips.violations import Fault
from dispatch.trips.write_assignment import write_days
from drivers.companies.actors import Actor
from drivers.models import Company, Driver

# What a trip has of the company's places, not of its booking.
MINUTES = frozenset({"pickup_boarding_min", "dropoff_margin_min"})


@contextmanager
def change_of_booking(
    booking: Booking, *, actor: Actor, now: datetime, agreed: Agreed
) -> Iterator["HeldTrip"]:
    """Lock the driver of the booking's trip, and yield what checks the change.

    2 statements, or 4 to move the trip: the driver's other trips may move with it, and bookings are
    locked in order of id.
    """
    driver_id = driver_of(booking.company, booking.pk)
    drivers = ledger.lock_drivers(booking.company, [driver_id] if driver_id else [])
    if driver_id and agreed.move:
        lock_with_others(booking.company, booking.pk, driver_id)
    yield HeldTrip(booking, drivers.get(driver_id or 0), actor, now, agreed)


@dataclass(frozen=True, slots=True)
class HeldTrip:
    """A booking that is about to change, and the locked driver of its trip."""

    booking: Booking
    driver: Driver | None
    actor: Actor
    now: datetime
    agreed: Agreed

    def check(self, stored: Booking, changes: Changes) -> None:
        """Hold the changed booking against its driver's day: 4 statements, if that matters to it.

        At most 10 more to write what was agreed to. Raises TripsBroken, DoubleBooked, or
        StaleBookingError if the trip has changed drivers.
        """
        if not changes.keys() & PLANNED_FIELDS:
            return
        company = self.booking.company
        day, row = load_trip(company, self.booking.pk, self.now)
        if self.driver is None or not row.standing() or row.driver_id != self.driver.id:
            raise stale(row.label)
        planned_at = row.planned()
        if planned_at[1] <= self.now:  # it is over, whatever was reported of it
            return
        kept = propose(day, row, self.driver, pickup_at=planned_at[0])
        broken = newly_broken(day, kept, self._known_faults(day, row, stored, changes))
        if not broken:
            if (day.moment(kept.trip.pickup_s), day.moment(kept.trip.dropoff_s)) != planned_at:
                self._write(day, kept)
        elif row.assignment_id in self.agreed.move:
            moved = propose(day, row, self.driver)
            if moved.faults:
                raise TripsBroken([broken_row(company, row, self.driver, moved.faults)])
            self._write(day, moved)
        elif row.assignment_id in self.agreed.release:
            release_trips(
                [row.assignment_id], actor=self.actor, now=self.now, reason=_("booking changed")
            )
        else:
            raise TripsBroken([broken_row(company, row, self.driver, broken)])

    def _known_faults(
        self, day: Day, row: BookingRow, stored: Booking, changes: Changes
    ) -> set[Fault]:
        """Return the faults that the trip had before, such as those that somebody overrode."""
        if self.driver is None or not day.start_at <= stored.scheduled_time < day.end_at:
            return set()
        before = row._replace(
            pickup_lat=stored.pickup_lat,
            pickup_lon=stored.pickup_lon,
            dropoff_lat=stored.dropoff_lat,
            dropoff_lon=stored.dropoff_lon,
            scheduled_time=stored.scheduled_time,
            appointment_at=stored.appointment_at,
            passengers=stored.passengers,
            wheelchairs=stored.wheelchairs,
            needs=stored.needs,
            client_id=stored.client_id,
            return_of_id=stored.return_of_id,
            **{name: changes[name][0] for name in MINUTES & changes.keys()},
        )
        proposal = propose(day, before, self.driver, pickup_at=row.planned()[0])
        return set(proposal.faults)

    def _write(self, day: Day, proposal: Proposal) -> None:
        reason = _("booking changed")
        write_days([(day, [proposal])], actor=self.actor, now=self.now, reason=reason)


def broken_row(
    company: Company, row: BookingRow, driver: Driver, faults: Iterable[Fault]
) -> BrokenTrip:
    return BrokenTrip(
        row.assignment_id or 0,
        row.id,
        row.label,
        driver.name,
        company.local(row.planned()[0]),
        row.locked or False,
        tuple(faults),
    )


def newly_broken(day: Day, kept: Proposal, known: set[Fault]) -> list[Fault]:
    """Return why the trip cannot stay as it is: new faults, or other trips that had to move.

    Faults that somebody overrode before are no reason, but where nobody could override them.
    """
    found = [fault for fault in kept.faults if kept.impossible or fault not in known]
    others = [day.bookings[trip.trip_id].label for trip in others_moved(day, kept)]
    if others and not found:
        text = _("Other trips of the driver would have to move: %(trips)s.")
        found = [Fault("others_move", text % {"trips": ", ".join(others)})]
    return found
