"""What a run keeps although it is impossible is said, and so is a break that it cannot give."""

import pytest

from bookings.models import Actor, Door, DriverPreference
from dispatch.models import Assignment, DispatchRun
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.report import read_report
from dispatch.runs.run import run_dispatch
from drivers.models import Absence, Vehicle
from tests.support import builders as make
from tests.support.builders import at

pytestmark = pytest.mark.django_db
LAUSANNE = {"pickup_lat": 46.52, "pickup_lon": 6.63, "dropoff_lat": 46.53, "dropoff_lon": 6.64}


def notices(now=make.NOW):
    company = make.Company.objects.get()
    actor = Actor(Door.COMMAND, name="test")
    return run_dispatch(company, make.DAY, now=now, actor=actor, options=FIRST_PLAN).notices


@pytest.fixture
def anna():
    driver = make.driver(name="Anna")
    make.shift(driver)
    return driver


def locked(driver, clock="09:00", **fields):
    booking = make.booking(clock=clock, reference=f"AT-{clock}", status="assigned", **fields)
    return make.assignment(booking, driver, locked=True)


def test_a_search_that_was_cut_short_says_so(anna, monkeypatch):
    monkeypatch.setattr("dispatch.planner.search.loading.is_compiled", lambda day: False)
    make.booking(clock="11:00")
    company = make.Company.objects.get()
    actor = Actor(Door.COMMAND, name="test")
    report = run_dispatch(company, make.DAY, now=make.NOW, actor=actor, options=FIRST_PLAN)
    (notice,) = report.notices
    assert notice.startswith("The search was cut short")
    assert notice in report.summary()
    assert report.as_dict()["notices"] == [notice]
    assert read_report(DispatchRun.objects.select_related("company").get()).notices == (notice,)


def test_a_day_that_can_be_driven_has_no_notice(anna):
    locked(anna)
    make.booking(clock="11:00")
    assert notices() == ()


def test_a_locked_trip_that_its_vehicle_cannot_take_is_named(anna):
    locked(anna, wheelchairs=1)
    Vehicle.objects.update(wheelchair_places=0)
    (notice,) = notices()
    assert notice == (
        "Trip AT-09:00 stays with Anna, but cannot be driven so. Anna has 0 wheelchair places."
    )


def test_a_locked_trip_of_an_absent_driver_is_named(anna):
    locked(anna)
    Absence.objects.create(driver=anna, start_at=at("08:00"), end_at=at("10:00"))
    assert "Anna is on duty from 10:00 to 18:00, 22 min from the pickup" in notices()[0]


def test_a_locked_trip_of_a_forbidden_driver_is_named(anna):
    client = make.client()
    locked(anna, client=client)
    DriverPreference.objects.create(client=client, driver=anna, kind="forbidden")
    assert "Anna is excluded for this client." in notices()[0]


def test_locked_trips_too_far_from_each_other_are_named(anna):
    locked(anna)
    locked(anna, "09:30", **LAUSANNE)
    (notice,) = notices()
    assert notice.startswith("Trip AT-09:30 stays with Anna")
    assert "Anna is on trip AT-09:00 until 09:" in notice


def test_a_break_whose_window_is_nearly_over_is_named():
    driver = make.driver(name="Anna")
    make.shift(driver, break_min=30, break_from_at=at("11:00"), break_until_at=at("13:00"))
    make.booking(clock="15:00")
    assert notices(now=at("12:45")) == (
        "Anna has no time left for the break of 30 min between 11:00 and 13:00.",
    )
    assert Assignment.objects.open().count() == 1


def test_a_break_that_a_locked_trip_covers_is_named():
    driver = make.driver(name="Anna")
    make.shift(driver, break_min=30, break_from_at=at("12:00"), break_until_at=at("12:40"))
    trip = locked(driver, "11:50")
    Assignment.objects.filter(id=trip.id).update(planned_dropoff_at=at("12:35"))
    assert notices() == ("Anna has no time left for the break of 30 min between 12:00 and 12:40.",)


def test_a_driver_without_trips_needs_no_break():
    driver = make.driver(name="Anna")
    make.shift(driver, break_min=30, break_from_at=at("12:00"), break_until_at=at("12:40"))
    assert notices() == ()
