"""What sharing rides would bring: a day planned alone and with shared rides, side by side.

Both plans are made from the beginning, a past day as a coming one, as if no trip had a driver yet:
so they can be compared, whatever was done on the day. Who had a shift on a past day drives, even
if not available any more. Nothing is kept but the figures of both.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import DriverPreference
from dispatch.day.load import Day, from_the_beginning, load_problem
from dispatch.day.travel_times import driving
from dispatch.models import DispatchRun
from dispatch.planner.measures import measure
from dispatch.planner.problem import Plan
from dispatch.planner.stretches import stretches
from dispatch.runs.apply import GivenUp
from dispatch.runs.claim import working
from dispatch.runs.figures import loaded_m
from dispatch.runs.lease import reconnect
from dispatch.runs.meter import Meter
from dispatch.runs.options import THOROUGH, RunOptions
from dispatch.runs.run import refuse_broken
from drivers.models import Company

# The fields of a company that say how rides are shared.
LIMITS = ("ride_factor", "ride_added_min", "ride_longest_min", "ride_cost_percent")
FIGURES = {
    "placed": gettext_lazy("trips with a driver"),
    "left_out": gettext_lazy("trips left out"),
    "paid_h": gettext_lazy("paid hours (shifts with trips)"),
    "placed_per_h": gettext_lazy("trips per paid hour"),
    "driven_km": gettext_lazy("km driven"),
    "empty_km": gettext_lazy("km without passengers"),
    "vehicles": gettext_lazy("vehicles used"),
    "shared": gettext_lazy("trips that ride with others"),
    "longer_min": gettext_lazy("minutes longer on board, on average"),
    "longest_min": gettext_lazy("minutes longer on board, at most"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """The figures of a day planned in one of both ways, by the names of `FIGURES`.

    Hours are those of the shifts in which somebody is driven, without absences; a shift without a
    vehicle counts as one of its own. Minutes are those that clients ride longer than direct.
    """

    placed: int
    left_out: int
    paid_h: float
    placed_per_h: float
    driven_km: float
    empty_km: float
    vehicles: int
    shared: int
    longer_min: float
    longest_min: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A day planned in both ways."""

    alone: Way
    shared: Way

    def as_dict(self) -> dict[str, dict[str, float]]:
        return {"alone": asdict(self.alone), "shared": asdict(self.shared)}

    def summary(self) -> str:
        """Return the figures as lines of text: alone, shared."""
        ways = self.as_dict()
        return "\n".join(
            f"{label:40} {ways['alone'][name]:8g} {ways['shared'][name]:8g}"
            for name, label in FIGURES.items()
        )


def keep_comparison(run: DispatchRun, meter: Meter) -> Comparison:
    """Plan the day of a started run in both ways and keep the figures: 5 queries.

    Raises PlanRefused, RoadsFailed, DayTooLarge.
    """
    with meter, working(run, meter):
        alone, shared = _both_ways(run)
        meter.finish("load_s", bookings=len(alone.problem.trips))
        options = RunOptions(time_limit_s=run.settings["time_limit_s"], seed=run.settings["seed"])
        planned = [(day, options.plan(day)[0]) for day in (alone, shared)]
        meter.finish("plan_s")
        for day, plan in planned:
            refuse_broken(day, plan)
        comparison = Comparison(*(_way(day, plan) for day, plan in planned))
        meter.finish("check_s")
        reconnect()
        held = DispatchRun.objects.filter(
            id=run.id, status=DispatchRun.Status.PLANNING, lease=run.lease
        )
        kept = held.update(
            status=DispatchRun.Status.COMPARED,
            finished_at=run.started_at + meter.elapsed(),
            metrics={"driving": driving(alone.problem.travel)},
            timings=meter.timings(),
            outcome={"comparison": comparison.as_dict()},
        )
        if not kept:
            raise GivenUp(_("The run was given up for dead meanwhile; nothing was written."))
    return comparison


def _both_ways(run: DispatchRun) -> tuple[Day, Day]:
    """Return the day with everybody alone, and with shared rides: 4 queries."""
    company = run.company
    start_at, end_at = company.day_bounds(run.day)
    read = load_problem(
        company,
        run.day,
        now=start_at - timedelta(days=1),
        leeway=THOROUGH.leeway,
        for_run=True,
        is_past=end_at <= run.started_at,
    )
    clients = {row.client_id for row in read.bookings.values() if row.client_id}
    wishes = frozenset(
        DriverPreference.objects.filter(client_id__any_of=sorted(clients)).values_list(
            "client_id", "driver_id", "kind"
        )
    )
    alone = _with(company, {"shares_rides": False})
    shared = _with(company, {"shares_rides": True, **run.settings["sharing"]})
    return from_the_beginning(read, alone, wishes), from_the_beginning(read, shared, wishes)


def _with(company: Company, policy: Mapping[str, Any]) -> Company:
    changed = copy(company)
    for name, value in policy.items():
        setattr(changed, name, value)
    return changed


def _way(day: Day, plan: Plan) -> Way:
    measures = measure(day.problem, plan)
    trips = {trip.id: trip for trip in day.problem.trips}
    longer_s = [
        max(0, row.dropoff_s - row.pickup_s - trip.boarding_s - trip.ride_s)
        for row in plan.trips
        for trip in [trips[row.trip_id]]
    ]
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
    together = (one.trip_ids for one in stretches(day.problem, plan) if one.is_shared)
    return Way(
        placed=len(plan.trips),
        left_out=len(plan.unserved) + len(day.left_out),
        paid_h=round(paid_s / 3600, 1),
        placed_per_h=round(len(plan.trips) / paid_s * 3600, 2) if paid_s else 0.0,
        driven_km=round((loaded_m(day, plan, ()) + measures.deadhead_m) / 1000, 1),
        empty_km=round(measures.deadhead_m / 1000, 1),
        vehicles=len(vehicles),
        shared=sum(trip_id in trips for ids in together for trip_id in ids),
        longer_min=round(sum(longer_s) / len(longer_s) / 60, 1) if longer_s else 0.0,
        longest_min=round(max(longer_s, default=0) / 60),
    )
