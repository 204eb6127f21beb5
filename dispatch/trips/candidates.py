"""Find the drivers who could take a trip in the day as it stands, and what each would change.

No query. Nobody's other trips move. One price for everything: the planner's objective with the trip
there, less the objective as it stands, both measured by `planner.measures`. What is driving is said
in seconds and metres; what is policy is named.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch.day.keeping import MOVE_COST_S
from dispatch.day.load import Day
from dispatch.day.pairs import keep_order
from dispatch.day.queries import BookingRow
from dispatch.day.trips import pickup_window
from dispatch.planner.explain.alternatives import Candidate as Found
from dispatch.planner.explain.alternatives import candidates
from dispatch.planner.measures import Measures, measure
from dispatch.planner.problem import Plan, PlannedTrip, Problem, Standing, Trip
from dispatch.trips.changed_day import part_of
from dispatch.trips.insertion import propose
from dispatch.trips.linked_trips import arrival
from dispatch.trips.problems import all_pinned, trip_of
from drivers.models import Driver

MORE = 3  # candidates that are measured beside those that are shown


class Policy(StrEnum):
    """What the objective counts beside driving."""

    PREFERRED = "preferred_driver"
    RESERVE = "reserve_driver"
    FIRST_TRIP = "first_trip"
    FAIRNESS = "fairness"


POLICIES = {
    Policy.PREFERRED: gettext_lazy("preferred driver"),
    Policy.RESERVE: gettext_lazy("reserve driver"),
    Policy.FIRST_TRIP: gettext_lazy("first trip of the day"),
    Policy.FAIRNESS: gettext_lazy("fair load"),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A driver who could take a trip, and when.

    `extra_s` and `extra_m` are the driving without passengers that it adds to the day as it stands:
    with the trip at its present driver, or at nobody. `policy` is what the objective counts
    besides, in seconds: positive speaks against the driver. `detour_s` and `price_s` are against
    the day without the trip: driving, and the objective. `present` is who has the trip; `stands` if
    anybody has.
    """

    driver_id: int
    driver: str
    pickup_at: datetime
    dropoff_at: datetime
    detour_s: int
    price_s: int
    extra_s: int
    extra_m: int
    policy: tuple[tuple[Policy, int], ...]
    present: bool
    stands: bool

    @property
    def difference_s(self) -> int:
        """Return what the objective rises by if the trip goes to this driver.

        Without the price of the move: by hand it is the person who decides what that is worth.
        """
        return self.extra_s + sum(seconds for _what, seconds in self.policy)

    @property
    def is_better(self) -> bool:
        """Return whether it saves what a run must save to move the trip, to improve the day."""
        return not self.present and self.stands and self.difference_s < -MOVE_COST_S

    def driving(self) -> str:
        """Say how much more or less is driven without passengers: "+7 min, 4.1 km more"."""
        values = {
            "minutes": f"{round(self.extra_s / 60):+d}",
            "km": number_format(abs(self.extra_m) / 1000, 1),
        }
        if self.extra_m < 0:
            return _("%(minutes)s min, %(km)s km less") % values
        return _("%(minutes)s min, %(km)s km more") % values

    def policies(self) -> list[str]:
        """Say what the company's policy counts besides: "reserve driver: +60 min by policy"."""
        return [
            _("%(what)s: %(minutes)s min by policy")
            % {"what": POLICIES[policy], "minutes": f"{round(seconds / 60):+d}"}
            for policy, seconds in self.policy
            if round(seconds / 60)
        ]


def candidates_for(day: Day, row: BookingRow, *, top: int = 3) -> tuple[Candidate, ...]:
    """Return the best candidates for one trip in the day as it stands, its present driver first.

    Each has been proposed like an assignment by hand and breaks no rule; the present driver keeps
    the trip whatever it breaks. A return trip has no candidate who would come before the arrival of
    its outbound trip.
    """
    trip = None if _is_over(day, row) else offered(day, row)
    if trip is None:
        return ()
    pinned = all_pinned(day, {row.id})
    own = _own(day, row, trip, pinned)
    if own:
        told = Standing(own.driver_id, own.pickup_s)
        trip = replace(trip, standing=told, wanted_s=own.pickup_s)
    problem = replace(pinned, trips=(trip,), costs=replace(pinned.costs, move_s=0))
    found = [
        one
        for one in candidates(pinned, Plan((), (), ()), trip, top + MORE)
        if not own or one.driver_id != own.driver_id
    ]
    ranked = sorted(
        (_measured(day, problem, trip, own, _planned(one, trip)) for one in found),
        key=lambda one: (one.difference_s, one.driver_id),
    )
    shown = [_measured(day, problem, trip, own, own)] if own else []
    for one in ranked:
        if len(shown) < top and _fits(day, row, one):
            shown.append(one)
    return tuple(shown)


def offered(day: Day, row: BookingRow) -> Trip | None:
    """Return the trip after the arrival of its outbound trip, or None if that is too late.

    An outbound trip without a driver arrives as late as a run may plan it.
    """
    trip = trip_of(day, row)
    if there := arrival(day, row):
        return trip if there[1] <= trip.latest_s else None
    waiting = [other for other in day.problem.trips if other.id == row.return_of_id]
    trips, _too_early = keep_order([*waiting, trip], {row.id: row}, {})
    return next((replace(kept, after=None) for kept in trips if kept.id == row.id), None)


def _is_over(day: Day, row: BookingRow) -> bool:
    latest_at = pickup_window(day.company, row.scheduled_time, row.return_of_id)[1]
    return latest_at < day.now and not row.standing()


def _own(day: Day, row: BookingRow, trip: Trip, pinned: Problem) -> PlannedTrip | None:
    """Return the trip with its present driver at its told time, None without a duty for that."""
    standing = row.standing()
    if standing is None:
        return None
    pickup_s = day.seconds(standing[2])
    for duty in pinned.duties:
        if duty.driver_id == standing[1] and duty.start_s <= pickup_s < duty.end_s:
            dropoff_s = pickup_s + trip.boarding_s + trip.ride_s
            return PlannedTrip(trip.id, duty.id, duty.driver_id, pickup_s, dropoff_s)
    return None


def _planned(found: Found, trip: Trip) -> PlannedTrip:
    dropoff_s = found.pickup_s + trip.boarding_s + trip.ride_s
    return PlannedTrip(trip.id, found.duty_id, found.driver_id, found.pickup_s, dropoff_s)


def _measured(
    day: Day, problem: Problem, trip: Trip, own: PlannedTrip | None, placed: PlannedTrip
) -> Candidate:
    """Return the candidate with its price. No other driver's part of the objective changes."""
    concerned = {placed.driver_id, own.driver_id if own else placed.driver_id}
    part = replace(
        problem,
        drivers=tuple(driver for driver in problem.drivers if driver.id in concerned),
        duties=tuple(duty for duty in problem.duties if duty.driver_id in concerned),
    )
    nobody = measure(replace(part, trips=()), Plan((), (), ()))
    then = measure(part, Plan((placed,), (), ()))
    now = measure(part, Plan((own,), (), ())) if own else nobody
    total_s = then.objective - now.objective
    extra_s = then.deadhead_s - now.deadhead_s
    return Candidate(
        driver_id=placed.driver_id,
        driver=next(one.name for one in problem.drivers if one.id == placed.driver_id),
        pickup_at=day.moment(placed.pickup_s),
        dropoff_at=day.moment(placed.dropoff_s),
        detour_s=then.deadhead_s - nobody.deadhead_s,
        price_s=then.objective - nobody.objective,
        extra_s=extra_s,
        extra_m=then.deadhead_m - now.deadhead_m,
        policy=tuple(_policy(part, now, then, total_s - extra_s)),
        present=placed == own,
        stands=own is not None,
    )


def _policy(
    problem: Problem, now: Measures, then: Measures, rest_s: int
) -> Iterator[tuple[Policy, int]]:
    """Yield what makes up the `rest_s` seconds of the objective that are no driving."""
    costs = problem.costs
    reserve = then.emergency_drivers - now.emergency_drivers
    first = then.drivers - now.drivers - reserve
    named = (
        (
            Policy.PREFERRED,
            costs.missed_preference_s * (then.missed_preferences - now.missed_preferences),
        ),
        (Policy.RESERVE, costs.emergency_s * reserve),
        (Policy.FIRST_TRIP, costs.driver_s * first),
    )
    for policy, seconds in named:
        if seconds:
            yield policy, seconds
    if fairness_s := rest_s - sum(seconds for _what, seconds in named):
        yield Policy.FAIRNESS, fairness_s


def _fits(day: Day, row: BookingRow, candidate: Candidate) -> bool:
    """Return whether the trip may be assigned so by hand, without any other trip moving."""
    part = part_of(day, {candidate.driver_id}, {row.id})
    driver = Driver(id=candidate.driver_id, name=candidate.driver)
    found = propose(part, row, driver, pickup_at=candidate.pickup_at)
    return not found.faults and len(found.trips) == 1
