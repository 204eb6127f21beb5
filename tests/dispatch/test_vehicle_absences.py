"""A vehicle in the workshop: its trips are listed and released, and it gets no new ones."""

import pytest
from django.urls import reverse

from bookings.models import Actor, Booking, Door, Event
from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.forecast.rows import read_absences
from dispatch.models import Assignment
from dispatch.planner.solve import solve
from dispatch.runs.run import run_dispatch
from drivers.models import Role, Shift, VehicleAbsence
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
FUTURE = make.date(2030, 6, 12)  # to come, by the real clock


@pytest.fixture
def anna(db):
    driver = make.driver(name="Anna", vehicle=make.vehicle(plate="VD 7"))
    make.shift(driver)
    return driver


def load(company):
    return load_problem(company, make.DAY, now=make.NOW, leeway=Leeway())


def away(vehicle, start="08:00", end="12:00", day=make.DAY):
    return vehicle.absences.create(start_at=make.at(start, day), end_at=make.at(end, day))


def test_no_trip_is_planned_in_a_vehicle_that_is_away(anna):
    away(anna.vehicle)
    inside, after = make.booking(clock="10:00"), make.booking(clock="14:00")
    day = load(anna.company)
    clocks = [(duty.start_s // 3600, duty.end_s // 3600) for duty in day.problem.duties]
    assert clocks == [(6, 8), (12, 18)]
    plan = solve(day.problem, engine="greedy", threads=1)
    assert [row.trip_id for row in plan.trips] == [after.pk]
    assert plan.unserved == (inside.pk,)


def test_the_absence_of_one_vehicle_leaves_the_shift_in_another(anna):
    Shift.objects.update(end_at=make.at("10:00"))
    make.shift(anna, "10:00", "18:00", vehicle=make.vehicle())
    away(anna.vehicle, "06:00", "18:00")
    (duty,) = load(anna.company).problem.duties
    assert (duty.start_s // 3600, duty.end_s // 3600) == (10, 18)


def test_time_in_the_workshop_is_no_break(anna):
    Shift.objects.update(
        break_min=30, break_from_at=make.at("10:00"), break_until_at=make.at("16:00")
    )
    away(anna.vehicle, "11:00", "13:00")
    assert any(duty.break_ for duty in load(anna.company).problem.duties)


def test_three_queries_and_one_row_each_with_many_absences(anna, django_assert_num_queries):
    for start, end in (("06:00", "07:00"), ("08:00", "09:00")):
        away(anna.vehicle, start, end)
        anna.absences.create(start_at=make.at(start), end_at=make.at(end))
    with django_assert_num_queries(3):
        day = load(anna.company)
    assert len(day.problem.duties) == 2  # 07:00 to 08:00, from 09:00


def test_a_run_says_what_it_takes_from_a_vehicle_that_is_away(anna):
    ben = make.driver(name="Ben")
    make.shift(ben)
    make.assignment(make.booking(clock="10:00"), anna)
    away(anna.vehicle)
    run_dispatch(anna.company, make.DAY, now=make.NOW, actor=ACTOR)
    assert Assignment.objects.open().get().driver == ben


def values(vehicle, start="08:00", end="12:00", **fields):
    return {
        "vehicle": vehicle.pk,
        "start_at": make.at(start, FUTURE).isoformat(),
        "end_at": make.at(end, FUTURE).isoformat(),
    } | fields


def test_the_api_lists_the_trips_and_releases_exactly_these(anna):
    make.shift(anna, day=FUTURE)
    trip = make.assignment(make.booking(clock="10:00", day=FUTURE), anna)
    kept = make.assignment(make.booking(clock="14:00", day=FUTURE), anna)
    planner = caller(Role.DISPATCHER)
    asked = planner.post(f"{API}vehicle-absences/", values(anna.vehicle))
    assert asked.status_code == 409
    (row,) = asked.json()["trips"]
    assert row["assignment"] == trip.pk
    assert row["why"] == "Anna's vehicle is not available then."
    assert not VehicleAbsence.objects.exists()
    made = planner.post(f"{API}vehicle-absences/?release={trip.pk}", values(anna.vehicle))
    assert made.status_code == 201
    assert list(Assignment.objects.open()) == [kept]
    assert Booking.objects.get(pk=trip.booking_id).status == "accepted"
    assert Event.objects.filter(booking=trip.booking_id).latest("id").kind == "assignment.released"
    found = planner.get(f"{API}vehicle-absences/?vehicle={anna.vehicle_id}").json()["results"]
    assert [one["reason"] for one in found] == ["workshop"]
    gone = planner.delete(f"{API}vehicle-absences/{made.json()['id']}/")
    assert gone.status_code == 204


def test_a_vehicle_lent_for_the_shift_is_asked_about_too(anna):
    ben = make.driver(name="Ben")
    make.shift(ben, day=FUTURE, vehicle=anna.vehicle)
    make.assignment(make.booking(clock="10:00", day=FUTURE), ben)
    planner = caller(Role.DISPATCHER)
    assert planner.post(f"{API}vehicle-absences/", values(anna.vehicle)).status_code == 409
    assert planner.post(f"{API}vehicle-absences/", values(ben.vehicle)).status_code == 201


def test_a_vehicle_of_another_company_is_refused(anna):
    foreign = make.vehicle(make.company("lausanne"))
    planner = caller(Role.DISPATCHER)
    refused = planner.post(f"{API}vehicle-absences/", values(foreign))
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "vehicle"


def test_the_page_asks_before_trips_are_released(client, anna):
    client.force_login(make.member(anna.company))
    make.shift(anna, day=FUTURE)
    trip = make.assignment(make.booking(clock="10:00", day=FUTURE), anna)
    form = {
        "vehicle": anna.vehicle_id,
        "start_at_0": FUTURE.isoformat(),
        "start_at_1": "08:00",
        "end_at_0": FUTURE.isoformat(),
        "end_at_1": "12:00",
        "reason": "inspection",
        "note": "",
    }
    add = reverse("admin:drivers_vehicleabsence_add")
    asked = client.post(add, form)
    assert asked.status_code == 409
    assert not VehicleAbsence.objects.exists()
    assert client.post(add, form | {"release": [trip.pk]}).status_code == 302
    assert VehicleAbsence.objects.get().reason == "inspection"
    assert not Assignment.objects.open().exists()


def test_the_board_shows_the_part_that_lies_in_the_shift(anna):
    away(anna.vehicle, "05:00", "12:00")
    anna.absences.create(start_at=make.at("17:00"), end_at=make.at("20:00"))
    start_at, end_at = anna.company.day_bounds(make.DAY)
    rows = read_absences(anna.company, start_at, end_at)
    assert [(row.driver_id, row.start_at, row.end_at, row.reason) for row in rows] == [
        (anna.pk, make.at("06:00"), make.at("12:00"), "workshop"),
        (anna.pk, make.at("17:00"), make.at("20:00"), "other"),
    ]
