"""What becomes of the exceptions of the use-cases."""

from dispatch import trips
from dispatch.apply import StalePlan
from dispatch.background import NoWorker
from dispatch.claim import DayBusy
from dispatch.hand_over import (
    DoubleBooked,
    RuleBroken,
)
from dispatch.locked_trip import NoSuchDriver, NoSuchTrip
from dispatch.planner.solve import TooManyTrips
from dispatch.previews import NoPreview
from dispatch.revert import NotRevertible
from dispatch.run import PlanRefused
from drivers.rest.errors import register


def register_errors():
    register(NoSuchTrip, 404, "not_found")
    register(trips.NotAssigned, 409, "not_assigned")
    register(trips.ImplausibleTime, 400, "invalid", field="at")
    register(trips.AppointmentMissed, 409, "appointment_missed")
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
    register(StalePlan, 409, "stale_plan")
    register(DayBusy, 409, "day_busy")
    register(PlanRefused, 409, "plan_refused")
    register(NotRevertible, 409, "not_revertible")
    register(NoPreview, 409, "not_a_preview")
    register(TooManyTrips, 409, "too_many_trips")
    register(NoWorker, 503, "no_worker")
