"""The ways of drives, to be drawn on a map: asked of the road server, and remembered for a day.

They are remembered in this process, the latest ones; no statement is sent, nothing is written.
Ways are polylines (`roads.polyline`). Nothing is planned or measured by them.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from dispatch.planner.travel import Place
from dispatch.roads.osrm import Osrm, RoadsFailed
from dispatch.roads.times import is_resting, note_failure

logger = logging.getLogger(__name__)

Leg = tuple[Place, Place]
Key = tuple[str, Place, Place]
MOST = 20_000  # ways remembered, of some hundred bytes
DAY_S = 24 * 3600.0

_ways: OrderedDict[Key, tuple[str, float]] = OrderedDict()
_lock = threading.Lock()


def draw(server: Osrm, legs: Sequence[Leg], within_s: float) -> list[str | None]:
    """Return the way of each leg: "" where no road leads, None where the server did not answer.

    Waits `within_s` at most; what came until then is returned, and the rest another time. A server
    that gave nothing is left alone for a while, as for driving times.
    """
    keys = [_key(server, leg) for leg in legs]
    found = _remembered(keys)
    new = [key for key in dict.fromkeys(keys) if key not in found]
    if new and not is_resting(server.name):
        asked_at = time.monotonic()

        def take(number: int, way: str) -> None:
            found[new[number]] = way
            with _lock:
                _ways[new[number]] = way, asked_at
                while len(_ways) > MOST:
                    _ways.popitem(last=False)

        before = len(found)
        try:
            server.ways([key[1:] for key in new], within_s, take)
        except RoadsFailed as failure:
            logger.warning("%s", failure)
            if len(found) == before:
                note_failure(server.name)
    return [found.get(key) for key in keys]


def _key(server: Osrm, leg: Leg) -> Key:
    (from_lat, from_lon), (to_lat, to_lon) = leg
    return (
        server.mark,
        (round(from_lat, 5), round(from_lon, 5)),
        (round(to_lat, 5), round(to_lon, 5)),
    )


def _remembered(keys: Sequence[Key]) -> dict[Key, str]:
    since = time.monotonic() - DAY_S
    with _lock:
        known = {key: _ways[key] for key in keys if key in _ways}
    return {key: way for key, (way, asked_at) in known.items() if asked_at >= since}
