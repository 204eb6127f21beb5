"""Read a company's day and turn it into a planning problem: three SELECTs, whatever its size.

The rows are kept as they were read. `apply` reads them again under locks and compares, so
that a plan is never written over a world it was not made for.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import FilteredRelation, Q

from bookings.models import Booking, DriverPreference, Status
from dispatch.duties import driver_day
from dispatch.models import Assignment
from dispatch.planner.problem import Costs, Problem, Standing, Trip
from dispatch.planner.travel import GreatCircle, TravelTimes
from drivers.models import SHIFT_AT_MOST, Company, Driver

UNSERVED_COST = {
    Booking.Priority.NORMAL: 10_000,
    Booking.Priority.HIGH: 15_000,
    Booking.Priority.URGENT: 20_000,
}
# What moving a trip that already stands with a driver must save, in seconds of empty driving.
MOVE_COST_S = 600
PLANNABLE = {Status.ACCEPTED, Status.ASSIGNED}
UNDER_WAY = {Assignment.Status.EN_ROUTE, Assignment.Status.IN_PROGRESS}
DONE = {Assignment.Status.COMPLETED, Assignment.Status.NO_SHOW}
# An assignment left open by such a booking is released, wherever it stands.
OVER = {Status.COMPLETED, Status.CANCELED, Status.NO_SHOW}


class DriverRow(NamedTuple):
    """A driver beside one of the shifts and one of the absences that touch the day."""

    id: int
    name: str
    kind: str
    cap: int | None
    skills: list
    home_lat: float | None
    home_lon: float | None
    seats: int | None
    wheelchair_places: int | None
    equipment: list | None
    shift_id: int | None
    shift_start_at: datetime | None
    shift_end_at: datetime | None
    break_min: int | None
    break_from_at: datetime | None
    break_until_at: datetime | None
    break_at: datetime | None
    absence_id: int | None
    absence_start_at: datetime | None
    absence_end_at: datetime | None
    last_lat: float | None
    last_lon: float | None
    last_position_at: datetime | None

    def facts(self):
        """Return what a plan depends on: all but where the driver was last seen."""
        return self[:-3]


class BookingRow(NamedTuple):
    """A booking beside its assignment, if it has one that is open or was driven."""

    id: int
    reference: str
    status: str
    client_id: int | None
    client_name: str | None
    pickup_lat: float
    pickup_lon: float
    dropoff_lat: float
    dropoff_lon: float
    scheduled_time: datetime
    appointment_at: datetime | None
    passengers: int
    wheelchairs: int
    needs: list
    priority: int
    return_of_id: int | None
    version: int
    assignment_id: int | None
    driver_id: int | None
    assignment_status: str | None
    planned_pickup_at: datetime | None
    planned_dropoff_at: datetime | None
    actual_pickup_at: datetime | None
    actual_dropoff_at: datetime | None
    locked: bool | None

    @property
    def label(self):
        """Return what people call the trip."""
        return self.reference or f"#{self.id}"

    @property
    def pickup(self):
        return self.pickup_lat, self.pickup_lon

    @property
    def dropoff(self):
        return self.dropoff_lat, self.dropoff_lon

    def standing(self):
        """Return what a plan depends on in the assignment, or None without an open one."""
        if self.assignment_id is None or self.assignment_status in DONE:
            return None
        return self.assignment_id, self.driver_id, self.planned_pickup_at, self.planned_dropoff_at

    def route(self):
        """Return what a plan depends on in a trip that it must leave where it is."""
        return self.standing(), self.pickup, self.dropoff


@dataclass(frozen=True)
class Day:
    """Everything that was read, and the problem made of it.

    `kept` are the bookings whose assignment stays exactly where it is, with why: under way,
    frozen or locked. `left_out` are open bookings that no plan can take, with a reason code.
    `shift_of` leads from a duty of the problem to the shift it is a part of.
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


def lock_drivers(company):
    """Lock the available drivers, in order of id, until the transaction ends: 1 query.

    A statement of its own: what is joined to a locked row is as old as the statement, even
    where the row itself was waited for.
    """
    drivers = Driver.objects.available().filter(company=company).order_by("id")
    list(drivers.select_for_update(no_key=True).values_list("id"))


def read_drivers(company, start_at, end_at):
    """Return rows of the available drivers by driver id, with what touches the period: 1 query.

    In order of driver, shift and absence.
    """
    queryset = (
        Driver.objects.available()
        .filter(company=company)
        .alias(
            shift=FilteredRelation(
                "shifts",
                condition=Q(
                    shifts__start_at__gt=start_at - SHIFT_AT_MOST,
                    shifts__start_at__lt=end_at,
                    shifts__end_at__gt=start_at,
                ),
            ),
            absence=FilteredRelation(
                "absences",
                condition=Q(absences__end_at__gt=start_at - SHIFT_AT_MOST)
                & Q(absences__start_at__lt=end_at + SHIFT_AT_MOST),
            ),
        )
        .order_by("id", "shift__id", "absence__id")
    )
    rows = queryset.values_list(
        "id",
        "name",
        "kind",
        "max_bookings",
        "skills",
        "home_lat",
        "home_lon",
        "vehicle__seats",
        "vehicle__wheelchair_places",
        "vehicle__skills",
        "shift__id",
        "shift__start_at",
        "shift__end_at",
        "shift__break_min",
        "shift__break_from_at",
        "shift__break_until_at",
        "shift__break_at",
        "absence__id",
        "absence__start_at",
        "absence__end_at",
        "last_lat",
        "last_lon",
        "last_position_at",
    )
    drivers = {}
    for row in map(DriverRow._make, rows):
        drivers.setdefault(row.id, []).append(row)
    return drivers


def read_bookings(queryset, *, lock=False):
    """Return rows of the bookings with their assignments by booking id: 1 query."""
    queryset = queryset.alias(
        current=FilteredRelation(
            "assignments",
            condition=Q(assignments__is_open=True) | Q(assignments__status__in=sorted(DONE)),
        )
    ).order_by("id")
    if lock:
        queryset = queryset.select_for_update(of=("self",), no_key=True)
    rows = queryset.values_list(
        "id",
        "reference",
        "status",
        "client_id",
        "client__name",
        "pickup_lat",
        "pickup_lon",
        "dropoff_lat",
        "dropoff_lon",
        "scheduled_time",
        "appointment_at",
        "passengers",
        "wheelchairs",
        "needs",
        "priority",
        "return_of_id",
        "version",
        "current__id",
        "current__driver_id",
        "current__status",
        "current__planned_pickup_at",
        "current__planned_dropoff_at",
        "current__actual_pickup_at",
        "current__actual_dropoff_at",
        "current__locked",
    )
    return {row.id: row for row in map(BookingRow._make, rows)}


def read_trips(company, day, horizon, *, lock=False):
    """Return the day's bookings, canceled ones included, and those around it: 1 query.

    Around it are the bookings of other days whose open trips lie in the horizon: shifts that
    cross midnight make two days share a driver.
    """
    start_at, end_at = company.day_bounds(day)
    around = Assignment.objects.open().filter(
        company=company,
        planned_pickup_at__gte=horizon[0] - SHIFT_AT_MOST,
        planned_pickup_at__lt=horizon[1],
        planned_dropoff_at__gt=horizon[0],
    )
    # Two index scans beside each other; with OR, PostgreSQL would scan the company's bookings.
    either = (
        Booking.objects.on(company, day).values("id").union(around.values("booking_id"), all=True)
    )
    bookings, neighbours = {}, {}
    for row in read_bookings(Booking.objects.filter(id__in=either), lock=lock).values():
        found = bookings if start_at <= row.scheduled_time < end_at else neighbours
        found[row.id] = row
    return bookings, neighbours


def read_preferences(company, day):
    """Return the (client, driver, kind) of the day's clients: 1 query."""
    start_at, end_at = company.day_bounds(day)
    return frozenset(
        DriverPreference.objects.filter(
            client__in=Booking.objects.open()
            .filter(company=company, scheduled_time__gte=start_at, scheduled_time__lt=end_at)
            .exclude(client=None)
            .values("client_id")
        ).values_list("client_id", "driver_id", "kind")
    )


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
    bookings, neighbours = read_trips(company, day, horizon)
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
                left_out[row.id] = "not_accepted"
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
