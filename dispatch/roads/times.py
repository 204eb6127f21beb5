"""Driving times on the road, as the planner asks for them: `planner.travel.TravelTimes`.

Where they come from, in this order: what was asked before (`kept`), the road server, and, where
the policy allows it and the server fails, the straight line. What came from where is counted.
Places are told apart to 1e-5 degrees, a metre.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatch.planner.travel import (
    UNREACHABLE_S,
    Coordinates,
    GreatCircle,
    Place,
    Places,
    Whole,
)
from dispatch.roads.kept import UNKNOWN, Kept, Matrix, unknown_legs
from dispatch.roads.osrm import SURELY, TILE, Osrm, RoadsFailed, Table

logger = logging.getLogger(__name__)

PAIRS = 20  # single legs that are asked for in one table, which has the square of as many
FEW = 2_500  # legs, which are kept one by one unless they are those of a day
CHECK_S = 5.0
REST_S = 30.0  # a page does not ask a server again that failed so shortly before

_failed_at: dict[str, float] = {}  # of servers, by their name


def is_resting(server: str) -> bool:
    """Say whether a server failed so shortly before that no page asks it."""
    return time.monotonic() - _failed_at.get(server, -REST_S) < REST_S


def note_failure(server: str) -> None:
    """Let pages leave the server alone for a while."""
    _failed_at[server] = time.monotonic()


Known = tuple[int, int]  # seconds, metres
Numbers = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server is waited for in all, and what is done without it.

    `strict` raises RoadsFailed; otherwise the straight line stands in. `rests` leaves a server
    alone that has just failed.
    """

    wait_s: float
    strict: bool
    rests: bool


class _Block(NamedTuple):
    """A matrix with the row of each origin's key, and the column of each destination's."""

    matrix: Matrix
    row: dict[int, int]
    column: dict[int, int]


class RoadTimes:
    """Driving times of one company from a road server; safe for several threads.

    The same question has the same answer as long as the object lives: a server that has failed
    once is not asked any more.
    """

    def __init__(self, server: Osrm, kept: Kept, straight: GreatCircle, patience: Patience) -> None:
        self._server = server
        self._kept = kept
        self._straight = straight
        self._patience = patience
        self._waited_s = 0.0
        self._lock = threading.RLock()
        self._key_of: dict[Place, int] = {}
        self._blocks: list[_Block] = []
        self._legs: dict[tuple[int, int], Known] = {}
        self._off_m: dict[int, int] = {}
        self.guessed = 0  # legs that the straight line answered
        self.failure: RoadsFailed | None = None

    @property
    def server(self) -> str:
        """Return the name and port of the server."""
        return self._server.name

    @property
    def is_strict(self) -> bool:
        """Say whether a failing server is an error, not a reason for the straight line."""
        return self._patience.strict

    def check(self, place: Place) -> None:
        """Ask the server for next to nothing. Raises RoadsFailed where the policy is strict."""
        self._wait(
            lambda within_s: self._server.check(
                np.array([place], dtype=float), min(within_s, CHECK_S)
            )
        )

    def learn(self, origins: Places, destinations: Places) -> None:
        """Get all legs from n origins to m destinations at once. Raises RoadsFailed.

        What was got is kept, even then. Where the policy lets the server fail it is asked whether
        it is there, so that legs which are only last known can be told.
        """
        with self._lock:
            if not self._patience.strict:
                self.check(tuple(origins[0]))
            self._block(origins, destinations, whole=True)

    def seconds(self, origins: Places, destinations: Places) -> Whole:
        return self._table(origins, destinations)[0]

    def metres(self, origins: Places, destinations: Places) -> Whole:
        return self._table(origins, destinations)[1]

    def legs(self, origins: Places, destinations: Places) -> tuple[Whole, Whole]:
        with self._lock:
            pairs = list(zip(self._keys(origins), self._keys(destinations), strict=True))
            found = [self._known(pair) for pair in pairs]
            if None in found:
                self._learn_legs(pairs, origins, destinations)
                found = [self._known(pair) for pair in pairs]
        both = np.array(found, dtype=np.int32).reshape(-1, 2)
        return both[:, 0].copy(), both[:, 1].copy()

    def leg(self, origin: Place, destination: Place) -> tuple[int, int]:
        with self._lock:
            (a,), (b,) = self._keys([origin]), self._keys([destination])
            if (known := self._known((a, b))) is None:
                self._learn_legs([(a, b)], [origin], [destination])
                known = self._known((a, b))
        if known is None:
            raise RuntimeError("A leg that was learnt is not known.")
        return known

    def off_road_m(self, place: Place) -> int:
        """Return how far a place is from the road, 0 if that has not been said."""
        return self._off_m.get(self._keys([place])[0], 0)

    def _table(self, origins: Places, destinations: Places) -> tuple[Whole, Whole]:
        """Return (seconds, metres), (n, m) each."""
        with self._lock:
            block = self._block(origins, destinations)
            rows = [block.row[key] for key in self._keys(origins)]
            columns = [block.column[key] for key in self._keys(destinations)]
        cells = np.ix_(rows, columns)
        return block.matrix.seconds[cells], block.matrix.metres[cells]

    def _block(self, origins: Places, destinations: Places, *, whole: bool = False) -> _Block:
        """Return the block that has all these legs: one that is there, or a new one.

        A new one is kept as it is if it is the `whole` of a day, or large.
        """
        from_keys, to_keys = self._keys(origins), self._keys(destinations)
        for block in self._blocks:
            if block.row.keys() >= set(from_keys) and block.column.keys() >= set(to_keys):
                return block
        rows = {key: i for i, key in enumerate(dict.fromkeys(from_keys))}
        columns = {key: j for j, key in enumerate(dict.fromkeys(to_keys))}
        shape = (len(rows), len(columns))
        matrix = Matrix(
            np.array(list(rows), dtype=np.int64),
            np.array(list(columns), dtype=np.int64),
            np.full(shape, UNKNOWN, dtype=np.int32),
            np.full(shape, UNKNOWN, dtype=np.int32),
            np.zeros(shape[0], dtype=np.int32),
            np.zeros(shape[1], dtype=np.int32),
        )
        asked_at = self._kept.fill(matrix)
        places = (_firsts(from_keys, rows, origins), _firsts(to_keys, columns, destinations))
        new = matrix.seconds == UNKNOWN

        def keep() -> None:
            if whole or matrix.seconds.size > FEW:
                self._kept.save(matrix, asked_at)
            else:
                self._keep_legs(matrix, new)

        self._ask(matrix, *places, keep)
        for keys, metres in ((rows, matrix.from_off_m), (columns, matrix.to_off_m)):
            self._off_m.update(zip(keys, metres.tolist(), strict=True))
        block = _Block(matrix, rows, columns)
        self._blocks.append(block)
        return block

    def _ask(
        self,
        matrix: Matrix,
        origins: Coordinates,
        destinations: Coordinates,
        keep: Callable[[], None],
    ) -> None:
        """Fill what is unknown of the matrix: by the server, else by the straight line.

        What the server answered is kept.
        """
        unknown = matrix.seconds == UNKNOWN
        if not unknown.any():
            return
        tiles = list(_tiles(unknown))
        questions = [(origins[rows], destinations[columns]) for rows, columns in tiles]

        def take(number: int, table: Table) -> None:
            rows, columns = tiles[number]
            cells = np.ix_(rows, columns)
            matrix.seconds[cells], matrix.metres[cells] = table.seconds, table.metres
            matrix.from_off_m[rows], matrix.to_off_m[columns] = table.from_off_m, table.to_off_m

        def ask(within_s: float) -> None:
            self._server.tables(questions, within_s, take)
            away = matrix.origins[:, None] != matrix.destinations
            if away.sum() >= SURELY and not (away & (matrix.seconds < UNREACHABLE_S)).any():
                matrix.seconds[unknown] = UNKNOWN
                raise self._server.no_roads()

        try:
            self._wait(ask)
        finally:
            if (unknown & (matrix.seconds != UNKNOWN)).any():  # masks: a selection is a copy
                keep()
        if (still := matrix.seconds == UNKNOWN).any():
            self.guessed += int(still.sum())
            for values, straight in (
                (matrix.seconds, self._straight.seconds),
                (matrix.metres, self._straight.metres),
            ):
                for row in np.flatnonzero(still.any(axis=1)):
                    line = straight(origins[row : row + 1], destinations)[0]
                    values[row] = np.where(still[row], line, values[row])

    def _keep_legs(self, matrix: Matrix, new: npt.NDArray[np.bool_]) -> None:
        """Keep the legs that were asked now, as single ones."""
        rows, columns = np.nonzero(new & (matrix.seconds != UNKNOWN))
        ends = np.stack([matrix.origins[rows], matrix.destinations[columns]], axis=1)
        legs = unknown_legs(ends)._replace(
            seconds=matrix.seconds[rows, columns],
            metres=matrix.metres[rows, columns],
            from_off_m=matrix.from_off_m[rows],
            to_off_m=matrix.to_off_m[columns],
        )
        self._kept.save_legs(legs)

    def _learn_legs(
        self, pairs: list[tuple[int, int]], origins: Places, destinations: Places
    ) -> None:
        """Get single legs: what is kept, else by the server, else by the straight line."""
        number = {pair: n for n, pair in enumerate(pairs) if self._known(pair) is None}
        missing = sorted(number)  # legs from one origin share a question
        numbers = [number[pair] for pair in missing]
        from_places = np.asarray(origins, dtype=float)[numbers]
        to_places = np.asarray(destinations, dtype=float)[numbers]
        ends = np.array(missing, dtype=np.int64)
        legs = self._kept.find(ends)
        seconds, metres = legs.seconds, legs.metres
        unknown = np.flatnonzero(seconds == UNKNOWN)
        batches = [unknown[start : start + PAIRS] for start in range(0, len(unknown), PAIRS)]
        questions = [(from_places[batch], to_places[batch]) for batch in batches]

        def take(question: int, table: Table) -> None:
            batch = batches[question]
            seconds[batch], metres[batch] = table.seconds.diagonal(), table.metres.diagonal()
            legs.from_off_m[batch], legs.to_off_m[batch] = table.from_off_m, table.to_off_m

        try:
            if questions:
                self._wait(lambda within_s: self._server.tables(questions, within_s, take))
        finally:
            got = unknown[seconds[unknown] != UNKNOWN]
            if got.size:
                self._kept.save_legs(legs.only(got))
            told = seconds != UNKNOWN
            for keys, off_m in ((ends[:, 0], legs.from_off_m), (ends[:, 1], legs.to_off_m)):
                self._off_m.update(zip(keys[told].tolist(), off_m[told].tolist(), strict=True))
        still = np.flatnonzero(seconds == UNKNOWN)
        self.guessed += len(still)
        line = self._straight.legs(from_places[still], to_places[still])
        seconds[still], metres[still] = line
        known = zip(seconds.tolist(), metres.tolist(), strict=True)
        self._legs.update(zip(missing, known, strict=True))

    def _wait(self, ask: Callable[[float], None]) -> None:
        """Call `ask(seconds left)`. Raises RoadsFailed where the policy is strict."""
        resting = is_resting(self.server)
        began = time.monotonic()
        try:
            if self.failure is not None:
                raise self.failure
            if self._patience.rests and resting:
                raise self._server.resting()
            left_s = self._patience.wait_s - self._waited_s
            if left_s <= 0:
                raise self._server.late(self._patience.wait_s)
            ask(left_s)
        except RoadsFailed as failure:
            if self.failure is None and not (self._patience.rests and resting):
                note_failure(self.server)
                logger.warning("%s", failure)
            self.failure = failure
            if self._patience.strict:
                raise
        finally:
            self._waited_s += time.monotonic() - began

    def _known(self, pair: tuple[int, int]) -> Known | None:
        origin, destination = pair
        for block in self._blocks:
            if origin in block.row and destination in block.column:
                cell = block.row[origin], block.column[destination]
                return int(block.matrix.seconds[cell]), int(block.matrix.metres[cell])
        return self._legs.get(pair)

    def _keys(self, places: Places) -> list[int]:
        """Return the numbers of n places."""
        as_tuples = list(map(tuple, np.asarray(places, dtype=float).reshape(-1, 2).tolist()))
        if new := [place for place in dict.fromkeys(as_tuples) if place not in self._key_of]:
            keys = self._kept.keys(np.array(new, dtype=float))
            self._key_of.update(zip(new, keys.tolist(), strict=True))
        return [self._key_of[place] for place in as_tuples]


def _firsts(keys: Sequence[int], number: Mapping[int, int], places: Places) -> Coordinates:
    """Return one place (degrees) of each numbered key, (n, 2)."""
    found = np.empty((len(number), 2))
    found[[number[key] for key in keys]] = np.asarray(places, dtype=float).reshape(-1, 2)
    return found


def _tiles(unknown: npt.NDArray[np.bool_]) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield (rows, columns) of tables that have every unknown leg, of TILE x TILE at most.

    A new place is a row or a column that is unknown; what a server left out is a block.
    """
    new = unknown.all(axis=1)
    old = ~new & unknown.any(axis=1)
    for rows in (np.flatnonzero(new), np.flatnonzero(old)):
        columns = np.flatnonzero(unknown[rows].any(axis=0))
        for top in range(0, len(rows), TILE):
            for left in range(0, len(columns), TILE):
                yield rows[top : top + TILE], columns[left : left + TILE]
