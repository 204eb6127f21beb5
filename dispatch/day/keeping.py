"""Which trips a plan leaves where they stand, and which of them nobody can keep any more.

A trip that is frozen, confirmed or only to be kept for this run goes back to the planner once its
driver cannot do it any more: the promise is broken already, and another driver may keep it. A trip
that is locked or under way stays whatever happens. No query.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bookings.models import DRIVEN_STATUSES, Status
from dispatch.day.rows import UNDER_WAY, BookingRow
from dispatch.planner.problem import Driver, Duty, Trip
from dispatch.planner.rules.registry import misfits

# A run releases an assignment that is still open although its booking has such a status.
OVER = {*DRIVEN_STATUSES, Status.CANCELED}
RELEASABLE = {"frozen", "confirmed", "standing"}


# How many seconds of empty driving it must save to move a trip to another driver, to improve.
MOVE_COST_S = 600


@dataclass(frozen=True, slots=True)
class Leeway:
    """What a plan may do to trips that stand, beside those under way and locked.

    It may move trips that begin soon (`frozen`), that were confirmed, and any `others`. `move_s` is
    how many seconds of empty driving it must save to move one to another driver; None moves
    it only to serve more trips. Where `only` is given, every other trip that stands stays,
    whatever has become of its driver.
    """

    frozen: bool = False
    confirmed: bool = False
    others: bool = True
    move_s: int | None = None
    only: frozenset[int] | None = None

    def is_about(self, booking_id: int) -> bool:
        return self.only is None or booking_id in self.only


# What a person may do by hand, and what takes a run back.
BY_HAND = Leeway(frozen=True, confirmed=True)


def begun_stretches(rows: Iterable[BookingRow]) -> set[tuple[int | None, int]]:
    """Return (driver, number) of the stretches in which somebody is under way."""
    return {
        (row.driver_id, row.stretch)
        for row in rows
        if row.stretch is not None and row.assignment_status in UNDER_WAY
    }


def kept_trips(
    bookings: Mapping[int, BookingRow],
    neighbours: Mapping[int, BookingRow],
    frozen_until: datetime,
    leeway: Leeway,
) -> dict[int, str]:
    """Return the trips that no plan may move, by booking, with the reason.

    Who is still to board a vehicle in which somebody is under way, is under way too.
    """
    kept = {row.id: "other day" for row in neighbours.values()}
    begun = begun_stretches(bookings.values())
    for row in bookings.values():
        standing = row.standing()
        if standing is None or row.status in OVER:
            continue
        has_begun = row.stretch is not None and (row.driver_id, row.stretch) in begun
        if row.assignment_status in UNDER_WAY or row.status in UNDER_WAY or has_begun:
            kept[row.id] = "under way"
        elif row.locked:
            kept[row.id] = "locked"
        elif standing[2] < frozen_until:
            kept[row.id] = "frozen"
        elif row.confirmed and not leeway.confirmed:
            kept[row.id] = "confirmed"
        elif not leeway.others or not leeway.is_about(row.id):
            kept[row.id] = "standing"
    return kept


def arrivals(duties: Iterable[Duty]) -> dict[int, int]:
    """Return when the driver can board each trip that stays, {booking: seconds of the day}."""
    return {c.trip_id: c.pickup_s for duty in duties for c in duty.commitments}


def beyond_keeping(
    trips: Iterable[Trip],
    kept: Mapping[int, str],
    duties: Iterable[Duty],
    drivers: Iterable[Driver],
    busy: Container[int | None],
) -> set[int]:
    """Return those of these kept trips whose drivers cannot do them any more.

    The driver has no duty for it, lacks what it needs, or comes after its window. How late a driver
    comes is known of those who are `busy` with a trip: of each the first late one is returned,
    without which the next may be in time.
    """
    duty_of = {c.trip_id: duty for duty in duties for c in duty.commitments}
    at = arrivals(duties)
    by_id = {driver.id: driver for driver in drivers}
    releasable = [trip for trip in trips if kept[trip.id] in RELEASABLE and trip.standing]
    lost = {
        trip.id
        for trip in releasable
        if trip.standing
        and (
            (driver := by_id.get(trip.standing.driver_id)) is None
            or trip.id not in at
            or any(misfits(trip, driver.on(duty_of[trip.id])))
        )
    }
    driver_of = {trip.id: trip.standing.driver_id for trip in releasable if trip.standing}
    late = too_late((trip for trip in releasable if trip.id not in lost), duties, busy)
    first: dict[int, int] = {}
    for trip_id in sorted(late, key=lambda i: (at[i], i)):
        first.setdefault(driver_of[trip_id], trip_id)
    return lost | set(first.values())


def too_late(
    trips: Iterable[Trip], duties: Iterable[Duty], busy: Container[int | None]
) -> dict[int, tuple[int, int]]:
    """Return those of these kept trips to which their `busy` drivers come too late.

    {booking: seconds of the (earliest, latest) boarding}
    """
    at = arrivals(duties)
    return {
        trip.id: (at[trip.id], trip.last_start_s)
        for trip in trips
        if trip.id in at
        and trip.standing
        and trip.standing.driver_id in busy
        and at[trip.id] > max(trip.last_start_s, trip.standing.pickup_s)
    }
