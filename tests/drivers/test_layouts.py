"""A vehicle has one or several layouts, entered and refused alike through every door."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse
from django.utils import timezone

from bookings.models import Actor, Booking, Door
from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.models import Assignment
from dispatch.runs.options import RunOptions
from dispatch.runs.run import run_dispatch
from drivers.models import Role, Vehicle
from drivers.models.layouts import all_layouts, read_layouts, written
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.pages import save

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
TOMORROW = timezone.localdate() + timedelta(days=1)


@pytest.fixture
def bus(db):
    return make.vehicle(plate="GE 7", seats=4, wheelchair_places=0, other_layouts="2+1, 0+2")


def test_layouts_are_read_as_people_write_them():
    assert read_layouts("") == ()
    assert read_layouts(" 2 + 1,0+2 , 2+1") == ((2, 1), (0, 2))
    assert written(read_layouts("2 + 1,0+2")) == "2+1, 0+2"
    assert all_layouts(4, 0, "2+1, 4+0") == ((4, 0), (2, 1))


@pytest.mark.parametrize(
    "text", ["2", "2+", "+1", "2+1;0+2", "2+1,", "-1+2", "a+b", "101+0", "0+21", "2+1 0+2",
             "0+1,1+1,2+1,3+1,4+1,5+1,6+1,7+1,8+1"],
)  # fmt: skip
def test_what_is_no_layout_is_refused_by_every_door(text, geneva, client):
    with pytest.raises(ValidationError):
        read_layouts(text)
    me = caller(Role.DISPATCHER)
    sent = {"plate": "GE 9", "seats": 4, "other_layouts": text}
    refused = me.post(f"{API}vehicles/", sent, "json")
    assert refused.status_code == 400
    assert [row["field"] for row in refused.json()["errors"]] == ["other_layouts"]
    page = save(client, reverse("admin:drivers_vehicle_add"), company=geneva.pk, **sent)
    assert page.status_code == 200
    assert not Vehicle.objects.exists()


def test_every_door_keeps_them_as_they_are_written(geneva, client):
    me = caller(Role.DISPATCHER)
    sent = {"plate": "GE 9", "seats": 4, "wheelchair_places": 0, "other_layouts": "2 +1,0+2"}
    made = me.post(f"{API}vehicles/", sent, "json").json()
    assert made["other_layouts"] == "2+1, 0+2"
    form = sent | {"plate": "GE 8"}
    assert save(client, reverse("admin:drivers_vehicle_add"), company=geneva.pk, **form)
    assert {row.layouts for row in Vehicle.objects.all()} == {((4, 0), (2, 1), (0, 2))}
    changed = me.patch(f"{API}vehicles/{made['id']}/", {"other_layouts": ""}, "json").json()
    assert changed["other_layouts"] == ""
    assert Vehicle.objects.get(pk=made["id"]).layouts == ((4, 0),)


def the_day(bus, day=make.DAY):
    anna = make.driver(name="Anna", vehicle=bus)
    make.shift(anna, day=day)
    wheelchair = make.booking(clock="09:00", day=day, passengers=3, wheelchairs=1)
    family = make.booking(clock="11:00", day=day, passengers=4, wheelchairs=0)
    both = make.booking(clock="13:00", day=day, passengers=4, wheelchairs=1)
    return anna, wheelchair, family, both


def test_a_run_plans_with_the_layouts_of_the_shifts_vehicle(bus):
    anna, wheelchair, family, both = the_day(bus)
    report = run_dispatch(
        anna.company, make.DAY, now=make.NOW, actor=ACTOR, options=RunOptions(time_limit_s=0)
    )
    driven = set(Assignment.objects.open().values_list("booking_id", flat=True))
    assert driven == {wheelchair.id, family.id}
    (left,) = report.unassigned
    assert (left.booking, left.reason) == (both.id, "no_vehicle")
    assert left.detail == "No vehicle has 3 seats and 1 wheelchair places."


def test_the_problem_of_a_vehicle_with_one_layout_knows_no_layouts(bus):
    Vehicle.objects.update(other_layouts="4+0")  # the usual one, once more
    anna, *_trips = the_day(bus)
    day = load_problem(anna.company, make.DAY, now=make.NOW, leeway=Leeway())
    (driver,) = day.problem.drivers
    assert (driver.seats, driver.wheelchair_places, driver.layouts) == (4, 0, ())


def test_by_hand_it_is_said_what_is_there_beside_the_seats(bus):
    anna, _wheelchair, _family, both = the_day(bus, TOMORROW)
    me = caller(Role.DISPATCHER)
    path = f"{API}bookings/{both.id}/assign/"
    refused = me.post(path, {"driver": anna.id}, "json")
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {
            "field": "driver",
            "code": "no_wheelchair_place",
            "detail": "Anna has 0 wheelchair places beside 3 seats in use.",
        }
    ]
    override = {"driver": anna.id, "override": "they squeeze in"}
    assert me.post(path, override, "json").status_code == 200


def test_a_layout_that_a_planned_trip_needs_is_not_taken_away_in_silence(bus):
    anna, wheelchair, *_others = the_day(bus, TOMORROW)
    make.assignment(wheelchair, anna)
    refused = caller(Role.DISPATCHER).patch(
        f"{API}vehicles/{bus.pk}/", {"other_layouts": "3+0"}, "json"
    )
    assert refused.status_code == 409
    assert "Anna has 0 wheelchair places." in refused.content.decode()
    bus.refresh_from_db()
    assert bus.other_layouts == "2+1, 0+2"


def test_the_board_and_the_manifest_show_them(bus, client):
    anna, wheelchair, *_others = the_day(bus)
    make.assignment(wheelchair, anna)
    client.force_login(make.member(anna.company))
    board = client.get(reverse("admin:board:day", args=["geneva", make.DAY])).content.decode()
    assert ">4|2|0</span>" in board
    assert "0|1|2" in board
    sheets = client.get(reverse("admin:board:manifests", args=["geneva", make.DAY]))
    assert "seats + wheelchair places: 2+1, 0+2" in sheets.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_migration_goes_down_and_up_with_vehicles():
    make.driver(vehicle=make.vehicle(seats=3, wheelchair_places=2))
    before, after = (
        [("drivers", name)] for name in ("0042_keep_the_log_for_months", "0043_layouts_of_vehicles")
    )
    try:
        MigrationExecutor(connection).migrate(before)
        old = MigrationExecutor(connection).loader.project_state(before).apps
        assert old.get_model("drivers", "Vehicle").objects.get().seats == 3
    finally:
        MigrationExecutor(connection).migrate(after)
    (vehicle,) = Vehicle.objects.all()
    assert vehicle.layouts == ((3, 2),)
    assert Booking.objects.count() == 0
