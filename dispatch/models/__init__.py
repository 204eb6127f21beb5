"""Store who drives what: the runs, the assignments, how trips will go, taps, daily figures."""

from dispatch.models.assignments import (
    OPEN,
    OPEN_ASSIGNMENT_STATUSES,
    Assignment,
    AssignmentQuerySet,
    of_day,
)
from dispatch.models.expected import ExpectedTrip, ForecastState, is_foreseen
from dispatch.models.figures import CANCELED, MEASURES, MINUTES, DayFigures, FiguresState
from dispatch.models.runs import COMPARISON, DispatchRun, StoredPlan
from dispatch.models.taps import Tap

__all__ = [
    "CANCELED",
    "COMPARISON",
    "MEASURES",
    "MINUTES",
    "OPEN",
    "OPEN_ASSIGNMENT_STATUSES",
    "Assignment",
    "AssignmentQuerySet",
    "DayFigures",
    "DispatchRun",
    "ExpectedTrip",
    "FiguresState",
    "ForecastState",
    "StoredPlan",
    "Tap",
    "is_foreseen",
    "of_day",
]
