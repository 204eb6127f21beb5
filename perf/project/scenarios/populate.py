"""Write invented companies, fleets and bookings (`scenarios.generate`) to the database.

Every function inserts in bulk and returns the new ids, in the order of what it was given.
Ids of a scenario are its indexes; those of the database are looked up in these lists.
"""

from datetime import UTC, datetime, time, timedelta
from functools import cache

from bookings.events import booking_created
from bookings.models import Booking, Client, DriverPreference, Event, Status
from drivers.models import Company, Driver, Shift, Vehicle
from drivers.phones import phone_key
from perf.project.scenarios import generate
from perf.project.scenarios.bulk_insert import insert_rows, reserve_ids

BOOKING_COLUMNS = (
    "id", "company_id", "customer_id", "client_id", "reference", "pickup_address", "pickup_lat",
    "pickup_lon", "dropoff_address", "dropoff_lat", "dropoff_lon", "scheduled_time",
    "appointment_at", "passengers", "wheelchairs", "needs", "priority", "return_of_id", "status",
    "notes", "cancel_reason", "created_at", "updated_at", "version",
)  # fmt: skip
PORTAL_EVERY = 50  # clients, of which one is the portal's


def make_company(slug, name):
    """Return a new company at Geneva whose policy is the scenario's."""
    _place, lat, lon = generate.DEPOT
    return Company.objects.create(
        slug=slug,
        name=name,
        timezone="Europe/Zurich",
        depot_lat=lat,
        depot_lon=lon,
        pickup_early_min=generate.OUTBOUND_EARLY_S // 60,
        pickup_late_min=generate.OUTBOUND_LATE_S // 60,
        return_late_min=generate.RETURN_LATE_S // 60,
        boarding_min=generate.BOARDING_S // 60,
        alighting_min=generate.ALIGHTING_S // 60,
        speed_kmh=generate.SPEED_KMH,
        circuity=generate.CIRCUITY,
        max_bookings_per_driver=generate.CAP,
    )


def wall_clock(company, day):
    """Return the function from seconds of the local day to moments: 28,800 is eight o'clock."""
    midnight = datetime.combine(day, time.min, company.zone)
    return cache(lambda seconds: (midnight + timedelta(seconds=seconds)).astimezone(UTC))


def add_fleet(company, fleet):
    """Insert the drivers, each with a vehicle of the same number."""
    vehicle_ids = reserve_ids(Vehicle, len(fleet))
    insert_rows(
        Vehicle,
        ("id", "company_id", "plate", "seats", "wheelchair_places", "skills"),
        (
            (pk, company.pk, driver.plate, driver.seats, driver.wheelchair_places, [])
            for pk, driver in zip(vehicle_ids, fleet, strict=True)
        ),
    )
    ids = reserve_ids(Driver, len(fleet))
    insert_rows(
        Driver,
        (
            "id",
            "company_id",
            "name",
            "phone",
            "vehicle_id",
            "kind",
            "is_active",
            "is_available",
            "skills",
            "max_bookings",
            "home_lat",
            "home_lon",
        ),  # fmt: skip
        (
            (
                pk,
                company.pk,
                f"{driver.first_name} {driver.last_name}",
                f"+41 70 900 {number // 100 % 100:02d} {number % 100:02d}",
                vehicle_id,
                driver.kind,
                True,
                True,
                [],
                driver.max_bookings,
                driver.latitude,
                driver.longitude,
            )
            for number, (pk, vehicle_id, driver) in enumerate(
                zip(ids, vehicle_ids, fleet, strict=True)
            )
        ),
    )
    return ids


def add_shifts(company, driver_ids, fleet, days):
    """Give every driver the same shift on each of the days, in the driver's vehicle: 2 queries."""
    vehicles = dict(Driver.objects.filter(company=company).values_list("id", "vehicle_id"))

    def rows():
        for day in days:
            at = wall_clock(company, day)
            for driver_id, driver in zip(driver_ids, fleet, strict=True):
                yield (
                    driver_id,
                    vehicles[driver_id],
                    at(driver.shift_start_s),
                    at(driver.shift_end_s),
                    driver.break_length_s // 60,
                    at(driver.break_earliest_s),
                    at(driver.break_latest_s),
                )

    columns = (
        "driver_id",
        "vehicle_id",
        "start_at",
        "end_at",
        "break_min",
        "break_from_at",
        "break_until_at",
    )
    insert_rows(Shift, columns, rows())


def owners(company, portal=None):
    """Return what names the customer of a client by its number: of one in many the `portal`."""
    default = company.default_customer.pk
    if portal is None:
        return lambda _number: default
    return lambda number: default if number % PORTAL_EVERY else portal.pk


def add_clients(company, clients, driver_ids, owner=None):
    """Insert the clients and whom they prefer; `owner` names their customers (`owners`)."""
    owner = owner or owners(company)
    ids = reserve_ids(Client, len(clients))
    insert_rows(
        Client,
        (
            "id",
            "company_id",
            "customer_id",
            "name",
            "phone",
            "phone_key",
            "address",
            "lat",
            "lon",
            "wheelchair",
        ),  # fmt: skip
        (
            (
                pk,
                company.pk,
                owner(number),
                f"{client.first_name} {client.last_name}",
                client.phone,
                phone_key(client.phone, company.timezone),
                client.address,
                client.latitude,
                client.longitude,
                client.uses_wheelchair,
            )
            for number, (pk, client) in enumerate(zip(ids, clients, strict=True))
        ),
    )
    insert_rows(
        DriverPreference,
        ("client_id", "driver_id", "kind"),
        (
            (pk, driver_ids[driver], DriverPreference.Kind.PREFERRED.value)
            for pk, client in zip(ids, clients, strict=True)
            for driver in client.preferred
        ),
    )
    return ids


def booking_rows(
    company, client_ids, bookings, ids, day, *, status, prefix, created_at, owner=None
):
    """Return rows of BOOKING_COLUMNS; every reference begins with the prefix."""
    at = wall_clock(company, day)
    owner = owner or owners(company)
    return [
        (
            pk,
            company.pk,
            owner(b.client),
            client_ids[b.client],
            f"{prefix}{b.reference}",
            _address(b.pickup_name, b.pickup_address, home=b.return_of is None),
            b.pickup_latitude,
            b.pickup_longitude,
            _address(b.dropoff_name, b.dropoff_address, home=b.return_of is not None),
            b.dropoff_latitude,
            b.dropoff_longitude,
            at(b.wanted_s),
            None if b.appointment_s is None else at(b.appointment_s),
            b.passengers,
            b.wheelchairs,
            [],
            b.priority,
            None if b.return_of is None else ids[b.return_of],
            status,
            "",
            "",
            created_at,
            created_at,
            1,
        )
        for pk, b in zip(ids, bookings, strict=True)
    ]


def _address(name, address, *, home):
    return address if home else f"{name}, {address}"


def add_bookings(company, client_ids, bookings, day, *, now, actor, owner=None):
    """Insert accepted bookings of a day, with the events of their creation."""
    ids = reserve_ids(Booking, len(bookings))
    rows = booking_rows(
        company,
        client_ids,
        bookings,
        ids,
        day,
        status=Status.ACCEPTED.value,
        prefix=f"{day:%y%m%d}-",
        created_at=now,
        owner=owner,
    )
    insert_rows(Booking, BOOKING_COLUMNS, rows)
    Event.objects.bulk_create(
        [
            booking_created(
                Booking(**dict(zip(BOOKING_COLUMNS, row, strict=True))), actor=actor, now=now
            )
            for row in rows
        ],
        batch_size=5_000,
    )
    return ids
