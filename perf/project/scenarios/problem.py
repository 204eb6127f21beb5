"""A scenario as the planner's problem, without a database between."""

from dispatch.planner.problem import Break, Costs, Driver, Duty, Priority, Problem, Trip
from dispatch.planner.travel import GreatCircle
from perf.project.scenarios.generate import (
    ALIGHTING_S,
    BOARDING_S,
    CIRCUITY,
    OUTBOUND_EARLY_S,
    OUTBOUND_LATE_S,
    RETURN_EARLY_S,
    RETURN_LATE_S,
    SPEED_KMH,
)


def as_problem(scenario, *, costs=None, breaks=True):
    """Return the planner's problem of this day; every id is the index plus one."""
    travel = GreatCircle(speed_kmh=SPEED_KMH, circuity=CIRCUITY)
    pickups = [(b.pickup_latitude, b.pickup_longitude) for b in scenario.bookings]
    dropoffs = [(b.dropoff_latitude, b.dropoff_longitude) for b in scenario.bookings]
    ride_s = travel.legs(pickups, dropoffs)[0].tolist()
    trips = []
    for i, b in enumerate(scenario.bookings):
        there = b.return_of is None
        trips.append(
            Trip(
                id=i + 1,
                reference=b.reference,
                pickup=pickups[i],
                dropoff=dropoffs[i],
                wanted_s=b.wanted_s,
                earliest_s=b.wanted_s - (OUTBOUND_EARLY_S if there else RETURN_EARLY_S),
                latest_s=b.wanted_s + (OUTBOUND_LATE_S if there else RETURN_LATE_S),
                ride_s=ride_s[i],
                priority=Priority(b.priority),
                arrive_by_s=b.appointment_s,
                boarding_s=BOARDING_S,
                alighting_s=ALIGHTING_S,
                seats=b.passengers - b.wheelchairs,
                wheelchairs=b.wheelchairs,
                preferred=frozenset(d + 1 for d in b.preferred),
            )
        )
    return Problem(
        trips=tuple(trips),
        drivers=tuple(
            Driver(
                id=i + 1,
                name=f"{d.first_name} {d.last_name}",
                seats=d.seats,
                wheelchair_places=d.wheelchair_places,
                capacity=d.max_bookings,
                emergency=d.kind == "emergency",
            )
            for i, d in enumerate(scenario.drivers)
        ),
        duties=tuple(
            Duty(
                id=i + 1,
                driver_id=i + 1,
                start_s=d.shift_start_s,
                end_s=d.shift_end_s,
                start=(d.latitude, d.longitude),
                end=(d.latitude, d.longitude),
                break_=Break(d.break_length_s, d.break_earliest_s, d.break_latest_s)
                if breaks
                else None,
            )
            for i, d in enumerate(scenario.drivers)
        ),
        travel=travel,
        costs=costs or Costs(),
    )
