"""What a live day found: response times by kind, processor time, how soon changes were seen."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np
from django.utils.translation import gettext as _

from perf.project.live.client import Look, Position
from perf.project.live.people import People
from perf.project.load.client import Sample
from perf.project.load.result import ALL, cells_of, door_figures, row_of, titles

# Of the 99th percentile, from the due moment to the sending: else this process was too slow.
LATE_MS = 50
NEWER = timedelta(seconds=5)  # than what was answered: another batch that was not answered


def seen_after(
    changes: Iterable[tuple[int, datetime]], boards: Iterable[Sequence[Look]]
) -> tuple[list[float], int]:
    """Return the seconds until each board showed each change, and how many never did.

    `changes` are (number of the event, when); what a board shows has all events up to its own.
    """
    changes, seconds, never = list(changes), [], 0
    for looks in boards:
        events = [look.event for look in looks]
        for event, at in changes:
            first = bisect_left(events, event)
            if first == len(looks):
                never += 1
            else:
                seconds.append((looks[first].at - at).total_seconds())
    return seconds, never


def lost_positions(
    answered: dict[int, Position],
    rows: dict[int, tuple[datetime | None, float | None, float | None]],
) -> list[int]:
    """Return the drivers whose newest answered position is not what the database has.

    A phone's clock is set right, so only the place is compared.
    """
    return [
        driver
        for driver, sent in answered.items()
        if rows[driver][1:] != (sent.lat, sent.lon)
        and not ((at := rows[driver][0]) and at > sent.at + NEWER)
    ]


@dataclass(frozen=True)
class LiveDay:
    """A measured live day. Seconds of a processor are None where they cannot be read."""

    people: People
    bookings: int
    seconds: float
    samples: tuple[Sample, ...]
    seen_s: tuple[float, ...]
    never_seen: int
    changes: int
    reporting: int
    lost: tuple[int, ...]
    server_s: float | None
    database_s: float | None
    client_s: float
    said: str = ""

    def kinds(self):
        """Return the figures by kind of request, in order of name."""
        by_name = sorted(self.samples, key=lambda sample: sample.door)
        return {
            door: door_figures(list(samples))
            for door, samples in groupby(by_name, key=lambda sample: sample.door)
        }

    def figures(self):
        """Return the numbers of the whole; `*_share` are of one processor."""
        late = [(sample.sent_s - sample.scheduled_s) * 1000 for sample in self.samples]
        shares = {
            f"{name}_share": None if used is None else used / self.seconds
            for name, used in (
                ("server", self.server_s),
                ("database", self.database_s),
                ("client", self.client_s),
            )
        }
        return {
            **door_figures(self.samples),
            **shares,
            "late_p99_ms": float(np.percentile(late, 99)) if late else 0.0,
            "changes": self.changes,
            "seen_median_s": float(np.median(self.seen_s)) if self.seen_s else None,
            "seen_max_s": max(self.seen_s, default=None),
            "never_seen": self.never_seen,
            "drivers_reporting": self.reporting,
            "positions_lost": len(self.lost),
        }

    def as_dict(self):
        return {
            "people": asdict(self.people),
            "rates": self.people.rates(),
            "bookings": self.bookings,
            "seconds": self.seconds,
            "figures": self.figures(),
            "kinds": self.kinds(),
            "server_said": self.said,
        }

    def summary(self):
        """Return a table with a line per kind, and what else was found."""
        figures, people = self.figures(), self.people
        lines = [
            _(
                "%(boards)d boards of a company with %(bookings)d trips, %(phones)d phones, "
                "%(drivers)d apps of drivers, for %(seconds).0f s"
            )
            % {
                "boards": people.boards,
                "bookings": self.bookings,
                "phones": people.phones,
                "drivers": people.drivers,
                "seconds": self.seconds,
            },
            "",
            row_of(titles()),
            *(row_of(cells_of(name, found)) for name, found in self.kinds().items()),
            row_of(cells_of(_(ALL), figures)),
            "",
            _("processor, of one: server %(server)s, database %(database)s; this client %(client)s")
            % {
                name: _percent(figures[f"{name}_share"])
                for name in ("server", "database", "client")
            },
        ]
        if self.changes:
            lines.append(self._seen_line(figures))
        lines.append(
            _("%(drivers)d drivers reported; of %(lost)d the newest answered position is not there")
            % {"drivers": self.reporting, "lost": len(self.lost)}
        )
        if figures["late_p99_ms"] > LATE_MS:
            lines.append(
                _("this client could not keep the schedule: p99 %(late).0f ms late")
                % {"late": figures["late_p99_ms"]}
            )
        errors = Counter(f"{row.door}: {row.error}" for row in self.samples if row.error)
        return "\n".join(lines + [f"{count} × {kind}" for kind, count in sorted(errors.items())])

    def _seen_line(self, figures):
        if not self.seen_s:
            return _("%(changes)d changes, none seen by a board") % {"changes": self.changes}
        return _(
            "%(changes)d changes, seen by a board after %(median).1f s (median), "
            "%(most).1f s (most); %(never)d never"
        ) % {
            "changes": self.changes,
            "median": figures["seen_median_s"],
            "most": figures["seen_max_s"],
            "never": self.never_seen,
        }


def _percent(share):
    return "?" if share is None else f"{share:.1%}"
