"""Read a company's day and turn it into a planning problem: three SELECTs, whatever its size.

The rows (see `rows`) are kept as they were read. `apply` reads them again under locks and
compares, so that a plan is never written over a world it was not made for.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bookings.models import Booking, DriverPreference, Status
from dispatch.day.duties import driver_day
from dispatch.day.queries import (
    DONE,
    UNDER_WAY,
    BookingRow,
    DriverRow,
    read_drivers,
    read_preferences,
    read_trips,
)
from dispatch.planner.problem import Costs, Problem, Standing, Trip
from dispatch.planner.travel import GreatCircle, TravelTimes
from drivers.models import Company

UNSERVED_COST = {
    Booking.Priority.NORMAL: 10_000,
    Booking.Priority.HIGH: 15_000,
    Booking.Priority.URGENT: 20_000,
}
# What moving a trip that already stands with a driver must save, in seconds of empty driving.
MOVE_COST_S = 600
PLANNABLE = {Status.ACCEPTED, Status.ASSIGNED}
# An assignment left open by such a booking is released, wherever it stands.
OVER = {Status.COMPLETED, Status.CANCELED, Status.NO_SHOW}


@dataclass(frozen=True)
class Day:
    """Everything that was read, and the problem made of it.

    `kept` are the bookings whose assignment stays exactly where it is, with why: under way,
    frozen or locked. `left_out` are open bookings that no plan can take, with a reason code.
    `shift_of` leads from a duty of the problem to the shift it is a part of. `seen` spares
    `read_trips` to decode again what did not change.
    """

    company: Company
    day: date
    now: datetime
    start_at: datetime
    end_at: datetime
    horizon: tuple[datetime, datetime]
    drivers: dict[int, list[DriverRow]]
    bookings: dict[int, BookingRow]
    neighbours: dict[int, BookingRow]
    seen: dict[tuple, BookingRow]
    preferences: frozenset[tuple[int, int, str]]
    problem: Problem
    kept: dict[int, str]
    left_out: dict[int, str]
    shift_of: dict[int, int]
    ride_m: dict[int, int]

    def seconds(self, moment: datetime) -> int:
        return math.floor((moment - self.start_at).total_seconds())

    def moment(self, seconds: int) -> datetime:
        return self.start_at + timedelta(seconds=seconds)


def load_problem(
    company: Company, day: date, *, now: datetime, freeze: bool = True, travel: TravelTimes = None
) -> Day:
    """Read the day and return it with its planning problem: 3 queries.

    Without `freeze` only trips under way and locked ones stay where they are: for undoing.
    `travel` replaces the company's great-circle travel times.
    """
    start_at, end_at = company.day_bounds(day)
    drivers = read_drivers(company, start_at, end_at)
    horizon = _horizon(drivers, start_at, end_at)
    seen = {}
    bookings, neighbours = read_trips(company, day, horizon, seen=seen)
    preferences = read_preferences(company, day)
    travel = travel or GreatCircle(company.speed_kmh, company.circuity)

    rows = list(bookings.values()) + list(neighbours.values())
    rides, metres = travel.legs([row.pickup for row in rows], [row.dropoff for row in rows])
    ride_s = dict(zip((row.id for row in rows), rides.tolist(), strict=True))
    frozen_until = now + timedelta(minutes=company.freeze_min) if freeze else now

    kept = _kept(bookings, neighbours, frozen_until)
    left_out, trips = {}, []
    preferred, forbidden = by_client(preferences)
    for row in bookings.values():
        if row.id in kept or row.status not in PLANNABLE:
            if row.status == Status.PENDING:
                left_out[row.id] = "will_call" if row.will_call else "not_accepted"
            continue
        if pickup_window(company, row.scheduled_time, row.return_of_id)[1] < now:
            left_out[row.id] = "window_passed"
            continue
        trips.append(
            make_trip(
                company,
                row,
                start_at=start_at,
                now=now,
                ride_s=ride_s[row.id],
                preferred=preferred.get(row.client_id, frozenset()),
                forbidden=forbidden.get(row.client_id, frozenset()),
                stands=row.driver_id in drivers,
            )
        )
    trips.sort(key=lambda trip: trip.id)

    trips_of_driver = {}
    for row in rows:
        if row.driver_id in drivers and (row.id in kept or row.assignment_status in DONE):
            trips_of_driver.setdefault(row.driver_id, []).append(row)
    planner_drivers, duties, shift_of = [], [], {}
    for driver_id, driver_rows in drivers.items():
        driver, his_duties = driver_day(
            company,
            driver_rows,
            trips_of_driver.get(driver_id, []),
            ride_s=ride_s,
            travel=travel,
            day=(start_at, end_at),
            now=now,
            frozen_until=frozen_until,
            first_id=len(duties),
        )
        planner_drivers.append(driver)
        for duty, shift_id in his_duties:
            duties.append(duty)
            shift_of[duty.id] = shift_id
    problem = Problem(
        trips=tuple(trips),
        drivers=tuple(planner_drivers),
        duties=tuple(duties),
        travel=travel,
        costs=Costs(
            emergency_s=company.emergency_cost_min * 60,
            move_s=MOVE_COST_S,
            fairness=company.fairness,
        ),
    )
    return Day(
        company=company,
        day=day,
        now=now,
        start_at=start_at,
        end_at=end_at,
        horizon=horizon,
        drivers=drivers,
        bookings=bookings,
        neighbours=neighbours,
        seen=seen,
        preferences=preferences,
        problem=problem,
        kept=kept,
        left_out=left_out,
        shift_of=shift_of,
        ride_m=dict(zip((row.id for row in rows), metres.tolist(), strict=True)),
    )


def make_trip(company, row, *, start_at, now, ride_s, preferred, forbidden, stands) -> Trip:
    """Return the planner's trip of a booking; `stands` keeps it to its driver by preference.

    Its window starts now at the earliest: it must not be over.
    """
    earliest_at, latest_at = pickup_window(company, row.scheduled_time, row.return_of_id)
    seconds = _clock(start_at)
    return Trip(
        id=row.id,
        reference=row.label,
        pickup=row.pickup,
        dropoff=row.dropoff,
        wanted_s=seconds(row.scheduled_time),
        earliest_s=seconds(max(earliest_at, now)),
        latest_s=seconds(latest_at),
        ride_s=ride_s,
        unserved_cost=UNSERVED_COST[row.priority],
        arrive_by_s=seconds(row.appointment_at) if row.appointment_at else None,
        boarding_s=company.boarding_min * 60,
        alighting_s=company.alighting_min * 60,
        seats=row.passengers - row.wheelchairs,
        wheelchairs=row.wheelchairs,
        needs=frozenset(row.needs),
        preferred=preferred,
        forbidden=forbidden,
        standing=Standing(row.driver_id, seconds(row.planned_pickup_at))
        if stands and row.standing()
        else None,
    )


def pickup_window(company, wanted_at, is_return):
    """Return the earliest and the latest pickup. A client who goes home is never early."""
    if is_return:
        return wanted_at, wanted_at + timedelta(minutes=company.return_late_min)
    return (
        wanted_at - timedelta(minutes=company.pickup_early_min),
        wanted_at + timedelta(minutes=company.pickup_late_min),
    )


def _clock(start_at):
    return lambda moment: math.floor((moment - start_at).total_seconds())


def _horizon(drivers, start_at, end_at):
    """Return the period of all shifts that touch the day, and of the day itself."""
    shifts = [row for rows in drivers.values() for row in rows if row.shift_id]
    return (
        min([start_at, *(row.shift_start_at for row in shifts)]),
        max([end_at, *(row.shift_end_at for row in shifts)]),
    )


def _kept(bookings, neighbours, frozen_until):
    """Return why the trips that no plan may touch stay where they are, by booking."""
    kept = {row.id: "other day" for row in neighbours.values()}
    for row in bookings.values():
        if row.standing() is None or row.status in OVER:
            continue
        if row.assignment_status in UNDER_WAY or row.status in UNDER_WAY:
            kept[row.id] = "under way"
        elif row.locked:
            kept[row.id] = "locked"
        elif row.planned_pickup_at < frozen_until:
            kept[row.id] = "frozen"
    return kept


def by_client(preferences):
    """Return the preferred and the forbidden drivers, each {client: drivers}."""
    preferred, forbidden = {}, {}
    for client_id, driver_id, kind in preferences:
        chosen = preferred if kind == DriverPreference.Kind.PREFERRED else forbidden
        chosen.setdefault(client_id, set()).add(driver_id)
    return (
        {client: frozenset(ids) for client, ids in preferred.items()},
        {client: frozenset(ids) for client, ids in forbidden.items()},
    )
