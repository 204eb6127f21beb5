"""Ask a Valhalla server for tables of driving times: its protocol, and what is no answer.

https://valhalla.github.io/valhalla/api/matrix/api-reference/, .../api/locate/api-reference/ and
.../api/turn-by-turn/api-reference/: a table does not say how far its places are from the road, and
one place without any road near it spoils a whole table. So the places are located first, and those
that are on none are left out.
"""

from typing import Any

import numpy as np
import orjson
from django.utils.translation import gettext as _

from dispatch.planner.travel import UNREACHABLE_S, Coordinates, Whole
from dispatch.roads.line import Line
from dispatch.roads.osrm import LONGEST_M, SURELY, TOO_LARGE, Leg, Osrm, Table, TooBig

PAIRS = 2_500  # legs of one table: what a server allows unless it is told otherwise
FAR_M = 10_000  # a place so far from a road is on none
EXCEEDED = (150, 154)  # too many places; places too far apart, which single legs tell apart
NOWHERE = (170, 171, 442)  # no road leads there, of a table of one leg
SHAPE_DIGITS = 6  # of its polylines
SIMPLER_M = 20  # how far from the road a way may be drawn
DEGREE_M = 111_195  # of latitude


class Valhalla(Osrm):
    """A Valhalla server, asked as an OSRM server is: in tiles, over lines that end."""

    _most = PAIRS

    def _ask(self, line: Line, origins: Coordinates, destinations: Coordinates) -> Table:
        n, m = len(origins), len(destinations)
        off_m = self._located(line, np.concatenate([origins, destinations]))
        from_off_m, to_off_m = off_m[:n], off_m[n:]
        seconds = np.full((n, m), UNREACHABLE_S, dtype=np.int32)
        metres = np.zeros((n, m), dtype=np.int32)
        rows, columns = np.flatnonzero(from_off_m < FAR_M), np.flatnonzero(to_off_m < FAR_M)
        if rows.size and columns.size:
            cells = np.ix_(rows, columns)
            asked = self._table_of(line, origins[rows], destinations[columns])
            seconds[cells], metres[cells] = asked
        if min(n, m) >= SURELY and (seconds >= UNREACHABLE_S).all():
            raise self.no_roads()
        return Table(seconds, metres, from_off_m, to_off_m)

    def _table_of(
        self, line: Line, origins: Coordinates, destinations: Coordinates
    ) -> tuple[Whole, Whole]:
        """Return (seconds, metres), (n, m) each."""
        shape = len(origins), len(destinations)
        question = {
            "sources": _places(origins),
            "targets": _places(destinations),
            "costing": "auto",
            "units": "kilometers",
            "verbose": False,
        }
        answer = self._answer(line, "sources_to_targets", question)
        code = answer.get("error_code") if isinstance(answer, dict) else None
        if code in EXCEEDED and shape != (1, 1):
            raise TooBig
        if code in NOWHERE and shape == (1, 1) or code == 154:
            return np.full(shape, UNREACHABLE_S, dtype=np.int32), np.zeros(shape, dtype=np.int32)
        if code in NOWHERE:
            raise TooBig  # smaller ones say between which places
        table = answer.get("sources_to_targets") if isinstance(answer, dict) else None
        if isinstance(table, list):  # an older server, which knows the long form alone
            table = _short(table)
        if not isinstance(table, dict):
            raise self._nonsense(_("something that is no table"))
        seconds = self._numbers(table.get("durations"), shape, UNREACHABLE_S)
        metres = self._numbers(_in_metres(table.get("distances")), shape, LONGEST_M)
        metres[seconds >= UNREACHABLE_S] = 0
        return seconds, metres

    def _located(self, line: Line, places: Coordinates) -> Whole:
        """Return how far n places are from the road in metres; LONGEST_M from none."""
        question = {"locations": _places(places), "costing": "auto", "verbose": False}
        answer = self._answer(line, "locate", question)
        if isinstance(answer, dict) and answer.get("error_code") in EXCEEDED:
            raise TooBig
        if not isinstance(answer, list) or len(answer) != len(places):
            raise self._nonsense(_("places that are not said to be on a road"))
        on_road = np.full((len(places), 2), np.nan)
        for number, found in enumerate(answer):
            edges = found.get("edges") if isinstance(found, dict) else None
            if edges:
                try:
                    on_road[number] = edges[0]["correlated_lat"], edges[0]["correlated_lon"]
                except (TypeError, ValueError, KeyError, IndexError):
                    raise self._nonsense(_("places that are not said to be on a road")) from None
        off_m = np.full(len(places), LONGEST_M, dtype=np.int32)
        known = ~np.isnan(on_road).any(axis=1)
        north, east = (on_road[known] - places[known]).T * DEGREE_M
        east *= np.cos(np.radians(places[known, 0]))
        off_m[known] = np.rint(np.hypot(north, east))
        return off_m

    def _answer(self, line: Line, what: str, question: dict[str, Any]) -> Any:
        """Return what the server answers, an error of its own included. Raises RoadsFailed."""
        path = f"{self._parts.path.rstrip('/')}/{what}"
        status, body = line.get(path, orjson.dumps(question))
        if status in TOO_LARGE:
            raise TooBig
        try:
            answer: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        said = answer if isinstance(answer, dict) else {}
        if status == 200 or said.get("error_code") in (*EXCEEDED, *NOWHERE):
            return answer
        raise self._refused(status, said.get("error"))

    def _way(self, line: Line, leg: Leg) -> str:
        question = {
            "locations": _places(np.array(leg, dtype=float)),
            "costing": "auto",
            "directions_type": "none",
            "generalize": SIMPLER_M,
        }
        try:
            answer = self._answer(line, "route", question)
        except TooBig:
            return ""
        if isinstance(answer, dict) and answer.get("error_code") in (*NOWHERE, *EXCEEDED):
            return ""
        try:
            way = answer["trip"]["legs"][0]["shape"]
        except (KeyError, IndexError, TypeError):
            way = None
        return self._checked(way, SHAPE_DIGITS)


def _places(places: Coordinates) -> list[dict[str, float]]:
    return [{"lat": round(lat, 5), "lon": round(lon, 5)} for lat, lon in places.tolist()]


def _short(table: list[Any]) -> dict[str, Any] | None:
    """Return the short form of a table in the long one, None if it is neither."""
    try:
        return {
            "durations": [[leg["time"] for leg in row] for row in table],
            "distances": [[leg["distance"] for leg in row] for row in table],
        }
    except (TypeError, KeyError):
        return None


def _in_metres(kilometres: object) -> object:
    try:
        return np.array(kilometres, dtype=float) * 1000
    except (TypeError, ValueError):
        return None
