"""Make a first plan: what stands, as it stands, and every other trip where it is cheapest.

The same steps for NumPy (`greedy.py`) and for the compiled kernels (`parallel.py`), which lend
their insertion. Units: seconds of the objective (`problem.Costs`). Sizes: n trips, m routes,
p drivers.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from dispatch.planner.search.arrays import Day, Ints
from dispatch.planner.search.clock import Clock
from dispatch.planner.search.kept_windows import (
    LabelAll,
    close_all,
    closed,
    open_all,
    open_windows,
)
from dispatch.planner.search.route_labels import Routes, fits_between, label

# Inserts trips in this order, each where it is cheapest; with drivers (n,) each only into the
# routes of its driver, unless that is -1. Keeps routes and the trips of each driver.
Insert = Callable[[Day, Ints, Ints], None]


class Stands(NamedTuple):
    """Where the trips stand, -1 for nowhere."""

    driver: Ints  # (n,)
    pickup: Ints  # (n,) seconds since the start of the company's day


class Plan(NamedTuple):
    """The plan in work: routes, and the trips of each driver (p,)."""

    routes: Routes
    trips_of: Ints


def fill(
    day: Day,
    plan: Plan,
    stands: Stands | None,
    insert: Insert,
    label_all: LabelAll,
    clock: Clock,
) -> Day:
    """Fill the empty plan; return the copy of the day whose windows it keeps (`kept_windows`).

    The clock ends only `make_room`: a trip that fits is not left out for want of time.
    """
    n = len(day.earliest)
    kept = closed(day)
    nobody = np.full(n, -1, dtype=np.int32)
    if stands is not None and (stands.driver >= 0).any():
        put_standing(kept, plan, stands)
        fallen = absent(plan, np.argsort(day.earliest, kind="stable"))
        insert(kept, fallen[stands.driver[fallen] >= 0], stands.driver)
    order = insertion_order(day)
    for price in np.unique(day.annealed)[::-1]:  # of each priority, the highest first
        level = order[day.annealed[order] == price]
        insert(kept, absent(plan, level), nobody)
        left = absent(plan, level)
        open_windows(day, kept, left)
        insert(kept, left, nobody)
    make_room(day, kept, plan, insert, label_all, clock)
    return kept


def insertion_order(day: Day) -> Ints:
    """Return the trips in the order they are inserted: the dearest first, then by time."""
    order = np.lexsort((np.arange(len(day.earliest)), day.last_start, -day.unserved))
    return order.astype(np.int32)


def absent(plan: Plan, order: Iterable[int]) -> Ints:
    """Return the trips of this order that are in no route."""
    placed = set()
    for r, size in enumerate(plan.routes.size.tolist()):
        placed.update(plan.routes.trip[r, 1 : size + 1].tolist())
    return np.array([i for i in order if i not in placed], dtype=np.int32)


def put_standing(kept: Day, plan: Plan, stands: Stands) -> None:
    """Put every trip into the route where it stands, in the order of the told pickups.

    Leaves out what the route cannot take any more: of a route that is late, what comes later.
    """
    routes, trips_of = plan
    routes_of: dict[int, list[int]] = {}
    for r, driver in enumerate(kept.driver.tolist()):
        routes_of.setdefault(driver, []).append(r)
    told: dict[int, list[int]] = {}
    for i in np.lexsort((np.arange(len(stands.pickup)), stands.pickup)).tolist():
        pickup = stands.pickup[i]
        for r in routes_of.get(int(stands.driver[i]), ()):
            inside = kept.opens[r] <= pickup and pickup + kept.service[i] <= kept.closes[r]
            if inside and kept.extra[i, r] >= 0:
                told.setdefault(r, []).append(i)
                break
    for r, trips in sorted(told.items()):
        room = int(kept.capacity[kept.driver[r]] - trips_of[kept.driver[r]])
        count = _fill_route(kept, routes, r, trips[:room])
        trips_of[kept.driver[r]] += count


def _fill_route(kept: Day, routes: Routes, r: int, trips: list[int]) -> int:
    """Fill the empty route with these trips in order; return how many it takes."""
    routes.trip[r, 1 : len(trips) + 1] = trips
    routes.size[r] = len(trips)
    if label(kept, routes, r):
        return len(trips)
    routes.size[r] = 0
    for i in trips:
        routes.size[r] += 1
        routes.trip[r, routes.size[r]] = i
        if not label(kept, routes, r):
            routes.size[r] -= 1
    label(kept, routes, r)
    return int(routes.size[r])


def make_room(
    day: Day, kept: Day, plan: Plan, insert: Insert, label_all: LabelAll, clock: Clock
) -> int:
    """Serve absent trips with all windows open, and dearer trips in the place of cheaper ones.

    Return how many trips took the place of others until the clock was over. The windows are closed
    again where that leaves nothing out.
    """
    nobody = np.full(len(day.earliest), -1, dtype=np.int32)
    left = absent(plan, insertion_order(day))
    if not len(left):
        return 0
    open_all(day, kept, plan.routes, label_all)
    insert(kept, left, nobody)
    swaps = sum(
        take_the_place(kept, plan, i) for i in absent(plan, left).tolist() if not clock.is_over()
    )
    if swaps:
        insert(kept, absent(plan, insertion_order(day)), nobody)
    close_all(day, kept, plan.routes, label_all)
    return swaps


def take_the_place(day: Day, plan: Plan, i: int) -> bool:
    """Put absent trip i into the place of neighbouring trips that are cheaper to leave out.

    Takes the place where least is lost, of equal ones with least driving. The trips that lose
    theirs are in no route then.
    """
    routes, trips_of = plan
    best: tuple[int, int, int, int, int] | None = None
    if day.unserved[i] <= day.unserved.min():
        return False
    for r in np.flatnonzero(day.extra[i] >= 0).tolist():
        size = int(routes.size[r])
        for k in range(size):
            if routes.leave_pending[r, k] > day.last_start[i]:
                break
            lost = 0
            to_pickup = int(day.travel[routes.from_at[r, k], day.pickup_at[i]])
            for after in range(k + 2, size + 2):
                lost += int(day.unserved[routes.trip[r, after - 1]])
                if lost >= day.unserved[i]:
                    break
                if day.earliest[i] + day.service[i] > routes.start_done[r, after]:
                    continue
                on = int(day.travel[day.dropoff_at[i], routes.to_at[r, after]])
                if fits_between(day, routes, r, k, after, i, to_pickup, on):
                    detour = to_pickup + on - int(routes.leg[r, k:after].sum())
                    found = (lost, detour, r, k, after)
                    best = found if best is None else min(best, found)
                    break
    if best is None:
        return False
    _lost, _detour, r, k, after = best
    size = int(routes.size[r])
    rest = routes.trip[r, after : size + 1].copy()
    routes.trip[r, k + 1] = i
    routes.trip[r, k + 2 : k + 2 + len(rest)] = rest
    routes.size[r] = k + 1 + len(rest)
    trips_of[day.driver[r]] += int(routes.size[r]) - size
    label(day, routes, r)
    return True
