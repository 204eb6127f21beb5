"""Keep what was told, and the margin before appointments, unless that leaves a trip out.

A trip has two windows: the one that the rules allow, and inside it the one that keeps what its
client was told (`problem.Trip.kept_window`). The search works on a copy of the day in which placed
trips have the narrow one. Only where a trip is left out are windows *opened* up to the rules, and
all that need not stay open are closed again. So a told time changes to serve one more trip, and
never for less driving.
"""

from collections.abc import Callable

import numpy as np

from dispatch.planner.search.arrays import Day, Flags, Ints
from dispatch.planner.search.route_labels import Routes, label

# Labels every route and fills (m,) whether it is in time.
LabelAll = Callable[[Day, Routes, Flags], None]


def closed(day: Day) -> Day:
    """Return a copy of the day in which every trip has its narrow window."""
    return day._replace(earliest=day.kept_from.copy(), last_start=day.kept_until.copy())


def open_windows(day: Day, kept: Day, trips: Ints) -> None:
    """Give these trips of the copy the windows of the rules."""
    kept.earliest[trips], kept.last_start[trips] = day.earliest[trips], day.last_start[trips]


def close_windows(kept: Day, trips: Ints) -> None:
    """Give these trips of the copy their narrow windows."""
    kept.earliest[trips], kept.last_start[trips] = kept.kept_from[trips], kept.kept_until[trips]


def open_all(day: Day, kept: Day, routes: Routes, label_all: LabelAll) -> None:
    """Open all windows and label the routes."""
    kept.earliest[:], kept.last_start[:] = day.earliest, day.last_start
    label_all(kept, routes, np.empty(len(routes.size), dtype=np.bool_))


def close_all(day: Day, kept: Day, routes: Routes, label_all: LabelAll) -> None:
    """Close the windows of all placed trips whose route stays in time, and label the routes.

    In a route that cannot keep all of them, one after the other is closed in the order of the
    route. Trips that are in no route have the windows of the rules.
    """
    kept.earliest[:], kept.last_start[:] = day.earliest, day.last_start
    placed = placed_trips(routes.size, routes.trip)
    close_windows(kept, placed)
    in_time = np.empty(len(routes.size), dtype=np.bool_)
    label_all(kept, routes, in_time)
    for r in np.flatnonzero(~in_time).tolist():
        trips = routes.trip[r, 1 : routes.size[r] + 1]
        open_windows(day, kept, trips)
        for k in range(len(trips)):
            close_windows(kept, trips[k : k + 1])
            if not label(kept, routes, r):
                open_windows(day, kept, trips[k : k + 1])
        label(kept, routes, r)


def opened(kept: Day, size: Ints, trip: Ints) -> int:
    """Return how many trips of these routes have an open window."""
    placed = placed_trips(size, trip)
    narrow = (kept.earliest == kept.kept_from) & (kept.last_start == kept.kept_until)
    return int((~narrow[placed]).sum())


def placed_trips(size: Ints, trip: Ints) -> Ints:
    """Return the trips of routes with these sizes and rows."""
    position = np.arange(trip.shape[1])
    found: Ints = trip[(position >= 1) & (position <= size[:, None])]
    return found
