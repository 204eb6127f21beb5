"""Read a day as driver manifests: every stop in order, with planned times and places.

Times are local to the company, with their offset; positions are in degrees, WGS 84.
"""

import csv
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import FilteredRelation, Q

from bookings.cells import safe_cells
from bookings.models import Booking, Status
from dispatch.day.reasons import translated
from dispatch.day.rows import DONE
from dispatch.day.travel_times import driving, say_driving, travel_times
from dispatch.day.trips import window_around
from dispatch.models import OPEN_ASSIGNMENT_STATUSES, Assignment, DispatchRun
from drivers.fleet.handovers import had_before, has_after, is_handed
from drivers.models import Company, Shift

# The assignments that are planned, under way or driven.
SHOWN = [*OPEN_ASSIGNMENT_STATUSES, *sorted(DONE)]
PICKUP, DROPOFF, BREAK = "pickup", "dropoff", "break"
# Passengers get out before others get in at the same moment.
ORDER = {DROPOFF: 0, BREAK: 1, PICKUP: 2}


@dataclass(frozen=True, slots=True)
class Stop:
    """A pickup, a dropoff or a break of a driver; `until` is the end of a break.

    `entrance` and `door_notes` are those of the company's place there. `actual_at` is when it
    happened, None if that is not known. A pickup is wanted in [earliest_at, latest_at], the arrival
    at a dropoff by `appointment_at`, if there is one.
    """

    kind: str
    at: datetime
    until: datetime | None = None
    actual_at: datetime | None = None
    earliest_at: datetime | None = None
    latest_at: datetime | None = None
    appointment_at: datetime | None = None
    booking: int | None = None
    reference: str = ""
    address: str = ""
    entrance: str = ""
    door_notes: str = ""
    lat: float | None = None
    lon: float | None = None
    client: str = ""
    phone: str = ""
    passengers: int | None = None
    wheelchairs: int | None = None
    needs: tuple[str, ...] = ()
    priority: str = ""
    notes: str = ""
    status: str = ""

    @property
    def is_finished(self):
        return self.status in DONE

    def is_with(self, before: "Stop") -> bool:
        """Say whether the vehicle stands there already, and others get on too, or off."""
        return self.kind != BREAK and self._door() == before._door()

    def _door(self):
        return self.kind, self.lat, self.lon, self.address, self.entrance, self.door_notes


class Halt(NamedTuple):
    """A break, or what is done at one place at once: clients get on together, or off.

    `aboard` are the clients on board when the vehicle leaves; None where everybody rides alone.
    """

    stops: tuple[Stop, ...]
    aboard: tuple[str, ...] | None = None


class Duty(NamedTuple):
    """A shift in its vehicle: "" and None without one.

    `taken_over` from another driver at its start, `handed_over` to one at its end, at the
    vehicle's place (`handover_at`, degrees) or, without one, at the depot.
    """

    start: datetime
    end: datetime
    vehicle: str
    seats: int | None
    wheelchair_places: int | None
    other_layouts: str | None
    taken_over: bool = False
    handed_over: bool = False
    handover_at: tuple[float, float] | None = None


@dataclass(slots=True)
class DriverManifest:
    """A driver's day.

    The vehicle is that of the first shift, without shifts the driver's; others are in `shifts`.
    `shared` are the bookings that are driven in a stretch with others.
    """

    id: int
    name: str
    phone: str
    vehicle: str
    seats: int | None
    wheelchair_places: int | None
    other_layouts: str | None
    shifts: list[Duty]
    stops: list[Stop]
    shared: set[int]

    def halts(self) -> list[Halt]:
        """Return the stops in order: of a driver with shared rides, with who is on board."""
        found: list[Halt] = []
        aboard: dict[int | None, str] = {}
        is_shared = False
        for stop in self.stops:
            if stop.kind == PICKUP and stop.status != Assignment.Status.NO_SHOW:
                aboard[stop.booking] = stop.client or stop.reference
                is_shared |= len(self.shared.intersection(aboard)) > 1
            elif stop.kind == DROPOFF:
                aboard.pop(stop.booking, None)
            before = found[-1].stops if found else ()
            if before and stop.is_with(before[-1]):
                found.pop()
            else:
                before = ()
            found.append(Halt((*before, stop), tuple(aboard.values())))
        return found if is_shared else [Halt((stop,)) for stop in self.stops]

    def vehicle_at(self, moment: datetime) -> str:
        """Return the plate of the vehicle in which the driver is at a moment."""
        duties = (duty for duty in self.shifts if duty.start <= moment < duty.end)
        duty = next(duties, None)
        return self.vehicle if duty is None else duty.vehicle


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A booking without a driver; `reason` is the one given by the day's last run."""

    booking: int
    reference: str
    scheduled_time: datetime
    status: str
    passengers: int
    wheelchairs: int
    reason: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifests of a day, in order of their first stop; drivers without stops come last.

    `driving` is where the planned times come from, see `dispatch.day.travel_times.driving`: that of
    the day's last run, before the first one that of a run now.
    """

    company: Company
    day: date
    drivers: tuple[DriverManifest, ...]
    unassigned: tuple[Unassigned, ...]
    driving: dict[str, Any]

    @property
    def driving_text(self) -> str:
        return say_driving(self.driving)

    def as_dict(self):
        return {
            "company": self.company.slug,
            "day": self.day.isoformat(),
            "timezone": self.company.timezone,
            "driving": self.driving["by"],
            "drivers": [
                {
                    "id": driver.id,
                    "name": driver.name,
                    "phone": driver.phone,
                    "vehicle": driver.vehicle,
                    "seats": driver.seats,
                    "wheelchair_places": driver.wheelchair_places,
                    "other_layouts": driver.other_layouts,
                    "shifts": [
                        duty._asdict()
                        | {"start": duty.start.isoformat(), "end": duty.end.isoformat()}
                        for duty in driver.shifts
                    ],
                    "stops": [_plain(asdict(stop)) for stop in driver.stops],
                }
                for driver in self.drivers
            ],
            "unassigned": [_plain(asdict(row)) for row in self.unassigned],
        }

    def rows(self):
        """Yield a row of CSV_COLUMNS for every stop; unassigned bookings have no stop."""
        for driver in self.drivers:
            for number, stop in enumerate(driver.stops, 1):
                yield (*_csv_row(driver, number, stop), self.driving["by"])

    def write_csv(self, file):
        writer = csv.writer(file)
        writer.writerow(CSV_COLUMNS)
        writer.writerows(map(safe_cells, self.rows()))


CSV_COLUMNS = (
    "driver", "driver_phone", "vehicle", "stop", "kind", "planned_at", "until", "actual_at",
    "reference", "address", "lat", "lon", "client", "client_phone", "passengers", "wheelchairs",
    "needs", "priority", "notes", "status", "entrance", "door_notes", "driving",
)  # fmt: skip


def _csv_row(driver, number, stop):
    values = _plain(asdict(stop))
    return (
        driver.name, driver.phone, driver.vehicle_at(stop.at), number, stop.kind, values["at"],
        values["until"], values["actual_at"], stop.reference, stop.address, stop.lat, stop.lon,
        stop.client, stop.phone, stop.passengers, stop.wheelchairs, " ".join(stop.needs),
        stop.priority, stop.notes, stop.status, stop.entrance, stop.door_notes,
    )  # fmt: skip


def _plain(values):
    return {
        name: value.isoformat(timespec="seconds")
        if isinstance(value, datetime)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }


def read_manifest(company: Company, day: date) -> Manifest:
    """Read the current plan of the day: three queries.

    A trip belongs to the day of its wanted time, a break to the day on which it begins.
    """
    drivers = {}
    day_start, day_end = company.day_bounds(day)
    shifts = list(
        Shift.objects.filter(driver__company=company, start_at__lt=day_end, end_at__gt=day_start)
        .select_related("driver", "vehicle")
        .annotate(had_before=had_before(), has_after=has_after())
        .order_by("start_at", "id")
    )
    for shift in shifts:
        manifest = _driver_manifest(drivers, shift.driver, shift.vehicle)
        start, end = company.local(shift.start_at), company.local(shift.end_at)
        duty = Duty(start, end, *_values_of(shift.vehicle))._replace(
            taken_over=is_handed(shift.driver_id, shift.had_before),
            handed_over=is_handed(shift.driver_id, shift.has_after),
            handover_at=_handover_at(shift.vehicle),
        )
        manifest.shifts.append(duty)
        if shift.break_at and day_start <= shift.break_at < day_end:
            until = shift.break_at + timedelta(minutes=shift.break_min)
            manifest.stops.append(
                Stop(BREAK, company.local(shift.break_at), until=company.local(until))
            )

    reasons, said = _last_run(company, day)
    unassigned, seen = [], set()
    for booking in _bookings(company, day):
        if booking.id in seen:
            continue
        seen.add(booking.id)
        assignment = getattr(booking, "shown", None)
        if assignment and booking.status != Status.CANCELED:
            driver = assignment.driver
            manifest = _driver_manifest(drivers, driver, driver.vehicle)
            manifest.stops += _stops(company, booking, assignment)
            if assignment.stretch is not None:
                manifest.shared.add(booking.id)
        elif booking.is_open:
            unassigned.append(
                Unassigned(
                    booking.id,
                    booking.reference,
                    company.local(booking.scheduled_time),
                    booking.status,
                    booking.passengers,
                    booking.wheelchairs,
                    reasons.get(booking.id, ""),
                )
            )
    for manifest in drivers.values():
        manifest.stops.sort(key=lambda stop: (stop.at, ORDER[stop.kind], stop.booking or 0))
    return Manifest(
        company,
        day,
        tuple(
            sorted(
                drivers.values(),
                key=lambda driver: (
                    not driver.stops,
                    driver.stops[0].at if driver.stops else driver.shifts[0][0],
                    driver.id,
                ),
            )
        ),
        tuple(unassigned),
        said or driving(travel_times(company)),
    )


def _bookings(company, day):
    """Return the day's bookings, with the open or driven assignment as `shown`."""
    return (
        Booking.objects.on(company, day)
        .annotate(shown=FilteredRelation("assignments", condition=Q(assignments__status__in=SHOWN)))
        .select_related(
            "client", "customer", "pickup_place", "dropoff_place", "shown__driver__vehicle"
        )
        .order_by("scheduled_time", "id", "-shown__id")
    )


def _last_run(company, day):
    """Return why bookings were unassigned in the last run, by id, and whence its drives."""
    rows, said = (
        DispatchRun.objects.filter(company=company, day=day, status=DispatchRun.Status.COMPLETED)
        .order_by("-id")
        .values_list("unassigned", "metrics__driving")
        .first()
    ) or ((), None)
    return {row["booking"]: translated(row)["detail"] for row in rows}, said


def _driver_manifest(drivers, driver, vehicle):
    if driver.id not in drivers:
        plate, seats, places, others = _values_of(vehicle)
        drivers[driver.id] = DriverManifest(
            driver.id, driver.name, driver.phone, plate, seats, places, others, [], [], set()
        )
    return drivers[driver.id]


def _values_of(vehicle):
    """Return (plate, seats, wheelchair places, other layouts) of a vehicle, or of none."""
    if not vehicle:
        return "", None, None, None
    return vehicle.plate, vehicle.seats, vehicle.wheelchair_places, vehicle.other_layouts


def _handover_at(vehicle):
    if vehicle is None or vehicle.handover_lat is None or vehicle.handover_lon is None:
        return None
    return vehicle.handover_lat, vehicle.handover_lon


def _stops(company, booking, assignment):
    client = booking.client
    shared = {
        "booking": booking.id,
        "reference": booking.reference,
        "client": client.name if client else "",
        "phone": client.phone if client else "",
        "passengers": booking.passengers,
        "wheelchairs": booking.wheelchairs,
        "needs": tuple(booking.needs),
        "priority": Booking.Priority(booking.priority).name.lower(),
        "notes": booking.notes,
        "status": assignment.status,
    }

    def local(moment):
        return moment and company.local(moment)

    earliest_at, latest_at = window_around(
        company, booking.scheduled_time, booking.return_of_id, booking.customer.own_window
    )
    return [
        Stop(
            PICKUP,
            local(assignment.planned_pickup_at),
            actual_at=local(assignment.actual_pickup_at),
            earliest_at=local(earliest_at),
            latest_at=local(latest_at),
            address=booking.pickup_address,
            lat=booking.pickup_lat,
            lon=booking.pickup_lon,
            **_at_the_door(booking.pickup_place),
            **shared,
        ),
        Stop(
            DROPOFF,
            local(assignment.planned_dropoff_at),
            actual_at=local(assignment.actual_dropoff_at),
            appointment_at=local(booking.appointment_at),
            address=booking.dropoff_address,
            lat=booking.dropoff_lat,
            lon=booking.dropoff_lon,
            **_at_the_door(booking.dropoff_place),
            **shared,
        ),
    ]


def _at_the_door(place):
    return {"entrance": place.entrance, "door_notes": place.notes} if place else {}
