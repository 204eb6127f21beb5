"""The ways that trips take on the road, for the map and for the panel of a trip.

They are read by addresses of their own: the board does not wait for a road server.
"""

from collections.abc import Iterable
from itertools import pairwise
from math import cos, radians
from typing import NamedTuple

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from dispatch.day.travel_times import driving, name_driving, say_driving, travel_times, ways
from dispatch.forecast.rows import TripRow
from dispatch.planner.travel import UNREACHABLE_S, Place
from dispatch.roads.polyline import decode
from drivers.models import Company

WIDE, HIGH, EDGE = 280, 120, 6  # of a trip's picture
Ways = dict[int, list[str | None]]


def ways_of(rows: Iterable[TripRow]) -> tuple[Ways, int]:
    """Return ({booking: [way of the ride, way to its pickup]}, how many are not known). No query.

    The way to a pickup begins at the dropoff before it of the same driver. It is None without one,
    and where no way is known or leads there.
    """
    by_driver: dict[int | None, list[TripRow]] = {}
    for row in rows:
        by_driver.setdefault(row.driver_id, []).append(row)
    waiting = by_driver.pop(None, [])
    rides = [(row, ends_of(row)) for row in waiting]
    empties: list[tuple[TripRow, tuple[Place, Place]]] = []
    for trips in by_driver.values():
        trips.sort(key=lambda row: (row.planned_pickup_at, row.id))
        rides += [(row, ends_of(row)) for row in trips]
        empties += [(after, (ends_of(a)[1], ends_of(after)[0])) for a, after in pairwise(trips)]
    found = ways([leg for _row, leg in (*rides, *empties)])
    drawn: Ways = {
        row.id: [way or None, None]
        for (row, _leg), way in zip(rides, found[: len(rides)], strict=True)
    }
    for (row, _leg), way in zip(empties, found[len(rides) :], strict=True):
        drawn[row.id][1] = way or None
    return drawn, sum(way is None for way in found)


def ends_of(row: TripRow) -> tuple[Place, Place]:
    return (row.pickup_lat, row.pickup_lon), (row.dropoff_lat, row.dropoff_lon)


class Picture(NamedTuple):
    """The way of a trip: `points` of an SVG of WIDE x HIGH, `text` says how far and by what.

    Without a way that is known, `is_straight`, and `why` says so.
    """

    points: str
    ends: tuple[tuple[float, float], tuple[float, float]]
    is_straight: bool
    text: str
    why: str


def picture_of(company: Company, ends: tuple[Place, Place]) -> Picture:
    """Draw the way of one trip. No query; waits as long as a page does."""
    (way,) = ways([ends])
    travel = travel_times(company)
    seconds, metres = travel.leg(*ends)
    said = driving(travel)
    points = _fitted(decode(way) if way else list(ends))
    return Picture(
        " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        (points[0], points[-1]),
        not way,
        _how_far(seconds, metres, name_driving(said)),
        "" if said["by"] == "roads" else say_driving(said),
    )


def _how_far(seconds: int, metres: int, by: str) -> str:
    if seconds >= UNREACHABLE_S:
        return _("No road leads there.")
    return _("%(km)s km, %(by)s") % {"km": number_format(round(metres / 1000, 1), 1), "by": by}


def _fitted(places: list[Place]) -> list[tuple[float, float]]:
    """Return the points in the picture, north up, as large as fits."""
    narrow = cos(radians(places[0][0]))
    xs, ys = [lon * narrow for _lat, lon in places], [-lat for lat, _lon in places]
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    scale = min((WIDE - 2 * EDGE) / max(wide, 1e-6), (HIGH - 2 * EDGE) / max(high, 1e-6))
    left, top = (WIDE - wide * scale) / 2, (HIGH - high * scale) / 2
    return [
        ((x - min(xs)) * scale + left, (y - min(ys)) * scale + top)
        for x, y in zip(xs, ys, strict=True)
    ]
