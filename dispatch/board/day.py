"""Read a company's day for the board: six to eight SELECTs, whatever its size.

Moments are in UTC, distances in metres.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zlib import crc32

from bookings.models import WAITING_STATUSES, Booking
from dispatch.board.attention import Attention, attention
from dispatch.board.papers import papers_of
from dispatch.board.queries import RunRow, read_last
from dispatch.board.waiting import Waiting, why_they_wait
from dispatch.day.travel_times import driving, name_driving, say_driving, travel_times
from dispatch.day.trip_names import name_of
from dispatch.forecast.driver_days import DriverDay, driver_days
from dispatch.forecast.rows import by_driver, read_absences, read_drivers, read_shifts, read_trips
from dispatch.forecast.states import State
from drivers.models import Company

# How far ahead the board looks for the next day with something to drive.
LOOK_AHEAD = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of the day's bookings without the canceled ones, and kilometres of its trips.

    `states` counts the bookings of each state, and the drivers on duty at this moment; `on_duty`
    the drivers of the day. `driving` says where drives come from, `driven` in a word.
    """

    booked: int
    states: dict[State, int]
    on_duty: int
    passenger_km: float
    empty_km: float
    by_road: bool
    driven: str
    driving: str


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
    attention: tuple[Attention, ...]
    papers: tuple[str, ...]
    last_run: RunRow | None
    event: int
    fleet: str

    @property
    def lacks_something(self) -> bool:
        """Say whether nothing is booked, or nobody has a shift."""
        return not self.figures.booked or not any(day.shifts for day in self.drivers)


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
    """Read the day: 5 queries, 6 before the first plan.

    One more if an accepted booking waits, and another if the plan missed one of them.
    """
    event, last_run = read_last(company, day)
    start_at, end_at = company.day_bounds(day)
    fleet = read_fleet(company, day)
    rows = read_trips(company, day, fleet.horizon)

    driven, waiting = {}, []
    for row in rows:
        if row.assignment_id is not None:
            driven.setdefault(row.driver_id, []).append(row)
        elif start_at <= row.scheduled_time < end_at and row.status in WAITING_STATUSES:
            waiting.append(row)
    for trips in driven.values():
        trips.sort(key=lambda row: (row.planned_pickup_at, row.id))
    travel = travel_times(company)
    days = driver_days(
        company,
        travel,
        fleet.drivers,
        by_driver(fleet.shifts),
        by_driver(fleet.absences),
        driven,
        day=(start_at, end_at),
        now=now,
    )
    changed_at = max((row.assigned_at for row in rows if row.assigned_at), default=None)
    finished_at = last_run and last_run.finished_at
    known = {row.reference or f"#{row.id}": row for row in rows}

    def name(reference):
        return name_of(company, known[reference]) if reference in known else reference

    waits = why_they_wait(
        company,
        day,
        waiting,
        last_run,
        outdated=bool(changed_at and finished_at and changed_at > finished_at),
        now=now,
        name=name,
    )
    return Board(
        company=company,
        day=day,
        now=now,
        **_period(start_at, end_at, days, waiting),
        drivers=days,
        waiting=waits,
        figures=_figures(days, waits, driving(travel)),
        attention=attention(company, days, waits, now),
        papers=papers_of(company, day, days),
        last_run=last_run,
        event=event,
        fleet=fleet.tag(),
    )


def _figures(days, waiting, said):
    trips = [trip for day in days for trip in day.trips if not trip.other_day]
    states = Counter(state for item in (*trips, *waiting) for state in item.states)
    states[State.ON_DUTY] = sum(day.on_duty_now for day in days)
    back_m = sum(day.back_m for day in days)
    return Figures(
        booked=len(trips) + len(waiting),
        states={state: states[state] for state in State},
        on_duty=sum(day.on_duty for day in days),
        passenger_km=round(sum(trip.ride_m for trip in trips) / 1000, 1),
        empty_km=round((sum(trip.empty_m for trip in trips) + back_m) / 1000, 1),
        by_road=said["by"] == "roads",
        driven=name_driving(said),
        driving=say_driving(said),
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
