"""Measure what the recorder costs: the same statements with and without it, in pairs.

The statements read four rows each through the ORM, with no work beside them: a page that
does anything else is slowed by less.
"""

import gc
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext as _

from perf.measuring.statistics import Ratio, paired_ratio
from perf.recording.record import record_queries

WARM_UP = 3
GOAL = 1.05


@dataclass(frozen=True)
class Overhead:
    """Time with the recorder over time without; `control` is without over without."""

    statements: int
    ratio: Ratio
    control: Ratio

    def summary(self):
        lines = [
            _("Recorder on %(count)d statements: × %(ratio)s; goal at most × %(goal)s")
            % {"count": self.statements, "ratio": self.ratio, "goal": GOAL},
            _("The same without it twice:      × %(ratio)s") % {"ratio": self.control},
        ]
        return "\n".join(lines)

    def as_dict(self):
        return {
            "statements": self.statements,
            "ratio": self.ratio.as_dict(),
            "control": self.control.as_dict(),
        }


def measure_overhead(*, statements=100, pairs=30, watch_rows=False) -> Overhead:
    """Run pairs of blocks in alternating order, and as many of the control between them."""
    recorder = partial(record_queries, watch_rows=watch_rows)
    kinds = list(ContentType.objects.order_by("id").values_list("id", flat=True))

    def block(recorder):
        gc.collect()
        gc.disable()
        try:
            with recorder():
                start = perf_counter()
                for number in range(statements):
                    list(Permission.objects.filter(content_type_id=kinds[number % len(kinds)]))
                return perf_counter() - start
        finally:
            gc.enable()

    arms = {"without": nullcontext, "with": recorder, "again": nullcontext}
    times = {name: [] for name in arms}
    for number in range(-WARM_UP, pairs):
        order = list(arms) if number % 2 else list(reversed(arms))
        for name in order:
            took = block(arms[name])
            if number >= 0:
                times[name].append(took)
    return Overhead(
        statements=statements,
        ratio=paired_ratio(times["without"], times["with"]),
        control=paired_ratio(times["without"], times["again"]),
    )
