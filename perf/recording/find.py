"""Everything that the detectors find in a recording."""

from perf.recording.finding import Finding
from perf.recording.repeated import find_loops
from perf.recording.unused import find_unused
from perf.recording.waiting import find_waiting


def find_all(recording) -> list[Finding]:
    """Return the findings, the longest first.

    What is read and not used, and who held a lock, is known only of a recording that watched rows.
    """
    found = [*find_loops(recording), *find_unused(recording), *find_waiting(recording)]
    return sorted(found, key=lambda one: (-one.ms, one.place, one.kind))
