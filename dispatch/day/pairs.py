"""Keep a return trip after its outbound trip, by their pickup windows alone.

The search knows no order of trips. Where the windows of a pair overlap, the outbound trip must be
early enough for the return trip, and the return trip starts after the latest arrival: every plan
of the two is then in order, whoever drives them. Pairs whose windows do not overlap stay as they
are. Seconds of the company's day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from dispatch.day.queries import BookingRow
from dispatch.planner.problem import Trip


def keep_order(
    trips: Iterable[Trip], rows: Mapping[int, BookingRow], fixed: Mapping[int, tuple[int, int]]
) -> tuple[tuple[Trip, ...], set[int]]:
    """Return (trips in order of id, ids of return trips that are left without a window).

    `rows` are all bookings by id; `fixed` has (pickup, the client is out) of the trips that no plan
    moves.
    """
    by_id = {trip.id: trip for trip in trips}
    too_early: set[int] = set()
    for row in rows.values():
        there_id = row.return_of_id
        if there_id is None or there_id not in by_id.keys() | fixed.keys():
            continue
        if (back := by_id.get(row.id)) is None:
            if row.id in fixed and (there := by_id.get(there_id)):
                by_id[there_id] = _arriving_by(there, fixed[row.id][0]) or there
            continue
        if back.last_start_s < back.earliest_s:
            continue  # no driver can keep its appointment: it is never planned
        if there := by_id.get(there_id):
            if there.last_start_s < there.earliest_s:
                continue
            there = _arriving_by(there, back.last_start_s) or there
            out_s = there.last_start_s + there.service_s
        else:
            out_s = fixed[there_id][1]
        if out_s > back.last_start_s:
            too_early.add(back.id)
            del by_id[back.id]
            continue
        if there:
            by_id[there_id] = there
        by_id[back.id] = replace(back, earliest_s=max(back.earliest_s, out_s), after=there_id)
    return tuple(by_id[i] for i in sorted(by_id)), too_early


def _arriving_by(there: Trip, limit_s: int) -> Trip | None:
    """Return the trip with the client out by `limit_s`, or None if that cannot be."""
    latest_s = min(there.latest_s, limit_s - there.service_s)
    return replace(there, latest_s=latest_s) if latest_s >= there.earliest_s else None
