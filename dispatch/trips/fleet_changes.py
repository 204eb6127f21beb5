"""Check what a change of the fleet does to the assigned trips, before it is committed.

The drivers are locked and the change is made; their planned trips are checked before and after it;
if it breaks any, it is rolled back, unless the caller agreed to release exactly these. The check
covers what a trip itself needs: an available driver on duty, seats, wheelchair places, equipment.
Driving between trips and breaks are left to the planner.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import ngettext

from bookings.models import Actor
from dispatch import ledger
from dispatch.day.duties import home_of
from dispatch.day.fitness import Ability, Wanted, Ways, off_duty
from dispatch.day.papers import expired_papers
from dispatch.day.travel_times import travel_times
from dispatch.models import Assignment
from dispatch.planner.rules import availability
from dispatch.planner.rules.registry import misfits
from dispatch.planner.rules.rule import Breach
from dispatch.trips.release import release_trips
from dispatch.trips.violations import Fault, fault_of
from drivers.models import Absence, Driver, Shift, Vehicle, VehicleAbsence
from drivers.models.layouts import Layout
from drivers.refused import Refused
from drivers.times import moment


@dataclass(frozen=True, slots=True)
class BrokenTrip:
    """A trip that its driver could not drive any more; `pickup_at` is local to the company."""

    assignment_id: int
    booking_id: int
    booking: str
    driver: str
    pickup_at: datetime
    locked: bool
    faults: tuple[Fault, ...]

    @property
    def why(self) -> str:
        return " ".join(fault.text for fault in self.faults)


class TripsBroken(Refused):
    """The change would break assigned trips, which `trips` lists."""

    code = "trips_broken"
    status = 409
    tells_of_others = True

    def __init__(self, trips: Iterable[BrokenTrip]) -> None:
        self.trips = tuple(trips)
        super().__init__(
            ngettext(
                "This change would break %(count)d assigned trip.",
                "This change would break %(count)d assigned trips.",
                len(self.trips),
            )
            % {"count": len(self.trips)}
        )

    def members(self) -> dict[str, Any]:
        return {"trips": self.as_dicts()}

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the trips for machines; the pickup in UTC."""
        return [
            {
                "assignment": trip.assignment_id,
                "booking": trip.booking_id,
                "reference": trip.booking,
                "driver": trip.driver,
                "pickup_at": moment(trip.pickup_at),
                "locked": trip.locked,
                "why": trip.why,
                "codes": [fault.code for fault in trip.faults],
            }
            for trip in self.trips
        ]


@contextmanager
def change_of_fleet(
    driver_ids: Sequence[int],
    *,
    actor: Actor,
    now: datetime,
    agreed: Collection[int] = (),
    reason: str = "",
) -> Iterator[list[BrokenTrip]]:
    """Guard a change to these locked drivers, made inside the block; yield a list.

    After the block the list holds the BrokenTrips that were released. `agreed` are the ids of the
    assignments that may be released. At most 16 statements besides the change. Raises TripsBroken,
    or StaleBookingError if a trip begins at the same moment.
    """
    released: list[BrokenTrip] = []
    with transaction.atomic():
        trips = _planned(driver_ids, now)
        before = {trip.id for trip, _driver, _fault in _unfit(trips)}
        yield released
        broken = [
            broken_trip(trip, driver, fault)
            for trip, driver, fault in _unfit(trips)
            if trip.id not in before
        ]
        release_agreed(broken, agreed, actor=actor, now=now, reason=reason)
        released += broken


def broken_trip(trip: Assignment, driver: Driver, fault: Fault) -> BrokenTrip:
    return BrokenTrip(
        trip.id,
        trip.booking_id,
        str(trip.booking),
        driver.name,
        driver.company.local(trip.planned_pickup_at),
        trip.locked,
        (fault,),
    )


def release_agreed(
    broken: Sequence[BrokenTrip],
    agreed: Collection[int],
    *,
    actor: Actor,
    now: datetime,
    reason: str,
) -> None:
    """Release the trips, if all were agreed to: 7 statements, or none. Raises TripsBroken."""
    ids = [trip.assignment_id for trip in broken]
    if not set(ids) <= set(agreed):
        raise TripsBroken(broken)
    release_trips(ids, actor=actor, now=now, reason=reason, beside=ledger.BESIDE)


def _planned(driver_ids: Sequence[int], now: datetime) -> list[Assignment]:
    """Return the drivers' trips that have not begun, in order of time: 1 query."""
    return list(
        Assignment.objects.open()
        .filter(
            driver__any_of=driver_ids,
            status=Assignment.Status.PLANNED,
            planned_dropoff_at__gt=now,
        )
        .select_related("booking")
        .order_by("planned_pickup_at", "id")
    )


def _unfit(trips: Sequence[Assignment]) -> Iterator[tuple[Assignment, Driver, Fault]]:
    """Yield (trip, driver, broken rule) of the trips that their driver cannot drive: 4 queries."""
    if not trips:
        return
    ids = sorted({trip.driver_id for trip in trips})
    drivers = Driver.objects.select_related("vehicle", "company").filter(id__any_of=ids).in_bulk()
    companies = {trip.id: drivers[trip.driver_id].company for trip in trips}
    days = {trip.id: companies[trip.id].local(trip.planned_pickup_at).date() for trip in trips}
    bounds = {trip.id: companies[trip.id].day_bounds(days[trip.id]) for trip in trips}
    start_at = min(day_start_at for day_start_at, _end_at in bounds.values())
    end_at = max(day_end_at for _start_at, day_end_at in bounds.values())
    shifts, absences = (
        _of_drivers(rows.filter(driver__any_of=ids, start_at__lt=end_at, end_at__gt=start_at))
        for rows in (Shift.objects.select_related("vehicle"), Absence.objects)
    )
    vehicles = {s.vehicle_id for of_driver in shifts.values() for s in of_driver if s.vehicle_id}
    away = list(
        VehicleAbsence.objects.filter(
            vehicle__any_of=sorted(vehicles), start_at__lt=end_at, end_at__gt=start_at
        )
    )
    for trip in trips:
        driver, (day_start_at, day_end_at) = drivers[trip.driver_id], bounds[trip.id]
        of_day = [
            s for s in shifts[driver.id] if s.start_at < day_end_at and day_start_at < s.end_at
        ]
        breach = _why_not(trip, driver, of_day, absences[driver.id], away)
        if breach:
            yield trip, driver, fault_of(driver.company, days[trip.id], breach)


def _of_drivers(rows: QuerySet[Any]) -> Mapping[int, list[Any]]:
    """Return the shifts or the absences by driver: 1 query."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows.order_by("start_at", "id"):
        found[row.driver_id].append(row)
    return found


def _vehicle_of(trip: Assignment, driver: Driver, shifts: Sequence[Shift]) -> Vehicle | None:
    """Return the vehicle of the shift in which the trip begins; out of shifts, the driver's."""
    at = trip.planned_pickup_at
    return next((s.vehicle for s in shifts if s.start_at <= at < s.end_at), driver.vehicle)


def _why_not(
    trip: Assignment,
    driver: Driver,
    shifts: Sequence[Shift],
    absences: Sequence[Absence],
    vehicle_absences: Sequence[VehicleAbsence],
) -> Breach | None:
    """Return the most permanent rule that keeps the driver from the trip, or None."""
    if not availability.fits(driver.is_active, driver.is_available):
        return availability.breach(driver.name, is_active=driver.is_active)
    end_at = trip.planned_dropoff_at + timedelta(minutes=driver.company.alighting_min)
    booking, vehicle = trip.booking, _vehicle_of(trip, driver, shifts)
    away = [a for a in vehicle_absences if vehicle and a.vehicle_id == vehicle.pk]
    if any(a.start_at < end_at and trip.planned_pickup_at < a.end_at for a in away):
        return availability.vehicle_away(driver.name)
    seats = booking.passengers - booking.wheelchairs
    wanted = Wanted(seats, booking.wheelchairs, frozenset(booking.needs))
    places: tuple[Layout, ...] = ((0, 0),)
    skills = frozenset(driver.skills)
    if vehicle:
        places, skills = vehicle.layouts, skills | {*vehicle.skills}
    day = driver.company.local(trip.planned_pickup_at).date()
    expired = expired_papers(
        driver.company,
        day,
        licence=driver.licence_until,
        permit=driver.permit_until,
        insurance=vehicle.insurance_until if vehicle else None,
        inspection=vehicle.inspection_until if vehicle else None,
    )
    ability = Ability(driver.id, driver.name, places, skills, expired)
    ways = Ways(
        driver.company,
        travel_times(driver.company),
        home_of(driver.company, driver.home_lat, driver.home_lon),
        (booking.pickup_lat, booking.pickup_lon),
        (booking.dropoff_lat, booking.dropoff_lon),
    )
    on_duty = off_duty(
        driver.name,
        trip.planned_pickup_at,
        end_at,
        ways,
        [(shift.start_at, shift.end_at) for shift in shifts],
        [(absence.start_at, absence.end_at) for absence in absences],
    )
    return next(chain(misfits(wanted, ability), on_duty), None)
