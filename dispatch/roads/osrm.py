"""Ask an OSRM server for tables of driving times and for ways: its protocol, and what is no answer.

https://project-osrm.org/docs/v5.24.0/api/#table-service and #route-service
"""

import http.client
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import numpy as np
import orjson
from django.utils.translation import gettext as _

from dispatch.planner.travel import UNREACHABLE_S, Coordinates, Place, Whole
from dispatch.roads.line import Late, Line
from dispatch.roads.polyline import DIGITS, decode, encode
from drivers.refused import Refused

LONGEST_M = 100_000_000
LEAST = -2  # OSRM puts some places that share a road less than a metre below 0 apart
SURELY = 10  # as many places, and no road from any to as many others: that is no answer
LINES = 2  # asked at once
TILE = 500  # origins and destinations of one question
TOO_LARGE = (413, 414, 431)  # what a server or a proxy says of too long a question


class RoadsFailed(Refused):
    """The road server does not answer, or what it answers are no driving times."""

    code = "roads_failed"
    status = 503


class TooBig(Exception):
    """The server answers smaller tables only."""


class Table(NamedTuple):
    """Seconds and metres from each of n origins to each of m destinations, int32, (n, m).

    Where no road leads, the seconds are UNREACHABLE_S and the metres 0. `from_off_m` (n,) and
    `to_off_m` (m,) are how far the places are from the road.
    """

    seconds: Whole
    metres: Whole
    from_off_m: Whole
    to_off_m: Whole


Leg = tuple[Place, Place]
Answer = TypeVar("Answer")
Question = tuple[Coordinates, Coordinates]  # origins (n, 2) and destinations (m, 2), degrees


class Osrm:
    """An OSRM server. Raises ValueError for an address that is none."""

    _most = TILE * TILE  # legs in one table: fewer once the server has said so

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ValueError(f"{url!r} is not the address of a server.")
        # As it is said to people: without what may be a password.
        self.name = self._parts.netloc.rpartition("@")[2]
        self.mark = blake2b(url.encode(), digest_size=8).hexdigest()

    def check(self, place: Coordinates, within_s: float) -> None:
        """Ask for the way from a place (1, 2) to itself. Raises RoadsFailed."""
        self.tables([(place, place)], within_s, self._check_table)

    def _check_table(self, _number: int, table: Table) -> None:
        if table.seconds[0, 0] != 0:
            raise self._nonsense(_("a way from a place to itself that takes time"))

    def tables(
        self,
        questions: Sequence[Question],
        within_s: float,
        take: Callable[[int, Table], None],
    ) -> None:
        """Call `take(number, table)` with the answer to each question, in any order.

        Raises RoadsFailed where an answer is none, or not there after `within_s` seconds; what
        came before has been taken.
        """
        self._each(len(questions), within_s, lambda line, n: self._table(line, *questions[n]), take)

    def ways(self, legs: Sequence[Leg], within_s: float, take: Callable[[int, str], None]) -> None:
        """Call `take(number, way)` with the way of each leg, "" where no road leads.

        In any order; a way is a polyline (`roads.polyline`). Raises RoadsFailed as `tables` does.
        """
        self._each(len(legs), within_s, lambda line, n: self._way(line, legs[n]), take)

    def _each(
        self,
        count: int,
        within_s: float,
        ask: Callable[[Line, int], Answer],
        take: Callable[[int, Answer], None],
    ) -> None:
        """Ask `count` questions over two lines, and take the answers one at a time."""
        ends = time.monotonic() + within_s
        waiting = deque(range(count))
        taking = threading.Lock()

        def work() -> None:
            with Line(self._parts, ends) as line:
                while waiting:
                    try:
                        number = waiting.popleft()
                    except IndexError:  # the other line was quicker
                        return
                    try:
                        answer = ask(line, number)
                    except BaseException:
                        waiting.clear()  # the other line stops too
                        raise
                    with taking:
                        take(number, answer)

        try:
            if count == 1:
                work()
                return
            with ThreadPoolExecutor(LINES) as pool:
                # Each with the language of the caller, for what it may have to say.
                lines = [pool.submit(copy_context().run, work) for _line in range(LINES)]
                for line in lines:
                    line.result()
        except Late:
            raise self.late(within_s) from None
        except (OSError, http.client.HTTPException) as error:
            raise RoadsFailed(
                _("The road server %(server)s does not answer (%(error)s).")
                % {"server": self.name, "error": error}
            ) from error

    def late(self, within_s: float) -> RoadsFailed:
        return RoadsFailed(
            _("The road server %(server)s did not answer within %(seconds)d s.")
            % {"server": self.name, "seconds": max(1, round(within_s))}
        )

    def resting(self) -> RoadsFailed:
        return RoadsFailed(
            _("The road server %(server)s failed a moment ago and is not asked again yet.")
            % {"server": self.name}
        )

    def no_roads(self) -> RoadsFailed:
        return self._nonsense(_("that no road leads between any two places"))

    def _table(self, line: Line, origins: Coordinates, destinations: Coordinates) -> Table:
        legs = len(origins) * len(destinations)
        if legs <= self._most:
            try:
                return self._ask(line, origins, destinations)
            except TooBig:
                if legs == 1:
                    raise self._nonsense(_("that a table of one leg is too large")) from None
                self._most = max(1, legs // 2)
        if len(origins) >= len(destinations):
            half = len(origins) // 2
            a = self._table(line, origins[:half], destinations)
            b = self._table(line, origins[half:], destinations)
            return Table(
                np.concatenate([a.seconds, b.seconds]),
                np.concatenate([a.metres, b.metres]),
                np.concatenate([a.from_off_m, b.from_off_m]),
                a.to_off_m,
            )
        half = len(destinations) // 2
        a = self._table(line, origins, destinations[:half])
        b = self._table(line, origins, destinations[half:])
        return Table(
            np.concatenate([a.seconds, b.seconds], axis=1),
            np.concatenate([a.metres, b.metres], axis=1),
            a.from_off_m,
            np.concatenate([a.to_off_m, b.to_off_m]),
        )

    def _ask(self, line: Line, origins: Coordinates, destinations: Coordinates) -> Table:
        n, m = len(origins), len(destinations)
        places = np.concatenate([origins, destinations]).tolist()
        coordinates = ";".join(f"{lon:.5f},{lat:.5f}" for lat, lon in places)
        sources = ";".join(map(str, range(n)))
        targets = ";".join(map(str, range(n, n + m)))
        status, body = line.get(
            f"{self._parts.path.rstrip('/')}/table/v1/driving/{coordinates}?sources={sources}"
            f"&destinations={targets}&annotations=duration,distance&generate_hints=false"
        )
        if status in TOO_LARGE:
            raise TooBig
        answer = self._read(body)
        if answer.get("code") == "TooBig":
            raise TooBig
        if status != 200:
            raise self._refused(status, answer.get("message"))
        if answer.get("code") != "Ok":
            raise self._nonsense(_("something that is no table"))
        seconds = self._numbers(answer.get("durations"), (n, m), UNREACHABLE_S)
        metres = self._numbers(answer.get("distances"), (n, m), LONGEST_M)
        if min(n, m) >= SURELY and (seconds >= UNREACHABLE_S).all():
            raise self.no_roads()
        metres[seconds >= UNREACHABLE_S] = 0
        return Table(
            seconds,
            metres,
            self._off_road(answer.get("sources"), n),
            self._off_road(answer.get("destinations"), m),
        )

    def _way(self, line: Line, leg: Leg) -> str:
        """Return the way of a leg, "" where no road leads."""
        coordinates = ";".join(f"{lon:.5f},{lat:.5f}" for lat, lon in leg)
        status, body = line.get(
            f"{self._parts.path.rstrip('/')}/route/v1/driving/{coordinates}"
            "?overview=simplified&geometries=polyline&generate_hints=false"
        )
        answer = self._read(body)
        if answer.get("code") in ("NoRoute", "NoSegment"):
            return ""
        if status != 200:
            raise self._refused(status, answer.get("message"))
        try:
            way = answer["routes"][0]["geometry"]
        except (KeyError, IndexError, TypeError):
            way = None
        return self._checked(way, DIGITS)

    def _checked(self, way: object, digits: int) -> str:
        """Return a way that can be drawn, with five digits."""
        try:
            points = decode(way if isinstance(way, str) else "", digits)
        except ValueError:
            points = []
        if len(points) < 2:
            raise self._nonsense(_("something that is no way"))
        return encode(points)

    @staticmethod
    def _read(body: bytes) -> dict[str, Any]:
        """Return the object that the server answers, an empty one if it is none."""
        try:
            answer: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        return answer if isinstance(answer, dict) else {}

    def _refused(self, status: int, said: object) -> RoadsFailed:
        return RoadsFailed(
            _("The road server %(server)s answers %(status)d%(said)s.")
            % {"server": self.name, "status": status, "said": f" ({said})" if said else ""}
        )

    def _numbers(self, values: object, shape: tuple[int, int], most: int) -> Whole:
        """Return whole numbers of [0, most]; null, which says that no road leads, is `most`."""
        try:
            numbers = np.array(values, dtype=float)
        except (TypeError, ValueError):
            numbers = np.empty(0)
        if numbers.shape != shape:
            raise self._nonsense(_("a table of another size than was asked for"))
        if bool((numbers < LEAST).any()):
            raise self._nonsense(_("negative driving times or distances"))
        whole: Whole = np.rint(np.clip(np.nan_to_num(numbers, nan=most), 0, most)).astype(np.int32)
        return whole

    def _off_road(self, waypoints: object, count: int) -> Whole:
        try:
            listed: list[Any] = waypoints if isinstance(waypoints, list) else []
            off = [w["distance"] if w else LONGEST_M for w in listed]
            metres = np.minimum(np.array(off, dtype=float), LONGEST_M)
        except (TypeError, ValueError, KeyError):
            metres = np.empty(0)
        if metres.shape != (count,) or not bool((metres >= 0).all()):
            raise self._nonsense(_("places that are not said to be on a road"))
        whole: Whole = np.rint(metres).astype(np.int32)
        return whole

    def _nonsense(self, what: str) -> RoadsFailed:
        return RoadsFailed(
            _("The road server %(server)s answers %(what)s.") % {"server": self.name, "what": what}
        )
