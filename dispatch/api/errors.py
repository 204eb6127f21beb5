"""Map the exceptions of the use-cases to HTTP errors."""

from dispatch.planner.solve import TooManyTrips
from dispatch.runs.apply import StalePlan
from dispatch.runs.background import NoWorker
from dispatch.runs.claim import DayBusy
from dispatch.runs.previews import NoPreview
from dispatch.runs.revert import NotRevertible
from dispatch.runs.run import PlanRefused
from dispatch.trips import progress
from dispatch.trips.assign import (
    DoubleBooked,
    RuleBroken,
)
from dispatch.trips.fleet_changes import TripsBroken
from dispatch.trips.locking import NoSuchDriver, NoSuchTrip
from drivers.rest.errors import register


def register_errors():
    register(NoSuchTrip, 404, "not_found")
    register(progress.NotAssigned, 409, "not_assigned")
    register(progress.ImplausibleTime, 400, "invalid", field="at")
    register(progress.AppointmentMissed, 409, "appointment_missed")
    register(NoSuchDriver, 400, "does_not_exist", field="driver")
    register(DoubleBooked, 409, "double_booked")
    register(
        RuleBroken,
        400,
        "rule_broken",
        members=lambda e: {
            "errors": [{"field": "driver", "code": f.code, "detail": f.text} for f in e.faults]
        },
    )
    register(TripsBroken, 409, "trips_broken", members=lambda e: {"trips": e.as_dicts()})
    register(StalePlan, 409, "stale_plan")
    register(DayBusy, 409, "day_busy")
    register(PlanRefused, 409, "plan_refused")
    register(NotRevertible, 409, "not_revertible")
    register(NoPreview, 409, "not_a_preview")
    register(TooManyTrips, 409, "too_many_trips")
    register(NoWorker, 503, "no_worker")
