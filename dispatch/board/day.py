"""Read a company's day for the board: seven SELECTs, whatever its size.

Moments are in UTC, distances in metres.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zlib import crc32

from django.utils.translation import gettext as _

from bookings.models import Booking, Status
from dispatch.board.forecast import Expected, Legs, Risk, forecast, free_place, is_fresh
from dispatch.board.queries import (
    AbsenceRow,
    DriverRow,
    RunRow,
    ShiftRow,
    TripRow,
    last_event,
    read_absences,
    read_drivers,
    read_runs,
    read_shifts,
    read_trips,
)
from dispatch.day.load import pickup_window
from dispatch.day.reasons import EXCLUDED, SUGGESTIONS, translated
from dispatch.day.travel_times import travel_times
from drivers.models import Company

UNDER_WAY = {Status.EN_ROUTE, Status.IN_PROGRESS}
# How far ahead the board looks for the next day with something to drive.
LOOK_AHEAD = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class AssignedTrip:
    """A trip with a driver. `empty_m` and `empty` lead to its pickup, `ride_m` to its dropoff.

    `other_day` if it is wanted on the day before or after; it is drawn because its driver is busy.
    """

    row: TripRow
    expected: Expected
    empty: timedelta
    empty_m: int
    ride_m: int
    other_day: bool


@dataclass(frozen=True, slots=True)
class DriverDay:
    """A driver's row; trips are in order of their planned pickup. `back_m` leads home."""

    row: DriverRow
    shifts: tuple[ShiftRow, ...]
    absences: tuple[AbsenceRow, ...]
    trips: tuple[AssignedTrip, ...]
    back_m: int
    on_duty: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A booking without a driver, with the reason.

    `since` is the run that gave the reason, None if the booking itself does; `outdated` if the plan
    has changed since that run.
    """

    row: TripRow
    reason: str
    suggestion: str
    since: RunRow | None = None
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of the day's bookings without the canceled ones, and kilometres of its trips."""

    booked: int
    assigned: int
    unassigned: int
    urgent_open: int
    late: int
    behind: int
    under_way: int
    done: int
    on_duty: int
    passenger_km: float
    empty_km: float


@dataclass(frozen=True, slots=True)
class Board:
    """One company-day. `event` is the company's latest event when the day was read.

    [from_at, until_at) is the period to draw: whole hours around shifts and trips.
    """

    company: Company
    day: date
    now: datetime
    from_at: datetime
    until_at: datetime
    drivers: tuple[DriverDay, ...]
    waiting: tuple[Waiting, ...]
    figures: Figures
    running: RunRow | None
    last_run: RunRow | None
    event: int
    fleet: str


def opening_day(company: Company, now: datetime) -> date:
    """Return today, or the next day with bookings if today has none: 1 query."""
    today = company.local(now).date()
    start_at = company.day_bounds(today)[0]
    first = (
        Booking.objects.filter(
            company=company, scheduled_time__gte=start_at, scheduled_time__lt=start_at + LOOK_AHEAD
        )
        .order_by("scheduled_time", "id")
        .values_list("scheduled_time", flat=True)
        .first()
    )
    return company.local(first).date() if first else today


class Fleet(NamedTuple):
    """The shifts, absences and drivers of a day; the horizon covers the day's shifts."""

    shifts: list
    absences: list
    drivers: list
    horizon: tuple[datetime, datetime]

    def tag(self):
        """Return a text that changes with any of it, except the drivers' positions."""
        fixed = [row[:-3] for row in self.drivers]
        return f"{crc32(repr((self.shifts, self.absences, fixed)).encode()):08x}"


def read_fleet(company: Company, day: date) -> Fleet:
    """Read the drivers, and the shifts and absences that touch the day: 3 queries."""
    start_at, end_at = company.day_bounds(day)
    shifts = read_shifts(company, start_at, end_at)
    horizon = (
        min([start_at, *(shift.start_at for shift in shifts)]),
        max([end_at, *(shift.end_at for shift in shifts)]),
    )
    return Fleet(shifts, read_absences(company, *horizon), read_drivers(company), horizon)


def read_board(company: Company, day: date, *, now: datetime) -> Board:
    """Read the day: 7 queries."""
    event = last_event(company)
    start_at, end_at = company.day_bounds(day)
    fleet = read_fleet(company, day)
    rows = read_trips(company, day, fleet.horizon)
    running, last_run = read_runs(company, day)

    driven, waiting = {}, []
    for row in rows:
        if row.assignment_id is not None:
            driven.setdefault(row.driver_id, []).append(row)
        elif start_at <= row.scheduled_time < end_at and row.status in (
            Status.PENDING,
            Status.ACCEPTED,
        ):
            waiting.append(row)
    for trips in driven.values():
        trips.sort(key=lambda row: (row.planned_pickup_at, row.id))
    days = _driver_days(
        company,
        fleet.drivers,
        by_driver(fleet.shifts),
        by_driver(fleet.absences),
        driven,
        day=(start_at, end_at),
        now=now,
    )
    reasons = {row["booking"]: row for row in last_run.unassigned} if last_run else {}
    changed_at = max((row.assigned_at for row in rows if row.assigned_at), default=None)
    return Board(
        company=company,
        day=day,
        now=now,
        **_period(start_at, end_at, days, waiting),
        drivers=days,
        waiting=tuple(
            _waiting(company, row, last_run, reasons, changed_at, now) for row in waiting
        ),
        figures=_figures(days, waiting),
        running=running,
        last_run=last_run,
        event=event,
        fleet=fleet.tag(),
    )


def by_driver(rows):
    """Return {driver: rows}, each in the order given."""
    found = {}
    for row in rows:
        found.setdefault(row.driver_id, []).append(row)
    return found


def _driver_days(company, drivers, shifts, absences, driven, *, day, now):
    """Return the rows of the drivers who have a shift or trips."""
    shown = [row for row in drivers if row.id in shifts or row.id in driven]
    legs, metres, ways = _legs(company, shown, shifts, driven, now)
    days = []
    for driver in shown:
        own_shifts = tuple(shifts.get(driver.id, ()))
        own_absences = tuple(absences.get(driver.id, ()))
        own_trips = driven.get(driver.id, [])
        expected = forecast(
            company,
            own_trips,
            shifts=own_shifts,
            legs=legs,
            from_position=(driver.last_position_at, ways[driver.id][0])
            if driver.id in ways
            else None,
            now=now,
        )
        trips = tuple(
            AssignedTrip(
                row=row,
                expected=expected[row.id],
                empty=legs[row.id].empty,
                empty_m=metres[row.id][0],
                ride_m=metres[row.id][1],
                other_day=not day[0] <= row.scheduled_time < day[1],
            )
            for row in own_trips
        )
        days.append(
            DriverDay(
                row=driver,
                shifts=own_shifts,
                absences=own_absences,
                trips=trips,
                back_m=metres.get(("back", driver.id), 0),
                on_duty=any(not _is_absent(shift, own_absences) for shift in own_shifts),
            )
        )
    return tuple(days)


def _is_absent(shift, absences):
    return any(row.start_at <= shift.start_at and row.end_at >= shift.end_at for row in absences)


def _legs(company, drivers, shifts, driven, now):
    """Return the driving times by booking, metres by booking, and legs from last positions.

    All legs are computed in one call. Each shift begins and ends at home.
    """
    ends, keys = [], []

    def add(key, origin, destination):
        keys.append(key)
        ends.append((origin, destination))

    for driver in drivers:
        home = (driver.home_lat, driver.home_lon)
        if driver.home_lat is None:
            home = (company.depot_lat, company.depot_lon)
        place, shift = home, None
        trips = driven.get(driver.id, [])
        for row in trips:
            inside = next(
                (
                    one
                    for one in shifts.get(driver.id, ())
                    if one.start_at <= row.planned_pickup_at < one.end_at
                ),
                shift,
            )
            if shift is not None and inside is not shift:
                add(("back", driver.id), place, home)
                place = home
            shift = inside
            pickup = (row.pickup_lat, row.pickup_lon)
            add(("empty", row.id), place, pickup)
            add(("ride", row.id), pickup, (row.dropoff_lat, row.dropoff_lon))
            place = free_place(row)
        if trips:
            add(("back", driver.id), place, home)
        ahead = next((row for row in trips if row.status not in (Status.COMPLETED, Status.NO_SHOW)),
                     None)  # fmt: skip
        if ahead and is_fresh(driver.last_position_at, now) and ahead.status != Status.IN_PROGRESS:
            seen = (driver.last_lat, driver.last_lon)
            add(("seen", driver.id), seen, (ahead.pickup_lat, ahead.pickup_lon))
    seconds, metres = travel_times(company).legs([a for a, _b in ends], [b for _a, b in ends])
    durations, lengths, ways, back = {}, {}, {}, {}
    for key, second, metre in zip(keys, seconds.tolist(), metres.tolist(), strict=True):
        kind, number = key
        if kind == "seen":
            ways[number] = (timedelta(seconds=second), metre)
        elif kind == "back":
            back[key] = back.get(key, 0) + metre
        else:
            durations.setdefault(number, {})[kind] = timedelta(seconds=second)
            lengths.setdefault(number, {})[kind] = metre
    legs = {number: Legs(found["empty"], found["ride"]) for number, found in durations.items()}
    lengths = {number: (found["empty"], found["ride"]) for number, found in lengths.items()}
    return legs, lengths | back, ways


def _waiting(company, row, run, reasons, changed_at, now):
    """Return why a booking waits: its own status or window, else the reason from the last run."""
    latest_at = pickup_window(company, row.scheduled_time, row.return_of_id)[1]
    code = None
    if row.status == Status.PENDING:
        code = "will_call" if row.will_call else "not_accepted"
    elif latest_at < now:
        code = "window_passed"
    if code:
        detail = _(EXCLUDED[code]) % {"latest_s": company.clock(latest_at)}
        return Waiting(row, detail, _(SUGGESTIONS[code]))
    if run is None:
        return Waiting(row, _("The day has not been planned yet."), "")
    reason = reasons.get(row.id)
    if reason is None or row.updated_at > run.started_at:
        return Waiting(row, _("Booked or changed after the last run."), "")
    reason = translated(reason)
    outdated = changed_at is not None and run.finished_at is not None
    return Waiting(
        row,
        reason["detail"],
        reason["suggestion"] or "",
        since=run,
        outdated=outdated and changed_at > run.finished_at,
    )


def _figures(days, waiting):
    trips = [trip for day in days for trip in day.trips if not trip.other_day]
    risks = [trip.expected.risk for trip in trips]
    statuses = [trip.row.status for trip in trips]
    back_m = sum(day.back_m for day in days)
    return Figures(
        booked=len(trips) + len(waiting),
        assigned=len(trips),
        unassigned=len(waiting),
        urgent_open=sum(row.priority == Booking.Priority.URGENT for row in waiting),
        late=risks.count(Risk.LATE),
        behind=risks.count(Risk.BEHIND),
        under_way=sum(status in UNDER_WAY for status in statuses),
        done=sum(status in (Status.COMPLETED, Status.NO_SHOW) for status in statuses),
        on_duty=sum(day.on_duty for day in days),
        passenger_km=round(sum(trip.ride_m for trip in trips) / 1000, 1),
        empty_km=round((sum(trip.empty_m for trip in trips) + back_m) / 1000, 1),
    )


def _period(start_at, end_at, days, waiting):
    """Return the whole hours around everything that is drawn, at least 10.

    Shifts and trips from the day before are cut at midnight; a shift that begins today is shown to
    its end, and so is a planned trip. What is only expected to end later, such as a trip of which
    nobody reported the end, is cut at midnight.
    """
    hour = timedelta(hours=1)
    begins = [row.scheduled_time for row in waiting]
    ends = list(begins)
    for day in days:
        for shift in day.shifts:
            begins.append(shift.start_at)
            ends.append(shift.end_at)
        for trip in day.trips:
            if not trip.other_day:
                begins.append(min(trip.row.planned_pickup_at, trip.expected.pickup_at))
                planned_until = max(trip.row.planned_dropoff_at, end_at)
                ends.append(min(trip.expected.dropoff_at, planned_until))
    first = max(start_at, min(begins, default=start_at + 7 * hour))
    last = max(ends, default=end_at)
    from_at = start_at + (first - start_at) // hour * hour
    until_at = start_at - (start_at - last) // hour * hour
    return {"from_at": from_at, "until_at": max(until_at, min(from_at + 10 * hour, end_at))}
