"""Cheapest insertion in NumPy: a feasible plan without a compiler.

Plans small days before Numba's machine code is loaded, and any day where Numba cannot run.
The search builds its first plan by the same rule, so both give the same plan.

Units: seconds of the objective (`problem.Costs`). Sizes: n trips, m routes, p drivers.
"""

import numpy as np

from dispatch.planner.search.arrays import NEVER, Day, Flags, Ints, Longs
from dispatch.planner.search.clock import ENDLESS, Clock
from dispatch.planner.search.first_plan import Plan, Stands, fill
from dispatch.planner.search.route_labels import (
    Routes,
    empty_routes,
    fits_everywhere,
    label,
    put,
)


def build(day: Day, stands: Stands | None = None, clock: Clock = ENDLESS) -> Routes:
    """Return routes filled trip by trip, each where it adds least to the objective.

    What stands is put where it stands first. When the clock is over, no trip takes the place of
    another any more; what fits is still inserted.
    """
    plan = Plan(empty_routes(day), np.zeros(len(day.capacity), dtype=np.int32))

    def insert_all(kept: Day, order: Ints, driver_of: Ints) -> None:
        for i in order.tolist():
            insert(kept, plan.routes, plan.trips_of, i, int(driver_of[i]))

    fill(day, plan, stands, insert_all, label_all, clock)
    return plan.routes


def label_all(day: Day, routes: Routes, in_time: Flags) -> None:
    """Label every route; fill `in_time` (m,) with what `label` returns."""
    for r in range(len(in_time)):
        in_time[r] = label(day, routes, r)


def insert(day: Day, routes: Routes, trips_of: Ints, i: int, driver: int = -1) -> bool:
    """Insert trip i where it is cheapest; return False if it fits nowhere.

    With `driver`, only into that driver's routes. Counts it in `trips_of` (p,).
    """
    in_time, detour = fits_everywhere(day, routes, i)
    if not in_time.any():
        return False
    price = detour + (day.extra[i] + entry_prices(day, trips_of)[day.driver])[:, None]
    in_time &= (trips_of < day.capacity)[day.driver][:, None]
    in_time &= (routes.size < in_time.shape[1] - 2)[:, None]
    if driver >= 0:
        in_time &= (day.driver == driver)[:, None]
    price = np.where(in_time, price, NEVER)
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
