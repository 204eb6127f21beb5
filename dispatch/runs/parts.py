"""What of a preview can be applied by itself: the changes of some drivers, or what is only placed.

The changes of a driver can depend on those of another: a trip that moves from one to the other
leaves room for the next. Drivers between whom a trip moves, or who drive a client there and back,
therefore go together. All other trips stay where they stand.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from dispatch.day.day import Day
from dispatch.day.load import move_only
from dispatch.planner.check.plan import check
from dispatch.planner.problem import PlannedTrip
from dispatch.runs.difference import Difference
from dispatch.runs.restore_plan import Was, plan_of_assignments
from drivers.refused import Refused


class NoSuchPart(Refused):
    """The preview changes nothing of what is to be applied by itself."""

    code = "no_such_part"
    status = 409


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a preview is to be applied: all, only its placements, or a driver's changes."""

    placements: bool = False
    driver_id: int | None = None


ALL = Choice()


def chosen(outcome: dict[str, Any], choice: Choice) -> frozenset[int] | None:
    """Return the bookings that the choice changes, None for all. Raises NoSuchPart.

    `outcome` is that of the preview's run.
    """
    if choice == ALL:
        return None
    if choice.placements:
        trips = frozenset(outcome.get("placements", ()))
    else:
        trips = next(
            (
                frozenset(part["trips"])
                for part in outcome.get("parts", ())
                if choice.driver_id in part["drivers"]
            ),
            frozenset(),
        )
    if not trips:
        raise NoSuchPart(_("The preview changes nothing there."))
    return trips


def parts_of(day: Day, diff: Difference) -> list[dict[str, list[int]]]:
    """Return the parts of a plan's changes, {"drivers": ids, "trips": ids of bookings}."""
    changed = [(day.bookings[trip.trip_id], trip.driver_id) for trip in diff.placed]
    changed += [(row, trip.driver_id) for row, trip in (*diff.moved, *diff.retimed)]
    changed += [(row, row.driver_id) for row in diff.released if row.driver_id]
    driver_of = {row.id: driver_id for row, driver_id in changed}
    links = []
    for row, driver_id in changed:
        outbound_by = driver_of.get(row.return_of_id) if row.return_of_id else None
        links.append({i for i in (driver_id, row.driver_id, outbound_by) if i is not None})
    return [
        {
            "drivers": sorted(drivers),
            "trips": sorted(i for i, driver_id in driver_of.items() if driver_id in drivers),
        }
        for drivers in _merged(links)
    ]


def _merged(links: Iterable[set[int]]) -> list[set[int]]:
    """Return the links, those with a driver in common as one."""
    groups: list[set[int]] = []
    for link in links:
        met = [group for group in groups if group & link]
        groups = [group for group in groups if group not in met] + [link.union(*met)]
    return groups


def placements_alone(day: Day, diff: Difference) -> list[int]:
    """Return the placed bookings whose drivers can take them while all that stands stays.

    Of two that do not fit together then, the earlier one is in it. No query.
    """
    if not (diff.moved or diff.retimed or diff.released):
        return sorted(trip.trip_id for trip in diff.placed)
    alone = move_only(day, ())
    placed: defaultdict[int, list[PlannedTrip]] = defaultdict(list)
    for trip in sorted(diff.placed, key=lambda trip: trip.pickup_s):
        if _holds(alone, trip.driver_id, [*placed[trip.driver_id], trip]):
            placed[trip.driver_id].append(trip)
    return sorted(trip.trip_id for trips in placed.values() for trip in trips)


def _holds(day: Day, driver_id: int, placed: list[PlannedTrip]) -> bool:
    """Return whether the driver can take these open trips beside those that stay."""
    trips = {trip.id: trip for trip in day.problem.trips}
    if any(trip.trip_id not in trips for trip in placed):
        return False
    problem = replace(
        day.problem,
        trips=tuple(trips[i] for i in sorted(trip.trip_id for trip in placed)),
        drivers=tuple(driver for driver in day.problem.drivers if driver.id == driver_id),
        duties=tuple(duty for duty in day.problem.duties if duty.driver_id == driver_id),
    )
    was = {
        trip.trip_id: Was(driver_id, day.moment(trip.pickup_s), day.moment(trip.dropoff_s))
        for trip in placed
    }
    plan = plan_of_assignments(replace(day, problem=problem), was, breaks={}, search={})
    return not plan.unserved and not check(problem, plan)
