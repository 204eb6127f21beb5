"""The scratch memory of one search: compiled kernels allocate nothing themselves."""

from typing import NamedTuple

import numpy as np

from dispatch.planner.search.moves import Undo


class Memo(NamedTuple):
    """What `cheapest` answered, for pairs of a trip and a route: most routes stay as they are.

    One row for each trip of the part, one column for each route.
    """

    version: np.ndarray  # of the route when it was asked; 0 when it was not
    price: np.ndarray
    where: np.ndarray


class Desk(NamedTuple):
    """What one search writes on while it works: a kernel allocates nothing itself."""

    undo: Undo
    touched: np.ndarray  # (m,) iteration that saved the route
    taken_out: np.ndarray  # (n,) iteration that removed the trip
    unsaved: np.ndarray  # (m,) whether the route differs from the best plan's
    unsaved_list: np.ndarray  # (m,)
    todo: np.ndarray  # (n + 1,) trips to insert
    key: np.ndarray  # (n + 1,) and by what they are sorted
    absent: np.ndarray  # (n + 1,) trips that fit nowhere
    row_of: np.ndarray  # (n,) row of the trip in the memo
    column_of: np.ndarray  # (m,) column of the route in the memo
    version: np.ndarray  # (m,) number that no other content of the route has
    memo: Memo
    rng: np.ndarray  # (1,)


def new_desk(day, routes):
    m, width = routes.trip.shape
    n = len(day.earliest)
    return Desk(
        Undo(
            np.empty(m, dtype=np.int32),
            np.empty(m, dtype=np.int32),
            np.empty(m, dtype=np.int64),
            np.empty(m, dtype=np.int32),
            np.empty((m, 8, width), dtype=np.int32),
        ),
        touched=np.empty(m, dtype=np.int64),
        taken_out=np.empty(n, dtype=np.int64),
        unsaved=np.empty(m, dtype=np.bool_),
        unsaved_list=np.empty(m, dtype=np.int32),
        todo=np.empty(n + 1, dtype=np.int32),
        key=np.empty(n + 1, dtype=np.float64),
        absent=np.empty(n + 1, dtype=np.int32),
        row_of=np.empty(n, dtype=np.int32),
        column_of=np.empty(m, dtype=np.int32),
        version=np.empty(m, dtype=np.int32),
        memo=Memo(*(np.empty(0, dtype=np.int32) for _ in Memo._fields)),
        rng=np.zeros(1, dtype=np.uint64),
    )


def with_room(desk, cells):
    """Return a desk whose memo has room for so many pairs of a trip and a route."""
    if len(desk.memo.version) >= cells:
        return desk
    return desk._replace(memo=Memo(*(np.empty(cells, dtype=np.int32) for _ in Memo._fields)))
