"""Several days read at once are the days that are read one by one."""

import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import DriverPreference
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_days, load_problem
from tests.support import builders as make

pytestmark = pytest.mark.django_db
COMPARED = (
    "day", "start_at", "end_at", "horizon", "drivers", "bookings", "neighbours", "preferences",
    "kept", "freed", "too_late", "left_out", "beside", "shift_of", "ride_m",
)  # fmt: skip


def populate(rng, days):
    """Write drivers who work on some of the days, and nights, with absences, and their trips."""
    company = make.company(shares_rides=rng.random() < 0.3)
    for number in range(4):
        driver = make.driver(company, is_available=number != 3)
        other = make.vehicle(company)
        for day in days:
            if rng.random() < 0.6:
                night = rng.random() < 0.3
                hours = ("20:00", "28:00") if night else ("07:00", "15:00")
                vehicle = rng.choice([driver.vehicle, other, None])
                make.shift(driver, *hours, day=day, vehicle=vehicle, break_min=30)
        for day in rng.sample(days, 2):
            driver.absences.create(start_at=make.at("10:00", day), end_at=make.at("22:00", day))
            for vehicle in (driver.vehicle, other):
                vehicle.absences.create(
                    start_at=make.at("06:00", day), end_at=make.at("08:00", day)
                )
        for day in days:
            client = make.client(company)
            if rng.random() < 0.5:
                kind = rng.choice(["preferred", "forbidden"])
                DriverPreference.objects.create(client=client, driver=driver, kind=kind)
            late = make.booking(company, day=day, clock="23:30", client=client)
            if rng.random() < 0.6:
                make.assignment(late, driver)
            status = rng.choice(["accepted", "canceled", "pending", "completed"])
            make.booking(company, day=day, clock=f"{8 + number}:00", client=client, status=status)
    return company


@pytest.mark.parametrize("seed", range(6))
def test_each_day_is_as_if_it_was_read_alone(seed):
    rng = random.Random(seed)
    days = [make.DAY + timedelta(days=number) for number in range(5)]
    company = populate(rng, days)
    wanted = sorted(rng.sample(days, 3))
    found = load_days(company, wanted, now=make.NOW, leeway=BY_HAND)
    assert list(found) == wanted
    for day in wanted:
        alone = load_problem(company, day, now=make.NOW, leeway=BY_HAND)
        for name in COMPARED:
            assert getattr(found[day], name) == getattr(alone, name), (day, name)
        for name in ("trips", "drivers", "duties", "costs", "sharing"):
            assert getattr(found[day].problem, name) == getattr(alone.problem, name), (day, name)


@pytest.mark.parametrize("many", [1, 5])
def test_statements_do_not_grow_with_the_days(many):
    days = [make.DAY + timedelta(days=number) for number in range(5)]
    company = populate(random.Random(9), days)
    with CaptureQueriesContext(
        connection,
    ) as sent:
        assert len(load_days(company, days[:many], now=make.NOW, leeway=BY_HAND)) == many
    assert len(sent) == 3
    assert load_days(company, [], now=make.NOW, leeway=BY_HAND) == {}


def test_days_in_between_are_not_read():
    """Three times four weeks of one order would read a month of all trips of the company."""
    company = make.company()
    days = [make.DAY + timedelta(days=7 * number) for number in range(3)]
    driver = make.driver(company)
    for number in range(15):
        day = make.DAY + timedelta(days=number)
        make.shift(driver, day=day)
        make.assignment(make.booking(company, day=day), driver)
    found = load_days(company, days, now=make.NOW, leeway=BY_HAND)
    assert len(found[days[0]].seen) == 3
    assert [len(day.bookings) for day in found.values()] == [1, 1, 1]
