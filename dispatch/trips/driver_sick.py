"""Report a driver sick: one action frees the rest of the day."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from bookings.models import Actor, Booking
from dispatch import ledger
from dispatch.models import Assignment, of_day
from dispatch.trips.locking import no_such_driver
from dispatch.trips.release import release_trips
from drivers.models import Absence, Company, Driver, Shift
from drivers.times import moment


@dataclass(frozen=True, slots=True)
class SickDriver:
    """The ids of the bookings `released`, and those `under_way`, which a dispatcher must settle."""

    driver: Driver
    absence: Absence
    released: tuple[int, ...]
    under_way: tuple[Booking, ...]


def report_sick(
    company: Company, driver_id: int, *, actor: Actor, now: datetime, note: str = ""
) -> SickDriver:
    """Record the driver as sick until the end of the day, and release trips that have not begun.

    The day ends with the company's day, or with a later shift that is under way. Released are the
    trips of the day, and those of the next one that are planned to begin in the absence. At most
    13 statements. A second report releases the trips assigned since. Raises NoSuchDriver.
    """
    with transaction.atomic():
        driver = ledger.lock_drivers(company, [driver_id]).get(driver_id)
        if driver is None:
            raise no_such_driver()
        today = company.local(now).date()
        end_at = company.day_bounds(today)[1]
        shift_end_at = Shift.objects.filter(
            driver=driver, start_at__lt=end_at, end_at__gt=now
        ).aggregate(last=Max("end_at"))["last"]
        end_at = max(end_at, shift_end_at or end_at)
        trips = list(
            Assignment.objects.open()
            .filter(
                of_day(company, today)
                | Q(planned_pickup_at__gte=now, planned_pickup_at__lt=end_at),
                driver=driver,
            )
            .order_by("id")
            .select_related("booking__client")
        )
        planned = Assignment.Status.PLANNED
        absence, is_new = _absence(driver, now, end_at, note)
        until = {"absence": absence.id, "absent_until": moment(absence.end_at)}
        released = release_trips(
            [trip.id for trip in trips if trip.status == planned],
            actor=actor,
            now=now,
            reason=note or _("%(driver)s is sick.") % {"driver": driver.name},
            beside=until if is_new else ledger.BESIDE,
        )
        return SickDriver(
            driver=driver,
            absence=absence,
            released=released,
            under_way=tuple(trip.booking for trip in trips if trip.status != planned),
        )


def _absence(driver: Driver, now: datetime, end_at: datetime, note: str) -> tuple[Absence, bool]:
    """Return the absence that covers the rest of the day, and whether it was created for that."""
    sick = Absence.objects.filter(driver=driver, reason=Absence.Reason.SICK)
    known = sick.filter(start_at__lte=now, end_at__gte=end_at).order_by("id").first()
    if known:
        return known, False
    fields = {"start_at": now, "end_at": end_at, "reason": Absence.Reason.SICK, "note": note}
    return Absence.objects.create(driver=driver, **fields), True
