"""Serve one more trip by moving others along: ejection chains.

An absent trip takes the place of another one in a route, that one takes the place of a third
in another route, and so on, until one of them fits in somewhere without pushing anybody out.
Every route is changed once only, so the changes do not meet and each is tested alone: the
chains are the paths of a graph, its nodes the trips, with an arc from i to j where i fits
into the route of j once j has left. A search in breadth from all absent trips at once finds
for each the shortest chain, however the trips between have to move.

Glover, Ejection chains, reference structures and alternating path methods for traveling
salesman problems, Discrete Applied Mathematics 65 (1996), doi:10.1016/0166-218X(94)00037-E;
the graph and its paths: Thompson & Psaraftis, Cyclic transfer algorithms for multivehicle
routing and scheduling problems, Operations Research 41 (1993), doi:10.1287/opre.41.5.935;
ejection to serve everybody: Nagata & Braysy, A powerful route minimization heuristic for the
vehicle routing problem with time windows, Operations Research Letters 37 (2009),
doi:10.1016/j.orl.2009.04.006.

Nothing is random in here. Units: seconds of the objective (`problem.Costs`).
"""

from typing import NamedTuple

import numpy as np

from dispatch.planner.search.arrays import Day
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.moves import cheapest, cheapest_at, entry_price, put
from dispatch.planner.search.route_labels import Routes, label

DEPTH = 12  # trips that give their place to another for one more to be served
HORIZON_S = 3600  # a trip makes room for trips that begin at most so much earlier or later
SWEEPS = 20


class Tree(NamedTuple):
    """What a sweep finds: for each trip (n,) the way to it from an absent one."""

    parent: np.ndarray  # the trip that takes its place; -1 for an absent trip or none
    where: np.ndarray  # and after which position of the route without it
    cost: np.ndarray  # change of the objective by the chain up to here
    level: np.ndarray  # trips that had to leave up to here; -1 when none reaches this trip
    root: np.ndarray  # the absent trip that is served
    queue: np.ndarray  # trips in the order they were reached
    end: np.ndarray  # for an absent trip: where its best chain ends, -1 when it has none
    end_cost: np.ndarray  # and the change of the objective by all of it
    end_route: np.ndarray  # for an end: the route that takes it in
    end_where: np.ndarray  # and after which position
    changed: np.ndarray  # (m,) routes changed by a chain of this sweep


class Without(NamedTuple):
    """For each trip its route without it, as if it were the route of that number."""

    day: Day
    routes: Routes
    sound: np.ndarray  # (n,) whether that route is in time


def new_tree(n, m):
    return Tree(
        *(np.empty(n, dtype=np.int32) for _ in Tree._fields[:-1]), np.empty(m, dtype=np.bool_)
    )


def new_without(day, width):
    """Return room for the routes of all trips."""
    n = len(day.earliest)
    routes = Routes(
        np.zeros(n, dtype=np.int32),
        np.zeros(n, dtype=np.int32),
        *(np.zeros((n, width), dtype=np.int32) for _ in Routes._fields[2:]),
    )
    of_routes = ("opens", "closes", "start_at", "end_at", "empty_leg")
    of_routes += ("break_length", "break_from", "break_until")
    borders = {name: np.zeros(n, dtype=np.int32) for name in of_routes}
    return Without(day._replace(**borders), routes, np.zeros(n, dtype=np.bool_))


@kernel
def leave_out(day, state, without):
    """Label the route of every placed trip without that trip."""
    routes = state.routes
    for i in range(len(day.earliest)):
        r = state.route_of[i]
        without.sound[i] = False
        if r < 0:
            continue
        without.day.opens[i] = day.opens[r]
        without.day.closes[i] = day.closes[r]
        without.day.start_at[i] = day.start_at[r]
        without.day.end_at[i] = day.end_at[r]
        without.day.empty_leg[i] = day.empty_leg[r]
        without.day.break_length[i] = day.break_length[r]
        without.day.break_from[i] = day.break_from[r]
        without.day.break_until[i] = day.break_until[r]
        k = 1
        for position in range(1, routes.count[r] + 1):
            if routes.trip[r, position] != i:
                without.routes.trip[i, k] = routes.trip[r, position]
                k += 1
        without.routes.count[i] = k - 1
        without.sound[i] = label(without.day, without.routes, i)


@kernel(forceinline=True)
def uses(state, tree, i, r):
    """Tell whether the chain that reaches trip i changes route r."""
    while i >= 0:
        if state.route_of[i] == r:
            return True
        i = tree.parent[i]
    return False


@kernel
def find(day, state, without, by_time, tree, depth, horizon):
    """Fill the tree: the chains from all absent trips, at most `depth` trips having to move."""
    n = len(by_time)
    tree.level[:] = -1
    tree.end[:] = -1
    last = 0
    for i in by_time:
        if state.route_of[i] < 0:
            tree.parent[i] = -1
            tree.level[i] = 0
            tree.cost[i] = -day.unserved[i]
            tree.root[i] = i
            tree.queue[last] = i
            last += 1
    head = 0
    while head < last:
        i = tree.queue[head]
        head += 1
        root = tree.root[i]
        level = tree.level[i]
        if tree.end[root] >= 0 and tree.level[tree.end[root]] < level:
            continue
        before = tree.cost[i]

        # Does it fit in somewhere, without anybody leaving?
        best = int(tree.end_cost[root]) if tree.end[root] >= 0 else 0
        for r in range(len(day.driver)):
            driver = day.driver[r]
            if state.trips_of[driver] >= day.capacity[driver]:
                continue
            price, k = cheapest(day, state.routes, r, i)
            if k < 0:
                continue
            price += before + entry_price(day, state.trips_of, driver)
            if price < best and not uses(state, tree, i, r):
                best = price
                tree.end[root] = i
                tree.end_cost[root] = price
                tree.end_route[i] = r
                tree.end_where[i] = k
        if level == depth or tree.end[root] >= 0:
            continue

        # Whose place could it take?
        first, stop = 0, n
        while first < stop:
            middle = (first + stop) // 2
            if day.earliest[by_time[middle]] < day.earliest[i] - horizon:
                first = middle + 1
            else:
                stop = middle
        for place in range(first, n):
            j = by_time[place]
            if day.earliest[j] > day.earliest[i] + horizon:
                break
            if not without.sound[j] or (tree.level[j] >= 0 and tree.level[j] <= level):
                continue
            r = state.route_of[j]
            extra = day.extra[i, r]
            if extra < 0:
                continue
            price, k = cheapest_at(without.day, without.routes, j, i, extra)
            if k < 0:
                continue
            price += before + without.routes.deadhead[j] - state.routes.deadhead[r]
            price -= day.extra[j, r]
            if tree.level[j] >= 0 and price >= tree.cost[j]:
                continue
            if uses(state, tree, i, r):
                continue
            if tree.level[j] < 0:
                tree.queue[last] = j
                last += 1
            tree.level[j] = level + 1
            tree.parent[j] = i
            tree.where[j] = k
            tree.cost[j] = price
            tree.root[j] = root


@kernel
def move_along(day, state, without, by_price, tree):
    """Carry out the chains of these absent trips that do not meet an earlier one.

    Return the change of the objective.
    """
    tree.changed[:] = False
    change = 0
    for root in by_price:
        i = tree.end[root]
        if i < 0:
            continue
        goal = tree.end_route[i]
        free = not tree.changed[goal]
        free = free and state.trips_of[day.driver[goal]] < day.capacity[day.driver[goal]]
        j = i
        while free and tree.parent[j] >= 0:
            free = not tree.changed[state.route_of[j]]
            j = tree.parent[j]
        if not free:
            continue
        change += tree.end_cost[root]
        k = tree.end_where[i]
        while True:
            left = state.route_of[i]
            put(day, state, goal, k, i)
            tree.changed[goal] = True
            if left < 0:
                break
            # Its own route has lost it; the one before it in the chain takes its place.
            count = without.routes.count[i]
            state.routes.count[left] = count
            for position in range(1, count + 1):
                state.routes.trip[left, position] = without.routes.trip[i, position]
            state.trips_of[day.driver[left]] -= 1
            goal, k, i = left, tree.where[i], tree.parent[i]
    return change


class Bench(NamedTuple):
    """The scratch memory of `serve_more`: kernels allocate nothing."""

    by_time: np.ndarray  # (n,) trips in order of their beginning
    without: Without
    tree: Tree


def new_bench(day, width):
    n = len(day.earliest)
    by_time = np.argsort(day.earliest, kind="stable").astype(np.int32)
    return Bench(by_time, new_without(day, width), new_tree(n, len(day.driver)))


def serve_more(day, state, bench, sweeps=SWEEPS):
    """Serve absent trips by chains, while any is found; return the change of the objective."""
    by_time, without, tree = bench
    change = 0
    for _ in range(sweeps):
        leave_out(day, state, without)
        find(day, state, without, by_time, tree, DEPTH, HORIZON_S)
        roots = np.flatnonzero(tree.end >= 0)
        by_price = roots[np.lexsort((roots, tree.end_cost[roots]))].astype(np.int32)
        change += move_along(day, state, without, by_price, tree)
        if not len(roots):
            break
    return int(change)
