"""The rows that a plan is made from, as `queries` reads them: shifts of drivers, and trips."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from dispatch.models import Assignment
from drivers.fleet.handovers import is_handed
from drivers.models import Company, OwnWindow
from drivers.models.layouts import Layout, all_layouts

UNDER_WAY = {Assignment.Status.EN_ROUTE, Assignment.Status.IN_PROGRESS}
DONE = {Assignment.Status.COMPLETED, Assignment.Status.NO_SHOW}


# The columns of a vehicle in a DriverRow, in its order.
OF_VEHICLE = (
    "vehicle__seats",
    "vehicle__wheelchair_places",
    "vehicle__other_layouts",
    "vehicle__skills",
    "vehicle_id",
    "vehicle__handover_lat",
    "vehicle__handover_lon",
    "vehicle__insurance_until",
    "vehicle__inspection_until",
)


# The columns of a DriverRow that are the shift's.
OF_SHIFT = (
    "shift_id",
    "shift_start_at",
    "shift_end_at",
    "break_min",
    "break_from_at",
    "break_until_at",
    "break_at",
)


class DriverRow(NamedTuple):
    """A driver joined to one of the shifts and one of the absences that touch the day.

    `seats`, `wheelchair_places`, `other_layouts` and `equipment` are those of the vehicle of the
    shift; without a shift, those of the driver's vehicle. From `away_start_at` to `away_end_at` the
    shift's vehicle is absent, in one of its absences. `taken_over` from another driver, or
    `handed_over` to one, at its handover place, says of the shift where it begins and ends:
    `drivers/fleet/handovers.py`.
    """

    id: int
    name: str
    kind: str
    cap: int | None
    skills: list[str]
    home_lat: float | None
    home_lon: float | None
    licence_until: date | None
    permit_until: date | None
    seats: int | None
    wheelchair_places: int | None
    other_layouts: str | None
    equipment: list[str] | None
    vehicle_id: int | None
    handover_lat: float | None
    handover_lon: float | None
    insurance_until: date | None
    inspection_until: date | None
    shift_id: int | None
    shift_start_at: datetime | None
    shift_end_at: datetime | None
    break_min: int | None
    break_from_at: datetime | None
    break_until_at: datetime | None
    break_at: datetime | None
    absence_id: int | None
    absence_start_at: datetime | None
    absence_end_at: datetime | None
    away_start_at: datetime | None
    away_end_at: datetime | None
    taken_over: bool
    handed_over: bool
    last_lat: float | None
    last_lon: float | None
    last_position_at: datetime | None

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Return what the vehicle has at a time, the usual first; nothing without a vehicle."""
        return all_layouts(self.seats or 0, self.wheelchair_places or 0, self.other_layouts or "")

    def facts(self) -> tuple[Any, ...]:
        """Return what a plan depends on, but for where a plan has put the break."""
        return self._replace(break_at=None)[:-3]  # without the last position


# The columns of a BookingRow that say who drives it, and how that went.
OF_ASSIGNMENT = (
    "assignment_id",
    "driver_id",
    "assignment_status",
    "planned_pickup_at",
    "planned_dropoff_at",
    "actual_pickup_at",
    "actual_dropoff_at",
    "locked",
    "confirmed",
    "stretch",
)


class BookingRow(NamedTuple):
    """A booking joined to its open or driven assignment, if it has one."""

    id: int
    reference: str
    status: str
    client_id: int | None
    client_name: str | None
    pickup_lat: float
    pickup_lon: float
    dropoff_lat: float
    dropoff_lon: float
    scheduled_time: datetime
    appointment_at: datetime | None
    will_call: bool
    passengers: int
    wheelchairs: int
    needs: list[str]
    priority: int
    return_of_id: int | None
    version: int
    pickup_boarding_min: int | None  # of the company's place there
    dropoff_margin_min: int | None  # of the place there, else of the customer
    early_min: int | None  # the customer's own pickup window
    late_min: int | None
    return_late_min: int | None
    assignment_id: int | None
    driver_id: int | None
    assignment_status: str | None
    planned_pickup_at: datetime | None
    planned_dropoff_at: datetime | None
    actual_pickup_at: datetime | None
    actual_dropoff_at: datetime | None
    locked: bool | None
    confirmed: bool | None
    overlap_meant: bool
    series_driver_id: int | None  # whom its standing order prefers
    may_share: bool
    client_may_share: bool | None
    max_ride_min: int | None
    client_max_ride_min: int | None
    stretch: int | None  # the number of who rides together, see `stretches`

    @property
    def own_window(self) -> OwnWindow:
        return self.early_min, self.late_min, self.return_late_min

    @property
    def person(self) -> int | None:
        """Return who is on board: the client, unless it is known that it may be somebody else."""
        return None if self.overlap_meant else self.client_id

    @property
    def shares(self) -> bool:
        """Return whether others may be on board: booking and client allow it."""
        return self.may_share and self.client_may_share is not False

    @property
    def ride_limit_min(self) -> int | None:
        """Return how long the client may be on board, or None if only the company says so."""
        return self.client_max_ride_min if self.max_ride_min is None else self.max_ride_min

    @property
    def label(self) -> str:
        """Return the reference, or the number if the booking has none."""
        return self.reference or f"#{self.id}"

    def boarding_min(self, company: Company) -> int:
        """Return the minutes that boarding takes: the rule is the company's."""
        return company.boarding(
            passengers=self.passengers,
            wheelchairs=self.wheelchairs,
            needs=self.needs,
            at_place=self.pickup_boarding_min,
        )

    @property
    def pickup(self) -> tuple[float, float]:
        return self.pickup_lat, self.pickup_lon

    @property
    def dropoff(self) -> tuple[float, float]:
        return self.dropoff_lat, self.dropoff_lon

    def standing(self) -> tuple[int, int, datetime, datetime] | None:
        """Return (assignment id, driver id, planned pickup, planned dropoff) of an open assignment.

        A plan depends on these. Returns None if the booking has no open assignment.
        """
        if (
            self.assignment_id is None
            or self.assignment_status in DONE
            or self.driver_id is None
            or self.planned_pickup_at is None
            or self.planned_dropoff_at is None
        ):
            return None
        return self.assignment_id, self.driver_id, self.planned_pickup_at, self.planned_dropoff_at

    def planned(self) -> tuple[datetime, datetime]:
        """Return the planned pickup and dropoff. Raises ValueError without an assignment."""
        if self.planned_pickup_at is None or self.planned_dropoff_at is None:
            raise ValueError(f"Booking {self.id} has no assignment.")
        return self.planned_pickup_at, self.planned_dropoff_at

    def route(self) -> tuple[Any, ...]:
        """Return what a plan depends on in a trip that it must not move."""
        return self.standing(), self.pickup, self.dropoff


def driver_row(values: Sequence[Any]) -> DriverRow:
    """Return the row of a driver with the vehicle that counts: that of the shift, if there is one.

    `values` have those of the driver's vehicle, then those of the shift's, where a row has one. Who
    has the vehicle before and after becomes whether it is taken over, and handed over.
    """
    start, end = DriverRow._fields.index("seats"), DriverRow._fields.index("shift_id")
    own, of_shift, rest = (
        values[start:end],
        values[end : 2 * end - start],
        values[2 * end - start :],
    )
    shift_id = rest[0]
    row = DriverRow(*values[:start], *(own if shift_id is None else of_shift), *rest)
    return row._replace(
        taken_over=is_handed(row.id, row.taken_over), handed_over=is_handed(row.id, row.handed_over)
    )
