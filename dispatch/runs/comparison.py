"""What if: days planned as they are and with changes, side by side with how they stood.

Both plans are made from the beginning, a past day as a coming one, as if no trip had a driver yet:
so they can be compared, whatever was done on the day. Who had a shift on a past day drives, even
if not available any more. Nothing is kept but the figures.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import DriverPreference
from dispatch.day.day import Day
from dispatch.day.load import from_the_beginning, load_problem
from dispatch.day.travel_times import driving, least_certain
from dispatch.models import DispatchRun
from dispatch.planner.measures import measure
from dispatch.planner.problem import Plan
from dispatch.planner.stretches import stretches
from dispatch.runs.apply import GivenUp
from dispatch.runs.changes import Changes, changes_of, days_of
from dispatch.runs.claim import working
from dispatch.runs.figures import loaded_m
from dispatch.runs.lease import reconnect
from dispatch.runs.meter import Meter
from dispatch.runs.options import THOROUGH, RunOptions
from dispatch.runs.restore_plan import Was, planned_trips
from dispatch.runs.run import refuse_broken

FIGURES = {
    "placed": gettext_lazy("trips with a driver"),
    "left_out": gettext_lazy("trips left out"),
    "late": gettext_lazy("trips picked up late"),
    "late_min": gettext_lazy("minutes after the requested pickup, together"),
    "paid_h": gettext_lazy("paid hours (shifts with trips)"),
    "placed_per_h": gettext_lazy("trips per paid hour"),
    "driven_km": gettext_lazy("km driven"),
    "empty_km": gettext_lazy("km without passengers"),
    "empty_percent": gettext_lazy("km without passengers, in percent"),
    "vehicles": gettext_lazy("vehicles used (at most on one day)"),
    "shared": gettext_lazy("trips that ride with others"),
    "longer_min": gettext_lazy("minutes longer on board, on average"),
    "longest_min": gettext_lazy("minutes longer on board, at most"),
}
WAYS = ("stood", "again", "changed")


@dataclass(frozen=True, slots=True)
class Way:
    """The figures of days planned in one way, by the names of `FIGURES`.

    Hours are those of the shifts in which somebody is driven, without absences; a shift without a
    vehicle counts as one of its own. Late is a pickup later than what the company calls on time.
    Minutes longer on board are those that clients ride longer than direct.
    """

    placed: int
    left_out: int
    late: int
    late_min: int
    paid_h: float
    placed_per_h: float
    driven_km: float
    empty_km: float
    empty_percent: float
    vehicles: int
    shared: int
    longer_min: float
    longest_min: int


def together(ways: Sequence[Way]) -> Way:
    """Return the figures of several days: sums, and what follows from them."""
    if len(ways) == 1:
        return ways[0]  # more exact than what follows from its rounded figures
    placed = sum(way.placed for way in ways)
    paid_h = sum(way.paid_h for way in ways)
    driven_km, empty_km = sum(way.driven_km for way in ways), sum(way.empty_km for way in ways)
    longer_min = sum(way.longer_min * way.placed for way in ways)
    return Way(
        placed=placed,
        left_out=sum(way.left_out for way in ways),
        late=sum(way.late for way in ways),
        late_min=sum(way.late_min for way in ways),
        paid_h=round(paid_h, 1),
        placed_per_h=_rounded(placed, paid_h, 2),
        driven_km=round(driven_km, 1),
        empty_km=round(empty_km, 1),
        empty_percent=_rounded(100 * empty_km, driven_km, 1),
        vehicles=max(way.vehicles for way in ways),
        shared=sum(way.shared for way in ways),
        longer_min=_rounded(longer_min, placed, 1),
        longest_min=max(way.longest_min for way in ways),
    )


def _rounded(value: float, by: float, digits: int) -> float:
    return round(value / by, digits) if by else 0.0


@dataclass(frozen=True, slots=True)
class Compared:
    """A day, or several: as the trips stood (None where none had a driver), planned again, and
    planned with the changes.
    """

    stood: Way | None
    again: Way
    changed: Way

    def as_dict(self) -> dict[str, dict[str, float] | None]:
        ways = {name: getattr(self, name) for name in WAYS}
        return {name: way and asdict(way) for name, way in ways.items()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The days of a question, in order."""

    days: tuple[tuple[date, Compared], ...]

    @property
    def whole(self) -> Compared:
        """Return all days together; how they stood is only said if all of them did."""
        found = [compared for _day, compared in self.days]
        stood = [one.stood for one in found if one.stood]
        return Compared(
            together(stood) if len(stood) == len(found) else None,
            together([one.again for one in found]),
            together([one.changed for one in found]),
        )

    def as_dict(self) -> dict[str, Any]:
        days = [{"day": day.isoformat(), **one.as_dict()} for day, one in self.days]
        return {"days": days, "whole": self.whole.as_dict()}

    def summary(self) -> str:
        """Return the figures of all days as lines of text: planned again, changed."""
        ways = (self.whole.again, self.whole.changed)
        return "\n".join(
            f"{label:45} {getattr(ways[0], name):8g} {getattr(ways[1], name):8g}"
            for name, label in FIGURES.items()
        )


def keep_comparison(run: DispatchRun, meter: Meter) -> Comparison:
    """Plan the days of a started run in both ways and keep the figures: 4 queries a day and 1.

    Raises PlanRefused, RoadsFailed, DayTooLarge.
    """
    question = run.settings["what_if"]
    changes, asked = changes_of(question), days_of(run.day, question)
    options = RunOptions(time_limit_s=run.settings["time_limit_s"], seed=run.settings["seed"])
    days, said = [], []
    with meter, working(run, meter):
        for number, day in enumerate(asked, 1):
            meter.note(day=number, days=len(asked))
            read = _read(run, day)
            again, changed = _both_ways(read, changes)
            meter.finish("load_s", bookings=len(again.problem.trips))
            plans = [(one, options.plan(one)[0]) for one in (again, changed)]
            meter.finish("plan_s")
            for planned, plan in plans:
                refuse_broken(planned, plan)
            ways = [_way(planned, plan) for planned, plan in plans]
            days.append((day, Compared(_stood(read, again), *ways)))
            said.append(driving(again.problem.travel))
            meter.finish("check_s")
        comparison = Comparison(tuple(days))
        reconnect()
        held = DispatchRun.objects.filter(
            id=run.id, status=DispatchRun.Status.PLANNING, lease=run.lease
        )
        kept = held.update(
            status=DispatchRun.Status.COMPARED,
            finished_at=run.started_at + meter.elapsed(),
            metrics={"driving": least_certain(said)},
            timings=meter.timings(),
            outcome={"comparison": comparison.as_dict()},
        )
        if not kept:
            raise GivenUp(_("The run was given up for dead meanwhile; nothing was written."))
    return comparison


def _read(run: DispatchRun, day: date) -> Day:
    start_at, end_at = run.company.day_bounds(day)
    return load_problem(
        run.company,
        day,
        now=start_at - timedelta(days=1),
        leeway=THOROUGH.leeway,
        for_run=True,
        is_past=end_at <= run.started_at,
    )


def _both_ways(read: Day, changes: Changes) -> tuple[Day, Day]:
    """Return the day as it is, and with the changes, both from the beginning: 1 query."""
    clients = {row.client_id for row in read.bookings.values() if row.client_id}
    wishes = frozenset(
        DriverPreference.objects.filter(client_id__any_of=sorted(clients)).values_list(
            "client_id", "driver_id", "kind"
        )
    )
    again = from_the_beginning(read, read.company, read.drivers, wishes)
    company, drivers = changes.company(read.company), changes.drivers(read.drivers)
    return again, from_the_beginning(read, company, drivers, wishes)


def _stood(read: Day, day: Day) -> Way | None:
    """Return the figures of the trips as they stand or were driven; None if none has a driver.

    A day without trips stood as it is. `day` is the same day from the beginning. By the planned
    times; kilometres and hours are those of trips in a shift.
    """
    was = {
        row.id: Was(row.driver_id, *row.planned())
        for row in read.bookings.values()
        if row.driver_id is not None and row.planned_pickup_at is not None
    }
    known = {trip.id: was.get(trip.id) for trip in day.problem.trips}
    if known and not any(known.values()):
        return None
    planned = planned_trips(day, known)
    unserved = tuple(trip_id for trip_id, stood in known.items() if stood is None)
    return _way(day, Plan(planned, (), unserved))


def _way(day: Day, plan: Plan) -> Way:
    measures = measure(day.problem, plan)
    trips = {trip.id: trip for trip in day.problem.trips}
    longer_s = [
        max(0, row.dropoff_s - row.pickup_s - trip.boarding_s - trip.ride_s)
        for row in plan.trips
        for trip in [trips[row.trip_id]]
    ]
    after_s = [max(0, row.pickup_s - trips[row.trip_id].wanted_s) for row in plan.trips]
    duties = {row.duty_id for row in plan.trips}
    shifts = {day.shift_of[duty_id] for duty_id in duties}
    paid_s = sum(
        duty.end_s - duty.start_s for duty in day.problem.duties if day.shift_of[duty.id] in shifts
    )
    vehicles = {
        row.vehicle_id or (row.shift_id,)
        for rows in day.drivers.values()
        for row in rows
        if row.shift_id in shifts
    }
    shared = (one.trip_ids for one in stretches(day.problem, plan) if one.is_shared)
    driven_m = loaded_m(day, plan, ()) + measures.deadhead_m
    placed = len(trips) - len(plan.unserved)
    return Way(
        placed=placed,
        left_out=len(plan.unserved) + len(day.left_out),
        late=sum(seconds > day.company.on_time_late_min * 60 for seconds in after_s),
        late_min=round(sum(after_s) / 60),
        paid_h=round(paid_s / 3600, 1),
        placed_per_h=_rounded(placed * 3600, paid_s, 2),
        driven_km=round(driven_m / 1000, 1),
        empty_km=round(measures.deadhead_m / 1000, 1),
        empty_percent=_rounded(100 * measures.deadhead_m, driven_m, 1),
        vehicles=len(vehicles),
        shared=sum(trip_id in trips for ids in shared for trip_id in ids),
        longer_min=_rounded(sum(longer_s), 60 * len(longer_s), 1),
        longest_min=round(max(longer_s, default=0) / 60),
    )
