"""Cheapest insertion in NumPy: a feasible plan without a compiler.

Plans small days before Numba's machine code is loaded, and any day where Numba cannot run.
The search builds its first plan by the same rule, so both give the same plan.

Units: seconds of the objective (`problem.Costs`). Sizes: n trips, m routes, p drivers.
"""

import numpy as np

from dispatch.planner.search.arrays import Day, Ints, Longs
from dispatch.planner.search.route_labels import Routes, empty_routes, fits_everywhere, put


def build(day: Day, standing: Ints | None = None) -> Routes:
    """Return routes filled trip by trip, each where it adds least to the objective.

    `standing` (n,) is the index of the driver each trip stands with, or -1: such a trip goes
    to that driver first, if it fits there.
    """
    routes = empty_routes(day)
    trips_of = np.zeros(len(day.capacity), dtype=np.int32)
    order = insertion_order(day)
    if standing is None:
        standing = np.full(len(order), -1, dtype=np.int32)
    # Standing trips first, in order of time; those that no longer fit join the others.
    again = [i for i in order if standing[i] < 0]
    first = [i for i in np.argsort(day.earliest, kind="stable").tolist() if standing[i] >= 0]
    again += [i for i in first if not insert(day, routes, trips_of, i, standing[i])]
    for i in again:
        insert(day, routes, trips_of, i)
    return routes


def insertion_order(day: Day) -> list[int]:
    """Return the trips in the order they are inserted: the dearest first, then by time."""
    order = np.lexsort((np.arange(len(day.earliest)), day.last_start, -day.unserved))
    return [int(i) for i in order]


def insert(day: Day, routes: Routes, trips_of: Ints, i: int, driver: int = -1) -> bool:
    """Insert trip i where it is cheapest; return False if no insertion is worth its price.

    With `driver`, only into that driver's routes. Counts it in `trips_of` (p,).
    """
    in_time, detour = fits_everywhere(day, routes, i)
    if not in_time.any():
        return False
    price = detour + (day.extra[i] + entry_prices(day, trips_of)[day.driver])[:, None]
    in_time &= (trips_of < day.capacity)[day.driver][:, None]
    in_time &= (price < day.unserved[i]) & (routes.size < in_time.shape[1] - 2)[:, None]
    if driver >= 0:
        in_time &= (day.driver == driver)[:, None]
    price = np.where(in_time, price, np.iinfo(np.int64).max)
    # Of equal prices the last position in the first route, as in the search.
    r, from_end = divmod(int(np.argmin(price[:, ::-1])), price.shape[1])
    k = price.shape[1] - 1 - from_end
    if not in_time[r, k]:
        return False
    put(day, routes, r, k, i)
    trips_of[day.driver[r]] += 1
    return True


def entry_prices(day: Day, trips_of: Ints | Longs) -> Longs:
    """Return (p,) the price of one more trip of each driver: first use, and fairness.

    (c + 1) squared is 2c + 1 more than c squared.
    """
    fixed = np.where(trips_of == 0, day.driver_cost, 0).astype(np.int64)
    prices: Longs = fixed + day.fairness * (2 * (day.load + trips_of) + 1)
    return prices
