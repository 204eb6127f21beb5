"""Store who drives what: the runs, the assignments, the taps of drivers, the figures of days."""

from dispatch.models.assignments import (
    OPEN,
    OPEN_ASSIGNMENT_STATUSES,
    Assignment,
    AssignmentQuerySet,
    of_day,
)
from dispatch.models.figures import CANCELED, MEASURES, MINUTES, DayFigures, FiguresState
from dispatch.models.runs import DispatchRun, StoredPlan
from dispatch.models.taps import Tap

__all__ = [
    "CANCELED",
    "MEASURES",
    "MINUTES",
    "OPEN",
    "OPEN_ASSIGNMENT_STATUSES",
    "Assignment",
    "AssignmentQuerySet",
    "DayFigures",
    "DispatchRun",
    "FiguresState",
    "StoredPlan",
    "Tap",
    "of_day",
]
