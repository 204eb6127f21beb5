"""A scratch database in the middle of a day: companies at work, and keys for who is at work there.

Sessions, tokens and phones are written as a login, an owner and a link would make them.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from random import Random
from secrets import token_urlsafe

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F
from django.test import Client as Browser

from bookings.models import Actor, Booking, Door, Status
from dispatch.models import OPEN, Assignment
from dispatch.runs.options import RunOptions
from dispatch.runs.run import run_dispatch
from dispatch.trips.decisions import release
from drivers.companies.tokens import PREFIX, digest
from drivers.models import ApiToken, Company, Device, Driver, Membership, Role
from perf.project.live.people import People
from perf.project.scenarios import generate, populate
from perf.project.scenarios.bulk_insert import analyze

SLUG = "live"
ACTOR = Actor(Door.COMMAND, name="live_day")
TRIPS_A_DRIVER = 9
OF_DAY = 11  # o'clock, or a little later: what the companies' clocks show
WITHOUT_DRIVER = 3  # trips of a company, as it always is


@dataclass(frozen=True, slots=True)
class Key:
    """What lets a driver's app or phone in."""

    driver_id: int
    key: str


@dataclass(frozen=True, slots=True)
class Live:
    """The company whose boards are open, and the keys of all: `trips` are (booking, assignment)."""

    company: Company
    day: date
    sessions: tuple[str, ...]
    phones: tuple[Key, ...]
    apps: tuple[Key, ...]
    trips: tuple[tuple[int, int], ...]


def zone_in_which_it_is(hour: int, now: datetime) -> str:
    """Return the name of a timezone without summer time whose clocks show this hour.

    The names of IANA count westwards: it is later in Etc/GMT-3 than in Greenwich.
    """
    ahead = (hour - now.hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def make_live(people: People, *, bookings: int, now: datetime, seed: int) -> Live:
    """Write as many companies as have so many drivers, each with a planned day that is under way.

    Of each driver either the phone or the app reports.
    """
    companies = max(1, ceil((people.phones + people.drivers) * TRIPS_A_DRIVER / bookings))
    found = [_company(number, bookings, now, seed) for number in range(companies)]
    analyze(Booking, Driver, Assignment)
    driver_ids = list(Driver.objects.order_by("id").values_list("id", flat=True))
    Random(seed).shuffle(driver_ids)
    phones, apps = driver_ids[: people.phones], driver_ids[people.phones :][: people.drivers]
    company = found[0]
    ahead = Assignment.objects.filter(
        OPEN, company=company, planned_pickup_at__gt=now + timedelta(hours=1)
    )
    return Live(
        company,
        company.local(now).date(),
        _sessions(company, people.boards),
        _phones(phones, now),
        _apps(apps, now),
        tuple(ahead.order_by("id").values_list("booking_id", "id")),
    )


def _company(number, bookings, now, seed):
    """Write a company whose day is planned, driven until now, with a few trips without driver."""
    scenario = generate.geneva_day(bookings, seed=seed + number)
    with transaction.atomic():
        company = populate.make_company(f"{SLUG}-{number}", f"Live Transport {number}")
        company.timezone = zone_in_which_it_is(OF_DAY, now)
        company.save(update_fields=["timezone"])
        day = company.local(now).date()
        driver_ids = populate.add_fleet(company, scenario.drivers)
        populate.add_shifts(company, driver_ids, scenario.drivers, [day])
        client_ids = populate.add_clients(company, scenario.clients, driver_ids)
        populate.add_bookings(company, client_ids, scenario.bookings, day, now=now, actor=ACTOR)
    morning = company.day_bounds(day)[0]
    run_dispatch(
        company, day, now=morning, actor=ACTOR, options=RunOptions(time_limit_s=0, seed=seed)
    )
    _drive_until(company, now)
    ahead = Assignment.objects.filter(
        OPEN, company=company, planned_pickup_at__gt=now + timedelta(hours=1)
    )
    for booking, assignment in ahead.order_by("-id").values_list("booking_id", "id")[
        :WITHOUT_DRIVER
    ]:
        release(company, booking, assignment_id=assignment, actor=ACTOR, now=now)
    return company


def _drive_until(company, now):
    """Let what was planned until now have happened just so: 4 statements."""
    begun = Assignment.objects.filter(OPEN, company=company, planned_pickup_at__lte=now)
    done = begun.filter(planned_dropoff_at__lte=now)
    on_board = begun.filter(planned_dropoff_at__gt=now)
    for trips, status, times in (
        (done, Status.COMPLETED, ("pickup", "dropoff")),
        (on_board, Status.IN_PROGRESS, ("pickup",)),
    ):
        ids = list(trips.values_list("booking_id", flat=True))
        happened = {f"actual_{end}_at": F(f"planned_{end}_at") for end in times}
        trips.update(status=Assignment.Status(status.value), updated_at=now, **happened)
        Booking.objects.filter(pk__in=ids).update(status=status, updated_at=now)


def _sessions(company, many):
    keys = []
    for number in range(many):
        user = get_user_model().objects.create_user(f"board{number}", is_staff=True)
        Membership.objects.create(user=user, company=company, role=Role.DISPATCHER)
        browser = Browser()
        browser.force_login(user)
        keys.append(browser.cookies[settings.SESSION_COOKIE_NAME].value)
    return tuple(keys)


def _phones(driver_ids, now):
    keys = [Key(driver_id, token_urlsafe(32)) for driver_id in driver_ids]
    Device.objects.bulk_create(
        Device(
            driver_id=one.driver_id,
            link_digest=digest(f"link of {one.key}"),
            link_ends_at=now + timedelta(hours=1),
            digest=digest(one.key),
            made_at=now,
            paired_at=now,
            last_seen_at=now,
        )
        for one in keys
    )
    return tuple(keys)


def _apps(driver_ids, now):
    users = get_user_model().objects.bulk_create(
        get_user_model()(username=f"driver{driver_id}") for driver_id in driver_ids
    )
    drivers = list(Driver.objects.in_bulk(driver_ids).values())
    by_name = {user.username: user for user in users}
    for driver in drivers:
        driver.user = by_name[f"driver{driver.pk}"]
    Driver.objects.bulk_update(drivers, ["user"], batch_size=500)
    members = Membership.objects.bulk_create(
        Membership(user=driver.user, company_id=driver.company_id, role=Role.DRIVER)
        for driver in drivers
    )
    keys = [Key(driver.pk, PREFIX + token_urlsafe(32)) for driver in drivers]
    ApiToken.objects.bulk_create(
        ApiToken(
            membership=member,
            role=Role.DRIVER,
            name="app",
            digest=digest(one.key),
            ending=one.key[-4:],
            created_at=now,
            expires_at=now + timedelta(days=1),
            renewable_until=now + timedelta(days=1),
            last_used_at=now,
        )
        for member, one in zip(members, keys, strict=True)
    )
    return tuple(keys)
