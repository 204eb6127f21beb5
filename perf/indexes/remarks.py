"""What is remarkable in a step of PostgreSQL's plan: what went to disk, and wrong estimates."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from perf.recording.finding import SPILL, STATISTICS

MISJUDGED, MISJUDGED_ROWS = 10, 1_000  # how many times, and of so many rows


@dataclass(frozen=True)
class Remark:
    """A sentence on a step of a plan, of a finding's `kind`, and what to do about it."""

    kind: str
    what: str
    cure: str

    def __str__(self):
        return f"{self.what} {self.cure}"


def spilled(raw):
    """Yield what a step (of EXPLAIN's JSON) wrote to disk for want of memory."""
    if raw.get("Sort Space Type") == "Disk":
        yield Remark(
            SPILL,
            _("A sort wrote %(kb)d kB to disk.") % {"kb": raw["Sort Space Used"]},
            _(
                "Sort fewer or narrower rows, read them by an index in their order, or raise "
                "work_mem."
            ),
        )
    batches = max(raw.get("Hash Batches", 1), raw.get("HashAgg Batches", 1))
    if batches > 1:
        yield Remark(
            SPILL,
            _("A hash table was too large for work_mem and went to disk in %(batches)d parts.")
            % {"batches": batches},
            _("Select fewer columns or rows, or raise work_mem."),
        )


def misjudged(raw):
    """Yield that far other rows came than the statistics let expect."""
    if "Relation Name" not in raw or raw.get("Actual Loops") != 1:
        return
    expected, came = raw.get("Plan Rows", 0), raw["Actual Rows"]
    if max(expected, came) < MISJUDGED_ROWS:
        return
    if max(expected, came) > MISJUDGED * max(1, min(expected, came)):
        yield Remark(
            STATISTICS,
            _("%(table)s: %(expected)d rows were expected and %(came)d came.")
            % {"table": raw["Relation Name"], "expected": expected, "came": came},
            _(
                "Its statistics are old, or its columns depend on each other: run ANALYZE, or "
                "CREATE STATISTICS."
            ),
        )
