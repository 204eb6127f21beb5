"""What runs and assignments say of a client: exported, or erased where one is forgotten."""

import re
from typing import Any

from bookings.models.seals import ERASED
from bookings.privacy.forget import Traces
from dispatch.models import Assignment, DispatchRun, Tap
from drivers.db.bulk import update_rows

MOMENTS = (
    "planned_pickup_at",
    "planned_dropoff_at",
    "arrived_at",
    "actual_pickup_at",
    "actual_dropoff_at",
)
OF_RUNS = ("unassigned", "outcome", "error")


def erase_from_runs(traces: Traces) -> dict[str, int]:
    """Erase the person's name and references from the reports of their days: 5 statements.

    Without bookings nothing is to be erased: 0 statements; without needles only what drivers were
    told: 1 statement.
    """
    if not traces.days:
        return {}
    taps = Tap.objects.filter(booking_id__any_of=traces.booking_ids).exclude(said="")
    erased = {"taps": taps.update(said="")}
    if not traces.needles:
        return erased
    needles = re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in traces.needles))
    runs = DispatchRun.objects.filter(company=traces.company, day__in=traces.days).order_by("id")
    told = list(runs.values_list("id", *OF_RUNS))
    changed = [(pk, *(_without(needles, value) for value in values)) for pk, *values in told]
    changed = [row for row, before in zip(changed, told, strict=True) if row != before]
    of_trips = Assignment.objects.filter(booking__any_of=traces.booking_ids).order_by("id")
    why = [
        (pk, without)
        for pk, value in of_trips.values_list("id", "explanation")
        if (without := _without(needles, value)) != value
    ]
    return erased | {
        "runs": update_rows(DispatchRun, OF_RUNS, changed),
        "assignments": update_rows(Assignment, ["explanation"], why),
    }


def _without(needles: re.Pattern[str], value: Any) -> Any:
    """Return a value of JSON without what the needles match, in texts at any depth."""
    if isinstance(value, str):
        return needles.sub(ERASED, value)
    if isinstance(value, list):
        return [_without(needles, item) for item in value]
    if isinstance(value, dict):
        return {name: _without(needles, item) for name, item in value.items()}
    return value


def assignments_of(booking_ids: list[int]) -> dict[str, list[dict[str, Any]]]:
    """Return who was to drive these trips, and when, for the export of a person: 1 statement."""
    rows = Assignment.objects.filter(booking__any_of=booking_ids).order_by("id")
    names = ("status", *MOMENTS, "explanation")
    return {
        "assignments": [
            {"booking": row.pop("booking_id"), "driver": row.pop("driver__name"), **row}
            for row in rows.values("booking_id", "driver__name", *names)
        ]
    }
