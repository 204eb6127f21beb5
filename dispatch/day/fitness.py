"""Hold one trip against its driver, vehicle and shifts, where no route is made. No query.

The rules are the planner's (`planner/rules`). Driving between trips and breaks are not asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from dispatch.day.duties import Period, pieces_of
from dispatch.planner.rules import duty
from dispatch.planner.rules.rule import Breach


class Wanted(NamedTuple):
    """What a trip asks of driver and vehicle, in the shape of the planner's trip."""

    seats: int
    wheelchairs: int
    needs: frozenset[str]
    forbidden: frozenset[int] = frozenset()


class Ability(NamedTuple):
    """What a driver brings with the vehicle, in the shape of the planner's driver."""

    id: int
    name: str
    seats: int
    wheelchair_places: int
    skills: frozenset[str]


def off_duty(
    driver: str,
    start_at: datetime,
    end_at: datetime,
    shifts: Sequence[Period],
    absences: Iterable[Period],
) -> Iterator[Breach]:
    """Yield the breach if the driver is absent, or has no duty, from `start_at` to `end_at`.

    `shifts` are those that touch the day.
    """
    absences = sorted(absences)
    left = any(pieces_of(shift, absences) for shift in shifts)
    absence = next((a for a in absences if duty.is_absent(*a, start_at, end_at)), None)
    if absence:
        yield duty.absent(driver, *absence, duties_left=left)
    elif not left:
        yield duty.no_duty(driver)
    elif not any(duty.covers(*shift, start_at, end_at) for shift in shifts):
        yield duty.outside(driver, start_at, end_at)
