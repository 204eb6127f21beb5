"""Say which index is missing: the candidates are tried, and advised only if that was shown.

Each is built in a place where it hurts nobody (`try_index`); its statements are planned, and
timed in pairs with it and without it, and so are the writes to its table that were recorded.
"""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from perf.indexes.ablation import Comparison
from perf.indexes.candidates import Candidate
from perf.indexes.explain import QueryPlan
from perf.measuring.statistics import Verdict, judge_together

# A statement has to get this much faster, the run to be spared this much, and the table to
# hold this many rows.
FASTER = 0.8
FLOOR_MS = 1.0
SMALLEST_TABLE = 1_000


@dataclass(frozen=True)
class Trial:
    """One statement with and without the index: plans, and times in pairs where they differ.

    `comparison` is None for a statement whose plan does not use the index, which was not faster
    at a first look, or cannot be run again.
    """

    fingerprint: str
    count: int
    before: QueryPlan
    after: QueryPlan
    used: bool
    comparison: Comparison | None = None

    @property
    def before_ms(self):
        return self.comparison and self.comparison.without_ms

    @property
    def after_ms(self):
        return self.comparison and self.comparison.with_ms

    @property
    def ratio(self):
        """Return the time with the index over that without; 1 where it was not timed."""
        return self.comparison.ratio.ratio if self.comparison else 1.0

    @property
    def saved_ms(self):
        """Return what all calls of the run together take less."""
        if self.comparison is None:
            return 0.0
        return (self.before_ms - self.after_ms) * self.count

    @property
    def pays(self):
        """Say whether it was shown to be faster, by the interval of the pairs and by enough."""
        return (
            self.used
            and self.comparison is not None
            and self.comparison.judgement.verdict is Verdict.FASTER
            and self.ratio <= FASTER
        )

    def as_dict(self):
        return {
            "statement": self.fingerprint,
            "count": self.count,
            "used": self.used,
            "ratio": round(self.ratio, 4),
            "interval": self.comparison and self.comparison.ratio.as_dict(),
            "before_ms": self.before_ms,
            "after_ms": self.after_ms,
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
        }


class Outcome(TextChoices):
    """What became of a candidate."""

    PAYS = "pays", gettext_lazy("pays")
    SMALL_TABLE = "small table", gettext_lazy("the table is small")
    NOT_USED = "not used", gettext_lazy("not used")
    NOT_FASTER = "not faster", gettext_lazy("not shown to be faster")
    TOO_LITTLE = "too little", gettext_lazy("saves too little")
    NOT_BUILT = "not built", gettext_lazy("could not be built")
    NOT_TRIED = "not tried", gettext_lazy("not tried")


@dataclass(frozen=True)
class Attempt:
    """A candidate and what trying it showed; `error` says why it could not be built.

    `writes` compares the recorded writes to its table, None where there were none.
    """

    candidate: Candidate
    trials: tuple[Trial, ...] = ()
    rows: int | None = None
    writes: Comparison | None = None
    error: str = ""

    @property
    def was_tried(self):
        return bool(self.trials)

    @property
    def paying(self):
        return tuple(trial for trial in self.trials if trial.pays)

    @property
    def saved_ms(self):
        return sum(trial.saved_ms for trial in self.paying)

    @property
    def outcome(self):
        if self.error:
            return Outcome.NOT_BUILT
        if not self.trials:
            small = self.rows is not None and self.rows < SMALLEST_TABLE
            return Outcome.SMALL_TABLE if small else Outcome.NOT_TRIED
        if not any(trial.used for trial in self.trials):
            return Outcome.NOT_USED
        if not self.paying:
            return Outcome.NOT_FASTER
        return Outcome.PAYS if self.saved_ms >= FLOOR_MS else Outcome.TOO_LITTLE

    def as_dict(self):
        return {
            "table": self.candidate.table,
            "columns": list(self.candidate.columns),
            "expression": self.candidate.expression,
            "condition": self.candidate.condition,
            "django": self.candidate.django(),
            "reason": self.candidate.reason,
            "rows": self.rows,
            "outcome": self.outcome.value,
            "error": self.error,
        }


@dataclass(frozen=True)
class Advice:
    """An index worth having, first things first, with the trials that say so."""

    priority: int
    candidate: Candidate
    trials: tuple[Trial, ...]
    writes: Comparison | None = None

    @property
    def saved_ms(self):
        return sum(trial.saved_ms for trial in self.trials)

    @property
    def cost(self):
        """Return in words what it costs the writers, as far as that was measured."""
        if self.writes is None:
            return _("no write to %(table)s was recorded: its cost was not measured") % {
                "table": self.candidate.table
            }
        return _("writes × %(ratio)s (%(verdict)s)") % {
            "ratio": self.writes.ratio,
            "verdict": self.writes.judgement.verdict,
        }

    def as_dict(self):
        return {
            "priority": self.priority,
            "table": self.candidate.table,
            "columns": list(self.candidate.columns),
            "expression": self.candidate.expression,
            "condition": self.candidate.condition,
            "reason": self.candidate.reason,
            "django": self.candidate.django(),
            "saved_ms": round(self.saved_ms, 3),
            "writes": self.writes and self.writes.as_dict(),
            "trials": [trial.as_dict() for trial in self.trials],
        }


def try_all(candidates, statements, laboratory) -> list[Attempt]:
    """Try the candidates for their statements ({fingerprint: [Statement]}); judge them together."""
    attempts = []
    for candidate in candidates:
        rows = laboratory.rows(candidate.table)
        if rows < SMALLEST_TABLE:
            attempts.append(Attempt(candidate, rows=rows))
        else:
            attempts.append(laboratory.try_index(candidate, statements))
    compared = [t.comparison for a in attempts for t in a.trials if t.comparison]
    together = judge_together([(c.ratio, c.control) for c in compared])
    for comparison, judgement in zip(compared, together, strict=True):
        comparison.judged = judgement
    return attempts


def _worth(attempt):
    """Return what it saves; a special index has to save a tenth more than a plain one."""
    made = attempt.candidate
    special = made.carried or made.condition or made.expression or made.beside
    return attempt.saved_ms * (0.9 if special else 1)


def advise(attempts) -> list[Advice]:
    """Return what pays, best first; of several for the same statement the one that saves most."""
    paying = [attempt for attempt in attempts if attempt.outcome is Outcome.PAYS]
    paying.sort(key=_worth, reverse=True)
    advised: list[Advice] = []
    served: set[str] = set()
    for attempt in paying:
        new = {trial.fingerprint for trial in attempt.paying} - served
        if new:
            served |= new
            advised.append(
                Advice(len(advised) + 1, attempt.candidate, attempt.paying, attempt.writes)
            )
    return advised
