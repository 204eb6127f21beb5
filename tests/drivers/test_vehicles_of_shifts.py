"""A shift names its vehicle, and no vehicle is in two shifts at once, through any door."""

from datetime import date, time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from bookings.models import Actor, Door
from drivers.fleet.changes import VehicleTaken, changing
from drivers.fleet.fill_weeks import copy_colleague, copy_week, fill_weeks
from drivers.models import Driver, Role, Shift, ShiftTemplate, Weekday
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 6, 22)
ACTOR = Actor(Door.COMMAND, name="test")


@pytest.fixture
def anna(db):
    return make.driver(name="Anna", vehicle=make.vehicle(plate="VD 7"))


@pytest.fixture
def bruno(anna):
    return make.driver(name="Bruno", vehicle=anna.vehicle)


def values(driver, start="06:00", end="14:00", day=MONDAY, **fields):
    moments = {"start_at": make.at(start, day), "end_at": make.at(end, day)}
    return {
        "driver": driver.pk,
        **{name: moment.isoformat() for name, moment in moments.items()},
    } | fields


def test_the_database_refuses_a_vehicle_in_two_shifts_at_once(anna, bruno):
    make.shift(anna, "06:00", "14:00")
    with pytest.raises(IntegrityError), transaction.atomic():
        make.shift(bruno, "13:59", "20:00")
    later = make.shift(bruno, "14:00", "20:00")
    with pytest.raises(IntegrityError), transaction.atomic():
        Shift.objects.filter(pk=later.pk).update(start_at=make.at("13:00"))


def test_shifts_without_a_vehicle_may_be_at_the_same_time(anna, bruno):
    make.shift(anna, vehicle=None)
    make.shift(bruno, vehicle=None)
    assert Shift.objects.filter(vehicle=None).count() == 2


def test_a_refusal_names_the_other_driver_and_the_times(anna, bruno):
    make.shift(anna, "06:00", "14:00")
    shift = Shift(
        driver=bruno, vehicle=bruno.vehicle, start_at=make.at("13:00"), end_at=make.at("20:00")
    )
    with pytest.raises(ValidationError) as refused:
        shift.full_clean()
    (text,) = refused.value.message_dict["vehicle"]
    assert text.startswith("Anna drives VD 7:")
    assert "17 Jun 2026, 04:00 – 17 Jun 2026, 12:00 UTC" in text


def test_a_vehicle_of_another_company_is_refused(anna):
    foreign = make.vehicle(make.company("lausanne"))
    shift = Shift(driver=anna, vehicle=foreign, start_at=make.at("06:00"), end_at=make.at("14:00"))
    with pytest.raises(ValidationError, match="another company"):
        shift.full_clean()
    template = ShiftTemplate(driver=anna, vehicle=foreign, weekday=0, start=time(6), end=time(14))
    with pytest.raises(ValidationError, match="another company"):
        template.full_clean()


def test_the_api_takes_the_drivers_vehicle_unless_told_otherwise(anna):
    planner = caller(Role.DISPATCHER)
    made = planner.post(f"{API}shifts/", values(anna))
    assert (made.status_code, made.json()["vehicle"]) == (201, anna.vehicle_id)
    none = planner.post(f"{API}shifts/", values(anna, "15:00", "18:00", vehicle=None))
    assert (none.status_code, none.json()["vehicle"]) == (201, None)
    other = make.vehicle()
    named = planner.post(f"{API}shifts/", values(anna, "19:00", "20:00", vehicle=other.pk))
    assert (named.status_code, named.json()["vehicle"]) == (201, other.pk)
    found = planner.get(f"{API}shifts/?vehicle={other.pk}").json()["results"]
    assert [row["id"] for row in found] == [named.json()["id"]]


def test_the_api_refuses_what_is_taken_and_what_is_foreign(anna, bruno):
    planner = caller(Role.DISPATCHER)
    make.shift(anna, "06:00", "14:00", day=MONDAY)
    taken = planner.post(f"{API}shifts/", values(bruno))
    assert taken.status_code == 400
    (error,) = taken.json()["errors"]
    assert error["field"] == "vehicle"
    assert "Anna drives VD 7" in error["detail"]
    foreign = make.vehicle(make.company("lausanne"))
    assert planner.post(f"{API}shifts/", values(bruno, vehicle=foreign.pk)).status_code == 400
    free = planner.post(f"{API}shifts/", values(bruno, vehicle=None)).json()
    changed = planner.patch(f"{API}shifts/{free['id']}/", {"vehicle": anna.vehicle_id})
    assert changed.status_code == 400
    assert Shift.objects.get(pk=free["id"]).vehicle_id is None


def form(driver, start="06:00", end="14:00", day=MONDAY, **fields):
    return {
        "driver": driver.pk,
        "vehicle": "",
        "start_at_0": day.isoformat(),
        "start_at_1": start,
        "end_at_0": day.isoformat(),
        "end_at_1": end,
        "break_min": 0,
    } | fields


def test_the_form_takes_the_drivers_vehicle_and_names_who_has_it(client, anna, bruno):
    client.force_login(make.member(anna.company))
    add = reverse("admin:drivers_shift_add")
    assert client.post(add, form(anna)).status_code == 302
    shift = Shift.objects.get()
    assert shift.vehicle_id == anna.vehicle_id
    again = client.post(add, form(bruno, "13:00", "20:00"))
    assert again.status_code == 200
    assert "Anna drives VD 7" in str(again.context["adminform"].form.errors["vehicle"])
    change = reverse("admin:drivers_shift_change", args=[shift.pk])
    assert client.post(change, form(anna)).status_code == 302
    shift.refresh_from_db()
    assert shift.vehicle_id is None
    shown = client.get(reverse("admin:drivers_shift_changelist"), {"without_vehicle": "1"})
    assert [row.pk for row in shown.context["cl"].result_list] == [shift.pk]


def test_the_roster_shows_the_vehicle(client, anna):
    client.force_login(make.member(anna.company))
    make.shift(anna, day=MONDAY)
    page = client.get(reverse("admin:drivers_shift_roster"), {"week": MONDAY.isoformat()})
    assert "VD 7" in page.content.decode()


def template(driver, **fields):
    row = {"weekday": Weekday.MONDAY, "start": time(6), "end": time(14)} | fields
    return ShiftTemplate.objects.create(driver=driver, **row)


def test_weeks_are_filled_with_the_named_vehicle_and_not_with_one_that_is_taken(anna, bruno):
    other = make.vehicle()
    template(anna)
    template(anna, weekday=Weekday.TUESDAY, vehicle=other)
    template(bruno, start=time(13), end=time(20))
    filled = fill_weeks(anna.company, [anna.pk, bruno.pk], MONDAY, 1, now=make.NOW)
    cars = [row.vehicle_id for row in filled.created]
    assert cars == [anna.vehicle_id, other.pk]
    (left,) = filled.left_out
    assert left.driver == "Bruno"
    assert left.why.startswith("Anna has its vehicle")
    again = fill_weeks(anna.company, [bruno.pk], MONDAY, 1, now=make.NOW)
    assert [row.driver for row in again.left_out] == ["Bruno"]  # the other is stored by now


def test_a_copied_week_keeps_its_vehicles_and_a_colleague_brings_the_own(anna):
    other = make.vehicle()
    make.shift(anna, day=MONDAY, vehicle=other)
    copy_week(anna.company, [anna.pk], MONDAY, MONDAY + timedelta(days=7), 1, now=make.NOW)
    assert set(Shift.objects.values_list("vehicle_id", flat=True)) == {other.pk}
    clara = make.driver(name="Clara")
    copy_colleague(anna.company, anna.pk, clara.pk, MONDAY, now=make.NOW)
    assert Shift.objects.get(driver=clara).vehicle_id == clara.vehicle_id


def change_vehicle(driver, vehicle, now):
    wanted = Driver.objects.get(pk=driver.pk)
    wanted.vehicle = vehicle
    with changing([driver], wanted, actor=ACTOR, now=now):
        wanted.save()


def test_another_vehicle_of_a_driver_is_that_of_the_coming_shifts(anna):
    now = make.at("08:00", MONDAY)
    special = make.vehicle()
    on, coming = (make.shift(anna, day=MONDAY + timedelta(days=n)) for n in (0, 1))
    named = make.shift(anna, day=MONDAY + timedelta(days=2), vehicle=special)
    new = make.vehicle()
    before_id = anna.vehicle_id
    change_vehicle(anna, new, now)
    cars = dict(Shift.objects.values_list("id", "vehicle_id"))
    assert cars == {on.pk: before_id, coming.pk: new.pk, named.pk: special.pk}


def test_another_vehicle_of_a_driver_is_refused_where_it_is_taken(anna):
    clara = make.driver(name="Clara")
    make.shift(anna, day=MONDAY)
    make.shift(clara, "12:00", "20:00", day=MONDAY)
    with pytest.raises(VehicleTaken, match="Clara drives"):
        change_vehicle(anna, clara.vehicle, timezone.make_aware(timezone.datetime(2026, 6, 1)))
    anna.refresh_from_db()
    assert anna.vehicle_id != clara.vehicle_id


def test_a_shift_made_of_a_driver_takes_the_drivers_vehicle_unless_it_names_one():
    driver, other = make.driver(), make.vehicle()
    times = {"start_at": make.at("06:00"), "end_at": make.at("14:00")}
    assert Shift(driver=driver, **times).vehicle == driver.vehicle
    assert Shift(driver=driver, vehicle=other, **times).vehicle == other
    assert Shift(driver=driver, vehicle=None, **times).vehicle is None
    assert Shift(driver=driver, vehicle_id=None, **times).vehicle is None
