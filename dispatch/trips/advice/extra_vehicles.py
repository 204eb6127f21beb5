"""Find what more vehicles would serve of the trips that nobody can take. No query."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from dispatch.day.day import Day
from dispatch.planner.problem import Costs, Driver, Duty, Plan, Problem, Trip
from dispatch.planner.solve import solve
from dispatch.planner.travel import in_traffic

VEHICLES_AT_MOST = 3
DAY_S = 24 * 3600
NEW = 1  # the id of its driver and duty


@dataclass(frozen=True, slots=True)
class ExtraVehicle:
    """One more vehicle with a driver, who leaves the depot and comes back to it.

    `booking_ids` and `trips`, as people call them, in order of time.
    """

    from_at: datetime
    until_at: datetime
    seats: int
    wheelchairs: int
    needs: frozenset[str]
    booking_ids: tuple[int, ...]
    trips: tuple[str, ...]


def extra_vehicles(day: Day, trips: Iterable[Trip]) -> tuple[ExtraVehicle, ...]:
    """Return the vehicles that would serve these trips, the most useful first."""
    now_s = day.seconds(day.now)
    left = {trip.id: trip for trip in trips if trip.last_start_s >= max(trip.earliest_s, now_s)}
    found: list[ExtraVehicle] = []
    while left and len(found) < VEHICLES_AT_MOST:
        problem = _one_more(day, left.values())
        plan = solve(problem, engine="greedy", threads=1)
        if not plan.trips:
            break
        found.append(_described(day, problem, plan))
        for row in plan.trips:
            del left[row.trip_id]
    return tuple(found)


def _one_more(day: Day, trips: Iterable[Trip]) -> Problem:
    """Return the problem of one driver with everything that these trips need."""
    asked = tuple(
        replace(trip, preferred=frozenset(), forbidden=frozenset(), after=None)
        for trip in sorted(trips, key=lambda trip: trip.id)
    )
    driver = Driver(
        NEW,
        "",
        seats=max(trip.seats for trip in asked),
        wheelchair_places=max(trip.wheelchairs for trip in asked),
        capacity=day.company.max_bookings_per_driver,
        skills=frozenset().union(*(trip.needs for trip in asked)),
    )
    depot = (day.company.depot_lat, day.company.depot_lon)
    start_s = max(day.seconds(day.now), -DAY_S)
    end_s = day.seconds(day.end_at) + DAY_S
    slowest = max(trip.ride_factor for trip in asked)  # an hour is not known yet
    duty = Duty(NEW, NEW, start_s, max(start_s, end_s), depot, depot, onward_factor=slowest)
    return Problem(asked, (driver,), (duty,), day.problem.travel, Costs())


def _described(day: Day, problem: Problem, plan: Plan) -> ExtraVehicle:
    trips = {trip.id: trip for trip in problem.trips}
    served = [trips[row.trip_id] for row in plan.trips]
    (duty,) = problem.duties
    first, last = plan.trips[0], plan.trips[-1]
    away_s, _m = problem.travel.leg(duty.start, served[0].pickup)
    away_s = in_traffic(away_s, duty.onward_factor)
    back_s, _m = problem.travel.leg(served[-1].dropoff, duty.end)
    back_s = in_traffic(back_s, served[-1].onward_factor)
    return ExtraVehicle(
        from_at=day.moment(first.pickup_s - away_s),
        until_at=day.moment(last.dropoff_s + served[-1].alighting_s + back_s),
        seats=max(trip.seats for trip in served),
        wheelchairs=max(trip.wheelchairs for trip in served),
        needs=frozenset().union(*(trip.needs for trip in served)),
        booking_ids=tuple(trip.id for trip in served),
        trips=tuple(day.bookings[trip.id].label for trip in served),
    )
