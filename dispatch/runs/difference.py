"""A new plan against the plan that stands: what would be placed, moved, retimed, released, kept.

A preview shows it, applying writes it.
"""

from dataclasses import dataclass

from dispatch.day.day import Day
from dispatch.day.rows import BookingRow
from dispatch.planner.problem import TOLD_S, Plan, PlannedTrip


@dataclass(frozen=True, slots=True)
class Difference:
    """Each trip of the day once. `moved` changes the driver, `retimed` only the times.

    `left` are the bookings whose assignment stays because no plan may touch it.
    """

    placed: tuple[PlannedTrip, ...]
    moved: tuple[tuple[BookingRow, PlannedTrip], ...]
    retimed: tuple[tuple[BookingRow, PlannedTrip], ...]
    kept: tuple[BookingRow, ...]
    released: tuple[BookingRow, ...]
    left: tuple[BookingRow, ...]

    def counts(self) -> dict[str, int]:
        return {
            name: len(getattr(self, name))
            for name in ("placed", "moved", "retimed", "kept", "released", "left")
        }

    def of_drivers(self) -> dict[int, tuple[int, int]]:
        """Return for each driver id the (gained, lost) numbers of trips, where any changed."""
        changed: dict[int, tuple[int, int]] = {}

        def count(driver_id: int | None, gained: int, lost: int) -> None:
            if driver_id is None:  # of no trip that stands
                return
            before = changed.get(driver_id, (0, 0))
            changed[driver_id] = (before[0] + gained, before[1] + lost)

        for trip in self.placed:
            count(trip.driver_id, 1, 0)
        for row, trip in self.moved:
            count(trip.driver_id, 1, 0)
            count(row.driver_id, 0, 1)
        for row in self.released:
            count(row.driver_id, 0, 1)
        return dict(sorted(changed.items()))

    def broken(self, day: Day) -> tuple["Broken", ...]:
        """Return what was told to clients and drivers and would not hold, in order of booking."""
        changed = [*self.moved, *self.retimed, *((row, None) for row in self.released)]
        return tuple(
            Broken(
                row,
                trip,
                driver=trip is None or trip.driver_id != row.driver_id,
                time=trip is None or abs(day.seconds(row.planned()[0]) - trip.pickup_s) > TOLD_S,
            )
            for row, trip in sorted(changed, key=lambda pair: pair[0].id)
        )


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that does not hold: another driver, another time (by more than TOLD_S), or none.

    A confirmed trip loses its confirmation with any change, however small.
    """

    row: BookingRow
    trip: PlannedTrip | None
    driver: bool
    time: bool

    @property
    def confirmed(self) -> bool:
        return bool(self.row.confirmed)


def difference(day: Day, plan: Plan) -> Difference:
    """Compare a plan with what stands in the rows it was made from."""
    placed, moved, retimed, kept = [], [], [], []
    for trip in plan.trips:
        row = day.bookings[trip.trip_id]
        if row.standing() is None:
            placed.append(trip)
        elif row.driver_id != trip.driver_id:
            moved.append((row, trip))
        elif (row.planned_pickup_at, row.planned_dropoff_at) != (
            day.moment(trip.pickup_s),
            day.moment(trip.dropoff_s),
        ):
            retimed.append((row, trip))
        else:
            kept.append(row)
    planned = {trip.trip_id for trip in plan.trips}
    standing = [row for row in day.bookings.values() if row.standing() is not None]
    return Difference(
        placed=tuple(placed),
        moved=tuple(moved),
        retimed=tuple(retimed),
        kept=tuple(kept),
        released=tuple(row for row in standing if row.id not in planned and row.id not in day.kept),
        left=tuple(row for row in standing if row.id in day.kept),
    )
