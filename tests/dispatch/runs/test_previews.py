"""A preview that is kept: applied while the world is the same, else refused; once at most."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.models import Actor, Booking, Door, Event
from dispatch.models import Assignment, DispatchRun, StoredPlan
from dispatch.runs.apply import StalePlan
from dispatch.runs.claim import DayBusy
from dispatch.runs.options import FIRST_PLAN, RunOptions
from dispatch.runs.parts import ALL, Choice, NoSuchPart
from dispatch.runs.previews import (
    KEPT,
    NoPreview,
    apply_preview,
    clear_previews,
    discard_preview,
    plan_preview,
)
from dispatch.runs.report import read_report
from dispatch.runs.restore_plan import Was, plan_of_assignments
from dispatch.trips import progress
from dispatch.trips.assign import assign
from dispatch.trips.cancel import cancel
from drivers.models import Absence, Company, Driver, Shift, Vehicle
from tests.dispatch.runs.test_concurrency import together
from tests.support import builders as make
from tests.support.builders import at
from tests.support.random_calls.player import Fault

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
OTHER = Actor(Door.ADMIN, name="ben")


def preview(now=make.NOW):
    report = plan_preview(Company.objects.get(), make.DAY, now=now, actor=ACTOR, options=FIRST_PLAN)
    return DispatchRun.objects.select_related("company").get(id=report.run)


def planned_by_hand(driver_and_clock_of, monkeypatch):
    """Return a preview of {booking: (driver, clock)}."""

    def plan(_options, day):
        was = {
            booking.id: Was(driver.id, at(clock), at(clock))
            for booking, (driver, clock) in driver_and_clock_of.items()
        }
        trips = {trip.id: was.get(trip.id) for trip in day.problem.trips}
        return plan_of_assignments(day, trips, breaks={}, search={}), ()

    with monkeypatch.context() as patch:
        patch.setattr(RunOptions, "plan", plan)
        return preview()


def applied(run, *, now=make.NOW + timedelta(minutes=5), choice=ALL):
    return apply_preview(run, now=now, actor=OTHER, choice=choice)


def small_day():
    driver = make.driver(name="Anna")
    make.shift(driver, break_min=30)
    return driver, make.booking(clock="09:00"), make.booking(clock="11:00")


def standing():
    return set(
        Assignment.objects.open().values_list("booking_id", "driver_id", "planned_pickup_at")
    )


def test_a_preview_is_kept_and_holds_nothing():
    small_day()
    run = preview()
    assert (run.status, run.metrics["assigned"]) == ("preview", 2)
    assert not Assignment.objects.exists()
    assert not Event.objects.exists()
    assert [trip[2] for trip in run.stored_plan.trips] == [9 * 3600, 11 * 3600]


def test_applying_writes_what_was_shown():
    driver, *_bookings = small_day()
    run = preview()
    shown = {(b, d, at("00:00") + timedelta(seconds=s)) for b, d, s, _e in run.stored_plan.trips}
    breaks = run.stored_plan.breaks
    report = applied(run)
    assert (report.status, report.run, report.changes["placed"]) == ("completed", run.id, 2)
    assert standing() == shown
    assert breaks == {str(driver.shifts.get().id): Shift.objects.get().break_at.isoformat()}
    run.refresh_from_db()
    assert (run.status, run.actor, run.trigger) == ("completed", "ben", "admin")
    assert set(Event.objects.values_list("actor", flat=True)) == {"ben"}
    assert not StoredPlan.objects.exists()


def test_the_report_can_be_read_again():
    small_day()
    make.booking(clock="09:00")
    report = plan_preview(
        Company.objects.get(), make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN
    )
    run = DispatchRun.objects.select_related("company").get()
    assert read_report(run) == report
    done = applied(run)
    run.refresh_from_db()
    assert read_report(run) == done


def test_a_preview_is_applied_once():
    small_day()
    run = preview()
    applied(run)
    with pytest.raises(NoPreview, match="is completed"):
        applied(run)
    with pytest.raises(NoPreview):
        discard_preview(run)


def test_a_discarded_preview_is_gone_and_twice_is_fine():
    small_day()
    run = preview()
    discard_preview(run)
    discard_preview(run)
    assert (DispatchRun.objects.get().status, StoredPlan.objects.count()) == ("discarded", 0)
    with pytest.raises(NoPreview, match="is discarded"):
        applied(run)


def test_an_outdated_preview_is_discarded_as_well_and_says_why_it_failed():
    small_day()
    run, other = preview(), preview()
    applied(other)
    with pytest.raises(StalePlan) as stale:
        applied(run)
    for _time in range(2):
        discard_preview(run)
        assert run.status == "failed"
        assert str(stale.value) in run.error
    assert DispatchRun.objects.get(id=run.id).status == "failed"


@pytest.mark.django_db(transaction=True)
def test_an_outdated_preview_fails_with_its_plan_or_stays_whole_whatever_the_database_refuses():
    small_day()
    seen = set()
    for number in range(1, 30):
        run, fault = preview(), Fault(number)
        Company.objects.update(boarding_min=number)
        with pytest.raises((StalePlan, DatabaseError)), connection.execute_wrapper(fault):
            applied(DispatchRun.objects.select_related("company").get(id=run.id))
        run.refresh_from_db()
        seen.add(run.status)
        assert StoredPlan.objects.filter(run=run).exists() == (run.status == "preview"), number
        if fault.left > 0:
            break
    else:
        raise AssertionError("It needs more statements than that.")
    assert seen == {"preview", "failed"}


def test_a_preview_that_another_plan_has_overtaken_blames_nobodys_shift():
    small_day()
    run, other = preview(), preview()
    applied(other)  # it places a break too
    with pytest.raises(StalePlan, match="The plan was changed since the preview, by a run"):
        applied(run)


def test_previews_that_nobody_decided_on_are_cleared():
    small_day()
    old, new = preview(), preview(now=make.NOW + timedelta(days=1))
    assert clear_previews(now=old.finished_at + KEPT) == 1
    assert [DispatchRun.objects.get(id=run.id).status for run in (old, new)] == [
        "discarded",
        "preview",
    ]
    assert StoredPlan.objects.get().run_id == new.id


def test_while_the_day_is_busy_the_preview_waits():
    small_day()
    run = preview()
    busy = make.run(status="running", claim_ends_at=timezone.now() + timedelta(minutes=1))
    with pytest.raises(DayBusy):
        applied(run)
    assert DispatchRun.objects.get(id=run.id).status == "preview"
    DispatchRun.objects.filter(id=busy.id).update(status="completed")
    assert applied(run).changes["placed"] == 2


def moved_by_hand(driver, first, second):
    other = make.driver()
    assign(first.company, first.id, other.id, override="so", now=make.NOW, actor=OTHER)


def ill(driver, first, second):
    driver.absences.create(start_at=at("08:00"), end_at=at("10:00"))


def unavailable(driver, first, second):
    Driver.objects.update(is_available=False)


def hired(driver, first, second):
    make.shift(make.driver())


def new_rules(driver, first, second):
    Company.objects.update(boarding_min=17)


def papers(driver, first, second):
    Driver.objects.update(licence_until=make.DAY + timedelta(days=400))


@pytest.mark.parametrize("change", [moved_by_hand, ill, unavailable, hired, new_rules, papers])
def test_what_somebody_decided_meanwhile_makes_it_stale(change):
    change_args = small_day()
    run = preview()
    change(*change_args)
    before = standing()
    with pytest.raises(StalePlan):
        applied(DispatchRun.objects.select_related("company").get(id=run.id))
    assert standing() == before
    run.refresh_from_db()
    assert run.status == "failed"


def test_a_preview_is_kept_whatever_is_known_of_drivers_and_vehicles():
    """Every kind of value that the day has of them can be sealed."""
    driver, _first, _second = small_day()
    later = make.DAY + timedelta(days=400)
    Driver.objects.update(licence_until=later, permit_until=later, skills=["oxygen"])
    vehicle = {"insurance_until": later, "inspection_until": later, "skills": ["ramp"]}
    Vehicle.objects.update(other_layouts="2+1", **vehicle)
    driver.absences.create(start_at=at("20:00"), end_at=at("21:00"))
    driver.vehicle.absences.create(start_at=at("20:00"), end_at=at("21:00"))
    Shift.objects.update(break_min=30, break_from_at=at("11:00"), break_until_at=at("14:00"))
    applied(preview())
    assert Assignment.objects.open().count() == 2


def test_a_trip_that_stands_and_was_changed_makes_it_stale():
    _driver, first, _second = small_day()
    applied(preview())
    run = preview()
    Booking.objects.filter(id=first.id).update(passengers=2)
    with pytest.raises(StalePlan, match=f"Trip {first.reference} was changed"):
        applied(run)


def test_what_only_frees_a_driver_is_left_out():
    _driver, first, second = small_day()
    run = preview()
    cancel(first.company, first.id, actor=OTHER, now=make.NOW)
    make.booking(clock="14:00")
    report = applied(run)
    assert report.notices == (
        "1 booking changed since the preview and was left out.",
        "1 booking arrived since the preview; plan again to place it.",
    )
    assert {booking for booking, _driver, _at in standing()} == {second.id}


def test_a_trip_whose_particulars_changed_is_left_out():
    _driver, first, second = small_day()
    run = preview()
    Booking.objects.filter(id=first.id).update(passengers=2)
    assert applied(run).changes["placed"] == 1
    assert {booking for booking, _driver, _at in standing()} == {second.id}


def test_a_trip_that_began_meanwhile_stays_where_the_preview_keeps_it():
    _driver, first, _second = small_day()
    applied(preview())
    make.booking(clock="14:00")
    run = preview(now=at("06:00"))
    progress.report_progress(first.company, first.id, "en_route", actor=OTHER, now=at("08:40"))
    report = applied(run, now=at("08:45"))
    assert (report.changes["placed"], report.changes["left"]) == (1, 1)


def test_too_late_is_stale():
    small_day()
    run = preview()
    with pytest.raises(StalePlan, match="too late"):
        applied(run, now=at("10:00"))
    assert not Assignment.objects.exists()


@pytest.mark.parametrize("bookings", [2, 20])
def test_what_it_costs_whatever_the_size_of_the_day(bookings):
    for number in range(bookings):
        if number % 5 == 0:
            driver = make.driver()
            make.shift(driver, break_min=30)
        make.booking(clock=f"{7 + number % 5 * 2:02}:00")
    control = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")

    def cost(call):
        with CaptureQueriesContext(connection) as seen:
            call()
        return len([q for q in seen if not q["sql"].startswith(control)])

    assert cost(preview) == 6 + 2  # of the test: the company, the run
    run = DispatchRun.objects.select_related("company").get()
    # as a dispatch of a day where nothing stands (13, see test_run), without the insert of the
    # run, with its claim, the reading and the deletion of the plan
    assert cost(lambda: applied(run)) == 13 - 1 + 3


@pytest.mark.django_db(transaction=True)
def test_of_many_who_apply_it_at_once_one_does():
    small_day()
    run = preview()

    def attempt():
        try:
            return applied(DispatchRun.objects.select_related("company").get(id=run.id))
        except (NoPreview, DayBusy) as error:
            return error

    results = together(*[attempt] * 4)
    assert len([r for r in results if not isinstance(r, Exception)]) == 1, results
    assert Assignment.objects.count() == 2


def test_a_part_is_applied_by_itself(monkeypatch):
    """Anna loses a trip to Ben; Cleo only gets a new one."""
    anna, ben, cleo = (make.driver(name=name) for name in ("Anna", "Ben", "Cleo"))
    for driver in (anna, ben, cleo):
        make.shift(driver)
    moving, new = make.booking(clock="09:00"), make.booking(clock="11:00")
    make.assignment(moving, anna)
    run = planned_by_hand({moving: (ben, "09:00"), new: (cleo, "11:00")}, monkeypatch)
    assert run.outcome["parts"] == [
        {"drivers": [cleo.id], "trips": [new.id]},
        {"drivers": [anna.id, ben.id], "trips": [moving.id]},
    ]
    report = applied(run, choice=Choice(driver_id=anna.id))
    assert (report.changes["moved"], report.changes["placed"]) == (1, 0)
    assert "Only a part of the preview was applied" in report.notices[-1]
    assert {row[:2] for row in standing()} == {(moving.id, ben.id)}
    with pytest.raises(NoPreview):
        applied(run)


def test_a_return_trip_goes_with_its_outbound_trip(monkeypatch):
    anna, ben = (make.driver(name=name) for name in ("Anna", "Ben"))
    for driver in (anna, ben):
        make.shift(driver)
    out = make.booking(clock="09:00")
    back = make.booking(clock="14:00", return_of=out)
    run = planned_by_hand({out: (anna, "09:00"), back: (ben, "14:00")}, monkeypatch)
    assert run.outcome["parts"] == [{"drivers": [anna.id, ben.id], "trips": [out.id, back.id]}]


def test_only_what_is_placed_beside_all_that_stands(monkeypatch):
    """Anna's new trip at nine needs the room of the one that Ben takes over; Ben's does not."""
    anna, ben = (make.driver(name=name) for name in ("Anna", "Ben"))
    for driver in (anna, ben):
        make.shift(driver)
    moving, crowded, free = (make.booking(clock=clock) for clock in ("09:00", "09:05", "11:00"))
    make.assignment(moving, anna)
    plan = {moving: (ben, "09:00"), crowded: (anna, "09:05"), free: (ben, "11:00")}
    run = planned_by_hand(plan, monkeypatch)
    assert run.outcome["placements"] == [free.id]
    report = applied(run, choice=Choice(placements=True))
    assert report.changes | {"kept": 0} == {
        "placed": 1, "moved": 0, "retimed": 0, "kept": 0, "released": 0, "left": 1,
    }  # fmt: skip
    assert {row[:2] for row in standing()} == {(moving.id, anna.id), (free.id, ben.id)}
    assert [row.booking for row in report.unassigned] == [crowded.id]


def test_a_part_leaves_a_trip_alone_that_its_driver_cannot_do(monkeypatch):
    """Anna is away at nine. Only Ben's new trip is applied: hers stays, and is said."""
    anna, ben = (make.driver(name=name) for name in ("Anna", "Ben"))
    for driver in (anna, ben):
        make.shift(driver)
    hers, new = make.booking(clock="09:00"), make.booking(clock="11:00")
    make.assignment(hers, anna)
    Absence.objects.create(driver=anna, start_at=at("06:00"), end_at=at("18:00"))
    run = planned_by_hand({new: (ben, "11:10")}, monkeypatch)
    report = applied(run, choice=Choice(placements=True))
    assert standing() == {(hers.id, anna.id, at("09:00")), (new.id, ben.id, at("11:10"))}
    assert report.changes["left"] == 1


@pytest.mark.parametrize("choice", [Choice(placements=True), Choice(driver_id=10**9)])
def test_a_part_that_there_is_not_is_refused_and_the_preview_stays(choice):
    driver, booking, other = small_day()
    for one in (booking, other):
        make.assignment(one, driver)
    run = preview()
    with pytest.raises(NoSuchPart):
        applied(run, choice=choice)
    run.refresh_from_db()
    assert run.status == "preview"


def test_a_preview_says_what_stood_before():
    driver, booking, other = small_day()
    make.assignment(booking, driver)
    run = preview()
    assert run.outcome["before"]["assigned"] == 1
    assert run.outcome["before"]["unkept"] == 0
    assert run.outcome["before"]["drivers_used"] == run.metrics["drivers_used"] == 1
    assert 0 < run.outcome["before"]["deadhead_km"] <= run.metrics["deadhead_km"]
