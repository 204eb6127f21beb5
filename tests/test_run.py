"""The dispatch from end to end: rows in, rows out."""

import pytest

from bookings.models import Actor, Booking, Door, Event
from dispatch.models import Assignment, DispatchRun
from dispatch.revert import revert_run
from dispatch.run import run_dispatch
from tests import builders as make

ACTOR = Actor(Door.COMMAND, name="test")


def dispatch(company=None, *, now=make.NOW, **options):
    company = company or make.Company.objects.get()
    options.setdefault("time_limit_s", 0)
    return run_dispatch(company, make.DAY, now=now, actor=ACTOR, **options)


@pytest.mark.django_db
def test_a_dispatch_assigns_a_booking_to_the_driver_on_duty():
    driver = make.driver()
    make.shift(driver)
    booking = make.booking(clock="09:00")
    report = dispatch()
    assert (report.bookings, report.assigned, report.unassigned) == (1, 1, ())
    assignment = Assignment.objects.get()
    assert (assignment.booking, assignment.driver) == (booking, driver)
    assert assignment.planned_pickup_at == make.at("09:00")
    booking.refresh_from_db()
    assert (booking.status, booking.version) == ("assigned", 2)
    run = DispatchRun.objects.get()
    assert (run.status, run.metrics["assigned"]) == ("completed", 1)
    event = Event.objects.get()
    assert (event.kind, event.booking_id, event.run_id) == (
        "assignment.created",
        booking.id,
        run.id,
    )
    print(report.summary())


@pytest.mark.django_db
def test_a_second_dispatch_keeps_the_plan():
    make.shift(make.driver(), break_min=30)
    make.booking(clock="09:00")
    make.booking(clock="10:30")
    dispatch()
    before = set(Assignment.objects.values_list("id", "status"))
    report = dispatch()
    assert report.changes["kept"] == 2
    assert set(Assignment.objects.values_list("id", "status")) == before


@pytest.mark.django_db
def test_a_preview_writes_nothing():
    make.shift(make.driver())
    make.booking()
    report = dispatch(preview=True)
    assert report.changes["placed"] == 1
    assert report.as_dict()["status"] == "preview"
    assert not Assignment.objects.exists()
    assert not DispatchRun.objects.exists()
    assert not Event.objects.exists()
    assert Booking.objects.get().status == "accepted"


@pytest.mark.django_db
def test_a_run_taken_back_leaves_what_stood_before():
    make.shift(make.driver(), break_min=30)
    make.booking(clock="09:00")
    first = dispatch()
    before = list(
        Assignment.objects.open().values_list("booking_id", "driver_id", "planned_pickup_at")
    )
    make.booking(clock="09:30")
    second = dispatch()
    assert second.changes["placed"] == 1
    run = DispatchRun.objects.select_related("company").get(id=second.run)
    report = revert_run(run, now=make.NOW, actor=ACTOR)
    print(report.summary())
    assert report.changes["released"] == 1
    after = Assignment.objects.open().values_list("booking_id", "driver_id", "planned_pickup_at")
    assert list(after) == before
    first_run = DispatchRun.objects.select_related("company").get(id=first.run)
    revert_run(first_run, now=make.NOW, actor=ACTOR)
    assert not Assignment.objects.open().exists()
    assert set(Booking.objects.values_list("status", flat=True)) == {"accepted"}


@pytest.mark.django_db
def test_a_rehearsal_does_all_the_work_and_takes_it_back():
    make.shift(make.driver(), break_min=30)
    make.booking()
    report = dispatch(rehearse=True)
    assert (report.assigned, report.status) == (1, "completed")
    assert report.timings["apply_s"] > 0
    for model in (Assignment, DispatchRun, Event):
        assert not model.objects.exists()
    assert Booking.objects.get().status == "accepted"
