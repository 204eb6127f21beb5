"""What a company needs before a day of it can be planned: the steps, in order.

None of them is done for the company: each says what it is for and leads to the page of it.
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from django.db.models import Exists
from django.urls import reverse
from django.utils.translation import gettext as _

from bookings.models import Booking, Status
from drivers.models import Company, Driver, Shift, Vehicle


class Page(NamedTuple):
    """A page that leads on; it shows the company that is chosen when it is opened."""

    text: str
    address: str


class Step(NamedTuple):
    title: str
    about: str
    done: bool
    pages: tuple[Page, ...] = ()


def read_steps(company: Company, day: date) -> tuple[Step, ...]:
    """Return the steps of the day, done or not: 1 query."""
    start_at, end_at = company.day_bounds(day)
    active = Driver.objects.filter(company=company, is_active=True, vehicle__isnull=False)
    shifts = Shift.objects.filter(driver__company=company, start_at__lt=end_at, end_at__gt=start_at)
    wanted = Booking.objects.on(company, day).exclude(status=Status.CANCELED)
    has_vehicles, has_drivers, has_shifts, has_bookings = (
        Company.objects.filter(pk=company.pk)
        .values_list(
            Exists(Vehicle.objects.filter(company=company)),
            Exists(active),
            Exists(shifts),
            Exists(wanted),
        )
        .get()
    )
    return (
        Step(_("Depot"), _("Drivers without a home position start there."), done=True),
        Step(
            _("Vehicles"),
            _("Their seats and wheelchair places decide who can ride."),
            has_vehicles,
            (Page(_("Add a vehicle"), reverse("admin:drivers_vehicle_add")),),
        ),
        Step(
            _("Drivers"),
            _("Each with the vehicle that they drive."),
            has_drivers,
            (Page(_("Add a driver"), reverse("admin:drivers_driver_add")),),
        ),
        Step(
            _("Shifts on this day"),
            _("Who has no shift is not on duty."),
            has_shifts,
            (
                Page(_("Roster"), f"{reverse('admin:drivers_shift_roster')}?week={day}"),
                Page(_("Fill weeks"), reverse("admin:drivers_driver_weeks")),
            ),
        ),
        Step(
            _("Bookings on this day"),
            _("By telephone, or from a file."),
            has_bookings,
            (
                Page(_("New booking"), f"{reverse('admin:bookings_booking_telephone')}?day={day}"),
                Page(_("Import a file"), reverse("admin:bookings_booking_upload")),
            ),
        ),
    )


def is_ready(steps: Iterable[Step]) -> bool:
    """Say whether the day can be planned."""
    return all(step.done for step in steps)
