"""Add samples up: a row for each door, slow statement, loop and wait of an hour.

A statement that was slow once is followed from then on, fast or slow, so that its times can be
compared between releases. A process has rows of its own: they are written as they stand, and no
other adds to them.
"""

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from uuid import uuid4

from django.conf import global_settings, settings
from django.utils import translation

from perf.models import SampleKind
from perf.recording.finding import places
from perf.recording.repeated import FROM, find_loops
from perf.recording.waiting import find_waiting
from perf.sampling import histogram

logger = logging.getLogger(__name__)
MOST = 2_000  # rows of an hour
FOLLOWED = 500  # statements
WAITS_FROM_MS = 100  # a request that is over sooner has waited for nobody
LONGEST = 4_000  # characters of a statement that is kept


@dataclass(slots=True)
class Row:
    """What will be a row of `Sampled`; the names are its own."""

    kind: str
    hour: datetime | None
    door: str
    place: str = ""
    statement: str = ""
    count: int = 0
    statements: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0
    buckets: dict = field(default_factory=dict)
    detail: dict = field(default_factory=dict)
    is_new: bool = True  # since it was written

    def add(self, ms, *, statements=1):
        self.count += 1
        self.statements += statements
        self.total_ms += ms
        self.max_ms = max(self.max_ms, ms)
        bucket = histogram.bucket_of(ms)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.is_new = True


def key_of(*parts) -> str:
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()


class Totals:
    """What this process has sampled in the hour, and which statements it follows."""

    def __init__(self, options, release):
        self.options = options
        self.release = release
        self.process = uuid4().hex[:16]
        self.hour: datetime | None = None
        self.rows: dict[
            tuple, Row
        ] = {}  # of this hour, and those of one before that are not written yet
        self.followed = {}  # door -> place -> statements
        self.following = 0
        self.slow = {}  # fingerprint -> a statement with its values, to be explained
        self.explained = {}  # fingerprint -> the hour in which its plan was asked for
        self.told = []  # (row, ms) to be exported
        self.replanned = []  # rows of plans, too: of statements that were run by others before
        self.written_in = None
        self.refused = 0

    def add(self, sample):
        """Add one sample: no query."""
        hour = sample.at.replace(minute=0, second=0, microsecond=0)
        if self.hour is not None:  # one that ended late counts for the hour that began meanwhile
            hour = max(hour, self.hour)
        if hour != self.hour:
            self.rows = {key: row for key, row in self.rows.items() if row.is_new}
            self.hour = hour
        recording = sample.recording
        door = self._row(SampleKind.DOOR, sample.door)
        if door is None:
            return
        door.add(sample.ms, statements=len(recording) + recording.left_out)
        door.detail["database_ms"] = door.detail.get("database_ms", 0.0) + recording.ms
        groups = defaultdict(list)
        for statement in recording:
            groups[statement.sql, id(statement.site)].append(statement)
        self._statements(sample.door, groups.values())
        if _may_loop(groups, recording):
            self._findings(SampleKind.LOOP, sample.door, find_loops, recording)
        if sample.ms >= WAITS_FROM_MS:
            self._findings(SampleKind.WAIT, sample.door, find_waiting, recording)

    def _row(self, kind, door, place="", statement=""):
        place, statement = place[:300], statement[:LONGEST]
        key = kind, self.hour, door, place, statement
        row = self.rows.get(key)
        if row is None:
            if len(self.rows) >= MOST:
                self.refused += 1
                return None
            row = self.rows[key] = Row(kind, self.hour, door, place, statement)
        return row

    def _statements(self, door, groups):
        followed = self.followed.get(door, {})
        for group in groups:
            ms = sum(statement.ms for statement in group)
            is_slow = ms >= self.options.slow_ms
            if not is_slow and not followed:
                continue
            place = places([group[0].site])[0][:300]
            if not is_slow and place not in followed:
                continue
            text = group[0].fingerprint
            if is_slow:
                self.slow[text] = max(group, key=lambda statement: statement.total_ns)
                self.follow(door, place, text[:LONGEST])
                followed = self.followed.get(door, {})
            if text[:LONGEST] not in followed.get(place, ()):
                continue
            row = self._row(SampleKind.STATEMENT, door, place, text)
            for statement in group if row is not None else ():
                row.add(statement.ms)
                self._export(row, statement.ms)

    def follow(self, door, place, text):
        """Keep the times of a statement from now on, if there is room for one more."""
        texts = self.followed.setdefault(door, {}).setdefault(place, set())
        if text not in texts and self.following < FOLLOWED:
            texts.add(text)
            self.following += 1

    def _findings(self, kind, door, find, recording):
        found = find(recording)
        rows = [
            self._row(kind, door, one.place, one.statements[0] if one.statements else "")
            for one in found
        ]
        if any(row is not None and not row.detail for row in rows):
            self._tell(rows, in_languages(lambda: find(recording)))
        for one, row in zip(found, rows, strict=True):
            if row is not None:
                row.add(one.ms, statements=one.count)
                self._export(row, one.ms)

    def _export(self, row, ms):
        if self.options.export:
            self.told.append((row, ms))

    def _tell(self, rows, found_in):
        """Keep kind and cure of findings that are new in this hour; of a wait, what for."""
        for language, found in found_in.items():
            for one, row in zip(found, rows, strict=True):
                if row is not None:
                    row.detail["kind"] = one.kind
                    row.detail.setdefault("cure", {})[language] = one.cure
                    if row.kind == SampleKind.WAIT:
                        row.detail.setdefault("what", {})[language] = one.what


def _may_loop(groups, recording):
    """Say cheaply whether anything is asked or entered more than once."""
    return len(groups) < len(recording) or len(recording.control) >= FROM


def languages():
    """Return those that findings are kept in: the project's, or its one if it chose none."""
    if settings.LANGUAGES == global_settings.LANGUAGES:
        return [settings.LANGUAGE_CODE]
    return [code for code, _name in settings.LANGUAGES]


def in_languages(make):
    """Return {language: make()}."""
    found = {}
    for language in languages():
        with translation.override(language):
            found[language] = make()
    return found
