"""Labels of a route: the times that let an insertion be tested in constant time.

Along a route, positions run from 0 (its start) over 1..size (its trips) to size + 1 (its
end). The break is one more thing to do on the way, so every time is kept twice: with the
break still *pending* and with the break *done*.

    leave_pending[k]  earliest time to leave position k, break not taken yet
    leave_done[k]     earliest time to leave position k, break taken before
    start_pending[k]  latest start at k so that everything after it, and the break, still fits
    start_done[k]     latest start at k so that everything after it still fits, break taken

The first two are found going forward, the last two going backward. Pending is the better
state to leave in (leave_pending <= leave_done) and the worse one to arrive in
(start_pending <= start_done). A trip fits between k and k + 1 when one of three ways is in
time: break before it and done on arrival at k + 1; break right after it; break later. That is
a handful of additions and comparisons, however long the route (the idea of forward time slack:
Savelsbergh, The vehicle routing problem with time windows: minimizing route duration, ORSA
Journal on Computing 4 (1992); two states because a break splits the future).

A break may interrupt empty driving. Leaving at t for a drive of d, the driver rests from
max(t, break_from), or on arrival if that is still before break_from, and is ready at
max(t + d, break_from) + length; the rest must end by break_until.

A route without a break has one of length 0 with a window without limits: pending and done
are then the same, and nothing needs a second case.

Units: seconds. NEVER stands for a time that does not come. These are plain functions: the
NumPy greedy calls them as they are, the search compiles them.
"""

from typing import NamedTuple

import numpy as np

from dispatch.planner.search.arrays import NEVER, Day, Flags, Ints


class Routes(NamedTuple):
    """The trips of every route of a `Day`, and their labels: m routes, one row each."""

    size: Ints  # (m,) number of trips in the route
    deadhead: Ints  # (m,) sum of its legs
    trip: Ints  # (m, width) trip at positions 1..size
    from_at: Ints  # (m, width) where position k is left: row of travel
    to_at: Ints  # (m, width) where position k is reached: column of travel
    leg: Ints  # (m, width) empty driving from position k to k + 1
    leave_pending: Ints  # (m, width)
    leave_done: Ints  # (m, width)
    start_pending: Ints  # (m, width)
    start_done: Ints  # (m, width)


LONGEST_ROUTE = 254


def empty_routes(day: Day) -> Routes:
    """Return routes without trips, labelled; their width bounds the trips of a route."""
    longest = int(min(day.capacity.max(initial=0), len(day.earliest), LONGEST_ROUTE))
    size = (len(day.driver), longest + 2)
    routes = Routes(
        np.zeros(size[0], dtype=np.int32),
        np.zeros(size[0], dtype=np.int32),
        *(np.zeros(size, dtype=np.int32) for _ in Routes._fields[2:]),
    )
    routes.trip[:] = -1
    for r in range(size[0]):
        label(day, routes, r)
    return routes


def put(day: Day, routes: Routes, r: int, k: int, i: int) -> None:
    """Insert trip i between positions k and k + 1 of route r, and label the route anew."""
    last = routes.size[r] + 1
    for position in range(last, k + 1, -1):
        routes.trip[r, position] = routes.trip[r, position - 1]
    routes.trip[r, k + 1] = i
    routes.size[r] = last
    label(day, routes, r)


def ready_after_break(
    leave: int, drive: int, length: int, break_from: int, break_until: int
) -> int:
    """Return when a driver who leaves at `leave`, drives and rests is ready; NEVER if too late."""
    if max(leave, break_from) + length > break_until:
        return NEVER
    return max(leave + drive, break_from) + length


def leave_before_break(
    ready: int, drive: int, length: int, break_from: int, break_until: int
) -> int:
    """Return the latest time to leave, drive, rest and be ready at `ready`; -NEVER if none."""
    if break_from + length > ready:
        return -NEVER
    return min(ready - length - drive, break_until - length)


def label(day: Day, routes: Routes, r: int) -> bool:
    """Compute legs and labels of route r from its trips; return whether it is in time."""
    count = routes.size[r]
    length, earliest, latest = day.break_length[r], day.break_from[r], day.break_until[r]
    last = count + 1
    routes.from_at[r, 0] = day.start_at[r]
    routes.to_at[r, last] = day.end_at[r]

    pending = day.opens[r]
    done = NEVER if length > 0 else pending
    routes.leave_pending[r, 0] = pending
    routes.leave_done[r, 0] = done
    deadhead = 0
    for k in range(1, last):
        i = routes.trip[r, k]
        column = day.pickup_at[i]
        drive = int(day.travel[routes.from_at[r, k - 1], column])
        routes.leg[r, k - 1] = drive
        deadhead += drive
        routes.to_at[r, k] = column
        routes.from_at[r, k] = day.dropoff_at[i]
        rested = ready_after_break(pending, drive, length, earliest, latest)
        start_rested = max(min(done + drive, rested), day.earliest[i])
        start = max(pending + drive, day.earliest[i])
        pending = start + day.service[i] if start <= day.last_start[i] else NEVER
        done = start_rested + day.service[i] if start_rested <= day.last_start[i] else NEVER
        routes.leave_pending[r, k] = pending
        routes.leave_done[r, k] = done

    home = int(day.travel[routes.from_at[r, count], day.end_at[r]])
    if count == 0:
        home = day.empty_leg[r]
    routes.leg[r, count] = home
    routes.deadhead[r] = deadhead + home

    done = day.closes[r]
    pending = -NEVER if length > 0 else done
    routes.start_pending[r, last] = pending
    routes.start_done[r, last] = done
    for k in range(count, -1, -1):
        drive = routes.leg[r, k]
        rested = leave_before_break(done, drive, length, earliest, latest)
        pending = max(pending - drive, rested)
        done = done - drive
        if k == 0:
            break
        i = routes.trip[r, k]
        pending = min(pending - day.service[i], day.last_start[i])
        done = min(done - day.service[i], day.last_start[i])
        if pending < day.earliest[i]:
            pending = -NEVER
        if done < day.earliest[i]:
            done = -NEVER
        routes.start_pending[r, k] = pending
        routes.start_done[r, k] = done
    return bool(count == 0 or pending >= day.opens[r])


def fits(
    day: Day, routes: Routes, r: int, k: int, i: int, to_pickup: int, from_dropoff: int
) -> bool:
    """Tell whether trip i fits between positions k and k + 1 of route r, in time.

    `to_pickup` is the drive from k to its pickup, `from_dropoff` the one to k + 1. Only times
    are tested: seats, skills and caps are not.
    """
    return fits_between(day, routes, r, k, k + 1, i, to_pickup, from_dropoff)


def fits_between(
    day: Day, routes: Routes, r: int, k: int, after: int, i: int, to_pickup: int, from_dropoff: int
) -> bool:
    """Tell whether trip i fits in the place of all trips between two positions, as `fits` does."""
    length, earliest, latest = day.break_length[r], day.break_from[r], day.break_until[r]
    leave = routes.leave_pending[r, k]
    start = max(leave + to_pickup, day.earliest[i])
    if start > day.last_start[i]:
        return False
    done_next = routes.start_done[r, after]
    left = start + day.service[i]
    if left + from_dropoff > done_next:
        return False
    if left + from_dropoff <= routes.start_pending[r, after]:
        return True
    if ready_after_break(left, from_dropoff, length, earliest, latest) <= done_next:
        return True
    rested = ready_after_break(leave, to_pickup, length, earliest, latest)
    start = max(min(routes.leave_done[r, k] + to_pickup, rested), day.earliest[i])
    in_time = start <= day.last_start[i] and start + day.service[i] + from_dropoff <= done_next
    return bool(in_time)


def fits_everywhere(day: Day, routes: Routes, i: int) -> tuple[Flags, Ints]:
    """Return (fits, detour) of trip i at every position of every route, each (m, width).

    The same test as `fits`, for all positions at once in NumPy, and trips FORBIDDEN by
    `Day.extra` fit nowhere. The detour is the additional empty driving in seconds.
    """
    width = routes.trip.shape[1]
    if not width or not len(routes.size):
        return np.zeros(routes.trip.shape, dtype=bool), np.zeros(routes.trip.shape, dtype=np.int32)
    to_pickup = day.travel_to[day.pickup_at[i]].astype(np.int32)[routes.from_at]
    from_dropoff = day.travel[day.dropoff_at[i]].astype(np.int32)[np.roll(routes.to_at, -1, axis=1)]
    start_pending = np.roll(routes.start_pending, -1, axis=1)
    start_done = np.roll(routes.start_done, -1, axis=1)
    length = day.break_length[:, None]
    earliest, latest = day.break_from[:, None], day.break_until[:, None]

    def ready_after(leave: Ints, drive: Ints) -> Ints:
        return np.where(
            np.maximum(leave, earliest) + length > latest,
            NEVER,
            np.maximum(leave + drive, earliest) + length,
        )

    start = np.maximum(routes.leave_pending + to_pickup, day.earliest[i])
    left = start + day.service[i]
    rested = ready_after(routes.leave_pending, to_pickup)
    start_rested = np.maximum(np.minimum(routes.leave_done + to_pickup, rested), day.earliest[i])
    in_time = (start <= day.last_start[i]) & (
        (left + from_dropoff <= start_pending) | (ready_after(left, from_dropoff) <= start_done)
    )
    in_time |= (start_rested <= day.last_start[i]) & (
        start_rested + day.service[i] + from_dropoff <= start_done
    )
    in_time &= np.arange(width) <= routes.size[:, None]
    in_time &= (day.extra[i] >= 0)[:, None]
    in_time[:, -1] = False
    return in_time, to_pickup + from_dropoff - routes.leg
