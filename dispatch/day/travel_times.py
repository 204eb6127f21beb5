"""Make the travel times of a company: the one place where its road network is chosen.

With ROADS_URL they come from a road server (`dispatch.roads`), otherwise from the straight line.
Nothing else makes any: a test reads the sources for it.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from dispatch.planner.travel import GreatCircle, TravelTimes
from dispatch.roads.kept import Kept
from dispatch.roads.osrm import Osrm
from dispatch.roads.times import Patience, RoadTimes
from dispatch.roads.valhalla import Valhalla
from dispatch.roads.ways import Leg, draw
from drivers.models import Company

PAGE_S = 5.0  # a page, or a change by hand, waits no longer for a road server
ASK_S = 2.0  # nor does who asks about a place that is entered, in a transaction


def travel_times(
    company: Company, *, for_run: bool = False, is_held: bool = False, page_s: float = PAGE_S
) -> TravelTimes:
    """Return the travel times that plans and the board of the company share: no query.

    A run waits for a road server as long as ROADS_WAIT_S, and raises RoadsFailed where there is
    no answer, unless ROADS_FALLBACK or the company allows the straight line; while others wait
    for a day that it holds, ASK_S at most. Everything else waits `page_s` and goes on with the
    straight line.
    """
    straight = GreatCircle(company.speed_kmh, company.circuity)
    if not settings.ROADS_URL:
        return straight
    server = _server(settings.ROADS_URL)
    patience = Patience(page_s, strict=False, rests=True)
    if for_run:
        strict = not (settings.ROADS_FALLBACK or company.plan_without_roads)
        wait_s = min(ASK_S, settings.ROADS_WAIT_S) if is_held else settings.ROADS_WAIT_S
        patience = Patience(wait_s, strict=strict, rests=False)
    folder = settings.ROADS_KEPT / f"{company.pk}-{server.mark}"
    return RoadTimes(server, Kept(folder, settings.SECRET_KEY.encode()), straight, patience)


def check_roads(company: Company) -> None:
    """Raise RoadsFailed if a run of the company would find no road server. No query."""
    travel = travel_times(company, for_run=True)
    if isinstance(travel, RoadTimes) and travel.is_strict:
        travel.check((company.depot_lat, company.depot_lon))


def ways(legs: Sequence[Leg]) -> list[str | None]:
    """Return the way of each leg on the map, see `dispatch.roads.ways.draw`: no query.

    Without a road server none is known. Waits PAGE_S at most.
    """
    if not settings.ROADS_URL:
        return [None] * len(legs)
    return draw(_server(settings.ROADS_URL), legs, PAGE_S)


def driving(travel: TravelTimes) -> dict[str, Any]:
    """Return where driving times come from, for `say_driving`: plain values that can be stored."""
    if not isinstance(travel, RoadTimes):
        return {"by": "straight_line"}
    if travel.guessed:
        return {"by": "mixed", "guessed": travel.guessed, "why": str(travel.failure or "")}
    if travel.failure:
        return {"by": "last_known", "why": str(travel.failure)}
    return {"by": "roads"}


def least_certain(said: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return what is said of days together: what `driving` says of the least certain of them."""
    order = ("roads", "straight_line", "last_known", "mixed")
    return max(said, key=lambda one: order.index(one["by"]))


def whence(company: Company) -> str:
    """Return where times that are computed now come from, for machines: no query."""
    by: str = driving(travel_times(company))["by"]
    return by


def say_driving(said: dict[str, Any]) -> str:
    """Return in a sentence where driving times and distances come from."""
    if said["by"] == "roads":
        return _("Driving times and distances by road.")
    if said["by"] == "mixed":
        return (
            _(
                "Driving times and distances by road as far as they are known, %(guessed)d by the "
                "straight line. %(why)s"
            )
            % said
        )
    if said["by"] == "last_known":
        return _("Driving times and distances by road as they were last known. %(why)s") % said
    return _("Driving times and distances are straight lines: no road server is set.")


def name_driving(said: dict[str, Any]) -> str:
    """Return the same in a word or two, for a heading or a column."""
    return {
        "roads": _("by road"),
        "mixed": _("partly straight line"),
        "last_known": _("by road, last known"),
    }.get(said["by"]) or _("straight line")


def say_straight() -> str:
    """Return the sentence that drives are straight lines, "" where a road server is set."""
    return "" if settings.ROADS_URL else say_driving({"by": "straight_line"})


def say_to_clients() -> str:
    """Return the same sentence in words for who knows of no servers."""
    if settings.ROADS_URL:
        return ""
    return _("Driving times are estimated by straight line, without a road map.")


@lru_cache(maxsize=8)
def _server(url: str) -> Osrm:
    protocol, plus, address = url.rpartition("+")
    return Valhalla(address) if protocol == "valhalla" and plus else Osrm(url)
