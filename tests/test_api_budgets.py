"""How many statements each endpoint needs, at two sizes; the token's is the first of each."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from drivers.models import Role
from tests import builders as make
from tests.callers import API, booking_values, caller

pytestmark = pytest.mark.django_db

LISTS = {  # statements of a page, whatever its size
    "companies/": 2,
    "vehicles/": 2,
    "drivers/": 2,
    "shifts/": 2,
    "absences/": 2,
    "tokens/": 2,
    "clients/": 2,
    "bookings/": 2,
    "bookings/?expand=client,assignment,driver": 2,
    "bookings/?search=Client&status=assigned": 2,
    "assignments/": 2,
    "dispatch-runs/": 2,
    "events/": 2,
    "webhooks/": 2,
    "webhook-deliveries/": 2,
}
USE_CASES = {  # and 2 of the savepoint inside the test's transaction
    "accept": 9,
    "cancel": 11,
    "release": 11,
    "progress": 11,
    "assign": 18,
}


def fill(count):
    for number in range(count):
        driver = make.driver()
        make.shift(driver)
        driver.absences.create(start_at=make.at("19:00"), end_at=make.at("20:00"))
        make.assignment(make.booking(client=make.client()), driver)
        make.run(day=make.DAY)
        caller(Role.VIEWER)
        make.booking(status="pending", reference=f"P{number}")
        make.delivery()


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("path", LISTS)
def test_a_list_costs_the_same_whatever_its_size(path, count):
    fill(count)
    owner = caller(Role.OWNER)
    with CaptureQueriesContext(
        connection,
    ) as seen:
        response = owner.get(API + path)
    assert response.status_code == 200
    assert len(seen) == LISTS[path], [query["sql"][:120] for query in seen]
    assert len(response.json()["results"]) >= (1 if "companies" in path else count)


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("name", USE_CASES)
def test_a_use_case_costs_the_same_whatever_the_day_holds(name, count):
    fill(count)
    booking = make.booking(status="pending" if name == "accept" else "accepted", clock="14:00")
    driver = make.driver()
    make.shift(driver)
    if name in ("cancel", "release", "progress"):
        make.assignment(booking, driver)
    body = {"status": "en_route", "driver": driver.id}
    if name == "assign":
        booking.scheduled_time = make.at("14:00", timezone.localdate() + make.timedelta(days=1))
        booking.save()
        make.shift(driver, day=timezone.localdate() + make.timedelta(days=1))
    owner = caller(Role.OWNER)
    with CaptureQueriesContext(connection) as seen:
        response = owner.post(f"{API}bookings/{booking.id}/{name}/", body)
    assert response.status_code == 200, response.content
    assert len(seen) <= USE_CASES[name], [query["sql"][:120] for query in seen]


@pytest.mark.parametrize("count", [2, 40])
def test_a_bulk_costs_the_same_for_two_and_for_forty(count):
    portal, client = caller(Role.CLIENT_API), make.client()
    rows = [booking_values(f"R{n}", client=client.id) for n in range(count)]
    with CaptureQueriesContext(connection) as seen:
        response = portal.post(f"{API}bookings/bulk/", {"bookings": rows})
    assert response.json()["created"] == count
    # token, savepoint, clients, references, bookings, events, release
    assert len(seen) == 7, [query["sql"][:120] for query in seen]


@pytest.mark.parametrize("count", [1, 12])
def test_a_preview_and_its_end_cost_the_same_whatever_the_day_holds(count):
    fill(count)
    owner = caller(Role.OWNER)
    body = {"day": str(make.DAY), "preview": True, "time_limit_s": 0}

    def cost(call):
        with CaptureQueriesContext(connection) as seen:
            response = call()
        assert response.status_code < 300, response.content
        return response, len(seen)

    # token, run, drivers, trips, preferences, savepoint, run, plan, release
    preview, number = cost(lambda: owner.post(f"{API}dispatch-runs/", body))
    assert number == 9
    # token, run, savepoint, run, plan, release
    assert cost(lambda: owner.post(f"{preview['Location']}discard/"))[1] == 6
    # token, run, its progress
    assert cost(lambda: owner.post(f"{API}dispatch-runs/", body | {"background": True}))[1] == 3
    # token, run
    assert cost(lambda: owner.get(preview["Location"]))[1] == 2


@pytest.mark.parametrize("count", [1, 12])
def test_webhooks_cost_the_same_however_many_there_are(count):
    fill(count)
    owner, delivery = caller(Role.OWNER), make.delivery()
    hook = f"{API}webhooks/{delivery.webhook_id}/"
    for cost, call in (
        (3, lambda: owner.post(f"{API}webhooks/", {"url": "https://example.org/"})),  # last event
        (3, lambda: owner.post(f"{hook}rotate/")),
        (3, lambda: owner.post(f"{API}webhook-deliveries/{delivery.id}/redeliver/")),
        # token, savepoint, row, its company, update, release
        (6, lambda: owner.patch(hook, {"kinds": []})),
    ):
        with CaptureQueriesContext(connection) as seen:
            assert call().status_code < 300
        assert len(seen) == cost, [query["sql"][:120] for query in seen]
