"""How long rides take, for `bookings.pickup_times`, which knows no roads and no traffic."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dispatch.day.traffic import factor_at
from dispatch.day.travel_times import travel_times
from dispatch.planner.travel import UNREACHABLE_S, Place, in_traffic
from drivers.models import Company


def rides(
    company: Company, ends: Sequence[tuple[Place, Place, datetime]]
) -> list[timedelta | None]:
    """Return how long each (pickup, dropoff, end of the ride) takes, None where no road leads.

    In the traffic of the hour in which it begins, as plans count it. No statement.
    """
    free, _metres = travel_times(company).legs(
        [pickup for pickup, _dropoff, _at in ends], [dropoff for _pickup, dropoff, _at in ends]
    )
    return [
        None if free_s >= UNREACHABLE_S else timedelta(seconds=_in_traffic(company, free_s, at))
        for free_s, (_pickup, _dropoff, at) in zip(free.tolist(), ends, strict=True)
    ]


def _in_traffic(company: Company, free_s: int, end_at: datetime) -> int:
    """Return the seconds of a ride that ends then: of two hours that fit, the slower."""
    ride_s = in_traffic(free_s, factor_at(company, end_at - timedelta(seconds=free_s)))
    return max(ride_s, in_traffic(free_s, factor_at(company, end_at - timedelta(seconds=ride_s))))
