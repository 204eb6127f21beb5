"""Serve one more trip by an ejection chain: a sequence of trips that change routes.

An absent trip takes the place of another trip in a route, that one takes the place of a third
in another route, and so on, until one fits into a route without ejecting another. A chain
changes every route at most once, so each change is tested alone: the chains are the paths of
a graph whose nodes are the trips, with an arc from i to j where i fits into the route of j
without j. A breadth-first search from all absent trips at once finds the shortest chain for
each.

Glover, Ejection chains, reference structures and alternating path methods for traveling
salesman problems, Discrete Applied Mathematics 65 (1996), doi:10.1016/0166-218X(94)00037-E;
the graph and its paths: Thompson & Psaraftis, Cyclic transfer algorithms for multivehicle
routing and scheduling problems, Operations Research 41 (1993), doi:10.1287/opre.41.5.935;
ejection to serve everybody: Nagata & Braysy, A powerful route minimization heuristic for the
vehicle routing problem with time windows, Operations Research Letters 37 (2009),
doi:10.1016/j.orl.2009.04.006.

Nothing here is random. Units: seconds of the objective (`problem.Costs`). Sizes: n trips,
m routes.
"""

from typing import NamedTuple

import numpy as np

from dispatch.planner.search.arrays import Day, Flags, Ints, Longs
from dispatch.planner.search.clock import ENDLESS, Clock
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.moves import State, cheapest, cheapest_at, entry_price, put
from dispatch.planner.search.route_labels import Routes, label

DEPTH = 12  # trips ejected for one more to be served, at most
HORIZON_S = 3600  # a trip ejects only trips that begin at most so much earlier or later
SWEEPS = 20


class Tree(NamedTuple):
    """The chains a sweep finds: for each trip (n,) the path to it from an absent one."""

    parent: Ints  # the trip that takes its place; -1 for an absent trip and for one not reached
    where: Ints  # position after which that one goes, in the route without this trip
    cost: Longs  # change of the objective by the chain up to here
    level: Ints  # trips ejected up to here; -1 when no chain reaches this trip
    root: Ints  # the absent trip that is served
    queue: Ints  # trips in the order the search reaches them
    end: Ints  # for an absent trip: where its best chain ends, -1 when it has none
    end_cost: Longs  # change of the objective by all of that chain
    end_route: Ints  # for an end: the route that takes it
    end_where: Ints  # position after which it goes there
    changed: Flags  # (m,) routes changed by a chain of this sweep


class Without(NamedTuple):
    """For each trip its route without it: row i of `routes` is the route without trip i."""

    day: Day
    routes: Routes
    sound: Flags  # (n,) whether that route is in time


def new_tree(n: int, m: int) -> Tree:
    """Return memory for a tree over n trips and m routes."""

    def column() -> Ints:
        return np.empty(n, dtype=np.int32)

    return Tree(
        parent=column(),
        where=column(),
        cost=np.empty(n, dtype=np.int64),
        level=column(),
        root=column(),
        queue=column(),
        end=column(),
        end_cost=np.empty(n, dtype=np.int64),
        end_route=column(),
        end_where=column(),
        changed=np.empty(m, dtype=np.bool_),
    )


def new_without(day: Day, width: int) -> Without:
    """Return memory for the routes without each trip; `width` as in `Routes`."""
    n = len(day.earliest)
    routes = Routes(
        np.zeros(n, dtype=np.int32),
        np.zeros(n, dtype=np.int32),
        *(np.zeros((n, width), dtype=np.int32) for _ in Routes._fields[2:]),
    )
    columns = day._replace(
        opens=np.zeros(n, dtype=np.int32),
        closes=np.zeros(n, dtype=np.int32),
        start_at=np.zeros(n, dtype=np.int32),
        end_at=np.zeros(n, dtype=np.int32),
        empty_leg=np.zeros(n, dtype=np.int32),
        break_length=np.zeros(n, dtype=np.int32),
        break_from=np.zeros(n, dtype=np.int32),
        break_until=np.zeros(n, dtype=np.int32),
    )
    return Without(columns, routes, np.zeros(n, dtype=np.bool_))


@kernel
def leave_out(day: Day, state: State, without: Without) -> None:
    """Fill `without`: copy and label the route of every placed trip without that trip."""
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
        for position in range(1, routes.size[r] + 1):
            if routes.trip[r, position] != i:
                without.routes.trip[i, k] = routes.trip[r, position]
                k += 1
        without.routes.size[i] = k - 1
        without.sound[i] = label(without.day, without.routes, i)


@kernel(forceinline=True)
def uses(state: State, tree: Tree, i: int, r: int) -> bool:
    """Return whether the chain that reaches trip i changes route r."""
    while i >= 0:
        if state.route_of[i] == r:
            return True
        i = tree.parent[i]
    return False


@kernel
def find_chains(
    day: Day, state: State, without: Without, by_time: Ints, tree: Tree, depth: int, horizon: int
) -> None:
    """Fill the tree with chains from all absent trips that eject at most `depth` trips.

    `by_time` (n,) lists the trips in order of `Day.earliest`; `horizon` is HORIZON_S.
    """
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

        # End the chain: insert i into a route without ejecting a trip.
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

        # Extend the chain: insert i into a route in the place of a trip j.
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
def carry_out(day: Day, state: State, without: Without, by_price: Ints, tree: Tree) -> int:
    """Carry out the chains of these absent trips, in this order; return the change of objective.

    Skips a chain that shares a route with an earlier one.
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
            # Its own route becomes the one without it; the trip before it in the chain goes there.
            count = without.routes.size[i]
            state.routes.size[left] = count
            for position in range(1, count + 1):
                state.routes.trip[left, position] = without.routes.trip[i, position]
            state.trips_of[day.driver[left]] -= 1
            goal, k, i = left, tree.where[i], tree.parent[i]
    return change


class ChainWorkspace(NamedTuple):
    """The scratch memory of `serve_more`: kernels allocate nothing."""

    by_time: Ints  # (n,) trips in order of `Day.earliest`
    without: Without
    tree: Tree


def new_chain_workspace(day: Day, width: int) -> ChainWorkspace:
    """Return the memory of `serve_more` for routes of this width."""
    n = len(day.earliest)
    by_time = np.argsort(day.earliest, kind="stable").astype(np.int32)
    return ChainWorkspace(by_time, new_without(day, width), new_tree(n, len(day.driver)))


def serve_more(
    day: Day, state: State, work: ChainWorkspace, clock: Clock = ENDLESS, sweeps: int = SWEEPS
) -> int:
    """Serve absent trips by chains until none is found, or the clock is over.

    Return the change of the objective.
    """
    by_time, without, tree = work
    change = 0
    for _ in range(sweeps):
        if clock.is_over():
            break
        leave_out(day, state, without)
        find_chains(day, state, without, by_time, tree, DEPTH, HORIZON_S)
        roots = np.flatnonzero(tree.end >= 0)
        by_price = roots[np.lexsort((roots, tree.end_cost[roots]))].astype(np.int32)
        change += carry_out(day, state, without, by_price, tree)
        if not len(roots):
            break
    return int(change)
