"""Give what was sampled to OpenTelemetry, where `PERF["EXPORT"]` says so.

Three instruments of the meter "perf.sampling": the times of slow statements, a counter of findings,
and one of statements that are run by a plan they never had. Where they go is the business of the
SDK that the service has set up; without one they go nowhere.
"""

from functools import cache

from perf.models import SampleKind


@cache
def _instruments():
    from opentelemetry import metrics  # optional: `read_options` has seen that it is there

    meter = metrics.get_meter("perf.sampling")
    slow = meter.create_histogram(
        "perf.slow_statement.duration", unit="ms", description="Slow statements that were sampled."
    )
    findings = meter.create_counter(
        "perf.findings", description="Loops and waits in requests that were sampled."
    )
    plans = meter.create_counter(
        "perf.plan_changes", description="Slow statements that got a plan they never had."
    )
    return slow, findings, plans


def export(totals):
    """Record what was added since the last time."""
    told, totals.told = totals.told, []
    replanned, totals.replanned = totals.replanned, []
    if not told and not replanned:
        return
    slow, findings, plans = _instruments()
    for row in replanned:
        about = {"perf.release": totals.release, "code.place": row.place}
        plans.add(1, about | {"db.query.text": row.statement, "perf.plan": row.detail["plan"]})
    for row, ms in told:
        about = {"perf.door": row.door, "perf.release": totals.release, "code.place": row.place}
        if row.kind == SampleKind.STATEMENT:
            slow.record(ms, about | {"db.query.text": row.statement})
        else:
            findings.add(1, about | {"perf.kind": row.detail["kind"]})
