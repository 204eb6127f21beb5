"""Two drivers exchange their vehicles, and those of their coming shifts, in one step."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Actor, Door
from dispatch.models import Assignment
from dispatch.trips.fleet_changes import TripsBroken
from drivers.fleet.changes import VehicleTaken
from drivers.fleet.exchange import NothingToExchange, exchange_vehicles
from drivers.models import Driver, Role, Shift
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
BY = {"actor": Actor(Door.ADMIN, name="Nadia"), "now": make.NOW}


def car(plate, **fields):
    return make.vehicle(plate=plate, **fields)


@pytest.fixture
def pair():
    anna = make.driver(name="Anna", vehicle=car("EX 1"))
    ben = make.driver(name="Ben", vehicle=car("EX 2"))
    return anna, ben


def cars():
    rows = Driver.objects.order_by("name").values_list("name", "vehicle__plate")
    return dict(rows)


def shifts():
    rows = Shift.objects.order_by("driver__name", "start_at")
    return [(s.driver.name, s.vehicle and s.vehicle.plate) for s in rows.select_related("driver")]


def test_both_and_their_coming_shifts_change_and_others_stay(pair):
    anna, ben = pair
    for driver in pair:
        make.shift(driver)  # at the same time: one after the other would be refused
    make.shift(anna, "19:00", "20:00", vehicle=car("EX 3"))
    make.shift(ben, "06:00", "19:00", day=make.DAY.replace(day=16))  # runs
    drivers, released = exchange_vehicles(anna, ben, **BY)
    assert ([d.vehicle.plate for d in drivers], released) == (["EX 2", "EX 1"], [])
    assert cars() == {"Anna": "EX 2", "Ben": "EX 1"}
    assert shifts() == [("Anna", "EX 2"), ("Anna", "EX 3"), ("Ben", "EX 2"), ("Ben", "EX 1")]


def test_who_has_no_vehicle_gets_the_one_of_the_other(pair):
    anna, _ben = pair
    cora = make.driver(name="Cora", vehicle=None)
    make.shift(anna)
    make.shift(cora)
    exchange_vehicles(cora, anna, **BY)
    assert cars() == {"Anna": None, "Ben": "EX 2", "Cora": "EX 1"}
    assert shifts() == [("Anna", None), ("Cora", "EX 1")]


def test_a_third_driver_who_has_the_vehicle_then_is_named_and_nothing_changes(pair):
    anna, ben = pair
    make.shift(anna)
    third = make.driver(name="Cora", vehicle=ben.vehicle)
    make.shift(third, "08:00", "10:00")
    with pytest.raises(VehicleTaken, match="Cora drives EX 2"):
        exchange_vehicles(anna, ben, **BY)
    assert cars()["Anna"] == "EX 1"


def test_trips_that_no_longer_fit_are_named_and_released_if_agreed(pair):
    anna, ben = pair
    small = car("EX 4", seats=1, wheelchair_places=0)
    Driver.objects.filter(pk=ben.pk).update(vehicle=small)
    make.shift(anna)
    trip = make.assignment(make.booking(passengers=3), anna, planned_pickup_at=make.at("09:00"))
    with pytest.raises(TripsBroken) as refusal:
        exchange_vehicles(anna, ben, **BY)
    assert [broken.assignment_id for broken in refusal.value.trips] == [trip.id]
    assert cars()["Anna"] == "EX 1"
    _drivers, released = exchange_vehicles(anna, ben, agreed=[trip.id], **BY)
    assert [broken.assignment_id for broken in released] == [trip.id]
    assert not Assignment.objects.open().exists()


def test_there_must_be_two_drivers_of_one_company_with_different_vehicles(pair):
    anna, ben = pair
    stranger = make.driver(make.company("zurich"))
    for other in (anna, stranger):
        with pytest.raises(NothingToExchange, match="two different drivers"):
            exchange_vehicles(anna, other, **BY)
    ben.vehicle = anna.vehicle
    ben.save()
    with pytest.raises(NothingToExchange, match="same vehicle"):
        exchange_vehicles(anna, ben, **BY)


def test_the_api_exchanges_and_knows_no_driver_of_another_company(pair):
    anna, ben = pair
    api = caller(Role.DISPATCHER)
    url = f"{API}drivers/{anna.pk}/exchange-vehicle/"
    done = api.post(url, {"driver": ben.pk})
    assert [row["vehicle"] for row in done.json()] == [ben.vehicle_id, anna.vehicle_id]
    stranger = make.driver(make.company("zurich"))
    refused = api.post(url, {"driver": stranger.pk})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "driver")


def test_the_list_of_drivers_exchanges_two(client, pair):
    client.force_login(make.member())
    anna, ben = pair
    data = {"action": "exchange_vehicles", "_selected_action": [anna.pk, ben.pk]}
    page = client.post("/admin/drivers/driver/", data, follow=True).text
    assert "Anna now has EX 2, Ben has EX 1." in page
    one = client.post("/admin/drivers/driver/", data | {"_selected_action": [anna.pk]}, follow=True)
    assert "Choose exactly two drivers" in one.text


def test_the_statements_are_as_many_for_one_shift_as_for_many(pair):
    anna, ben = pair

    def statements():
        with CaptureQueriesContext(connection) as sent:
            exchange_vehicles(anna, ben, **BY)
        for driver in pair:
            driver.refresh_from_db()
        return len(sent)

    for driver in pair:
        make.shift(driver)
    few = statements()
    for number in range(20, 28):
        for driver in pair:
            make.shift(driver, day=make.DAY.replace(day=number))
    assert statements() == few
