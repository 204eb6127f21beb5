"""The rules for the stops of one duty and of one driver: overlaps, deadheads and breaks.

Part of the checker: see `check/plan.py` for units, rounding and standing conflicts. Where a
function yields (violation, standing), `standing` says that commitments alone break the rule.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, pairwise
from operator import attrgetter

from dispatch.planner.problem import Break, Duty, PlannedBreak, Problem
from dispatch.planner.travel import Place

Drive = Callable[[Place, Place], float]  # seconds from one place to another, on a free road
NO_DRIVE_S = 86_400  # a road that takes a day leads nowhere, in any traffic


class Rule(StrEnum):
    """The hard rules of a plan."""

    UNKNOWN_TRIP = "unknown_trip"
    TRIP_TWICE = "trip_twice"
    TRIP_MISSING = "trip_missing"
    UNKNOWN_DUTY = "unknown_duty"
    WRONG_DRIVER = "wrong_driver"
    ORDER = "order"
    RIDE_TIME = "ride_time"
    RIDE_PLACES = "ride_places"
    PICKUP_WINDOW = "pickup_window"
    APPOINTMENT = "appointment"
    SEATS = "seats"
    WHEELCHAIRS = "wheelchairs"
    NEEDS = "needs"
    FORBIDDEN = "forbidden"
    EXPIRED = "expired"
    CAPACITY = "capacity"
    OVERLAP = "overlap"
    DRIVE = "drive"
    BEFORE_ARRIVAL = "before_arrival"
    TWO_PLACES = "two_places"
    DUTY_START = "duty_start"
    DUTY_END = "duty_end"
    BREAK_MISSING = "break_missing"
    BREAK_TWICE = "break_twice"
    BREAK_NEEDLESS = "break_needless"
    BREAK_LENGTH = "break_length"
    BREAK_WINDOW = "break_window"
    BREAK_DURING_TRIP = "break_during_trip"
    BREAK_DRIVE = "break_drive"
    RIDE_LIMIT = "ride_limit"
    FULL = "full"
    NOT_SHARED = "not_shared"
    APART = "apart"
    DELAYED = "delayed"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule; `detail` is an English sentence for the developer or the log."""

    code: Rule
    detail: str
    trip_id: int | None = None
    driver_id: int | None = None
    duty_id: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A trip or commitment in its duty: it occupies the driver in [pickup_s, free_s).

    `onward` is the traffic of the drive from its dropoff.
    """

    pickup_s: int
    free_s: int
    pickup: Place
    dropoff: Place
    trip_id: int
    duty_id: int
    planned: bool
    person: int | None
    onward: float


def slowed(seconds: float, factor: float) -> float:
    """Return a drive in traffic: of whole seconds whole ones."""
    if seconds >= NO_DRIVE_S:
        return seconds
    return round(seconds * factor) if isinstance(seconds, int) else seconds * factor


def slack(rounding_s: float, factor: float) -> float:
    """Return by how much a drive in traffic may be shorter for having been rounded, twice."""
    return rounding_s * max(1.0, factor)


def commitments(duty: Duty) -> list[Stop]:
    """Return the commitments of a duty as stops."""
    return [
        Stop(
            c.pickup_s,
            c.free_s,
            c.pickup,
            c.dropoff,
            c.trip_id,
            duty.id,
            False,
            c.person,
            c.onward_factor,
        )
        for c in duty.commitments
    ]


def clashes(
    problem: Problem, stops: Mapping[int, Sequence[Stop]]
) -> Iterator[tuple[Violation, bool]]:
    """Yield (overlap of two stops of one driver, standing); `stops` are by duty."""
    by_driver: defaultdict[int, list[Stop]] = defaultdict(list)
    for duty in problem.duties:
        by_driver[duty.driver_id] += stops[duty.id]
    for driver_id, route in by_driver.items():
        last: Stop | None = None
        last_planned: Stop | None = None
        for stop in sorted(route, key=attrgetter("pickup_s", "free_s")):
            # Compare with the last planned stop, too: a long commitment may end after it.
            for before in (last, None if last_planned is last else last_planned):
                if before is not None and before.free_s > stop.pickup_s:
                    detail = (
                        f"Driver {driver_id} is on trip {before.trip_id} until {before.free_s} s "
                        f"and on trip {stop.trip_id} from {stop.pickup_s} s."
                    )
                    standing = not (before.planned or stop.planned)
                    yield (
                        Violation(Rule.OVERLAP, detail, stop.trip_id, driver_id, stop.duty_id),
                        standing,
                    )
            if last is None or stop.free_s >= last.free_s:
                last = stop
            if stop.planned and (last_planned is None or stop.free_s >= last_planned.free_s):
                last_planned = stop


def doubles(
    problem: Problem, stops: Mapping[int, Sequence[Stop]]
) -> Iterator[tuple[Violation, bool]]:
    """Yield (person on trips of two drivers at once, standing); `stops` are by duty.

    Two trips of one driver at once are a clash already.
    """
    driver_of = {duty.id: duty.driver_id for duty in problem.duties}
    by_person: defaultdict[int, list[Stop]] = defaultdict(list)
    for route in stops.values():
        for stop in route:
            if stop.person is not None:
                by_person[stop.person].append(stop)
    for person, found in by_person.items():
        for stop, other in combinations(sorted(found, key=attrgetter("pickup_s", "free_s")), 2):
            drivers = driver_of[stop.duty_id], driver_of[other.duty_id]
            if other.pickup_s < stop.free_s and drivers[0] != drivers[1]:
                detail = (
                    f"Person {person} is on trip {stop.trip_id} until {stop.free_s} s and on trip "
                    f"{other.trip_id} from {other.pickup_s} s."
                )
                yield (
                    Violation(Rule.TWO_PLACES, detail, other.trip_id, drivers[1], other.duty_id),
                    not (stop.planned or other.planned),
                )


def gaps(
    duty: Duty, route: Sequence[Stop], drive_s: Drive, rounding_s: float
) -> Iterator[tuple[Violation, bool]]:
    """Yield (deadhead that does not fit, standing); `route` is in order of pickup."""
    if not route:
        return
    ends = (duty.id, duty.driver_id)
    first, last = route[0], route[-1]
    need = slowed(drive_s(duty.start, first.pickup), duty.onward_factor)
    if first.pickup_s - duty.start_s < need - slack(rounding_s, duty.onward_factor):
        detail = (
            f"Duty {duty.id} starts at {duty.start_s} s, {need:.0f} s from trip {first.trip_id}, "
            f"which boards at {first.pickup_s} s."
        )
        yield _at(Rule.DUTY_START, detail, first.trip_id, *ends), not first.planned
    for before, after in pairwise(route):
        if before.free_s > after.pickup_s:
            continue  # an overlap, reported as such
        need = slowed(drive_s(before.dropoff, after.pickup), before.onward)
        if after.pickup_s - before.free_s < need - slack(rounding_s, before.onward):
            detail = (
                f"Trip {before.trip_id} ends at {before.free_s} s, {need:.0f} s from trip "
                f"{after.trip_id}, which boards at {after.pickup_s} s."
            )
            standing = not (before.planned or after.planned)
            yield _at(Rule.DRIVE, detail, after.trip_id, *ends), standing
    need = slowed(drive_s(last.dropoff, duty.end), last.onward)
    if duty.end_s - last.free_s < need - slack(rounding_s, last.onward):
        detail = (
            f"Trip {last.trip_id} ends at {last.free_s} s, {need:.0f} s from the end of duty "
            f"{duty.id} at {duty.end_s} s."
        )
        yield _at(Rule.DUTY_END, detail, last.trip_id, *ends), not last.planned


def _at(code: Rule, detail: str, trip_id: int, duty_id: int, driver_id: int) -> Violation:
    return Violation(code, detail, trip_id, driver_id, duty_id)


def break_faults(
    duty: Duty,
    route: Sequence[Stop],
    planned: Sequence[PlannedBreak],
    drive_s: Drive,
    rounding_s: float,
) -> Iterator[tuple[Rule, str]]:
    """Yield (code, detail) of every rule the planned breaks of one duty violate."""
    due = duty.break_
    if due is None or not route:
        if planned:
            yield Rule.BREAK_NEEDLESS, f"Duty {duty.id} needs no break and is given one."
        return
    if not planned:
        # Among commitments alone, a break that only just fits may fail the planner's rounding.
        if any(stop.planned for stop in route) or break_fits(duty, due, route, drive_s, rounding_s):
            yield Rule.BREAK_MISSING, f"Duty {duty.id} needs a break of {due.length_s} s, has none."
        return
    if len(planned) > 1:
        yield Rule.BREAK_TWICE, f"Duty {duty.id} is given {len(planned)} breaks."
    for rest in planned:
        if rest.end_s - rest.start_s != due.length_s:
            yield (
                Rule.BREAK_LENGTH,
                (
                    f"The break of duty {duty.id} lasts {rest.end_s - rest.start_s} s "
                    f"instead of {due.length_s}."
                ),
            )
        if rest.start_s < due.earliest_s or rest.end_s > due.latest_s:
            yield (
                Rule.BREAK_WINDOW,
                (
                    f"The break of duty {duty.id}, [{rest.start_s}, {rest.end_s}), is not inside "
                    f"[{due.earliest_s}, {due.latest_s})."
                ),
            )
        yield from _break_gap(duty, route, rest, drive_s, rounding_s)


def _break_gap(
    duty: Duty, route: Sequence[Stop], rest: PlannedBreak, drive_s: Drive, rounding_s: float
) -> Iterator[tuple[Rule, str]]:
    """Yield (code, detail) if the gap around a planned break is too short for it."""
    done = [stop for stop in route if stop.pickup_s < rest.end_s]
    busy = max(done, key=attrgetter("free_s"), default=None)
    if busy is not None and busy.free_s > rest.start_s:
        yield (
            Rule.BREAK_DURING_TRIP,
            (
                f"The break of duty {duty.id}, [{rest.start_s}, {rest.end_s}), is during trip "
                f"{busy.trip_id}, [{busy.pickup_s}, {busy.free_s})."
            ),
        )
        return
    leave_s, origin, factor = _left(done[-1]) if done else _begun(duty)
    after = route[len(done)] if len(done) < len(route) else None
    ready_s, goal = (after.pickup_s, after.pickup) if after else (duty.end_s, duty.end)
    need = slowed(drive_s(origin, goal), factor) + rest.end_s - rest.start_s
    outside = rest.start_s < leave_s or rest.end_s > ready_s
    if outside or ready_s - leave_s < need - slack(rounding_s, factor):
        yield (
            Rule.BREAK_DRIVE,
            (
                f"The break of duty {duty.id}, [{rest.start_s}, {rest.end_s}), and the drive "
                f"around it need {need:.0f} s between {leave_s} and {ready_s} s."
            ),
        )


def _left(stop: Stop) -> tuple[int, Place, float]:
    return stop.free_s, stop.dropoff, stop.onward


def _begun(duty: Duty) -> tuple[int, Place, float]:
    return duty.start_s, duty.start, duty.onward_factor


def break_fits(
    duty: Duty, due: Break, route: Sequence[Stop], drive_s: Drive, margin_s: float
) -> bool:
    """Return whether some gap of the route holds the break with `margin_s` to spare."""
    leave_s, origin, factor = _begun(duty)
    for stop in [*route, None]:
        ready_s, goal = (stop.pickup_s, stop.pickup) if stop else (duty.end_s, duty.end)
        start_s = max(leave_s, due.earliest_s)
        if start_s + due.length_s <= min(ready_s, due.latest_s) and ready_s - leave_s >= slowed(
            drive_s(origin, goal), factor
        ) + due.length_s + slack(margin_s, factor):
            return True
        if stop and stop.free_s >= leave_s:
            leave_s, origin, factor = _left(stop)
    return False
