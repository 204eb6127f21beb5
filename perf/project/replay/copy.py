"""Copy a company's day, without what tells of persons, into a scratch database.

The company is only read. What the product keeps beside (log, runs, messages, positions, standing
orders) stays behind: the day is planned anew.
"""

from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from bookings.models import Booking, Client, CompanyPlace, DriverPreference, Status
from drivers.models import Absence, Company, Customer, Driver, Shift, Vehicle, VehicleAbsence
from perf.measuring.scratch import scratch_database

AROUND = timedelta(days=1)
FORGOTTEN = (
    "external_id", "phone", "address", "notes", "reference", "pickup_address", "dropoff_address",
    "cancel_reason",
)  # fmt: skip


@contextmanager
def copied_day(company, day):
    """Use a scratch database with this one day of the company in it; yield (database, company).

    All bookings of the day that were neither cancelled nor left undecided are accepted in it.
    """
    rows = _read(company, day)
    with scratch_database() as scratch:
        with transaction.atomic():
            for model, found in rows:
                if model is Customer:  # the database has made one
                    Customer.objects.all().delete()
                model.objects.bulk_create(found)
        yield scratch, Company.objects.get(pk=company.pk)


def _read(company, day):
    """Return (model, rows) in the order in which they refer to each other: 10 queries."""
    start_at, end_at = company.day_bounds(day)
    undecided = Status.PENDING, Status.CANCELED
    bookings = Booking.objects.filter(
        company=company, scheduled_time__gte=start_at, scheduled_time__lt=end_at
    ).exclude(status__in=undecided)
    near = {"start_at__lt": end_at + AROUND, "end_at__gt": start_at - AROUND}
    of_day = {"id__in": bookings.values("client")}
    found: list[tuple[Any, list[Any]]] = [(Company, [company])]
    for model, owner, those in (
        (Customer, "company", {}),
        (Client, "company", of_day),
        (CompanyPlace, "company", {}),
        (Vehicle, "company", {}),
        (VehicleAbsence, "vehicle__company", near),
        (Driver, "company", {}),
        (Absence, "driver__company", near),
        (Shift, "driver__company", near),
        (DriverPreference, "driver__company", {"client__in": bookings.values("client")}),
    ):
        rows = model.objects.filter(**{owner: company}, **those)
        found.append((model, [_forgotten(row) for row in rows.order_by("id")]))
    # The way there first: the way back refers to it.
    trips = bookings.order_by(F("return_of").asc(nulls_first=True), "id")
    found.append((Booking, [_opened(_forgotten(trip)) for trip in trips]))
    return found


def _forgotten(row):
    """Return the row without what tells who it is about."""
    for name in FORGOTTEN:
        if hasattr(row, name):
            setattr(row, name, "")
    if isinstance(row, Client | Driver):
        row.name = f"{type(row).__name__} {row.pk}"
    if isinstance(row, Driver):
        row.user = row.last_position_at = row.last_lat = row.last_lon = None
    if isinstance(row, Shift):
        row.break_at = None
    return row


def _opened(trip):
    trip.status, trip.will_call = Status.ACCEPTED, False
    trip.series = trip.series_day = trip.series_leg = None
    return trip
