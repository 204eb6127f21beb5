"""What a load test found: per size and door, for people and for machines.

Response times are milliseconds from the scheduled moment to the whole answer. Percentiles are
those of all requests of a door, wrong answers too, for somebody waited for them.
"""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from django.utils.translation import gettext as _

from perf.project.load.client import COLUMNS, Sample

ALL = "all"
HEADLINE = (
    "p95_ms", "p50_ms", "p99_ms", "throughput_per_s", "errors", "statements_max",
    "dispatch_median_s", "dispatch_errors",
)  # fmt: skip


@dataclass(frozen=True)
class Dispatch:
    """One dispatch beside the server; `seconds` is its command, from order to answer."""

    scheduled_s: float
    done_s: float
    seconds: float
    assigned: int | None
    statements: int | None
    error: str

    def as_dict(self):
        return {
            "scheduled_s": self.scheduled_s,
            "done_s": self.done_s,
            "seconds": self.seconds,
            "assigned": self.assigned,
            "statements": self.statements,
            "error": self.error,
        }


@dataclass(frozen=True)
class LoadRun:
    """One schedule sent to one server. `bookings` is None for a server that was running."""

    bookings: int | None
    seconds: float
    samples: tuple[Sample, ...]
    dispatches: tuple[Dispatch, ...] = ()
    said: str = ""

    def figures(self):
        """Return the numbers of the whole run; `late_ms` is the generator's own delay."""
        everything = door_figures(self.samples)
        answered = [sample for sample in self.samples if not sample.error]
        ended_s = max((sample.done_s for sample in self.samples), default=0)
        times = [dispatch.seconds for dispatch in self.dispatches if not dispatch.error]
        return {
            **everything,
            "throughput_per_s": len(answered) / max(ended_s, self.seconds),
            "offered_per_s": len(self.samples) / self.seconds,
            "behind_s": max(0.0, ended_s - self.seconds),
            "late_ms": max(
                ((sample.sent_s - sample.scheduled_s) * 1000 for sample in self.samples),
                default=0,
            ),
            "dispatches": len(self.dispatches),
            "dispatch_errors": sum(bool(dispatch.error) for dispatch in self.dispatches),
            "dispatch_median_s": float(np.median(times)) if times else None,
        }

    def headline(self):
        """Return the figures to follow over time."""
        figures = self.figures()
        return {name: figures[name] for name in HEADLINE}

    def doors(self):
        """Return the figures by door, the slowest 95th percentile first."""
        by_name = sorted(self.samples, key=lambda sample: sample.door)
        found = {
            door: door_figures(list(samples))
            for door, samples in groupby(by_name, key=lambda sample: sample.door)
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]["p95_ms"]))

    def as_dict(self):
        return {
            "bookings": self.bookings,
            "seconds": self.seconds,
            "figures": self.figures(),
            "doors": self.doors(),
            "columns": list(COLUMNS),
            "requests": [sample.as_row() for sample in self.samples],
            "dispatches": [dispatch.as_dict() for dispatch in self.dispatches],
            "server_said": self.said,
        }

    def summary(self):
        """Return a table with a line per door."""
        figures = self.figures()
        lines = [
            _(
                "%(count)d requests offered at %(offered).1f/s, %(throughput).1f/s answered "
                "rightly, %(errors)d errors"
            )
            % {
                "count": figures["requests"],
                "offered": figures["offered_per_s"],
                "throughput": figures["throughput_per_s"],
                "errors": figures["errors"],
            },
            _("last answer %(behind).1f s after the end; requests sent at most %(late).0f ms late")
            % {"behind": figures["behind_s"], "late": figures["late_ms"]},
        ]
        if self.bookings is not None:
            lines.insert(0, _("%(bookings)d bookings a day") % {"bookings": self.bookings})
        lines += ["", row_of(titles())]
        lines += [row_of(cells_of(name, door)) for name, door in self.doors().items()]
        lines.append(row_of(cells_of(_(ALL), figures)))
        if self.dispatches:
            lines += ["", self._dispatch_line(figures)]
        lines += self._errors()
        return "\n".join(lines)

    def _dispatch_line(self, figures):
        good = [dispatch for dispatch in self.dispatches if not dispatch.error]
        return _(
            "%(count)d dispatches meanwhile, %(errors)d failed; seconds: %(seconds)s; "
            "statements: %(statements)s"
        ) % {
            "count": len(self.dispatches),
            "errors": figures["dispatch_errors"],
            "seconds": ", ".join(f"{dispatch.seconds:.1f}" for dispatch in good) or "–",
            "statements": ", ".join(str(dispatch.statements) for dispatch in good) or "–",
        }

    def _errors(self):
        """Return a line for each kind of error."""
        counts = {}
        for sample in self.samples:
            if sample.error:
                kind = f"{sample.door}: {sample.error}"
                counts[kind] = counts.get(kind, 0) + 1
        for dispatch in self.dispatches:
            if dispatch.error:
                kind = f"{_('dispatch')}: {dispatch.error}"
                counts[kind] = counts.get(kind, 0) + 1
        return [f"{count} × {kind}" for kind, count in sorted(counts.items())]


def door_figures(samples):
    """Return count, errors, percentiles and statements of some requests."""
    times = np.array([sample.ms for sample in samples] or [0.0])
    counted = [sample.statements for sample in samples if sample.statements is not None]
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    return {
        "requests": len(samples),
        "errors": sum(bool(sample.error) for sample in samples),
        "p50_ms": float(p50),
        "p95_ms": float(p95),
        "p99_ms": float(p99),
        "max_ms": float(times.max()),
        "statements_median": float(np.median(counted)) if counted else None,
        "statements_max": max(counted, default=None),
    }


def titles():
    return (
        _("door"), _("requests"), _("errors"), _("p50 ms"), _("p95 ms"), _("p99 ms"), _("max ms"),
        _("statements"),
    )  # fmt: skip


def cells_of(name, figures):
    most = figures["statements_max"]
    times = [f"{figures[key]:.0f}" for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms")]
    return (
        name, str(figures["requests"]), str(figures["errors"]), *times,
        "–" if most is None else str(most),
    )  # fmt: skip


def row_of(cells):
    name, *numbers = cells
    return f"{name:<20}" + "".join(f"{number:>11}" for number in numbers)
