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

from dispatch.day.day import Day
from dispatch.day.keeping import MOVE_COST_S
from dispatch.day.pairs import keep_apart
from dispatch.day.rows import BookingRow
from dispatch.day.trips import pickup_window
from dispatch.planner.explain.alternatives import Candidate as Found
from dispatch.planner.explain.alternatives import candidates
from dispatch.planner.explain.sharing import along, standing_plan
from dispatch.planner.measures import Measures, measure
from dispatch.planner.problem import Plan, PlannedTrip, Problem, Standing, Trip
from dispatch.planner.rules.rule import minutes
from dispatch.trips.changed_day import part_of
from dispatch.trips.insertion import Proposal, beside, propose
from dispatch.trips.linked_trips import apart, standing_beside
from dispatch.trips.problems import all_pinned, may_give_way, of_driver, trip_of, without
from drivers.models import Driver

MORE = 3  # candidates that are measured beside those that are shown
NOTHING_PLANNED = Plan((), (), ())


class Policy(StrEnum):
    """What the objective counts beside driving."""

    PREFERRED = "preferred_driver"
    RESERVE = "reserve_driver"
    FIRST_TRIP = "first_trip"
    FAIRNESS = "fairness"
    SHARED_RIDE = "shared_ride"
    LONGER_RIDE = "longer_ride"


POLICIES = {
    Policy.PREFERRED: gettext_lazy("preferred driver"),
    Policy.RESERVE: gettext_lazy("reserve driver"),
    Policy.FIRST_TRIP: gettext_lazy("first trip of the day"),
    Policy.FAIRNESS: gettext_lazy("fair load"),
    Policy.SHARED_RIDE: gettext_lazy("driving together with others"),
    Policy.LONGER_RIDE: gettext_lazy("riding longer"),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A driver who could take a trip, and when.

    `extra_s` and `extra_m` are the driving without passengers that it adds to the day as it stands:
    with the trip at its present driver, or at nobody. `policy` is what the objective counts
    besides, in seconds: positive speaks against the driver. `detour_s` and `price_s` are against
    the day without the trip: driving, and the objective. `present` is who has the trip;
    `keeps_told` if somebody has, nobody counts on them yet, and no told time would change. Where
    vehicles are shared, the client rides `together` with these trips, and `longer_s` longer than
    straight.
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
    keeps_told: bool
    together: tuple[str, ...] = ()
    longer_s: int = 0

    @property
    def is_shared(self) -> bool:
        return bool(self.together)

    @property
    def longer_min(self) -> int:
        return minutes(self.longer_s)

    @property
    def difference_s(self) -> int:
        """Return what the objective rises by if the trip goes to this driver.

        Without the price of the move: by hand it is the person who decides what that is worth.
        """
        return self.extra_s + sum(seconds for _what, seconds in self.policy)

    @property
    def is_better(self) -> bool:
        """Return whether a run would move the trip here to improve the day: it saves enough."""
        return not self.present and self.keeps_told and self.difference_s < -MOVE_COST_S

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
            _("%(what)s: %(minutes)s min")
            % {"what": POLICIES[policy], "minutes": f"{round(seconds / 60):+d}"}
            if policy == Policy.SHARED_RIDE
            else _("%(what)s: %(minutes)s min by policy")
            % {"what": POLICIES[policy], "minutes": f"{round(seconds / 60):+d}"}
            for policy, seconds in self.policy
            if round(seconds / 60)
        ]


def candidates_for(day: Day, row: BookingRow, *, top: int = 3) -> tuple[Candidate, ...]:
    """Return the best candidates for one trip in the day as it stands, its present driver first.

    Each has been proposed like an assignment by hand and breaks no rule; the present driver keeps
    the trip whatever it breaks. No candidate would come while the client is on another trip, nor to
    a return trip before the outbound trip has arrived.
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
        _measured(day, problem, trip, own, _planned(one, trip))
        for one in candidates(pinned, NOTHING_PLANNED, trip, top + MORE)
        if not own or one.driver_id != own.driver_id
    ]
    found += _along(day, row, problem, trip, own, top + MORE)
    ranked = sorted(found, key=lambda one: (one.difference_s, one.driver_id))
    shown = []
    if own:
        names = beside(day, Proposal(own.driver_id, own, (own,), {}))
        shown = [replace(_measured(day, problem, trip, own, own), together=names)]
    for one in ranked:
        is_new = one.driver_id not in {other.driver_id for other in shown}
        if len(shown) < top and is_new and _fits(day, row, one):
            shown.append(one)
    return tuple(shown)


def offered(day: Day, row: BookingRow) -> Trip | None:
    """Return the trip apart from the others of its person, or None if that cannot be.

    An outbound trip without a driver arrives as late as a run may plan it.
    """
    trip = trip_of(day, row)
    if not apart(day, row, trip).trips:
        return None
    if row.return_of_id in standing_beside(day, row):
        return trip
    waiting = [other for other in day.problem.trips if other.id == row.return_of_id]
    trips = keep_apart([*waiting, trip], day.bookings | {row.id: row}, {}).trips
    return next((replace(kept, after=None) for kept in trips if kept.id == row.id), None)


def _is_over(day: Day, row: BookingRow) -> bool:
    latest_at = pickup_window(day.company, row)[1]
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
            if row.stretch is not None:
                dropoff_s = max(dropoff_s, day.seconds(standing[3]))
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
    driver = next(one.name for one in problem.drivers if one.id == placed.driver_id)
    ride_s = 0 if own else trip.ride_s
    return _candidate(day, part, trip, placed, driver, (nobody, now, then), ride_s, own, ())


def _candidate(
    day: Day,
    problem: Problem,
    trip: Trip,
    placed: PlannedTrip,
    driver: str,
    measures: tuple[Measures, Measures, Measures],
    ride_s: int,
    own: PlannedTrip | None,
    together: tuple[str, ...],
) -> Candidate:
    """Return the candidate of the day without the trip, as it stands, and with it here."""
    nobody, now, then = measures
    total_s = then.objective - now.objective
    extra_s = then.deadhead_s - now.deadhead_s
    return Candidate(
        driver_id=placed.driver_id,
        driver=driver,
        pickup_at=day.moment(placed.pickup_s),
        dropoff_at=day.moment(placed.dropoff_s),
        detour_s=then.deadhead_s - nobody.deadhead_s,
        price_s=then.objective - nobody.objective,
        extra_s=extra_s,
        extra_m=then.deadhead_m - now.deadhead_m,
        policy=tuple(_policy(problem, now, then, total_s - extra_s, ride_s)),
        present=placed == own,
        keeps_told=own is not None
        and not then.retimed
        and _keeps_margin(trip, own, placed)
        and may_give_way(day, day.bookings[trip.id]),
        together=together,
        longer_s=placed.dropoff_s - placed.pickup_s - trip.boarding_s - trip.ride_s,
    )


def _keeps_margin(trip: Trip, own: PlannedTrip, placed: PlannedTrip) -> bool:
    """Return whether the client arrives in good time for the appointment if that is so now."""
    latest_s = trip.in_good_time_s
    return latest_s is None or placed.dropoff_s <= latest_s or own.dropoff_s > latest_s


def _along(
    day: Day, row: BookingRow, problem: Problem, trip: Trip, own: PlannedTrip | None, most: int
) -> Iterator[Candidate]:
    """Yield the `most` drivers who could take the trip along with others at least cost, as by hand.

    The others keep their driver and their order; they may board at another time, and ride longer.
    """
    if problem.sharing is None:
        return
    whole = without(day.problem, {row.id})
    names = {driver.id: driver.name for driver in whole.drivers}
    if own:
        names.pop(own.driver_id, None)
    joining = along(whole, standing_plan(whole), [trip], names.keys())
    for driver_id in joining.prices(trip) if joining else ():
        if not most:
            return
        part = part_of(day, {driver_id}, {row.id})
        found = propose(part, row, Driver(id=driver_id, name=names[driver_id]))
        if together := beside(part, found):
            most -= 1
            yield _measured_along(part, problem, trip, own, found, together)


def _measured_along(
    day: Day,
    problem: Problem,
    trip: Trip,
    own: PlannedTrip | None,
    found: Proposal,
    names: tuple[str, ...],
) -> Candidate:
    """Return the candidate who drives the trip together with others, with its price."""
    fixed, movable = of_driver(without(day.problem, {trip.id}), found.driver_id, trip)
    whole = replace(fixed if len(found.trips) == 1 else movable, costs=problem.costs)
    whole = replace(whole, trips=tuple(trip if t.id == trip.id else t for t in whole.trips))
    others = replace(whole, trips=tuple(t for t in whole.trips if t.id != trip.id))
    with_it = measure(whole, Plan(found.trips, (), ()))
    without_it = measure(others, standing_plan(others))
    left = replace(
        problem,
        drivers=tuple(d for d in problem.drivers if own and d.id == own.driver_id),
        duties=tuple(duty for duty in problem.duties if own and duty.driver_id == own.driver_id),
    )
    at_own = measure(left, Plan((own,) if own else (), (), ()))
    at_nobody = measure(replace(left, trips=()), NOTHING_PLANNED)
    now, nobody = _sum(without_it, at_own), _sum(without_it, at_nobody)
    if not own:
        now = nobody
    ride_s = 0 if own else trip.ride_s
    driver = next(one.name for one in problem.drivers if one.id == found.driver_id)
    then = _sum(with_it, at_nobody)
    return _candidate(
        day, problem, trip, found.trip, driver, (nobody, now, then), ride_s, own, names
    )


def _sum(one: Measures, other: Measures) -> Measures:
    """Return the figures of two drivers together that a candidate's price is made of."""
    names = (
        "objective", "deadhead_s", "deadhead_m", "drivers", "emergency_drivers",
        "missed_preferences", "driving_s", "longer_s",
    )  # fmt: skip
    return replace(one, **{name: getattr(one, name) + getattr(other, name) for name in names})


def _policy(
    problem: Problem, now: Measures, then: Measures, rest_s: int, ride_s: int
) -> Iterator[tuple[Policy, int]]:
    """Yield what makes up the `rest_s` seconds of the objective that are no driving.

    `ride_s` is the direct ride if it is only there `then`: who rides with others saves a part.
    """
    costs = problem.costs
    in_common_s = longer_s = 0
    if problem.sharing is not None:
        ridden_s = (then.driving_s - then.deadhead_s) - (now.driving_s - now.deadhead_s)
        in_common_s = ridden_s - ride_s
        percent = problem.sharing.percent
        longer_s = percent * then.longer_s // 100 - percent * now.longer_s // 100
    reserve = then.emergency_drivers - now.emergency_drivers
    first = then.drivers - now.drivers - reserve
    named = (
        (
            Policy.PREFERRED,
            costs.missed_preference_s * (then.missed_preferences - now.missed_preferences),
        ),
        (Policy.RESERVE, costs.emergency_s * reserve),
        (Policy.FIRST_TRIP, costs.driver_s * first),
        (Policy.SHARED_RIDE, in_common_s),
        (Policy.LONGER_RIDE, longer_s),
    )
    for policy, seconds in named:
        if seconds:
            yield policy, seconds
    if fairness_s := rest_s - sum(seconds for _what, seconds in named):
        yield Policy.FAIRNESS, fairness_s


def _fits(day: Day, row: BookingRow, candidate: Candidate) -> bool:
    """Return whether the trip may be assigned so by hand, without any other trip moving.

    But for those on board with it.
    """
    part = part_of(day, {candidate.driver_id}, {row.id})
    driver = Driver(id=candidate.driver_id, name=candidate.driver)
    found = propose(part, row, driver, pickup_at=candidate.pickup_at)
    arrives_at = part.moment(found.trip.dropoff_s)
    stays = len(found.trips) == 1 or candidate.is_shared
    return not found.faults and arrives_at == candidate.dropoff_at and stays
