"""The dispatch from end to end: rows in, rows out; who may run, and what it costs."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.models import Actor, Booking, Client, Door, DriverPreference, Event
from dispatch.models import Assignment, DispatchRun
from dispatch.runs import options as planning
from dispatch.runs.apply import StalePlan
from dispatch.runs.claim import DayBusy
from dispatch.runs.options import FIRST_PLAN, RunOptions
from dispatch.runs.revert import revert_run
from dispatch.runs.run import PlanRefused, run_dispatch
from drivers.models import Shift
from tests.support import builders as make
from tests.support.builders import at

ACTOR = Actor(Door.COMMAND, name="test")


def dispatch(company=None, *, now=make.NOW, preview=False, **options):
    company = company or make.Company.objects.get()
    options = RunOptions(**{"time_limit_s": 0} | options)
    return run_dispatch(company, make.DAY, now=now, actor=ACTOR, options=options, preview=preview)


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


# What it costs


def busy_day(bookings):
    """Make a day in which every fifth booking is moved, retimed, released, kept or new.

    One driver for five bookings, each with a break.
    """
    drivers = [make.driver() for _ in range(bookings // 5)]
    for driver in drivers:
        make.shift(driver, break_min=30)
    gone = make.driver(is_available=False)
    for number, driver in enumerate(drivers):
        client = make.client()
        DriverPreference.objects.create(client=client, driver=drivers[0], kind="preferred")
        make.booking(clock="07:00", client=client)
        make.assignment(make.booking(clock="09:00"), driver, minutes=5)
        moved_at = at("10:30") + timedelta(minutes=20 * number)
        make.assignment(make.booking(clock="11:30"), gone, planned_pickup_at=moved_at)
        make.assignment(make.booking(clock="14:00", passengers=9), driver)
        make.assignment(make.booking(clock="16:00"), driver, locked=True)


def is_insert_of(table):
    return lambda sql: sql.startswith(f'INSERT INTO "{table}"')


@pytest.mark.django_db
@pytest.mark.parametrize("bookings", [10, 40])
def test_a_dispatch_costs_fourteen_statements_whatever_the_size_of_the_day(bookings):
    busy_day(bookings)
    company = make.Company.objects.get()
    with CaptureQueriesContext(connection) as captured:
        report = dispatch(company)
    assert report.changes == dict.fromkeys(report.changes, bookings // 5) | {"kept": 0}
    control = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")
    statements = [q["sql"] for q in captured if not q["sql"].startswith(control)]
    # 1 INSERT the run                          8 SELECT preferences again
    # 2 SELECT drivers, shifts, absences        9 UPDATE assignments: superseded
    # 3 SELECT bookings and assignments        10 INSERT assignments
    # 4 SELECT preferences                     11 UPDATE bookings: assigned or accepted
    # 5 SELECT drivers for update              12 UPDATE shifts: the breaks
    # 6 SELECT drivers, shifts, absences again 13 INSERT events
    # 7 SELECT bookings again, locked          14 UPDATE the run: completed
    assert len(statements) == 14, "\n".join(sql[:200] for sql in statements)
    assert report.statements == len(statements)
    assert DispatchRun.objects.get().metrics["statements"] == len(statements)


@pytest.mark.django_db
def test_a_preview_costs_the_statements_of_loading():
    busy_day(10)
    assert dispatch(preview=True).statements == 3


# One at a time


def running_run(**fields):
    defaults = {
        "status": "running",
        "finished_at": None,
        "claim_ends_at": timezone.now() + timedelta(seconds=20),
        "lease": "another's",
    }
    return make.run(**defaults | fields)


def over():
    """Return the end of a lease that nobody has renewed."""
    return timezone.now() - timedelta(seconds=1)


@pytest.mark.django_db
def test_a_second_run_is_refused_with_who_and_since_when():
    user = make.member(username="ada")
    running_run(user=user, trigger="admin", started_at=at("08:15"))
    with pytest.raises(DayBusy, match="being planned, by ada since 08:15:00"):
        dispatch()
    assert DispatchRun.objects.get().status == "running"


@pytest.mark.django_db
def test_a_run_of_nobody_is_refused_with_its_door():
    running_run(trigger="worker")
    with pytest.raises(DayBusy, match="by background worker since 18:00:00"):
        dispatch()


@pytest.mark.django_db
def test_a_preview_may_look_while_a_run_is_under_way():
    running_run()
    assert dispatch(preview=True).status == "preview"


@pytest.mark.django_db
def test_other_days_and_other_companies_run_side_by_side():
    running_run()
    running_run(day=make.DAY + timedelta(days=1))
    bern = make.company("bern")
    make.shift(make.driver(bern))
    make.booking(bern)
    assert dispatch(bern).assigned == 1
    assert DispatchRun.objects.filter(status="running").count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("lease", ["another's", ""])
def test_a_run_whose_lease_has_ended_is_taken_over_at_once(lease):
    dead = running_run(claim_ends_at=over(), lease=lease)
    assert dispatch().status == "completed"
    dead.refresh_from_db()
    assert (dead.status, dead.finished_at) == ("failed", make.NOW)
    assert "process of this run ended" in dead.error


@pytest.mark.django_db
def test_the_end_of_a_lease_is_of_the_databases_clock(monkeypatch):
    """A machine whose clock is wrong takes nobody's day."""
    run = running_run()
    late = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr("dispatch.runs.claim.timezone.now", lambda: late)
    with pytest.raises(DayBusy):
        dispatch()
    run.refresh_from_db()
    assert run.status == "running"


@pytest.mark.django_db
def test_a_run_takes_a_lease_and_has_it_while_it_plans(monkeypatch):
    seen = []

    def look(problem, **options):
        row = DispatchRun.objects.get()
        seen.append((row.lease, row.claim_ends_at - timezone.now()))
        return solve(problem, time_limit_s=0)

    solve = planning.solve
    monkeypatch.setattr(planning, "solve", look)
    make.company()
    dispatch(time_limit_s=3600)
    [(lease, left)] = seen
    assert len(lease) == 32
    assert timedelta(seconds=20) < left < timedelta(seconds=31)


@pytest.mark.django_db
def test_a_run_that_was_given_up_for_dead_cannot_write(monkeypatch):
    make.shift(make.driver(), break_min=30)
    make.booking()
    solve = planning.solve

    def too_long(problem, **options):
        plan = solve(problem, **options)
        DispatchRun.objects.update(status="failed", error="given up")
        return plan

    monkeypatch.setattr(planning, "solve", too_long)
    with pytest.raises(StalePlan, match="given up for dead"):
        dispatch()
    assert not Assignment.objects.exists()
    assert not Event.objects.exists()
    assert Shift.objects.get().break_at is None
    assert DispatchRun.objects.get().error == "given up"


@pytest.mark.django_db
def test_a_run_that_comes_back_after_its_successor_changes_nothing(monkeypatch):
    make.shift(make.driver())
    make.booking()
    solve = planning.solve

    def overtaken(problem, **options):
        plan = solve(problem, **options)
        monkeypatch.setattr(planning, "solve", solve)
        DispatchRun.objects.update(claim_ends_at=over())
        dispatch()
        return plan

    monkeypatch.setattr(planning, "solve", overtaken)
    with pytest.raises(StalePlan):
        dispatch()
    first, second = DispatchRun.objects.order_by("id")
    assert (first.status, second.status) == ("failed", "completed")
    assert Assignment.objects.get().run == second


# Failures


@pytest.mark.django_db
@pytest.mark.parametrize("error", [RuntimeError("out of luck"), KeyboardInterrupt()])
def test_a_failed_run_says_why_and_lets_the_next_one_in(monkeypatch, error):
    make.shift(make.driver())
    make.booking()

    def fail(problem, **options):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(planning, "solve", fail)
        with pytest.raises(type(error)):
            dispatch()
    run = DispatchRun.objects.get()
    assert run.status == "failed"
    assert run.finished_at >= run.started_at
    assert run.error in ("RuntimeError: out of luck", "The run was interrupted.")
    assert not Assignment.objects.exists()
    assert dispatch().assigned == 1


@pytest.mark.django_db
def test_a_plan_that_breaks_a_rule_is_not_written(monkeypatch):
    make.shift(make.driver())
    make.booking()
    solve = planning.solve

    def an_hour_late(problem, **options):
        plan = solve(problem, **options)
        late = [
            replace(trip, pickup_s=trip.pickup_s + 3600, dropoff_s=trip.dropoff_s + 3600)
            for trip in plan.trips
        ]
        return replace(plan, trips=tuple(late))

    monkeypatch.setattr(planning, "solve", an_hour_late)
    with pytest.raises(PlanRefused, match="breaks a rule: Trip B-"):
        dispatch()
    with pytest.raises(PlanRefused):
        dispatch(preview=True)
    assert not Assignment.objects.exists()
    assert not Event.objects.exists()
    assert Booking.objects.get().status == "accepted"
    assert DispatchRun.objects.get().status == "failed"


# What it says, and how little it changes


@pytest.mark.django_db
def test_a_preview_shows_what_a_run_would_do():
    busy_day(10)
    preview, run = dispatch(preview=True), dispatch()
    assert preview.changes == run.changes
    assert preview.by_driver == run.by_driver
    assert preview.unassigned == run.unassigned
    assert preview.metrics == run.metrics
    assert (preview.run, preview.status) == (None, "preview")


@pytest.mark.django_db
def test_the_report_counts_every_booking_once():
    busy_day(10)
    make.booking(status="pending")
    make.booking(status="canceled")
    report = dispatch()
    # 10 and a pending one; of the 10, two for nine passengers have no vehicle.
    assert (report.bookings, report.assigned, len(report.unassigned)) == (11, 8, 3)
    reasons = sorted(row.reason for row in report.unassigned)
    assert reasons == ["no_vehicle", "no_vehicle", "not_accepted"]


@pytest.mark.django_db
def test_ten_new_bookings_change_little_and_the_report_says_how_much():
    for number in range(8):
        make.shift(make.driver(home_lat=46.15 + number / 100, home_lon=6.1), break_min=30)
        for hour in range(8, 13):
            clock = f"{hour:02}:{number * 7:02}"
            make.booking(clock=clock, client=make.client(), pickup_lat=46.15 + number / 100)
    first = dispatch()
    assert first.changes["placed"] == 40
    started = Assignment.objects.earliest("planned_pickup_at")
    Assignment.objects.filter(id=started.id).update(status="en_route")
    Booking.objects.filter(id=started.booking_id).update(status="en_route")
    locked = Assignment.objects.latest("planned_pickup_at")
    Assignment.objects.filter(id=locked.id).update(locked=True)
    now = at("07:40")  # everything before 08:10 is frozen
    frozen = Assignment.objects.filter(planned_pickup_at__lt=at("08:10"))
    fixed = {*frozen.values_list("id", flat=True), started.id, locked.id}
    before = {row["id"]: row for row in Assignment.objects.filter(id__in=fixed).values()}
    assert len(fixed) > 2
    for number in range(10):
        make.booking(clock=f"{8 + number % 5:02}:{30 + number:02}", client=make.client())
    report = dispatch(now=now, time_limit_s=None, iterations=200)
    changes = report.changes
    assert changes["placed"] == 10
    assert changes["moved"] + changes["retimed"] + changes["kept"] + changes["left"] == 40
    assert changes["released"] == 0
    assert changes["moved"] <= 4  # a tenth of what stood
    assert changes["left"] == len(fixed)
    assert f"moved {changes['moved']}" in report.summary()
    after = {row["id"]: row for row in Assignment.objects.filter(id__in=fixed).values()}
    assert after == before


@pytest.mark.django_db
def test_the_same_day_seed_and_iterations_give_the_same_plan():
    busy_day(10)
    plans = [dispatch(preview=True, time_limit_s=None, iterations=50, seed=7) for _ in range(2)]
    assert plans[0].metrics == plans[1].metrics
    assert plans[0].by_driver == plans[1].by_driver


@pytest.mark.django_db
def test_an_empty_day_is_dispatched_too():
    make.company()
    report = dispatch()
    assert (report.bookings, report.status) == (0, "completed")
    assert report.summary()


@pytest.mark.django_db
@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_the_days_of_the_clock_changes_are_dispatched_by_their_clock(day):
    driver = make.driver()
    make.shift(driver, "00:00", "12:00", day=day)
    for clock in ("00:30", "04:00", "09:00"):
        make.booking(clock=clock, day=day)
    company = make.Company.objects.get()
    now = at("12:00", day - timedelta(days=1))
    report = run_dispatch(company, day, now=now, actor=ACTOR, options=FIRST_PLAN)
    assert report.assigned == 3
    rows = Assignment.objects.order_by("planned_pickup_at").select_related("booking")
    for row, clock in zip(rows, ("00:30", "04:00", "09:00"), strict=True):
        assert row.planned_pickup_at == row.booking.scheduled_time == at(clock, day)


@pytest.mark.django_db
def test_a_night_shift_serves_both_its_days_with_one_break():
    tomorrow = make.DAY + timedelta(days=1)
    driver = make.driver()
    shift = make.shift(driver, "20:00", "30:00", break_min=30)
    for clock, day in (("23:30", make.DAY), ("00:20", tomorrow), ("03:00", tomorrow)):
        make.booking(clock=clock, day=day)
    company = make.Company.objects.get()
    assert (
        run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN).assigned == 1
    )
    report = run_dispatch(company, tomorrow, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    assert report.assigned == 2
    rows = list(Assignment.objects.open().order_by("planned_pickup_at"))
    assert len(rows) == 3
    for before, after in zip(rows, rows[1:], strict=False):
        assert before.planned_dropoff_at < after.planned_pickup_at
    shift.refresh_from_db()
    end_at = shift.break_at + timedelta(minutes=30)
    assert all(
        end_at <= row.planned_pickup_at or row.planned_dropoff_at <= shift.break_at for row in rows
    )


@pytest.mark.django_db
def test_nothing_of_a_preview_or_run_crosses_companies():
    bern = make.company("bern")
    make.shift(make.driver(bern))
    client = make.client(bern)
    make.booking(bern, client=client)
    make.booking()
    report = dispatch(make.Company.objects.get(slug="geneva"))
    assert (report.bookings, report.assigned) == (1, 0)
    assert Client.objects.get() == client
    assert not Assignment.objects.exists()
