"""Make a random day of a company: drivers, clients and bookings, the same for the same seed."""

import random
from datetime import timedelta

from django.core.exceptions import ValidationError

from bookings.models import Actor, Booking, Door, DriverPreference, Status
from bookings.overlaps import trips_asked
from bookings.save import save_booking
from drivers.models import Company, Driver
from tests.support import builders as make

ACTOR = Actor(Door.COMMAND, name="random calls")


def make_day(
    seed: int, *, bookings: int = 60, drivers: int = 8, shares_rides: bool = False
) -> Company:
    """Create a company with a dispatcher, a webhook, drivers, clients and bookings on `DAY`."""
    rng = random.Random(seed)
    company = make.company(f"random-{seed}", shares_rides=shares_rides)
    make.member(company)
    make.webhook(company)
    staff = [_make_driver(company, rng) for _ in range(drivers)]
    clients = [make.client(company) for _ in range(bookings // 3)]
    for client in clients[::4]:
        DriverPreference.objects.create(
            client=client, driver=rng.choice(staff), kind=DriverPreference.Kind.FORBIDDEN
        )
    for number in range(bookings):
        _save(_booking(company, rng, number, clients))
    return company


def _save(booking: Booking) -> None:
    """Save it; asked whether the client is meant to be driven twice at once, it is not theirs."""
    try:
        save_booking(booking, actor=ACTOR, now=make.NOW)
    except ValidationError as error:
        if not trips_asked(error):
            raise
        booking.overlap_meant = True
        save_booking(booking, actor=ACTOR, now=make.NOW)


def _make_driver(company: Company, rng: random.Random) -> Driver:
    vehicle = make.vehicle(
        company, wheelchair_places=rng.randrange(3), skills=rng.choice([[], ["stretcher"]])
    )
    lat, lon = random_place(rng)
    driver = make.driver(company, vehicle=vehicle, home_lat=lat, home_lon=lon)
    first_hour = rng.choice([6, 7, 8])
    make.shift(
        driver,
        f"{first_hour:02}:00",
        f"{first_hour + 9}:00",
        break_min=rng.choice([0, 30, 45]),
        break_from_at=make.at("11:00"),
        break_until_at=make.at("14:00"),
    )
    return driver


def _booking(company: Company, rng: random.Random, number: int, clients: list) -> Booking:
    wanted_at = make.at(f"{rng.randrange(7, 17)}:{rng.randrange(60):02}")
    (pickup_lat, pickup_lon), (dropoff_lat, dropoff_lon) = random_place(rng), random_place(rng)
    will_call = rng.random() < 0.05
    pending = will_call or rng.random() < 0.2
    return Booking(
        company=company,
        client=rng.choice(clients),
        reference=f"T-{number}",
        pickup_lat=pickup_lat,
        pickup_lon=pickup_lon,
        dropoff_lat=dropoff_lat,
        dropoff_lon=dropoff_lon,
        scheduled_time=wanted_at,
        appointment_at=wanted_at + timedelta(minutes=75) if rng.random() < 0.3 else None,
        will_call=will_call,
        wheelchairs=rng.choice([0, 0, 0, 1]),
        needs=rng.choice([[], [], [], [], ["stretcher"]]),
        priority=rng.choice([0, 0, 1, 2]),
        status=Status.PENDING if pending else Status.ACCEPTED,
    )


def random_place(rng: random.Random) -> tuple[float, float]:
    """Return a place in Geneva, to four decimals: ten metres."""
    return round(rng.uniform(46.17, 46.24), 4), round(rng.uniform(6.08, 6.20), 4)
