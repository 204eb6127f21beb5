"""The second engine: VROOM, through pyvroom, with each trip collapsed into one job.

A trip is one job from its pickup to its dropoff (shipments with breaks lose a quarter of the
trips: VROOM issues #1337 and #1345). VROOM knows no soft preference, no fairness and no cap
over several routes of a driver. Its routes are therefore a proposal: a trip follows it only
if `route_labels.fits` agrees, and the others are inserted greedily.

Units: seconds, shifted so that none is negative: VROOM's times are unsigned.
"""

import numpy as np
import numpy.typing as npt
import vroom

from dispatch.planner.search import greedy
from dispatch.planner.search.arrays import FORBIDDEN, Day
from dispatch.planner.search.first_plan import insertion_order
from dispatch.planner.search.route_labels import Routes, empty_routes, fits, put

LEVELS = range(6)


def build(day: Day, level: int, threads: int = 2) -> Routes:
    """Return routes after VROOM's proposal at this exploration level (0 to 5).

    Raises ValueError for any other level.
    """
    if level not in LEVELS:
        raise ValueError(f"VROOM's levels are 0 to 5, not {level}.")
    n = len(day.earliest)
    proposal = _propose(day, level, threads) if n and len(day.driver) else {}
    routes = empty_routes(day)
    trips_of = np.zeros(len(day.capacity), dtype=np.int32)
    left = set(range(n))
    for r, trips in sorted(proposal.items()):
        for i in trips:
            k = int(routes.size[r])
            if (
                k + 2 >= routes.trip.shape[1]
                or trips_of[day.driver[r]] >= day.capacity[day.driver[r]]
            ):
                break
            to_pickup = int(day.travel[routes.from_at[r, k], day.pickup_at[i]])
            home = int(day.travel[day.dropoff_at[i], day.end_at[r]])
            if day.extra[i, r] != FORBIDDEN and fits(day, routes, r, k, i, to_pickup, home):
                put(day, routes, r, k, i)
                trips_of[day.driver[r]] += 1
                left.discard(i)
    for i in insertion_order(day).tolist():
        if i in left:
            greedy.insert(day, routes, trips_of, i)
    return routes


def _propose(day: Day, level: int, threads: int) -> dict[int, list[int]]:
    """Return VROOM's proposal: {route: trips in order}."""
    n, m = len(day.earliest), len(day.driver)
    zero = int(min(day.earliest.min(), day.opens.min()))
    problem = vroom.Input()
    problem.set_durations_matrix("car", _square(day))
    skills_of_trip, skills_of_route = _skills(day)
    unserved = day.annealed / max(1, int(day.annealed.max())) * 100
    for i in range(n):
        if day.last_start[i] < day.earliest[i]:
            continue
        window = vroom.TimeWindow(int(day.earliest[i]) - zero, int(day.last_start[i]) - zero)
        problem.add_job(
            vroom.Job(
                i,
                location=i,
                default_service=int(day.service[i]),
                skills=skills_of_trip[i],
                priority=round(unserved[i]),
                time_windows=[window],
            )
        )
    vehicles = 0
    for r in range(m):
        driver = day.driver[r]
        if (day.extra[:, r] == FORBIDDEN).all() or day.capacity[driver] < 1:
            continue
        vehicles += 1
        breaks = []
        if day.break_length[r]:
            length = int(day.break_length[r])
            first, last = int(day.break_from[r]), int(day.break_until[r]) - length
            window = vroom.TimeWindow(max(first - zero, 0), max(last - zero, 0))
            breaks = [vroom.Break(r, time_windows=[window], service=length)]
        problem.add_vehicle(
            vroom.Vehicle(
                r,
                start=n + r,
                end=n + r,
                skills=skills_of_route[r],
                time_window=vroom.TimeWindow(int(day.opens[r]) - zero, int(day.closes[r]) - zero),
                breaks=breaks,
                costs=vroom.VehicleCosts(fixed=int(day.driver_cost[driver])),
                max_tasks=int(day.capacity[driver]),
            )
        )
    if not vehicles:
        return {}
    solution = problem.solve(exploration_level=level, nb_threads=threads)
    table = solution.routes
    table = table[table["type"] == "job"]
    proposal: dict[int, list[int]] = {}
    for r, i in zip(table["vehicle_id"].tolist(), table["id"].tolist(), strict=True):
        proposal.setdefault(int(r), []).append(int(i))
    return proposal


def _square(day: Day) -> npt.NDArray[np.uint32]:
    """Return the square matrix for VROOM, (n + m, n + m) seconds: job i at i, route r at n + r.

    Rows are left and columns reached: a job is left at its dropoff, reached at its pickup.
    """
    rows = np.concatenate([day.dropoff_at, day.start_at])
    columns = np.concatenate([day.pickup_at, day.end_at])
    square: npt.NDArray[np.uint32] = day.travel[np.ix_(rows, columns)].astype(np.uint32)
    return square


def _skills(day: Day) -> tuple[list[set[int]], list[set[int]]]:
    """Return (skills of each trip, skills of each route) that allow what `extra` allows.

    Trips that may go to the same routes share one skill.
    """
    allowed = day.extra != FORBIDDEN
    classes, of_trip = np.unique(allowed, axis=0, return_inverse=True)
    of_trip = of_trip.reshape(-1)
    skills_of_route = [set(np.flatnonzero(column).tolist()) for column in classes.T]
    return [{int(c)} for c in of_trip], skills_of_route
