"""Where one driver hands a vehicle over to the next: the shift before ends there, this one begins.

A vehicle that two drivers have one after the other is handed over between their shifts, at the
vehicle's own place or at the depot, if there are at most 12 hours between the two: also from one
day to the next. All other shifts begin and end at home, as do those of a driver who keeps it.
"""

from datetime import timedelta

from django.db.models import OuterRef, QuerySet, Subquery

from drivers.models import SHIFT_AT_MOST, Shift

HANDOVER_WITHIN = timedelta(hours=12)


def had_before(shift: str = "", *, among: QuerySet[Shift] | None = None) -> Subquery:
    """Return the id of the driver who had the vehicle before the shift, for a queryset of shifts.

    Elsewhere `shift` is the path to them ("shift__"). Who counts is `among` these shifts, else
    those of drivers who can be planned, for nobody else comes. NULL if nobody had the vehicle
    within 12 hours, or the shift has none.
    """
    start_at = OuterRef(f"{shift}start_at")
    before = (_of_available() if among is None else among).filter(
        vehicle=OuterRef(f"{shift}vehicle_id"),
        end_at__gte=start_at - HANDOVER_WITHIN,
        end_at__lte=start_at,
    )
    return Subquery(before.order_by("-end_at", "-id").values("driver_id")[:1])


def has_after(shift: str = "", *, among: QuerySet[Shift] | None = None) -> Subquery:
    """Return the id of the driver who has the vehicle after the shift, as `had_before` does."""
    end_at = OuterRef(f"{shift}end_at")
    after = (_of_available() if among is None else among).filter(
        vehicle=OuterRef(f"{shift}vehicle_id"),
        start_at__gte=end_at,
        start_at__lte=end_at + HANDOVER_WITHIN,
        # They say nothing new, but the index has the end.
        end_at__gt=end_at,
        end_at__lte=end_at + HANDOVER_WITHIN + SHIFT_AT_MOST,
    )
    return Subquery(after.order_by("start_at", "id").values("driver_id")[:1])


def _of_available() -> QuerySet[Shift]:
    return Shift.objects.filter(driver__is_active=True, driver__is_available=True)


def is_handed(driver_id: int, other_id: int | None) -> bool:
    """Return whether the vehicle passes between the two: who has it twice takes it home."""
    return other_id is not None and other_id != driver_id
