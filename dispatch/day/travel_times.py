"""Make the travel times of a company: the one place where its road network is chosen.

With ROADS_URL they come from a road server (`dispatch.roads`), otherwise from the straight line.
Nothing else makes any: a test reads the sources for it.
"""

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from dispatch.planner.travel import GreatCircle, TravelTimes
from dispatch.roads.kept import Kept
from dispatch.roads.osrm import Osrm
from dispatch.roads.times import Patience, RoadTimes
from drivers.models import Company

PAGE_S = 5.0  # a page, or a change by hand, waits no longer for a road server


def travel_times(company: Company, *, for_run: bool = False) -> TravelTimes:
    """Return the travel times that plans and the board of the company share: no query.

    A run waits for a road server as long as ROADS_WAIT_S, and raises RoadsFailed where there is
    no answer, unless ROADS_FALLBACK allows the straight line. Everything else waits PAGE_S and
    goes on with the straight line.
    """
    straight = GreatCircle(company.speed_kmh, company.circuity)
    if not settings.ROADS_URL:
        return straight
    server = _server(settings.ROADS_URL)
    patience = Patience(PAGE_S, strict=False, rests=True)
    if for_run:
        patience = Patience(settings.ROADS_WAIT_S, strict=not settings.ROADS_FALLBACK, rests=False)
    folder = settings.ROADS_KEPT / f"{company.pk}-{server.mark}"
    return RoadTimes(server, Kept(folder, settings.SECRET_KEY.encode()), straight, patience)


def check_roads(company: Company) -> None:
    """Raise RoadsFailed if a run of the company would find no road server. No query."""
    travel = travel_times(company, for_run=True)
    if isinstance(travel, RoadTimes):
        travel.check((company.depot_lat, company.depot_lon))


def driving(travel: TravelTimes) -> dict[str, Any]:
    """Return where driving times come from, for `say_driving`: plain values that can be stored."""
    if not isinstance(travel, RoadTimes):
        return {"by": "straight_line"}
    if travel.guessed:
        return {"by": "mixed", "guessed": travel.guessed, "why": str(travel.failure or "")}
    return {"by": "roads"}


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
    return _("Driving times and distances by the straight line: there is no map of the roads.")


@lru_cache(maxsize=8)
def _server(url: str) -> Osrm:
    return Osrm(url)
