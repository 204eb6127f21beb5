"""What budgets.toml has no line for: expanded and searched lists, and a preview's life."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

LISTS = {  # statements of a page, whatever its size
    "companies/": 2,
    "vehicles/": 2,
    "drivers/": 2,
    "shifts/": 2,
    "absences/": 2,
    "vehicle-absences/": 2,
    "tokens/": 2,
    "members/": 2,
    "shift-patterns/": 2,
    "client-places/": 2,
    "driver-preferences/": 2,
    "invitations/": 2,
    "clients/": 2,
    "company-places/": 2,
    "bookings/": 2,
    "bookings/?expand=client,assignment,driver": 2,
    "bookings/?expand=series": 2,
    "bookings/?search=Client&status=assigned": 5,  # clients, theirs, the reference
    "assignments/": 2,
    "dispatch-runs/": 2,
    "pauses/": 2,
    "series/": 2,
    "events/": 2,
    "webhooks/": 2,
    "webhook-deliveries/": 2,
}


def fill(count):
    for number in range(count):
        driver = make.driver()
        make.shift(driver)
        driver.shift_templates.create(weekday=2, start="06:00", end="14:00")
        client = make.client()
        client.driver_preferences.create(driver=driver, kind="preferred")
        client.places.create(label="Ward", address="Rue 4", lat=46.2, lon=6.1)
        for row in (driver, driver.vehicle):
            row.absences.create(start_at=make.at("19:00"), end_at=make.at("20:00"))
        make.assignment(make.booking(client=make.client()), driver)
        make.run(day=make.DAY)
        make.place(address=f"Rue {number}")
        make.invitation()
        caller(Role.VIEWER)
        make.booking(status="pending", reference=f"P{number}")
        make.delivery()
        order = make.series()
        make.booking(series=order, series_day=make.DAY, series_leg=0)
        order.pauses.create(company=order.company, first_day=make.DAY)


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
    # token, savepoint, run, savepoint, run, plan, release, release
    assert cost(lambda: owner.post(f"{preview['Location']}discard/"))[1] == 8
    # token, previews that wait, savepoint, run, release
    assert cost(lambda: owner.post(f"{API}dispatch-runs/", body | {"background": True}))[1] == 5
    # token, run
    assert cost(lambda: owner.get(preview["Location"]))[1] == 2


def test_a_portals_assignments_are_asked_by_company_too():
    """Assignments have no customer: without, a million were read and sorted (1.2 s) for a page."""
    fill(2)
    with CaptureQueriesContext(connection) as seen:
        response = caller(Role.CLIENT_API).get(f"{API}assignments/")
    assert len(response.json()["results"]) == 2
    assert '"dispatch_assignment"."company_id" = ' in seen[-1]["sql"]
