"""The figures by which a dispatcher compares a plan with what stands. No query."""

from datetime import timedelta
from typing import Any

from dispatch.day.load import Day
from dispatch.planner.measures import Measures
from dispatch.planner.problem import Plan
from dispatch.runs.restore_plan import Was, planned_trips

NONE = timedelta(0)


def what_stands(day: Day) -> Plan:
    """Return what stands of the trips that the planner may move, without breaks.

    A trip that its driver cannot do any more can be in it: no rule is checked.
    """
    standing = {trip.id: day.bookings[trip.id].standing() for trip in day.problem.trips}
    was = {i: Was(*row[1:]) for i, row in standing.items() if row}
    planned = planned_trips(day, was)
    unserved = sorted(standing.keys() - {trip.trip_id for trip in planned})
    return Plan(planned, (), tuple(unserved))


def figures(day: Day, plan: Plan, measures: Measures, *, unkept: int) -> dict[str, Any]:
    """Return the figures of a plan and of the trips that stay: km, minutes and counts.

    `unkept` is the number of trips that their driver cannot do as planned; `wait_min` how long
    after the time that was asked for clients are fetched, on average.
    """
    pickups = {row.id: row.planned()[0] for row in day.bookings.values() if row.id in day.kept}
    pickups |= {trip.trip_id: day.moment(trip.pickup_s) for trip in plan.trips}
    waits = [max(at - day.bookings[i].scheduled_time, NONE) for i, at in pickups.items()]
    return {
        "deadhead_km": round(measures.deadhead_m / 1000, 1),
        "deadhead_min": round(measures.deadhead_s / 60),
        "drivers_used": measures.drivers,
        "wait_min": round(sum(waits, NONE) / timedelta(minutes=len(waits)), 1) if waits else 0.0,
        "unkept": unkept,
    }
