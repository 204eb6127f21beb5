"""Tiny planning problems with valid rows by default, and random ones.

Everything lies on one straight road to the north, driven at one kilometre a minute: `at(3)` is
three kilometres, and so 180 seconds, from `at(0)`. Times are written "08:30" or in seconds.
"""

import math

from hypothesis import strategies as st

from dispatch.planner.problem import (
    Break,
    Commitment,
    Costs,
    Driver,
    Duty,
    Plan,
    PlannedBreak,
    PlannedTrip,
    Priority,
    Problem,
    Standing,
    Trip,
)
from dispatch.planner.travel import EARTH_RADIUS_M, GreatCircle

ROAD = GreatCircle(speed_kmh=60, circuity=1.0)
DEGREES_PER_KM = math.degrees(1000 / EARTH_RADIUS_M)


def at(km):
    return (46.2 + km * DEGREES_PER_KM, 6.14)


def clock(value):
    """Return seconds of "08:30"; "25:10" is ten past one on the next day."""
    if isinstance(value, str):
        hours, minutes = value.split(":")
        return int(hours) * 3600 + int(minutes) * 60
    return value


def make_trip(id=1, wanted="08:00", start=0, end=10, *, early=0, late=600, **changes):
    """Return a trip from kilometre `start` to `end` with a window around `wanted`."""
    wanted_s = clock(wanted)
    if isinstance(changes.get("arrive_by_s"), str):
        changes["arrive_by_s"] = clock(changes["arrive_by_s"])
    values = {
        "id": id,
        "reference": f"B{id}",
        "pickup": at(start),
        "dropoff": at(end),
        "wanted_s": wanted_s,
        "earliest_s": wanted_s - early,
        "latest_s": wanted_s + late,
        "ride_s": round(abs(end - start) * 60),
        "priority": Priority.NORMAL,
    }
    return Trip(**(values | changes))


def make_driver(id=1, **changes):
    values = {"name": f"Driver {id}", "seats": 4, "wheelchair_places": 1, "capacity": 14}
    return Driver(id=id, **(values | changes))


def make_duty(id=1, driver_id=None, start="07:00", end="17:00", *, home=0, back=None, **changes):
    """Return a duty that leaves kilometre `home` and ends at `back` (at home by default)."""
    values = {
        "id": id,
        "driver_id": id if driver_id is None else driver_id,
        "start_s": clock(start),
        "end_s": clock(end),
        "start": at(home),
        "end": at(home if back is None else back),
    }
    return Duty(**(values | changes))


def make_break(start="12:00", end="14:00", length_s=1800):
    return Break(length_s, clock(start), clock(end))


def make_commitment(trip_id=900, pickup="09:00", free="09:10", start=0, end=10, **changes):
    ends = at(start), at(end)
    return Commitment(trip_id, f"B{trip_id}", clock(pickup), clock(free), *ends, **changes)


def make_problem(trips=(), drivers=None, duties=None, *, travel=ROAD, costs=None):
    """Return a problem; without drivers and duties, one driver from seven to five."""
    if drivers is None:
        ids = sorted({duty.driver_id for duty in duties}) if duties else [1]
        drivers = [make_driver(id) for id in ids]
    if duties is None:
        duties = [make_duty(driver.id) for driver in drivers]
    return Problem(tuple(trips), tuple(drivers), tuple(duties), travel, costs or Costs())


def make_plan(problem, pickups=(), breaks=()):
    """Return the plan with these (trip id, duty id, pickup) and (duty id, break start).

    Trips that are not among them are unserved.
    """
    trips = {trip.id: trip for trip in problem.trips}
    duties = {duty.id: duty for duty in problem.duties}
    rows = []
    for trip_id, duty_id, pickup in pickups:
        trip, pickup_s = trips[trip_id], clock(pickup)
        dropoff_s = pickup_s + trip.boarding_s + trip.ride_s
        rows.append(PlannedTrip(trip_id, duty_id, duties[duty_id].driver_id, pickup_s, dropoff_s))
    rests = [
        PlannedBreak(duty_id, clock(start), clock(start) + duties[duty_id].break_.length_s)
        for duty_id, start in breaks
    ]
    placed = {row.trip_id for row in rows}
    return Plan(
        tuple(sorted(rows, key=lambda row: (row.duty_id, row.pickup_s))),
        tuple(rests),
        tuple(id for id in sorted(trips) if id not in placed),
    )


SKILLS = ("stairs", "oxygen")
QUARTER = 900
TRAFFIC = st.sampled_from([1.0, 1.0, 1.5, 0.75])
UNFOLDED = st.fixed_dictionaries(
    {
        "seats": st.sampled_from([4, 4, 2, 1]),
        "wheelchair_places": st.sampled_from([1, 1, 2, 0]),
    }
)


@st.composite
def problems(draw, most_drivers=4, most_trips=8, *, breaks=None, folding=False):
    """Draw a small day: split duties, midnight, breaks, commitments, needs, caps, bans.

    Every other day is a crowded one: anybody may take anything, all at about the same time. Of the
    commitments of a duty each can be reached from the one before; whether the last ends in
    time, and whether the break still fits beside them, is left to chance. With `breaks` every
    duty has one. On every other day drives take longer, or less, from some places. The places of
    `folding` vehicles fold.
    """
    traffic = draw(st.sampled_from([st.just(1.0), TRAFFIC]))
    begin = draw(st.sampled_from([0, -8, 60])) * QUARTER
    crowded = draw(st.booleans())
    drivers, duties = [], []
    for driver_id in range(1, draw(st.integers(int(crowded), most_drivers)) + 1):
        drivers.append(
            make_driver(driver_id)
            if crowded
            else make_driver(
                driver_id,
                **draw(folded() if folding else UNFOLDED),
                capacity=draw(st.sampled_from([6, 6, 3, 2, 1, 0])),
                skills=frozenset(SKILLS[: draw(st.sampled_from([2, 2, 1, 0]))]),
                load=draw(st.sampled_from([0, 0, 1, 2])),
                emergency=draw(st.sampled_from([False, False, True])),
            )
        )
        leave_s = begin + draw(st.integers(24, 32)) * QUARTER
        for _ in range(draw(st.sampled_from([1, 1, 2]))):
            duty = draw(_duties(len(duties) + 1, driver_id, leave_s, breaks, traffic))
            duties.append(duty)
            busy_s = max([duty.end_s, *(c.free_s for c in duty.commitments)])
            leave_s = busy_s + draw(st.integers(0, 6)) * QUARTER
    trips = [
        draw(_trips(trip_id, len(drivers), begin, crowded, traffic))
        for trip_id in range(1, draw(st.integers(0, most_trips)) + 1)
    ]
    costs = Costs(
        move_s=draw(st.sampled_from([0, 300, None])), fairness=draw(st.sampled_from([0, 10]))
    )
    return make_problem(trips, drivers, duties, costs=costs)


@st.composite
def folded(draw):
    """Draw the places of a vehicle that has one of up to three layouts at a time."""
    layout = st.tuples(st.integers(0, 4), st.integers(0, 2))
    layouts = tuple(draw(st.lists(layout, min_size=1, max_size=3, unique=True)))
    seats, places = (max(numbers) for numbers in zip(*layouts, strict=True))
    return {"seats": seats, "wheelchair_places": places, "layouts": layouts}


@st.composite
def _duties(draw, duty_id, driver_id, start_s, breaks, traffic):
    kilometres = st.integers(0, 15)
    end_s = start_s + draw(st.integers(6, 24)) * QUARTER
    home, back = draw(kilometres), draw(kilometres)
    rows, here, now_s, begins = [], home, start_s, draw(traffic)
    factor = begins
    for number in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        there, to = draw(kilometres), draw(kilometres)
        drive_s = round(abs(there - here) * 60 * factor)
        pickup_s = now_s + drive_s + draw(st.integers(0, 6)) * QUARTER
        if pickup_s >= end_s:
            break
        free_s = pickup_s + abs(to - there) * 60 + draw(st.sampled_from([120, 120, 3600]))
        trip_id = 900 + 10 * duty_id + number
        factor = draw(traffic)
        ends = at(there), at(to), factor
        rows.append(Commitment(trip_id, f"B{trip_id}", pickup_s, free_s, *ends))
        here, now_s = to, free_s
    rest = None
    if breaks or draw(st.booleans()):
        earliest_s = start_s + draw(st.integers(0, 10)) * QUARTER
        length_s = draw(st.sampled_from([900, 1800]))
        rest = Break(
            length_s, earliest_s, earliest_s + length_s + draw(st.integers(0, 8)) * QUARTER
        )
    ends = at(home), at(back)
    return Duty(duty_id, driver_id, start_s, end_s, *ends, rest, tuple(rows), onward_factor=begins)


@st.composite
def _trips(draw, trip_id, drivers, begin, crowded, traffic):
    wanted_s = begin + (draw(st.integers(32, 38) if crowded else st.integers(24, 52))) * QUARTER
    start, end = draw(st.integers(0, 15)), draw(st.integers(0, 15))
    some_drivers = st.frozensets(st.integers(1, max(1, drivers)))
    rare = st.sampled_from([False, False, False, True])
    arrive_by_s = standing = None
    factor = draw(traffic)
    ride_s = round(abs(end - start) * 60 * factor)
    if draw(rare):
        arrive_by_s = wanted_s + ride_s + draw(st.integers(-2, 8)) * 300
    if drivers and draw(rare):
        standing = Standing(draw(st.integers(1, drivers)), wanted_s)
    return make_trip(
        trip_id,
        wanted_s,
        start,
        end,
        early=draw(st.sampled_from([0, 300, 600])),
        late=draw(st.sampled_from([0, 900, 1800])),
        arrive_by_s=arrive_by_s,
        boarding_s=draw(st.sampled_from([0, 120])),
        alighting_s=draw(st.sampled_from([0, 60, 1200])),
        seats=draw(st.sampled_from([1, 1, 0, 3])),
        wheelchairs=draw(st.sampled_from([0, 0, 1])),
        needs=frozenset() if crowded else frozenset(SKILLS[: draw(st.sampled_from([0, 0, 1, 2]))]),
        preferred=draw(some_drivers) if draw(rare) else frozenset(),
        forbidden=draw(some_drivers) if draw(rare) else frozenset(),
        standing=standing,
        priority=draw(st.sampled_from(Priority)),
        ride_s=ride_s,
        ride_factor=factor,
        onward_factor=draw(traffic),
    )
