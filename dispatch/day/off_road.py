"""Which place no road reaches, or between which ends of a trip no road leads. No query.

Only a road server knows: by straight lines every place is reached.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dispatch.day.rows import BookingRow
from dispatch.day.travel_times import ASK_S, travel_times
from dispatch.planner.travel import UNREACHABLE_S, Place, TravelTimes
from dispatch.roads.times import RoadTimes
from drivers.models import Company

OFF_ROAD_M = 1_000  # nobody is fetched so far from a road: the place is wrong
OFF_ROAD, NOT_CONNECTED = "off_road", "not_connected"
SENTENCES = {
    "off_road_pickup": gettext_noop(
        "The pickup (%(pickup)s) is more than a kilometre from any road."
    ),
    "off_road_dropoff": gettext_noop(
        "The dropoff (%(dropoff)s) is more than a kilometre from any road."
    ),
    "off_road_both": gettext_noop(
        "The pickup (%(pickup)s) and the dropoff (%(dropoff)s) are more than a kilometre from any "
        "road."
    ),
    "no_way_to_pickup": gettext_noop("No road leads from the depot to the pickup (%(pickup)s)."),
    "no_way_to_dropoff": gettext_noop(
        "No road leads from the pickup (%(pickup)s) to the dropoff (%(dropoff)s)."
    ),
    "no_way_back": gettext_noop("No road leads from the dropoff (%(dropoff)s) to the depot."),
}


class Unreached(NamedTuple):
    """The code of the reason, the key of its sentence, and what fills that."""

    code: str
    key: str
    values: Mapping[str, str]


def unreached(
    company: Company, travel: TravelTimes, rows: Iterable[BookingRow]
) -> dict[int, Unreached]:
    """Return why no road reaches these trips, by booking; those that are reached are left out."""
    rows = list(rows)
    if not isinstance(travel, RoadTimes) or not rows:
        return {}
    depots = [(company.depot_lat, company.depot_lon)] * len(rows)
    pickups, dropoffs = [row.pickup for row in rows], [row.dropoff for row in rows]
    there = travel.legs(depots, pickups)[0].tolist()
    ride = travel.legs(pickups, dropoffs)[0].tolist()
    back = travel.legs(dropoffs, depots)[0].tolist()
    found = {}
    for row, *ways in zip(rows, there, ride, back, strict=True):
        far = [travel.off_road_m(place) > OFF_ROAD_M for place in (row.pickup, row.dropoff)]
        values = {"pickup": _shown(row.pickup), "dropoff": _shown(row.dropoff)}
        if any(far):
            key = "off_road_both" if all(far) else f"off_road_{'pickup' if far[0] else 'dropoff'}"
            found[row.id] = Unreached(OFF_ROAD, key, values)
        elif max(ways) >= UNREACHABLE_S:
            keys = ("no_way_to_pickup", "no_way_to_dropoff", "no_way_back")
            key = next(k for k, s in zip(keys, ways, strict=True) if s >= UNREACHABLE_S)
            found[row.id] = Unreached(NOT_CONNECTED, key, values)
    return found


def ask_about(company: Company, places: Sequence[Place]) -> dict[Place, str]:
    """Return what to ask about the places that no road reaches, for `far_places`.

    Where the road server does not answer within ASK_S, or is not set, nobody is asked.
    """
    travel = travel_times(company, page_s=ASK_S)
    if not isinstance(travel, RoadTimes):
        return {}
    depot = (company.depot_lat, company.depot_lon)
    stays_s, *there = travel.seconds([depot], [depot, *places])[0].tolist()
    back = travel.seconds(places, [depot])[:, 0].tolist()
    if stays_s:
        return {}  # a server that knows no way from a place to itself knows none at all
    is_reached = travel.off_road_m(depot) <= OFF_ROAD_M  # else the depot is wrong, not the places
    found = {}
    for place, there_s, back_s in zip(places, there, back, strict=True):
        shown = {"lat": place[0], "lon": place[1]}
        if travel.off_road_m(place) > OFF_ROAD_M:
            text = _("Latitude %(lat)s, longitude %(lon)s is more than a kilometre from any road.")
        elif is_reached and there_s >= UNREACHABLE_S:
            text = _("No road leads from the depot to latitude %(lat)s, longitude %(lon)s.")
        elif is_reached and back_s >= UNREACHABLE_S:
            text = _("No road leads from latitude %(lat)s, longitude %(lon)s to the depot.")
        else:
            continue
        found[place] = text % shown
    return found


def _shown(place: Place) -> str:
    return f"{place[0]:.5f}, {place[1]:.5f}"
