"""Keep nobody in two places at once: the trips of one person apart, by their pickup windows alone.

The search knows no order of trips. Where the windows of two trips of one person overlap, they are
cut so that the earlier trip has ended before the other one may begin: no plan of the two overlaps
then, whoever drives them. Windows that do not meet stay as they are. Linked trips are in order,
whoever is on board: the return trip starts after the latest arrival of the outbound trip. Other
trips are cut in the middle between what is wanted of the two. Of trips that cannot both be kept one
is left out. Seconds of the company's day.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dispatch.day.rows import BookingRow
from dispatch.planner.problem import Trip


@dataclass(frozen=True, slots=True)
class Apart:
    """The trips with the windows that keep them apart, in order of id.

    `left_out` has the code of the reason by booking. `beside` names the trip of the same person
    that leaves a booking out or cuts its window.
    """

    trips: tuple[Trip, ...]
    left_out: dict[int, str] = field(default_factory=dict)
    beside: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A trip among those of its person: boarding is in [earliest_s, last_s]."""

    row: BookingRow
    trip: Trip | None  # None if no plan moves it
    wanted_s: int
    earliest_s: int
    last_s: int
    service_s: int


Pair = tuple[_Turn, _Turn]
Ends = dict[int, int]  # by booking


def keep_apart(
    trips: Iterable[Trip], rows: Mapping[int, BookingRow], fixed: Mapping[int, tuple[int, int]]
) -> Apart:
    """Return the trips kept apart.

    `rows` are all bookings by id; `fixed` has (pickup, the client is out) of the trips that no plan
    moves.
    """
    by_id = {trip.id: trip for trip in trips}
    turns = {i: _turn(rows[i], trip) for i, trip in by_id.items()}
    turns |= {i: _fixed(rows[i], *times) for i, times in fixed.items() if i in rows}
    # A trip whose appointment nobody can keep is never planned.
    turns = {i: turn for i, turn in turns.items() if turn.earliest_s <= turn.last_s}
    found = Apart((), {}, {})
    for group in _groups(turns):
        if any(turn.trip for turn in group):
            _settle(group, by_id, found)
    for turn in turns.values():
        there_id = turn.row.return_of_id
        if there_id in turns and turn.row.id in by_id:
            by_id[turn.row.id] = replace(by_id[turn.row.id], after=there_id)
    return replace(found, trips=tuple(by_id[i] for i in sorted(by_id)))


def _turn(row: BookingRow, trip: Trip) -> _Turn:
    wanted_s = trip.standing.pickup_s if trip.standing else trip.wanted_s
    return _Turn(row, trip, wanted_s, trip.earliest_s, trip.last_start_s, trip.service_s)


def _fixed(row: BookingRow, pickup_s: int, out_s: int) -> _Turn:
    return _Turn(row, None, pickup_s, pickup_s, pickup_s, max(0, out_s - pickup_s))


def _groups(turns: Mapping[int, _Turn]) -> list[list[_Turn]]:
    """Return those that share a person or are linked, two or more together."""
    groups: dict[int, list[_Turn]] = {}
    group_of: dict[int, int] = {}
    for i, turn in turns.items():
        group_of[i] = key = -i if turn.row.person is None else turn.row.person
        groups.setdefault(key, []).append(turn)
    for i, turn in turns.items():
        there_id = turn.row.return_of_id
        if there_id is None or there_id not in turns:
            continue
        if group_of[i] != (key := group_of[there_id]):
            moved = groups.pop(group_of[i])
            groups[key] += moved
            group_of |= {one.row.id: key for one in moved}
    return [group for group in groups.values() if len(group) > 1]


def _settle(group: list[_Turn], by_id: dict[int, Trip], found: Apart) -> None:
    """Cut the windows of one group in `by_id`; leave out what cannot be kept with the others."""
    while True:
        conflicts = []
        for key in (_by_wish, _by_end):
            order = _in_order(group, key)
            last_s, pair = _latest(order)
            if pair is None:
                _cut(order, last_s, by_id, found)
                return
            conflicts.append(pair)
        loser, winner = _choice(*conflicts[0])
        is_back = loser.row.return_of_id == winner.row.id
        found.left_out[loser.row.id] = "before_arrival" if is_back else "two_places"
        found.beside[loser.row.id] = winner.row.id
        del by_id[loser.row.id]
        group = [turn for turn in group if turn is not loser]


def _by_wish(turn: _Turn) -> tuple[int, int]:
    return turn.wanted_s, turn.row.id


def _by_end(turn: _Turn) -> tuple[int, int]:
    return turn.last_s, turn.row.id


def _in_order(group: Sequence[_Turn], key: Callable[[_Turn], tuple[int, int]]) -> list[_Turn]:
    """Return the trips in order of the key, a return trip never before its outbound trip."""
    order: list[_Turn] = []
    to_come = {turn.row.id for turn in group}
    waiting: dict[int | None, list[_Turn]] = {}
    for turn in sorted(group, key=key):
        if turn.row.return_of_id in to_come:
            waiting.setdefault(turn.row.return_of_id, []).append(turn)
            continue
        ready = [turn]
        while ready:
            order.append(ready.pop())
            to_come.discard(order[-1].row.id)
            ready += waiting.pop(order[-1].row.id, ())
    return order


def _latest(order: Sequence[_Turn]) -> tuple[Ends, Pair | None]:
    """Return the last boarding of each that leaves room for those after it, or who cannot."""
    last_s: Ends = {}
    for i in reversed(range(len(order))):
        one = order[i]
        last_s[one.row.id] = one.last_s
        for later in _after(order, i):
            limit_s = last_s[later.row.id] - one.service_s
            if limit_s < one.earliest_s:
                return {}, (one, later)
            last_s[one.row.id] = min(last_s[one.row.id], limit_s)
    return last_s, None


def _cut(order: Sequence[_Turn], last_s: Ends, by_id: dict[int, Trip], found: Apart) -> None:
    """Cut the windows so that of two trips the first has ended before the second begins."""
    earliest_s = {turn.row.id: turn.earliest_s for turn in order}
    for i, one in enumerate(order):
        later = _after(order, i)
        out_s = last_s[one.row.id] + one.service_s
        opens_s = min((earliest_s[other.row.id] for other in later), default=out_s)
        if out_s > opens_s and one.trip and later[0].trip and not _linked(one, later[0]):
            middle_s = (one.wanted_s + one.service_s + later[0].wanted_s) // 2
            soonest_s = max(earliest_s[one.row.id] + one.service_s, opens_s)
            out_s = min(out_s, max(middle_s, soonest_s))
            last_s[one.row.id] = out_s - one.service_s
        if one.trip and last_s[one.row.id] < one.last_s:
            cut = replace(by_id[one.row.id], latest_s=last_s[one.row.id])
            by_id[one.row.id] = cut
            found.beside.setdefault(one.row.id, later[0].row.id)
        for other in later:
            if other.trip and out_s > earliest_s[other.row.id]:
                earliest_s[other.row.id] = out_s
                by_id[other.row.id] = replace(by_id[other.row.id], earliest_s=out_s)
                found.beside[other.row.id] = one.row.id


def _after(order: Sequence[_Turn], i: int) -> list[_Turn]:
    """Return those after the i-th that may not overlap with it. What is fixed stays as it is."""
    one = order[i]
    return [
        later
        for later in order[i + 1 :]
        if (one.trip or later.trip)
        and (_linked(one, later) or (one.row.person and one.row.person == later.row.person))
    ]


def _linked(one: _Turn, other: _Turn) -> bool:
    return one.row.return_of_id == other.row.id or other.row.return_of_id == one.row.id


def _choice(one: _Turn, later: _Turn) -> Pair:
    """Return (who is left out, who stays) of two that cannot both be kept.

    What no plan moves stays, then an outbound trip before its return trip, then the one that stands
    with a driver, the one of higher priority, the one that was booked first.
    """
    if one.trip is None:
        return later, one
    if later.trip is None:
        return one, later
    if _linked(one, later):
        return later, one
    first, second = sorted(
        (one, later),
        key=lambda turn: (turn.row.standing() is None, -turn.row.priority, turn.row.id),
    )
    return second, first
