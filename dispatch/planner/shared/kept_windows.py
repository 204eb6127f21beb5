"""The windows in which trips are looked for: those of the rules, or those that keep what was told.

Kernels, as `search/kept_windows.py` for rides alone.
"""

from dispatch.planner.search.arrays import Flags, Ints
from dispatch.planner.search.compiled import kernel
from dispatch.planner.shared.arrays import (
    ALLOWED_FROM,
    ALLOWED_UNTIL,
    EARLIEST,
    KEPT_FROM,
    KEPT_UNTIL,
    LATEST,
    SharedDay,
)
from dispatch.planner.shared.labels import STOP, SharedRoutes, Trial, label, long


@kernel
def open_windows(day: SharedDay, trips: Ints) -> None:
    """Give these trips the windows of the rules."""
    for t in range(len(trips)):
        open_window(day, long(trips[t]))


@kernel
def open_window(day: SharedDay, trip: int) -> None:
    """Give this trip the windows of the rules."""
    for half in range(2):
        stop = trip + half * len(day.trips)
        day.stops[stop, EARLIEST] = day.stops[stop, ALLOWED_FROM]
        day.stops[stop, LATEST] = day.stops[stop, ALLOWED_UNTIL]


@kernel
def close_window(day: SharedDay, trip: int) -> None:
    """Give this trip the windows that keep what was told, and the margin."""
    for half in range(2):
        stop = trip + half * len(day.trips)
        day.stops[stop, EARLIEST] = day.stops[stop, KEPT_FROM]
        day.stops[stop, LATEST] = day.stops[stop, KEPT_UNTIL]


@kernel
def close_all(day: SharedDay, routes: SharedRoutes, trial: Trial, whole: Flags) -> None:
    """Close the windows of all trips in routes as far as the routes allow; open all others.

    In a route that cannot keep all of them, one after the other is closed in the order of the
    route. Labels the routes.
    """
    half = len(day.trips)
    for trip in range(half):
        open_window(day, trip)
    for r in range(len(routes.size)):
        stops = routes.rows[r, STOP]
        count = long(routes.size[r])
        # Step 0 closes all; steps 1 to `count` one after the other; the last labels what is left.
        for step in range(count + 2):
            for k in range(1, count + 1):
                if stops[k] < half and (step == 0 or step == k):
                    close_window(day, long(stops[k]))
            whole[r] = label(day, routes, trial, r)
            if whole[r] and step == 0:
                break
            for k in range(1, count + 1):
                if not whole[r] and stops[k] < half and (step == 0 or step == k):
                    open_window(day, long(stops[k]))
