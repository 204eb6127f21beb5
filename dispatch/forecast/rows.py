"""Read the rows of a day: one SELECT for each function, values only."""

from datetime import date, datetime
from typing import NamedTuple

from django.db.models import F
from django.db.models.functions import Greatest, Least

from bookings.models import Booking, Status
from dispatch.day.queries import current_assignment, day_and_around
from dispatch.models import Assignment
from drivers.fleet.handovers import had_before, has_after, is_handed
from drivers.models import OWN_WINDOW, Absence, Driver, Shift, VehicleAbsence
from drivers.models.layouts import Layout, all_layouts


class CarRow(NamedTuple):
    """A vehicle; all None for no vehicle."""

    plate: str | None
    seats: int | None
    wheelchair_places: int | None
    other_layouts: str | None

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Return what the vehicle has at a time, the usual first."""
        return all_layouts(self.seats or 0, self.wheelchair_places or 0, self.other_layouts or "")


CAR = [f"vehicle__{name}" for name in CarRow._fields]
HANDOVER = ("vehicle_id", "vehicle__handover_lat", "vehicle__handover_lon")
PAPERS = ("vehicle__insurance_until", "vehicle__inspection_until")


class DriverRow(NamedTuple):
    """A driver with the usual vehicle."""

    id: int
    name: str
    phone: str
    kind: str
    is_active: bool
    is_available: bool
    plate: str | None
    seats: int | None
    wheelchair_places: int | None
    other_layouts: str | None
    home_lat: float | None
    home_lon: float | None
    licence_until: date | None
    permit_until: date | None
    last_lat: float | None
    last_lon: float | None
    last_position_at: datetime | None

    @property
    def car(self) -> CarRow:
        return CarRow(self.plate, self.seats, self.wheelchair_places, self.other_layouts)


class ShiftRow(NamedTuple):
    """A shift with its vehicle, taken over from another driver or handed over to one.

    Where that is: `drivers/fleet/handovers.py`.
    """

    id: int
    driver_id: int
    start_at: datetime
    end_at: datetime
    break_min: int
    break_at: datetime | None
    plate: str | None
    seats: int | None
    wheelchair_places: int | None
    other_layouts: str | None
    vehicle_id: int | None
    handover_lat: float | None
    handover_lon: float | None
    insurance_until: date | None
    inspection_until: date | None
    taken_over: bool
    handed_over: bool

    @property
    def car(self) -> CarRow:
        return CarRow(self.plate, self.seats, self.wheelchair_places, self.other_layouts)


class AbsenceRow(NamedTuple):
    """A driver's absence, or the part of a vehicle's that lies in the driver's shift."""

    id: int
    driver_id: int
    start_at: datetime
    end_at: datetime
    reason: str


class TripRow(NamedTuple):
    """A booking joined to its open or driven assignment, if it has one."""

    id: int
    reference: str
    status: str
    client_name: str | None
    client_phone: str | None
    pickup_address: str
    pickup_lat: float
    pickup_lon: float
    dropoff_address: str
    dropoff_lat: float
    dropoff_lon: float
    scheduled_time: datetime
    appointment_at: datetime | None
    will_call: bool
    passengers: int
    wheelchairs: int
    needs: list
    priority: int
    return_of_id: int | None
    notes: str
    version: int
    updated_at: datetime
    pickup_boarding_min: int | None  # of the company's place there
    early_min: int | None  # the customer's own pickup window
    late_min: int | None
    return_late_min: int | None
    assignment_id: int | None
    driver_id: int | None
    assignment_status: str | None
    planned_pickup_at: datetime | None
    planned_dropoff_at: datetime | None
    arrived_at: datetime | None
    actual_pickup_at: datetime | None
    actual_dropoff_at: datetime | None
    locked: bool | None
    confirmed: bool | None
    overrides: list | None
    assigned_at: datetime | None
    stretch: int | None  # the number of who rides together, see `dispatch.day.stretches`

    @property
    def own_window(self):
        return self.early_min, self.late_min, self.return_late_min


def read_drivers(company):
    """Return the company's drivers in order of name: 1 query."""
    rows = Driver.objects.filter(company=company).order_by("name", "id")
    return [
        DriverRow._make(row)
        for row in rows.values_list(
            "id",
            "name",
            "phone",
            "kind",
            "is_active",
            "is_available",
            *CAR,
            "home_lat",
            "home_lon",
            "licence_until",
            "permit_until",
            "last_lat",
            "last_lon",
            "last_position_at",
        )
    ]


def read_shifts(company, start_at, end_at, driver_id=None):
    """Return the shifts that touch the period, of all drivers or of one, in order: 1 query."""
    rows = Shift.objects.filter(driver__company=company, start_at__lt=end_at, end_at__gt=start_at)
    if driver_id is not None:
        rows = rows.filter(driver=driver_id)
    fields = ("id", "driver_id", "start_at", "end_at", "break_min", "break_at")
    turns = had_before(), has_after()
    read = rows.order_by("start_at", "id").values_list(*fields, *CAR, *HANDOVER, *PAPERS, *turns)
    found = map(ShiftRow._make, read)
    return [
        row._replace(
            taken_over=is_handed(row.driver_id, row.taken_over),
            handed_over=is_handed(row.driver_id, row.handed_over),
        )
        for row in found
    ]


def read_absences(company, start_at, end_at):
    """Return the absences of drivers and of their shifts' vehicles in the period: 1 query.

    They are in order.
    """
    inside = {"start_at__lt": end_at, "end_at__gt": start_at}
    own = Absence.objects.filter(driver__company=company, **inside)
    away = VehicleAbsence.objects.filter(
        vehicle__company=company,
        vehicle__shifts__start_at__lt=Least(F("end_at"), end_at),
        vehicle__shifts__end_at__gt=Greatest(F("start_at"), start_at),
        **inside,
    )
    of_shift = ("vehicle__shifts__start_at", "vehicle__shifts__end_at")
    rows = own.values_list("id", "driver_id", "start_at", "end_at", "reason").union(
        away.values_list(
            "id",
            "vehicle__shifts__driver_id",
            Greatest("start_at", of_shift[0]),
            Least("end_at", of_shift[1]),
            "reason",
        ),
        all=True,
    )
    return sorted(map(AbsenceRow._make, rows), key=lambda row: (row.start_at, row.id))


def read_trips(company, day, horizon):
    """Return the day's bookings and the open trips of other days in the horizon: 1 query."""
    return _trips(day_and_around(company, day, horizon))


def read_trips_of_driver(driver_id, start_at, end_at):
    """Return the driver's trips with their planned pickup in the period: 1 query."""
    planned = Assignment.objects.filter(
        driver=driver_id, planned_pickup_at__gte=start_at, planned_pickup_at__lt=end_at
    )
    return [row for row in _trips(planned.values("booking_id")) if row.driver_id == driver_id]


def _trips(ids):
    rows = (
        Booking.objects.filter(id__in=ids)
        .exclude(status=Status.CANCELED)
        .alias(current=current_assignment())
        .order_by("scheduled_time", "id", "current__id")
        .values_list(
            "id",
            "reference",
            "status",
            "client__name",
            "client__phone",
            "pickup_address",
            "pickup_lat",
            "pickup_lon",
            "dropoff_address",
            "dropoff_lat",
            "dropoff_lon",
            "scheduled_time",
            "appointment_at",
            "will_call",
            "passengers",
            "wheelchairs",
            "needs",
            "priority",
            "return_of_id",
            "notes",
            "version",
            "updated_at",
            "pickup_place__boarding_min",
            *(f"customer__{name}" for name in OWN_WINDOW),
            "current__id",
            "current__driver_id",
            "current__status",
            "current__planned_pickup_at",
            "current__planned_dropoff_at",
            "current__arrived_at",
            "current__actual_pickup_at",
            "current__actual_dropoff_at",
            "current__locked",
            "current__confirmed",
            "current__explanation__overrides",
            "current__updated_at",
            "current__stretch",
        )
    )
    return list({row.id: row for row in map(TripRow._make, rows)}.values())


def by_driver(rows):
    """Return {driver: rows}, each in the order given."""
    found = {}
    for row in rows:
        found.setdefault(row.driver_id, []).append(row)
    return found
