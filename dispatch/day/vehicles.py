"""Which vehicle a trip is driven with: that of its driver's shift in which it begins."""

from django.db.models import Case, CharField, Exists, F, OuterRef, QuerySet, Subquery, When

from drivers.models import Shift


def shift_of(driver: str, moment: str) -> QuerySet[Shift]:
    """Return the shift of a driver at a moment, both named as columns of the query around it."""
    return Shift.objects.filter(
        driver=OuterRef(driver), start_at__lte=OuterRef(moment), end_at__gt=OuterRef(moment)
    )


def plate(driver: str, moment: str) -> Case:
    """Return the plate of the vehicle that a driver has at a moment, None without a vehicle.

    Out of shifts, it is the driver's.
    """
    shift = shift_of(driver, moment)
    return Case(
        When(Exists(shift), then=Subquery(shift.values("vehicle__plate")[:1])),
        default=F(f"{driver}__vehicle__plate"),
        output_field=CharField(),
    )
