"""What a run may do to what was told: modes, confirmed trips, rescue, the margin."""

from datetime import datetime, timedelta

import pytest

from bookings.models import Actor, Booking, Door
from dispatch.models import Assignment, DispatchRun
from dispatch.runs.options import Mode, RunOptions
from dispatch.runs.previews import apply_preview, plan_preview
from dispatch.runs.report import read_report
from dispatch.runs.run import run_dispatch
from drivers.models import Absence, Company
from tests.support import builders as make
from tests.support.builders import at

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
FAR = {"pickup_lat": 46.30, "pickup_lon": 6.14, "dropoff_lat": 46.30, "dropoff_lon": 6.14}


def dispatch(*, now=make.NOW, preview=False, **options):
    options = RunOptions(**{"time_limit_s": 0} | options)
    company = Company.objects.get()
    return run_dispatch(company, make.DAY, now=now, actor=ACTOR, options=options, preview=preview)


def drivers_of():
    rows = Assignment.objects.open().select_related("driver").order_by("booking_id")
    return {row.booking_id: (row.driver.name, row.planned_pickup_at) for row in rows}


@pytest.fixture
def ada():
    driver = make.driver(name="Ada")
    make.shift(driver)
    return driver


@pytest.fixture
def ben():
    """Ben lives where the trips begin."""
    driver = make.driver(name="Ben", home_lat=FAR["pickup_lat"], home_lon=FAR["pickup_lon"])
    make.shift(driver)
    return driver


def stands(driver, clock="09:00", told=None, **fields):
    booking = make.booking(clock=clock, status="assigned", **FAR)
    pickup_at = at(told or clock)
    company = booking.company
    dropoff_at = pickup_at + timedelta(minutes=company.boarding_min)
    make.assignment(
        booking, driver, planned_pickup_at=pickup_at, planned_dropoff_at=dropoff_at, **fields
    )
    return booking


def due_at_once():
    """Return an urgent booking that must board by 09:01 and keeps its driver until 09:07."""
    Company.objects.update(pickup_early_min=0, pickup_late_min=8, boarding_min=3, alighting_min=4)
    urgent = Booking.Priority.URGENT
    return make.booking(clock="09:00", appointment_at=at("09:04"), priority=urgent, **FAR)


def moment(text):
    return text and datetime.fromisoformat(text)


def test_a_trip_moves_to_save_driving_only_to_improve_the_day(ada, ben):
    booking = stands(ada)
    for mode, name in ((Mode.SERVE, "Ada"), (Mode.PLACE, "Ada"), (Mode.IMPROVE, "Ben")):
        dispatch(mode=mode, time_limit_s=None, iterations=50)
        assert drivers_of()[booking.id] == (name, at("09:00"))


def test_a_told_time_stays_where_another_is_wanted(ada):
    booking = stands(ada, told="09:07")
    for mode in Mode:
        report = dispatch(mode=mode)
        assert drivers_of()[booking.id][1] == at("09:07")
        assert report.broken == ()


def test_to_place_only_moves_nothing_even_if_that_leaves_a_trip_out(ada):
    booking = stands(ada)
    urgent = due_at_once()
    report = dispatch(mode=Mode.PLACE)
    assert [row.booking for row in report.unassigned] == [urgent.id]
    report = dispatch()
    assert report.unassigned == ()
    assert drivers_of()[booking.id][1] == at("09:07")
    (row,) = report.broken
    assert (row["booking"], row["driver"], row["time"]) == (booking.id, False, True)
    assert (row["confirmed"], moment(row["pickup_at"])) == (False, at("09:07"))


def test_a_confirmed_trip_keeps_driver_and_time_unless_it_may_move(ada):
    booking = stands(ada, confirmed=True)
    due_at_once()
    for mode in Mode:
        assert len(dispatch(mode=mode).unassigned) == 1
        assert drivers_of()[booking.id] == ("Ada", at("09:00"))
    preview = dispatch(move_confirmed=True, preview=True)
    assert preview.unassigned == ()
    assert preview.told() == {"driver": 0, "time": 1, "confirmed": 1}
    label = preview.broken[0]["reference"]
    assert f"Confirmed before, to be called: {label}" in preview.summary()


def test_a_preview_is_applied_as_it_was_planned(ada):
    booking = stands(ada, confirmed=True)
    new = make.booking(clock="11:00", **FAR)
    company = Company.objects.get()
    for options in ({"mode": Mode.PLACE}, {"move_confirmed": True}):
        settings = RunOptions(time_limit_s=0, **options)
        report = plan_preview(company, make.DAY, now=make.NOW, actor=ACTOR, options=settings)
        run = DispatchRun.objects.select_related("company").get(id=report.run)
        assert run.settings["mode"] == options.get("mode", "serve")
        apply_preview(run, now=make.NOW, actor=ACTOR)
        assert drivers_of().keys() == {booking.id, new.id}
        assert drivers_of()[booking.id] == ("Ada", at("09:00"))


def test_what_was_told_otherwise_is_kept_with_the_run(ada):
    booking = stands(ada)
    Absence.objects.create(driver=ada, start_at=at("08:00"), end_at=at("10:00"))
    report = dispatch()
    run = DispatchRun.objects.select_related("company").get(id=report.run)
    (row,) = read_report(run).broken
    assert (row["booking"], row["driver"], row["time"]) == (booking.id, True, True)
    assert (row["told_at"], row["pickup_at"]) == ("2026-06-17T07:00:00Z", None)  # 09:00 in Zurich
    DispatchRun.objects.update(outcome={})  # as older versions wrote it
    assert read_report(DispatchRun.objects.select_related("company").get(id=run.id)).broken == ()


class TestRescue:
    """Ada is on board until about ten; her next trip is due at 09:10, boarding by 09:25."""

    now = at("09:05")

    @pytest.fixture
    def next_trip(self, ada):
        long_way = make.booking(
            clock="08:50",
            status="in_progress",
            pickup_lat=46.20,
            pickup_lon=6.14,
            dropoff_lat=46.24,
            dropoff_lon=6.30,
        )
        make.assignment(
            long_way,
            ada,
            status="in_progress",
            planned_pickup_at=at("08:30"),
            planned_dropoff_at=at("08:55"),
            actual_pickup_at=at("09:00"),
        )
        return stands(ada, "09:10")

    def test_a_frozen_trip_of_a_late_driver_goes_to_another(self, next_trip, ben):
        report = dispatch(now=self.now)
        assert drivers_of()[next_trip.id][0] == "Ben"
        assert report.notices == (
            f"Ada could not do trip {next_trip.reference or f'#{next_trip.id}'} any more: "
            "Ben drives it.",
        )
        assert report.told()["driver"] == 1

    def test_it_stays_and_is_named_where_nobody_else_can(self, next_trip):
        report = dispatch(now=self.now)
        assert drivers_of()[next_trip.id] == ("Ada", at("09:10"))
        (notice,) = report.notices
        assert "stays with Ada, who cannot be there before 10:18" in notice
        assert "boarding by 09:25 would be in time" in notice
        assert report.unassigned == ()

    def test_a_locked_trip_stays_and_is_named(self, next_trip, ben):
        Assignment.objects.filter(booking=next_trip).update(locked=True)
        (notice,) = dispatch(now=self.now).notices
        assert "stays with Ada, who cannot be there before" in notice
        assert drivers_of()[next_trip.id][0] == "Ada"

    def test_it_is_named_when_its_window_is_over(self, next_trip, ben):
        (notice,) = dispatch(now=at("09:26")).notices
        assert "boarding by 09:25 would be in time" in notice
        assert drivers_of()[next_trip.id][0] == "Ada"

    def test_a_rescue_costs_the_statements_of_any_run(self, next_trip, ben):
        assert dispatch(now=self.now).statements <= 13

    def test_a_driver_who_may_only_not_have_said_so_keeps_the_trip(self, ada, ben):
        # Nobody reported anything: Ada may well be on her way.
        booking = stands(ada, "09:00")
        assert dispatch(now=at("09:00")).notices == ()
        assert drivers_of()[booking.id][0] == "Ada"

    def test_a_frozen_trip_of_an_absent_driver_goes_to_another(self, ada, ben):
        booking = stands(ada, "09:00")
        Absence.objects.create(driver=ada, start_at=at("06:00"), end_at=at("18:00"))
        dispatch(now=at("08:45"))
        assert drivers_of()[booking.id][0] == "Ben"


def test_an_arrival_is_planned_some_minutes_before_the_appointment(ada):
    booking = make.booking(clock="09:10", appointment_at=at("09:11"), **FAR)
    boarding = timedelta(minutes=booking.company.boarding_min)
    for margin in (5, 0):
        Company.objects.update(appointment_margin_min=margin)
        Assignment.objects.all().delete()
        Booking.objects.update(status="accepted")
        dispatch()
        pickup_at = drivers_of()[booking.id][1]
        assert at("09:11") - (pickup_at + boarding) == timedelta(minutes=margin)


def test_no_trip_is_left_out_for_a_margin_that_nobody_can_keep(ada):
    # From 09:06 on, with 3 minutes of boarding: at 09:09 at the earliest.
    booking = make.booking(clock="09:10", appointment_at=at("09:11"), **FAR)
    Company.objects.update(pickup_early_min=4)
    dispatch()
    boarding = timedelta(minutes=booking.company.boarding_min)
    assert drivers_of()[booking.id][1] + boarding <= at("09:11")
