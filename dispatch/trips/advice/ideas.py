"""Have ideas of what could be done about trips without a driver, the best first. No query.

The planner measures every gap of every driver's day, the other trips at their told times, and says
how much is missing where. That is an idea only: whether it holds is worked out afterwards
(`work_out`), so an idea may be wrong, but a good one that is missing here is never suggested.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from dispatch.day.day import Day
from dispatch.day.rows import BookingRow
from dispatch.day.trips import pickup_window
from dispatch.planner.explain import slack
from dispatch.planner.explain.findings import Finding, find
from dispatch.planner.explain.reasons import everybody_along
from dispatch.planner.explain.sharing import Along, standing_plan
from dispatch.planner.problem import Duty, Plan, Problem, Trip
from dispatch.planner.rules.rule import minutes
from dispatch.planner.search.arrays import NEVER, Flags, Longs
from dispatch.planner.travel import in_traffic
from dispatch.trips.advice.suggestion import Change, Kind
from dispatch.trips.advice.work_out import (
    LATE_AT_MOST_S,
    MINUTES_AT_MOST,
    shift_change,
)
from dispatch.trips.candidates import offered
from dispatch.trips.changed_day import part_of, with_shift
from dispatch.trips.insertion import propose
from dispatch.trips.linked_trips import free_from, standing_beside
from dispatch.trips.problems import all_pinned, may_give_way, trip_of
from drivers.models import Driver

ATTEMPTS = 4  # ideas of one kind
SQUEEZED_S = 30 * 60  # the driver's other trips may move within their windows: at most so much
NOTHING_PLANNED = Plan((), (), ())
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Room:
    """Where a trip would fit if another one gave way: `trip` in duty k, boarding at `pickup_s`."""

    trip: Trip
    k: int
    pickup_s: int
    detour_s: int


@dataclass(frozen=True)
class Ground:
    """A day with all its trips at their told times, and what was found out about these rows.

    Of rows that have a driver it is the day without them.
    """

    day: Day
    rows: tuple[BookingRow, ...]

    @cached_property
    def pinned(self) -> Problem:
        return all_pinned(self.day, {row.id for row in self.rows})

    @cached_property
    def trips(self) -> dict[int, Trip]:
        """Return the planner's trips of the rows that can be planned at all, by booking."""
        found = {row.id: offered(self.day, row) for row in self.rows}
        return {i: trip for i, trip in found.items() if trip}

    @cached_property
    def too_early(self) -> dict[int, Trip]:
        """Return the trips whose window is over before their client is out of another, by booking.

        They are wanted as soon as their clients are out, on the minute, and at no other time.
        """
        found = {}
        for row in self.rows:
            if row.id not in self.trips and standing_beside(self.day, row):
                trip = trip_of(self.day, row)
                out_at = max(self.day.moment(free_from(self.day, row, trip)), self.day.now)
                out_s = self.day.seconds(_whole_minute(out_at, up=True))
                found[row.id] = replace(trip, wanted_s=out_s, earliest_s=out_s, latest_s=out_s)
        return found

    @cached_property
    def findings_too_early(self) -> dict[int, Finding]:
        return self._find(self.too_early.values())

    @cached_property
    def findings(self) -> dict[int, Finding]:
        """Return what was found about each of these trips, by booking."""
        return self._find(self.trips.values())

    def _find(self, trips: Iterable[Trip]) -> dict[int, Finding]:
        asked = tuple(sorted(trips, key=lambda trip: trip.id))
        problem = replace(self.pinned, trips=asked)
        found = find(problem, NOTHING_PLANNED, [trip.id for trip in asked])
        return {finding.trip.id: finding for finding in found}

    @cached_property
    def with_others(self) -> Along | None:
        """Return what stands of the day, and these trips, for who may join whom."""
        problem = self.day.problem
        if problem.sharing is None:
            return None
        return everybody_along(problem, standing_plan(problem), self.trips.values())

    @cached_property
    def movable(self) -> dict[int, Trip]:
        """Return the trips that may give way, wanted at their told times, by booking."""
        return {
            trip.id: replace(
                trip,
                wanted_s=min(max(trip.standing.pickup_s, trip.earliest_s), trip.latest_s),
                after=None,
            )
            for trip in self.day.problem.trips
            if trip.standing and may_give_way(self.day, self.day.bookings[trip.id])
        }

    @cached_property
    def rooms(self) -> dict[int, list[Room]]:
        """Return where each trip would fit if one other trip gave way, the shortest way first."""
        return {i: self._rooms(finding) for i, finding in self.findings.items()}

    def _rooms(self, finding: Finding) -> list[Room]:
        tours, trip, day, i = finding.tours, finding.trip, finding.day, finding.index
        stops = np.arange(len(tours.trip))
        duty_of = np.searchsorted(tours.first, stops, "right") - 1
        is_first = stops == tours.first[duty_of]
        is_last = stops + 1 == tours.first[duty_of + 1]
        before, behind = np.maximum(stops - 1, 0), np.minimum(stops + 1, len(stops) - 1)
        starts = np.where(is_first, tours.start_at[duty_of], tours.dropoff_at[before])
        ends = np.where(is_last, tours.end_at[duty_of], tours.pickup_at[behind])
        free = np.where(is_first, tours.opens[duty_of], (tours.early + tours.service)[before])
        need = np.where(is_last, tours.closes[duty_of], tours.early[behind])
        there = tours.travel[starts, day.pickup_at[i]].astype(np.int64)
        on = tours.travel[day.dropoff_at[i], ends].astype(np.int64)
        low = np.maximum(free + there, trip.earliest_s)
        high = np.minimum(need - on - trip.service_s, trip.last_start_s)
        fits = (low <= high) & finding.allowed[duty_of]
        pickup = np.minimum(np.maximum(low, trip.wanted_s), high)
        found = []
        for s in np.flatnonzero(fits).tolist():
            k = int(duty_of[s])
            commitment = finding.problem.duties[k].commitments[-1 - int(tours.trip[s])]
            if commitment not in self.pinned.duties[k].commitments:
                continue  # several who ride together
            if other := self.movable.get(commitment.trip_id):
                detour_s = int(there[s] + on[s])
                found.append(Room(other, k, int(pickup[s]), detour_s))
        return sorted(found, key=lambda room: (room.detour_s, room.trip.id))

    @cached_property
    def elsewhere(self) -> dict[int, Finding]:
        """Return what was found about the trips that would make room, for other drivers."""
        near = {room.trip.id: room.trip for rooms in self.rooms.values() for room in rooms}
        return self._find(near.values())


def ideas(ground: Ground, row: BookingRow) -> Iterator[Change]:
    """Yield changes that could give the trip a driver, in the order of `Kind`."""
    if too_early := ground.findings_too_early.get(row.id):
        yield from _Maker(ground, row, too_early).after_arrival()
    finding = ground.findings.get(row.id)
    if finding is None:
        return
    make = _Maker(ground, row, finding)
    yield from make.assign()
    yield from make.over_cap()
    yield from make.move_other()
    yield from make.other_time()
    yield from make.longer_shift()
    yield from make.instead()


@dataclass(frozen=True)
class _Maker:
    ground: Ground
    row: BookingRow
    finding: Finding

    @property
    def day(self) -> Day:
        return self.ground.day

    @cached_property
    def capped(self) -> Flags:
        """Return (K,) whether the duty's driver has all trips."""
        found: Flags = self.finding.capped[self.finding.tours.driver]
        return found

    @cached_property
    def found(self) -> Longs:
        return self.finding.slack.found

    def assign(self) -> Iterator[Change]:
        """Yield drivers who have room, then those whose other trips would have to make some."""
        if self._is_over():
            return
        prices = self.finding.prices()
        for k in _least(prices, prices < NEVER):
            yield self._change(Kind.ASSIGN, k, self._pickup(k, slack.FITS))
        missing = self.finding.slack.missing
        close = self.finding.allowed & ~self.capped & (missing > 0) & (missing <= SQUEEZED_S)
        for k in _least(missing, close):
            driver = self.finding.problem.drivers[self.finding.tours.driver[k]]
            who = Driver(id=driver.id, name=driver.name)
            made = propose(part_of(self.day, {driver.id}, {self.row.id}), self.row, who)
            if not made.faults:
                yield self._change(Kind.ASSIGN, k, made.trip.pickup_s)

    def over_cap(self) -> Iterator[Change]:
        if self._is_over():
            return
        detour = self.found[:, slack.FITS, 0]
        for k in _least(detour, self.finding.allowed & self.capped & (detour < NEVER)):
            yield self._change(Kind.OVER_CAP, k, self._pickup(k, slack.FITS))

    def move_other(self) -> Iterator[Change]:
        """Yield trips that another driver could take, so that this one has room."""
        found = []
        for room in self.ground.rooms[self.row.id]:
            elsewhere = self.ground.elsewhere[room.trip.id]
            own = self._driver_id(room.k)
            prices = elsewhere.prices()
            told_s = room.trip.wanted_s
            for k in _least(prices, prices < NEVER)[:2]:
                if self._driver_id(k) != own:
                    pickup_s = int(elsewhere.slack.found[k, slack.FITS, 2])
                    price = int(prices[k]) + room.detour_s + abs(pickup_s - told_s)
                    found.append((price, room.trip.id, k, room, pickup_s))
        found.sort(key=lambda one: one[:3])
        for _price, other_id, k, room, other_pickup_s in found[: 2 * ATTEMPTS]:
            yield replace(
                self._change(Kind.MOVE_OTHER, room.k, room.pickup_s),
                other_id=other_id,
                other_driver_id=self._driver_id(k),
                other_pickup_at=self.day.moment(other_pickup_s),
            )

    def other_time(self) -> Iterator[Change]:
        """Yield pickups outside the window, and arrivals a little after the appointment."""
        latest_s, earliest_s = self.finding.trip.latest_s, self.finding.trip.earliest_s
        latest_s = max(latest_s, self.day.seconds(self.day.now))
        free = self.finding.allowed & ~self.capped
        times: list[tuple[int, int, int, Kind, datetime]] = []
        for kind in (slack.ARRIVE_LATE, slack.LATER, slack.EARLIER):
            measure = self.found[:, kind, 0]
            most = LATE_AT_MOST_S if kind == slack.ARRIVE_LATE else NEVER - 1
            for k in _least(measure, free & (measure <= most)):
                pickup_s = self._pickup(k, kind)
                pickup_at = self.day.moment(pickup_s)
                if kind == slack.ARRIVE_LATE and earliest_s <= pickup_s <= latest_s:
                    late_min = minutes(int(measure[k]))
                    times.append((late_min, 0, k, Kind.ARRIVE_LATE, pickup_at))
                    continue
                asked_at = _whole_minute(pickup_at, up=kind != slack.EARLIER)
                asked_s = self.day.seconds(asked_at)
                change_min = minutes(max(asked_s - latest_s, earliest_s - asked_s))
                if change_min <= MINUTES_AT_MOST:
                    times.append((change_min, kind, k, Kind.ASK_CLIENT, asked_at))
        for _minutes, _order, k, what, at in sorted(times):
            change = self._change(what, k, self.day.seconds(at))
            yield replace(change, wanted_at=at) if what == Kind.ASK_CLIENT else change

    def after_arrival(self) -> Iterator[Change]:
        """Yield pickups from when the client is out of another trip, later than the window."""
        window = pickup_window(self.day.company, self.row)
        latest_s = max(self.day.seconds(window[1]), self.day.seconds(self.day.now))
        free = self.finding.allowed & ~self.capped
        times = []
        for kind in (slack.FITS, slack.LATER):
            for k in _least(self.found[:, kind, 0], free & (self.found[:, kind, 0] < NEVER)):
                at = _whole_minute(self.day.moment(self._pickup(k, kind)), up=True)
                if minutes(self.day.seconds(at) - latest_s) <= MINUTES_AT_MOST:
                    times.append((at, k))
        for at, k in sorted(times):
            yield replace(self._change(Kind.ASK_CLIENT, k, self.day.seconds(at)), wanted_at=at)

    def longer_shift(self) -> Iterator[Change]:
        """Yield shifts that would have to begin earlier or end later."""
        if self._is_over():
            return
        free = self.finding.allowed & ~self.capped
        longer = []
        for kind, what in (
            (slack.START_EARLIER, Kind.START_EARLIER),
            (slack.END_LATER, Kind.END_LATER),
        ):
            measure = self.found[:, kind, 0]
            for k in _least(measure, free & (measure <= MINUTES_AT_MOST * 60)):
                longer.append((minutes(int(measure[k])), kind, k, what))
        for change_min, kind, k, what in sorted(longer):
            yield from self._longer(what, k, self._pickup(k, kind), timedelta(minutes=change_min))
        yield from self._earlier_to_make_room(free)

    def _earlier_to_make_room(self, free: Flags) -> Iterator[Change]:
        """Yield shifts that would begin earlier so that their other trips can make room."""
        missing = self.finding.slack.missing
        for k in _least(missing, free & (missing > 0) & (missing <= SQUEEZED_S)):
            duty = self.finding.problem.duties[k]
            for change in self._longer(Kind.START_EARLIER, k, 0, self._free_before(duty)):
                if longer := self._needed(change, duty.start_s):
                    yield from self._longer(Kind.START_EARLIER, k, *longer)

    def _free_before(self, duty: Duty) -> timedelta:
        """Return how much earlier a duty could begin, for what the driver does before, and now."""
        start_at = self.day.moment(duty.start_s)
        rows = self.day.drivers[duty.driver_id]
        ends = [at for row in rows for at in (row.shift_end_at, row.absence_end_at) if at]
        earliest_at = start_at - timedelta(minutes=MINUTES_AT_MOST)
        last_at = max(at for at in (*ends, self.day.now, earliest_at) if at <= start_at)
        return (start_at - last_at) // MINUTE * MINUTE

    def _needed(self, change: Change, start_s: int) -> tuple[int, timedelta] | None:
        """Return the pickup if the shift began as early as that, and how much earlier it has to.

        None if the trip would still not fit.
        """
        if not (shift := shift_change(self.day, change)):
            return None
        part = part_of(self.day, {change.driver_id}, {self.row.id})
        part = with_shift(part, shift.shift_id, shift.start_at, shift.end_at)
        made = propose(part, self.row, Driver(id=change.driver_id, name=shift.driver))
        if made.faults:
            return None
        duties = {duty.id: duty for duty in part.problem.duties}
        duty = duties[made.trip.duty_id]
        if part.shift_of.get(duty.id) != shift.shift_id:
            return None
        trips = {trip.id: trip for trip in (*part.problem.trips, trip_of(part, self.row))}
        first = min(
            (trip for trip in made.trips if trip.duty_id == duty.id), key=lambda trip: trip.pickup_s
        )
        free_s = part.problem.travel.leg(duty.start, trips[first.trip_id].pickup)[0]
        drive_s = in_traffic(free_s, duty.onward_factor)
        longer_min = minutes(start_s - (first.pickup_s - drive_s))
        if not 0 < longer_min <= MINUTES_AT_MOST:
            return None
        return made.trip.pickup_s, timedelta(minutes=longer_min)

    def instead(self) -> Iterator[Change]:
        """Yield trips of lower priority, then of the same, in whose place this one would fit."""
        own = self.finding.trip.priority
        rooms = [r for r in self.ground.rooms[self.row.id] if r.trip.priority <= own]
        rooms.sort(key=lambda room: room.trip.priority)
        for room in rooms[:ATTEMPTS]:
            change = self._change(Kind.INSTEAD_OF, room.k, room.pickup_s)
            yield replace(change, other_id=room.trip.id)

    def _longer(self, kind: Kind, k: int, pickup_s: int, longer: timedelta) -> Iterator[Change]:
        """Yield the change of the shift whose end the duty has; an absence or now may cut it."""
        duty = self.finding.problem.duties[k]
        shift_id = self.day.shift_of[duty.id]
        rows = self.day.drivers[duty.driver_id]
        row = next(one for one in rows if one.shift_id == shift_id)
        start_at, end_at = row.shift_start_at, row.shift_end_at
        if start_at is None or end_at is None:
            return
        if kind == Kind.START_EARLIER:
            reaches, start_at = self.day.seconds(start_at) == duty.start_s, start_at - longer
        else:
            reaches, end_at = self.day.seconds(end_at) == duty.end_s, end_at + longer
        if reaches:
            yield replace(
                self._change(kind, k, pickup_s),
                shift_id=shift_id,
                shift_start_at=start_at,
                shift_end_at=end_at,
            )

    def _is_over(self) -> bool:
        return self.finding.trip.latest_s < self.day.seconds(self.day.now)

    def _change(self, kind: Kind, k: int, pickup_s: int) -> Change:
        pickup_at = self.day.moment(pickup_s)
        return Change(kind, self.row.id, self._driver_id(k), pickup_at)

    def _driver_id(self, k: int) -> int:
        return self.ground.pinned.duties[k].driver_id

    def _pickup(self, k: int, kind: int) -> int:
        return int(self.found[k, kind, 2])


def _whole_minute(moment: datetime, *, up: bool) -> datetime:
    rest = timedelta(seconds=moment.second, microseconds=moment.microsecond)
    if not rest:
        return moment
    return moment - rest + (MINUTE if up else timedelta())


def _least(values: Longs, among: Flags) -> list[int]:
    """Return the indices of the smallest values among these, of equal ones the first."""
    indices = np.flatnonzero(among)
    return [int(k) for k in indices[np.argsort(values[indices], kind="stable")[:ATTEMPTS]]]
