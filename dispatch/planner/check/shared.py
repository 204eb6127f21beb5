"""The rules for vehicles that several clients share: who is on board, how full, how long, where.

Part of the checker: see `check/plan.py` for units and rounding. Where a function yields
(violation, standing), `standing` says that commitments alone break the rule.

From the times alone: a client is on board from the pickup to the arrival, and boards or alights
for a while at its ends. Who get on at one place one after the other board at once, and likewise
those who get off; all else that a vehicle does takes its turn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from dispatch.planner.check.duty import Drive, Rule, Stop, Violation, slack, slowed
from dispatch.planner.problem import Commitment, Driver, Duty, Layout, Plan, Problem, Sharing, Trip
from dispatch.planner.travel import Place


@dataclass(frozen=True, slots=True)
class Rider:
    """A trip or commitment as driven: on board in [pickup_s, dropoff_s), out at `free_s`."""

    trip_id: int
    duty_id: int
    driver_id: int
    planned: bool
    pickup_s: int
    boarded_s: int
    dropoff_s: int
    free_s: int
    pickup: Place
    dropoff: Place
    ride_factor: float
    onward: float
    seats: int
    wheelchairs: int
    may_share: bool
    person: int | None
    apart_from: frozenset[int]


@dataclass(frozen=True, slots=True)
class Visit:
    """A vehicle at a place, where some get on, or some get off."""

    place: Place
    gets_on: bool
    arrive_s: int
    leave_s: int
    factors: tuple[float, ...]
    trip_id: int
    planned: bool


def riders(problem: Problem, plan: Plan) -> dict[int, list[Rider]]:
    """Return who is driven in each duty, in order of (pickup, arrival, trip)."""
    trips = {trip.id: trip for trip in problem.trips}
    late = {row.trip_id: row.dropoff_s for row in plan.delayed}
    found: dict[int, list[Rider]] = {duty.id: [] for duty in problem.duties}
    driver_of = {duty.id: duty.driver_id for duty in problem.duties}
    for row in plan.trips:
        trip = trips.get(row.trip_id)
        if trip is not None and row.duty_id in found:
            ids = trip.id, row.duty_id, driver_of[row.duty_id], True
            found[row.duty_id].append(_rider(trip, *ids, row.pickup_s, row.dropoff_s))
    for duty in problem.duties:
        for fixed in duty.commitments:
            ids = fixed.trip_id, duty.id, duty.driver_id, False
            arrive_s = late.get(fixed.trip_id, fixed.dropoff_s)
            found[duty.id].append(_rider(fixed, *ids, fixed.pickup_s, arrive_s))
    return {
        duty_id: sorted(route, key=lambda one: (one.pickup_s, one.dropoff_s, one.trip_id))
        for duty_id, route in found.items()
    }


def _rider(
    trip: Trip | Commitment,
    trip_id: int,
    duty_id: int,
    driver_id: int,
    planned: bool,
    pickup_s: int,
    dropoff_s: int,
) -> Rider:
    return Rider(
        trip_id=trip_id,
        duty_id=duty_id,
        driver_id=driver_id,
        planned=planned,
        pickup_s=pickup_s,
        boarded_s=pickup_s + trip.boarding_s,
        dropoff_s=dropoff_s,
        free_s=dropoff_s + trip.alighting_s,
        pickup=trip.pickup,
        dropoff=trip.dropoff,
        ride_factor=trip.ride_factor,
        onward=trip.onward_factor,
        seats=trip.seats,
        wheelchairs=trip.wheelchairs,
        may_share=trip.may_share,
        person=trip.person,
        apart_from=trip.apart_from,
    )


def ride_faults(
    trip: Trip, pickup_s: int, dropoff_s: int, sharing: Sharing
) -> Iterator[tuple[Rule, str]]:
    """Yield (code, detail) of what is wrong with the length of a ride.

    Too short a one is judged by the drives: in other traffic a detour may be the quicker way.
    """
    ridden_s = dropoff_s - pickup_s - trip.boarding_s
    limit_s = _limit_s(trip, sharing)
    if limit_s is not None and ridden_s > limit_s:
        yield Rule.RIDE_LIMIT, f"rides {ridden_s} s, at most {limit_s} s are allowed."


def _limit_s(trip: Trip, sharing: Sharing) -> int | None:
    """Return the longest ride: the own limit, or the smallest of the company's; None for none."""
    set_ones = []
    if trip.max_ride_s is not None:
        set_ones.append(trip.max_ride_s)
    else:
        if sharing.factor is not None:
            set_ones.append(int(trip.ride_s * sharing.factor))
        if sharing.added_s is not None:
            set_ones.append(trip.ride_s + sharing.added_s)
        if sharing.longest_s is not None:
            set_ones.append(sharing.longest_s)
    if not set_ones:
        return None
    return max(min(set_ones), trip.ride_s)


def delays(problem: Problem, plan: Plan) -> Iterator[Violation]:
    """Yield commitments that the plan moves otherwise than to an arrival that may be."""
    for row in plan.delayed:
        fixed = next(
            (
                c
                for duty in problem.duties
                for c in duty.commitments
                if c.trip_id == row.trip_id and duty.id == row.duty_id
            ),
            None,
        )
        latest_s = None
        if fixed is not None and problem.sharing is not None:
            latest_s = fixed.latest_dropoff_s
        if (
            fixed is None
            or latest_s is None
            or row.pickup_s != fixed.pickup_s
            or not fixed.dropoff_s <= row.dropoff_s <= latest_s
        ):
            detail = (
                f"Trip {row.trip_id} stays where it is, and is moved to "
                f"[{row.pickup_s}, {row.dropoff_s}) in duty {row.duty_id}."
            )
            yield Violation(Rule.DELAYED, detail, row.trip_id, row.driver_id, row.duty_id)


def company(riders_of: Mapping[int, Sequence[Rider]]) -> Iterator[tuple[Violation, bool]]:
    """Yield (two who may not be in one vehicle together, standing)."""
    by_driver: dict[int, list[Rider]] = {}
    for rider in chain.from_iterable(riders_of.values()):
        by_driver.setdefault(rider.driver_id, []).append(rider)
    for route in by_driver.values():
        route.sort(key=lambda one: (one.pickup_s, one.dropoff_s, one.trip_id))
        longest_s = max(one.free_s - one.pickup_s for one in route)
        for place, rider in enumerate(route):
            for other in route[place + 1 :]:
                if other.pickup_s >= rider.pickup_s + longest_s:
                    break
                if other.pickup_s >= rider.free_s or rider.pickup_s >= other.free_s:
                    continue
                standing = not (rider.planned or other.planned)
                for code, why in _together(rider, other):
                    detail = f"Trips {rider.trip_id} and {other.trip_id}: {why}"
                    yield (
                        Violation(code, detail, other.trip_id, other.driver_id, other.duty_id),
                        standing,
                    )


def _together(rider: Rider, other: Rider) -> Iterator[tuple[Rule, str]]:
    """Yield (code, why) two whose times in a vehicle overlap must not be in it together."""
    if rider.duty_id != other.duty_id:
        yield Rule.OVERLAP, "they overlap, in two duties."
    if not (rider.may_share and other.may_share):
        yield Rule.NOT_SHARED, "they overlap, and one of them rides alone."
    if rider.person is not None and rider.person == other.person:
        yield Rule.TWO_PLACES, f"they are of one person, {rider.person}."
    if other.pickup_s < rider.dropoff_s and (
        rider.person in other.apart_from or other.person in rider.apart_from
    ):
        yield Rule.APART, "their persons never ride together."


def loads(
    route: Sequence[Rider], layouts: Sequence[Layout], duty: Duty
) -> Iterator[tuple[Violation, bool]]:
    """Yield (vehicle too full, standing if nobody is planned) at every pickup in order."""
    for rider in route:
        if rider.dropoff_s <= rider.pickup_s:
            aboard = [rider]
        else:
            aboard = [one for one in route if one.pickup_s <= rider.pickup_s < one.dropoff_s]
        seats = sum(one.seats for one in aboard)
        wheelchairs = sum(one.wheelchairs for one in aboard)
        if len(aboard) == 1:
            continue  # judged with the trip itself
        if any(seats <= have and wheelchairs <= places for have, places in layouts):
            continue
        detail = (
            f"Duty {duty.id} has {seats} on seats and {wheelchairs} in wheelchairs on board at "
            f"{rider.pickup_s} s; its vehicle takes {' or '.join(map(str, layouts))}."
        )
        standing = not any(one.planned for one in aboard)
        yield Violation(Rule.FULL, detail, rider.trip_id, duty.driver_id, duty.id), standing


def visits(route: Sequence[Rider]) -> list[Visit]:
    """Return where the vehicle stands, in order of time.

    Of what begins at once comes first what takes no time, then those who alight.
    """
    events = []
    for rider in route:
        on = rider.pickup_s, 1, rider.boarded_s, rider.pickup, rider.ride_factor
        off = rider.dropoff_s, 0, rider.free_s, rider.dropoff, rider.onward
        if rider.dropoff_s == rider.pickup_s:  # nobody alights before boarding
            off = rider.dropoff_s, 2, rider.free_s, rider.dropoff, rider.onward
        events += [(*on, rider), (*off, rider)]
    found: list[Visit] = []
    for at_s, kind, until_s, place, factor, rider in sorted(
        events, key=lambda event: (event[0], event[2] > event[0], event[1], event[5].trip_id)
    ):
        gets_on = kind == 1
        last = found[-1] if found else None
        if last is not None and last.place == place and last.gets_on == gets_on:
            found[-1] = Visit(
                place,
                gets_on,
                last.arrive_s,
                max(last.leave_s, until_s),
                (*last.factors, factor),
                rider.trip_id,
                last.planned or rider.planned,
            )
            continue
        factors: tuple[float, ...] = (factor,)
        if last is not None and last.place == place and last.arrive_s == at_s:
            factors = *last.factors, factor  # in which order they were is not known
        found.append(Visit(place, gets_on, at_s, until_s, factors, rider.trip_id, rider.planned))
    return found


def drives(
    duty: Duty, route: Sequence[Rider], drive_s: Drive, rounding_s: float
) -> Iterator[tuple[Violation, bool]]:
    """Yield (drive between two visits that does not fit, standing)."""
    before = Visit(duty.start, False, duty.start_s, duty.start_s, (duty.onward_factor,), 0, False)
    first = True
    for visit in visits(route):
        short_s = _missing(before, visit.place, visit.arrive_s, drive_s, rounding_s)
        if short_s > 0:
            detail = (
                f"Duty {duty.id} reaches trip {visit.trip_id} {short_s:.0f} s too late for "
                f"{visit.arrive_s} s, after trip {before.trip_id}."
            )
            code = Rule.DUTY_START if first else Rule.DRIVE
            standing = not (before.planned or visit.planned)
            yield Violation(code, detail, visit.trip_id, duty.driver_id, duty.id), standing
        before, first = visit, False
    if first:
        return
    short_s = _missing(before, duty.end, duty.end_s, drive_s, rounding_s)
    if short_s > 0:
        detail = f"Duty {duty.id} is back {short_s:.0f} s after {duty.end_s} s."
        yield (
            Violation(Rule.DUTY_END, detail, before.trip_id, duty.driver_id, duty.id),
            not before.planned,
        )


def _missing(before: Visit, place: Place, due_s: int, drive_s: Drive, rounding_s: float) -> float:
    """Return the seconds that are missing to drive from a visit to the next; any factor will do."""
    free = drive_s(before.place, place)
    return min(
        before.leave_s + slowed(free, factor) - slack(rounding_s, factor) - due_s
        for factor in before.factors
    )


def stretches(route: Sequence[Rider]) -> list[Stop]:
    """Return the stretches of a duty, from empty to empty, as one stop each."""
    found: list[Stop] = []
    group: list[Rider] = []
    for rider in [*route, None]:
        if group and (rider is None or rider.pickup_s >= max(one.free_s for one in group)):
            seen = visits(group)
            found.append(
                Stop(
                    group[0].pickup_s,
                    max(one.free_s for one in group),
                    seen[0].place,
                    seen[-1].place,
                    group[-1].trip_id,
                    group[0].duty_id,
                    any(one.planned for one in group),
                    None,
                    min(seen[-1].factors),
                )
            )
            group = []
        if rider is not None:
            group.append(rider)
    return found


def layouts_of(driver: Driver, duty: Duty) -> tuple[Layout, ...]:
    """Return the (seats, wheelchair places) that the vehicle of a duty has at a time."""
    if duty.car is None:
        return driver.layouts or ((driver.seats, driver.wheelchair_places),)
    return duty.car.layouts or ((duty.car.seats, duty.car.wheelchair_places),)
