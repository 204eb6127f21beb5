"""Find the drivers who could take a trip in the day as it stands, or say why there is none.

No query. Nobody's other trips move; what fits is priced by the planner's objective.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from dispatch.day.load import Day, pickup_window
from dispatch.day.pairs import keep_order
from dispatch.day.queries import BookingRow
from dispatch.day.reasons import Unassigned, describe_excluded, describe_reason
from dispatch.planner.explain.alternatives import candidates
from dispatch.planner.explain.reasons import reasons
from dispatch.planner.problem import Plan, Trip
from dispatch.trips.linked_trips import arrival
from dispatch.trips.problems import all_pinned, trip_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """A driver who could take a trip, and when.

    `price_s` and `detour_s` are those of `planner.explain.alternatives`.
    """

    driver_id: int
    driver: str
    pickup_at: datetime
    dropoff_at: datetime
    detour_s: int
    price_s: int

    @property
    def detour_min(self) -> int:
        return round(self.detour_s / 60)

    @property
    def price_min(self) -> int:
        return round(self.price_s / 60)


def candidates_for(day: Day, row: BookingRow, *, top: int = 3) -> tuple[Candidate, ...]:
    """Return the best candidates for one trip in the day as it stands.

    A return trip has none who would come before the arrival of its outbound trip.
    """
    trip = None if _is_over(day, row) else _offered(day, row)
    if trip is None:
        return ()
    names = {driver.id: driver.name for driver in day.problem.drivers}
    return tuple(
        Candidate(
            driver_id=found.driver_id,
            driver=names[found.driver_id],
            pickup_at=day.moment(found.pickup_s),
            dropoff_at=day.moment(found.pickup_s + trip.boarding_s + trip.ride_s),
            detour_s=found.detour_s,
            price_s=found.price_s,
        )
        for found in candidates(all_pinned(day, row), Plan((), (), ()), trip, top)
    )


def explain_no_candidate(day: Day, row: BookingRow) -> Unassigned:
    """Explain why no driver can take the trip in the day as it stands, and what would help."""
    if _is_over(day, row):
        return describe_excluded(day, row.id, "window_passed")
    trip = _offered(day, row)
    if trip is None:
        return describe_excluded(day, row.id, "before_arrival")
    problem = replace(all_pinned(day, row), trips=(trip,))
    (reason,) = reasons(problem, Plan((), (), (row.id,)))
    return describe_reason(day, reason)


def _is_over(day: Day, row: BookingRow) -> bool:
    return pickup_window(day.company, row.scheduled_time, row.return_of_id)[1] < day.now


def _offered(day: Day, row: BookingRow) -> Trip | None:
    """Return the trip after the arrival of its outbound trip, or None if that is too late.

    An outbound trip without a driver arrives as late as a run may plan it.
    """
    trip = trip_of(day, row)
    if there := arrival(day, row):
        return trip if there[1] <= trip.latest_s else None
    waiting = [other for other in day.problem.trips if other.id == row.return_of_id]
    trips, _too_early = keep_order([*waiting, trip], {row.id: row}, {})
    return next((replace(kept, after=None) for kept in trips if kept.id == row.id), None)
