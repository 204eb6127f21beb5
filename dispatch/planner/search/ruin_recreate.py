"""Ruin and recreate: improve routes by taking a few trips out and putting them back.

SISR of Christiaens & Vanden Berghe, Slack Induction by String Removals for Vehicle Routing
Problems, Transportation Science 54 (2020), doi:10.1287/trsc.2019.0914. What is ours:

- a trip that fits nowhere stays absent at its price, so the search may trade one for another;
- trips that were absent before a ruin are tried again only on the routes it touched: the
  others refused them already and have not changed;
- where a trip would go best in a route is remembered until the route changes;
- a ruin starts now and then near an absent trip, to make room where room is missing.

One call works on one *part*: some routes with their trips and some absent trips. Parts share
no driver, so two threads may work on two parts of the same arrays at once. Everything
random comes from the generator of the part; there is no clock in here.

Units: seconds of the objective (`problem.Costs`).
"""

import math
from typing import NamedTuple

import numpy as np

from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.moves import (
    cheapest,
    drop,
    entry_price,
    put,
    restore,
    save,
)
from dispatch.planner.search.route_labels import label


class Knobs(NamedTuple):
    """Parameters of the search; in brackets the paper's names."""

    removed: float = 10.0  # average number of trips a ruin takes out (c-bar)
    longest: float = 10.0  # longest string taken out of one route (L-max)
    split: float = 0.5  # chance of a string that leaves some trips inside it (alpha)
    grow: float = 0.01  # chance to stop growing the part left inside (beta)
    blink: float = 0.01  # chance not to see a position (gamma)
    from_absent: float = 0.2  # chance to start a ruin near an absent trip


@kernel(forceinline=True)
def draw(rng):
    """Return a random number in [0, 1): xorshift64*, Vigna 2016, doi:10.1145/2845077."""
    x = rng[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    rng[0] = x
    return ((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernel(forceinline=True)
def below(rng, bound):
    """Return a random whole number in [0, bound)."""
    return int(draw(rng) * bound)


@kernel
def remove_string(day, state, r, at, knobs, longest, rng, removed, n_removed):
    """Take a string of trips that holds position `at` out of route r, perhaps a split one.

    Return (trips in `removed` now, change of the objective). The change leaves out what
    the route's own driving saves: its labels are not computed here.
    """
    routes = state.routes
    driver = day.driver[r]
    count = routes.count[r]
    length = 1 + below(rng, min(count, longest))
    kept = 0
    if 1 < length < count and draw(rng) < knobs.split:
        kept = 1
        while length + kept < count and draw(rng) > knobs.grow:
            kept += 1
    span = length + kept
    lowest = max(1, at - span + 1)
    first = lowest + below(rng, min(at, count - span + 1) - lowest + 1)
    keep_from = first + below(rng, length + 1) if kept > 0 else count + 1
    write = first
    change = 0
    for position in range(first, count + 1):
        i = routes.trip[r, position]
        if position >= first + span or keep_from <= position < keep_from + kept:
            routes.trip[r, write] = i
            write += 1
        else:
            removed[n_removed] = i
            n_removed += 1
            change += drop(day, state, r, driver, i)
    routes.count[r] = write - 1
    return n_removed, change


@kernel
def position_of(routes, r, i):
    k = 1
    while routes.trip[r, k] != i:
        k += 1
    return k


@kernel
def sort_for_recreate(day, choices, todo, n_todo, key, rng):
    """Put the trips to insert in one of several orders, drawn at random."""
    way = below(rng, 12)
    for t in range(n_todo):
        i = todo[t]
        if way < 4:
            key[t] = draw(rng)
        elif way < 7:  # the dearest first
            key[t] = -day.unserved[i] + draw(rng)
        elif way < 9:  # those with fewest routes to go to
            key[t] = choices[i] + draw(rng)
        elif way < 10:
            key[t] = day.earliest[i]
        elif way < 11:
            key[t] = -day.last_start[i]
        else:  # the narrowest window first
            key[t] = day.last_start[i] - day.earliest[i] + draw(rng)
    for t in range(1, n_todo):
        i, its_key = todo[t], key[t]
        s = t
        while s > 0 and key[s - 1] > its_key:
            todo[s], key[s] = todo[s - 1], key[s - 1]
            s -= 1
        todo[s], key[s] = i, its_key


@kernel(forceinline=True)
def compare(day, state, desk, columns, r, i, price, at, blink):
    """Return (price, route) of the cheaper place for trip i: in route r, or where it is now."""
    driver = day.driver[r]
    if state.trips_of[driver] >= day.capacity[driver]:
        return price, at
    memo = desk.memo
    cell = desk.row_of[i] * columns + desk.column_of[r]
    if memo.version[cell] != desk.version[r]:
        memo.version[cell] = desk.version[r]
        memo.price[cell], memo.where[cell] = cheapest(day, state.routes, r, i)
    total = memo.price[cell] + entry_price(day, state.trips_of, driver)
    if total < price and draw(desk.rng) >= blink:
        return total, r
    return price, at


@kernel
def improve(
    day, state, desk, part, part_routes, part_trips, near, choices, n_absent, knobs,
    iterations, hot, cold,
):  # fmt: skip
    """Run this many iterations on one part, cooling from `hot` to `cold`.

    To begin with, the best plan in `state` must be the present one.

    `part_trips` are all trips of the part, `n_absent` of them absent and in `desk.absent`;
    `near` holds for each trip the trips nearest to it, itself first, filled up with -1.
    Return (change of the objective, change at the best plan met, number of absent trips).
    """
    routes = state.routes
    undo, touched, taken_out, unsaved, unsaved_list, todo, key, absent = desk[:8]
    row_of, column_of, version, memo, rng = desk[8:]
    slots = len(part_routes)
    n_unsaved = 0
    taken_out[:] = -1
    stamp = 0
    for column in range(slots):
        r = part_routes[column]
        touched[r] = -1
        unsaved[r] = False
        column_of[r] = column
        stamp += 1
        version[r] = stamp
    for row in range(len(part_trips)):
        row_of[part_trips[row]] = row
    for cell in range(len(part_trips) * slots):
        memo.version[cell] = 0
    placed = len(part_trips) - n_absent
    present = best = 0
    heat = hot
    cooling = (cold / hot) ** (1.0 / max(iterations, 1))

    for iteration in range(iterations):
        heat *= cooling
        # Ruin: adjacent string removal.
        if n_absent > 0 and draw(rng) < knobs.from_absent:
            around = near[absent[below(rng, n_absent)]]
            seed = around[below(rng, len(around))]
            if seed < 0:
                seed = around[0]
        else:
            seed = part_trips[below(rng, len(part_trips))]
        longest = int(min(knobs.longest, max(1.0, placed / slots)))
        strings = 1 + below(rng, 4.0 * knobs.removed / (1.0 + longest) - 1.0)
        n_slots = n_removed = change = 0
        for c in near[seed]:
            if c < 0 or n_slots >= strings:
                break
            r = state.route_of[c]
            if r < 0 or state.part_of[r] != part or touched[r] == iteration:
                continue
            touched[r] = iteration
            save(routes, r, version[r], undo, n_slots)
            n_slots += 1
            before = n_removed
            at = position_of(routes, r, c)
            n_removed, less = remove_string(day, state, r, at, knobs, longest, rng, todo, n_removed)
            change += less
            if not label(day, routes, r):
                # Rounded driving times can make a route later by leaving a stop out.
                for k in range(1, routes.count[r] + 1):
                    i = routes.trip[r, k]
                    todo[n_removed] = i
                    n_removed += 1
                    change += drop(day, state, r, day.driver[r], i)
                routes.count[r] = 0
                label(day, routes, r)
            change += routes.deadhead[r] - undo.deadhead[n_slots - 1]
            stamp += 1
            version[r] = stamp
            for t in range(before, n_removed):
                taken_out[todo[t]] = iteration
        ruined = n_slots

        # Recreate: greedy insertion with blinks.
        n_old = min(n_absent, 30)
        for t in range(n_old):
            chosen = below(rng, n_absent - t)
            last = n_absent - 1 - t
            absent[chosen], absent[last] = absent[last], absent[chosen]
            todo[n_removed + t] = absent[last]
        n_todo = n_removed + n_old
        sort_for_recreate(day, choices, todo, n_todo, key, rng)
        for t in range(n_todo):
            i = todo[t]
            price = int(day.unserved[i])
            at = -1
            if taken_out[i] == iteration:
                for r in part_routes:
                    price, at = compare(day, state, desk, slots, r, i, price, at, knobs.blink)
            else:
                for slot in range(ruined):
                    r = undo.route[slot]
                    price, at = compare(day, state, desk, slots, r, i, price, at, knobs.blink)
            if at >= 0:
                if touched[at] != iteration:
                    touched[at] = iteration
                    save(routes, at, version[at], undo, n_slots)
                    n_slots += 1
                put(day, state, at, memo.where[row_of[i] * slots + column_of[at]], i)
                stamp += 1
                version[at] = stamp
                change += price - day.unserved[i]

        # Simulated annealing: accept what is worse with a chance that falls with the heat.
        if change < -heat * math.log(1.0 - draw(rng)):
            present += change
            n_absent -= n_old
            for t in range(n_todo):
                if state.route_of[todo[t]] < 0:
                    absent[n_absent] = todo[t]
                    n_absent += 1
            placed = len(part_trips) - n_absent
            for slot in range(n_slots):
                r = undo.route[slot]
                if not unsaved[r]:
                    unsaved[r] = True
                    unsaved_list[n_unsaved] = r
                    n_unsaved += 1
            if present < best:
                best = present
                for u in range(n_unsaved):
                    r = unsaved_list[u]
                    unsaved[r] = False
                    state.best_count[r] = routes.count[r]
                    for k in range(1, routes.count[r] + 1):
                        state.best_trip[r, k] = routes.trip[r, k]
                n_unsaved = 0
        else:
            for t in range(n_todo):
                state.route_of[todo[t]] = -1
            for slot in range(n_slots):
                restore(day, state, undo, slot)
                version[undo.route[slot]] = undo.version[slot]
    return present, best, n_absent
