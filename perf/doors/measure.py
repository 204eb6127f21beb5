"""Call each door at each size, and record what it sends.

Each size is measured with its own rows alone in the database: what forgets to ask for its share of
them grows too. The chunks of one bulk insert on SQLite count as one statement.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext as _

from perf.doors.door import Door, Doors, NotMeasured
from perf.measuring.scratch import forget_content_types
from perf.measuring.taken_back import taken_back
from perf.profiling.visitor import unlogged
from perf.recording.find import find_all
from perf.recording.finding import TIMED
from perf.recording.notes import ERROR, Note, position
from perf.recording.record import Recording, record_queries
from perf.recording.repeated import MANY_ROWS, find_loops

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """A door's recordings by size, or why there are none."""

    door: Door
    recordings: tuple[Recording, ...] = ()
    not_measured: str = ""

    @property
    def counts(self):
        return tuple(count(recording) for recording in self.recordings)

    @property
    def statements(self):
        return max(self.counts, default=None)

    def findings(self):
        """Return what the detectors find at the largest size, but for what is only slow."""
        found = find_all(self.recordings[-1]) if self.recordings else []
        return [finding for finding in found if finding.kind not in TIMED]

    def growth(self) -> list[Note]:
        """Return a note for each place that sends more at the largest size.

        From none to one is no growth: a dispatch without breaks writes none.
        """
        if len(self.recordings) < 2:
            return []
        small, *_between, large = (Counter(_keys(r)) for r in self.recordings)
        fixes = {
            (text, site): loop.cure
            for loop in find_loops(self.recordings[-1])
            for text in loop.statements
            for site in loop.sites
        }
        return [
            Note(
                what=_("grows with the rows: %(line)s")
                % {"line": f"{small[key]} → {number} × {key[1]}: {key[0][:120]}"},
                kind="growth",
                cure=fixes.get(key, ""),
                door=self.door.name,
                file=position(key[1])[0],
                line=position(key[1])[1],
                level=ERROR,
            )
            for key, number in large.items()
            if number > max(small[key], 1)
        ]


def count(recording):
    return len(list(_keys(recording)))


def _keys(recording):
    """Yield (fingerprint, site) of each statement; chunks of one bulk insert are one."""
    last = None
    for statement in recording:
        key = statement.fingerprint, statement.site
        bulk = statement.sql.startswith("INSERT") and MANY_ROWS.search(statement.sql)
        chunk = statement.sql.startswith("INSERT") and key == last
        if not (chunk and connection.vendor == "sqlite"):
            yield key
        last = key if bulk else None


def measure(door, worlds, *, cold=False) -> Measured:
    """Call the door once per world, and take back what it wrote.

    With `cold` it is not called before: for its statements, not for their number.
    """
    return _joined(door, [_once(door, world, cold=cold) for world in worlds])


def measure_all(doors: Sequence[Door], of: Doors) -> list[Measured]:
    """Measure every door at every size; nothing of one size is there at the other."""
    found: list[list] = [[] for _door in doors]
    for size in of.sizes:
        with taken_back():
            world = of.world(size)
            for door, recordings in zip(doors, found, strict=True):
                recordings.append(_once_more(door, world, recordings[-1:]))
        forget_content_types()
    return [_joined(door, recordings) for door, recordings in zip(doors, found, strict=True)]


def _once_more(door, world, before):
    """Return the recording of one call; its caches are full where it was measured before.

    Those of one company's rows are not: if it sends more than before, they are filled first.
    """
    if before and isinstance(before[0], Recording):
        recording = _once(door, world, cold=True)
        if isinstance(recording, Recording) and count(recording) <= count(before[0]):
            return recording
    return _once(door, world)


def _once(door, world, *, cold=False):
    """Return the recording of one call, or why there is none."""
    try:
        if not cold:
            with unlogged(), taken_back():
                door.call(door.prepare(world))  # fills the caches that live as long as the process
        forget_content_types()
        with unlogged(), taken_back():
            given = door.prepare(world)
            with record_queries(watch_rows=True) as recording:
                door.call(given)
    except NotMeasured as why:
        return str(why)
    except Exception as error:  # of any view or command; the check fails, with all doors measured
        logger.exception("%s cannot be measured.", door.name)
        return f"{type(error).__name__}: {error}"
    return recording


def _joined(door, found):
    why = next((one for one in found if isinstance(one, str)), None)
    return Measured(door, not_measured=why) if why is not None else Measured(door, tuple(found))
