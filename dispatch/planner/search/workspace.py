"""The scratch memory of one search thread: compiled kernels allocate nothing themselves.

Sizes: n trips, m routes of the whole day. A thread works on one part after another with the
same workspace.
"""

from typing import Any, NamedTuple, TypeVar

import numpy as np

from dispatch.planner.search.arrays import Day, Flags, Floats, Ints, Longs
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.draws import RandomState
from dispatch.planner.search.moves import Undo
from dispatch.planner.search.route_labels import Routes

# Named tuples of this search, or of the one for shared rides.
AnyWorkspace = TypeVar("AnyWorkspace", bound=Any)
AnyMemo = TypeVar("AnyMemo", bound=Any)


class Memo(NamedTuple):
    """The answers of `cheapest` for pairs of a trip and a route: most routes stay unchanged.

    One cell for each pair in the part, trip by trip; the route at `Workspace.version` v has
    the answer still valid if the cell's version is v.
    """

    version: Ints  # version of the route when the answer was computed; 0 for none
    price: Ints  # seconds of the objective, without the cost of the driver
    where: Ints  # position after which the trip goes, -1 if it does not fit


class Workspace(NamedTuple):
    """Arrays a search thread writes on."""

    undo: Undo
    saved_in: Longs  # (m,) iteration that last saved the route in `undo`
    removed_in: Longs  # (n,) iteration that last removed the trip
    differs: Flags  # (m,) whether the route differs from the one in the best plan
    differing: Ints  # (m,) list of the routes that differ
    todo: Ints  # (n + 1,) trips to insert in this iteration
    key: Floats  # (n + 1,) sort keys of `todo`
    absent: Ints  # (n + 1,) trips that are in no route
    first_cell: Longs  # (n,) where the cells of the trip begin in the memo
    column: Longs  # (m,) cell of the route among those of a trip
    version: Ints  # (m,) number that no other content of the route has
    last_version: Ints  # (1,) the last version given to a route
    memo: Memo
    rng: RandomState


def new_workspace(day: Day, routes: Routes) -> Workspace:
    """Return a workspace for the trips of `day` and for these routes, its memo empty."""
    m, width = routes.trip.shape
    n = len(day.earliest)
    return Workspace(
        undo=new_undo(m, width),
        saved_in=np.empty(m, dtype=np.int64),
        removed_in=np.empty(n, dtype=np.int64),
        differs=np.empty(m, dtype=np.bool_),
        differing=np.empty(m, dtype=np.int32),
        todo=np.empty(n + 1, dtype=np.int32),
        key=np.empty(n + 1, dtype=np.float64),
        absent=np.empty(n + 1, dtype=np.int32),
        first_cell=np.empty(n, dtype=np.int64),
        column=np.empty(m, dtype=np.int64),
        version=np.empty(m, dtype=np.int32),
        last_version=np.zeros(1, dtype=np.int32),
        memo=new_memo(Memo, 0),
        rng=np.zeros(1, dtype=np.uint64),
    )


def new_undo(slots: int, width: int) -> Undo:
    """Return memory for copies of so many routes; `width` as in `Routes`."""
    return Undo(
        route=np.empty(slots, dtype=np.int32),
        size=np.empty(slots, dtype=np.int32),
        deadhead=np.empty(slots, dtype=np.int64),
        version=np.empty(slots, dtype=np.int32),
        rows=np.empty((slots, 8, width), dtype=np.int32),
    )


def with_cells(work: AnyWorkspace, cells: int) -> AnyWorkspace:
    """Return a workspace of either search whose memo has at least this many cells."""
    if len(work.memo.version) >= cells:
        return work
    grown: AnyWorkspace = work._replace(memo=new_memo(type(work.memo), cells))
    return grown


def new_memo(kind: type[AnyMemo], cells: int) -> AnyMemo:
    """Return a memo of this kind, all of whose columns are whole numbers, with so many cells."""
    made: AnyMemo = kind(*(np.empty(cells, dtype=np.int32) for _ in kind._fields))
    return made


@kernel(forceinline=True)
def renew_version(work: AnyWorkspace, r: int) -> None:
    """Give route r, which has changed, a version that no other content of it has."""
    work.last_version[0] += 1
    work.version[r] = work.last_version[0]
