"""What people do while a day is planned does not cost the plan: it is adapted, and written."""

from datetime import timedelta
from random import Random

import pytest
from django.db import connection

from bookings.models import Actor, Booking, Door, DriverPreference, Status
from bookings.save import save_booking
from dispatch.models import Assignment, DispatchRun
from dispatch.runs import options as planning
from dispatch.runs import run as running
from dispatch.runs.apply import StalePlan
from dispatch.runs.options import FIRST_PLAN, RunOptions
from dispatch.runs.previews import apply_preview, plan_preview
from dispatch.runs.run import run_dispatch
from dispatch.trips.decisions import confirm, lock
from dispatch.trips.progress import report_progress
from drivers.models import Company, Shift
from perf.project.scenarios.company import seed_scenario
from tests.support import builders as make
from tests.support.invariants import broken, violations_of_plan

ACTOR = Actor(Door.COMMAND, name="test")
pytestmark = pytest.mark.django_db


def dispatch(company=None, *, options=FIRST_PLAN):
    company = company or make.Company.objects.get(slug="geneva")
    return run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=options)


def while_planning(monkeypatch, *acts):
    """Let one act after the other happen, each while a plan is made; return what was solved."""
    solve, left, solved = planning.solve, list(acts), []

    def slow_solve(problem, **options):
        plan = solve(problem, **options)
        solved.append(options)
        if left:
            left.pop(0)()
        return plan

    monkeypatch.setattr(planning, "solve", slow_solve)
    return solved


def standing():
    rows = Assignment.objects.open().order_by("booking_id")
    return dict(rows.values_list("booking_id", "driver_id"))


def test_an_act_on_a_standing_trip_is_planned_around(monkeypatch):
    ann, ben = make.driver(name="Ann"), make.driver(name="Ben")
    for driver in (ann, ben):
        make.shift(driver)
    early, late = make.booking(clock="09:00"), make.booking(clock="10:00")
    open_ = make.booking(clock="12:00")
    make.assignment(early, ann)
    moved = make.assignment(late, ann)

    def by_hand():
        Assignment.objects.filter(pk=moved.pk).update(driver=ben, locked=True)

    solved = while_planning(monkeypatch, by_hand)
    report = dispatch()
    assert report.changes["placed"] == 1
    assert "The day changed while it was planned; the plan was adapted." in report.notices
    # The hand's decision stands, and what the plan had found is where the second plan started.
    found = standing()
    assert (found[early.id], found[late.id]) == (ann.id, ben.id)
    assert open_.id in found
    assert [trip.trip_id for trip in solved[1]["start"].trips] == [early.id, open_.id]
    assert not broken()


def test_what_takes_nothing_from_a_plan_costs_no_second_one(monkeypatch):
    driver = make.driver()
    shift = make.shift(driver)
    booking = make.booking(clock="09:00")
    dispatch()

    def acts():
        lock(booking.company, booking.id, actor=ACTOR, now=make.NOW)
        confirm(booking.company, booking.id, actor=ACTOR, now=make.NOW)
        Shift.objects.filter(pk=shift.pk).update(
            start_at=shift.start_at - timedelta(minutes=1),
            end_at=shift.end_at + timedelta(minutes=1),
        )

    solved = while_planning(monkeypatch, acts)
    later = make.booking(clock="12:00")
    assert dispatch().assigned == 2
    assert len(solved) == 1
    assert standing() == {booking.id: driver.id, later.id: driver.id}
    assert Assignment.objects.get(booking=booking, is_open=True).locked


def test_another_vehicle_meanwhile_is_planned_with(monkeypatch):
    shift = make.shift(make.driver())
    make.booking(clock="09:00")

    def another():
        Shift.objects.filter(pk=shift.pk).update(
            vehicle=make.vehicle(), end_at=shift.end_at + timedelta(minutes=1)
        )

    solved = while_planning(monkeypatch, another)
    assert dispatch().assigned == 1
    assert len(solved) == 2


def test_a_plan_that_was_searched_for_is_kept_but_where_the_day_changed(monkeypatch):
    """The second plan starts from the first: a search of its own would lose what was found."""
    seed_scenario(
        "s1", day=make.DAY, bookings=60, drivers=8, history=0, seed=1, now=make.NOW, actor=ACTOR,
        events=True,
    )  # fmt: skip
    company = make.Company.objects.get(slug="s1")
    shift = Shift.objects.filter(driver__company=company).order_by("end_at").last()
    first = []

    def shorter():
        Shift.objects.filter(pk=shift.pk).update(end_at=shift.end_at - timedelta(minutes=1))

    solve = planning.solve

    def slow_solve(problem, **options):
        plan = solve(problem, **options)
        first.append(plan)
        if len(first) == 1:
            shorter()
        return plan

    monkeypatch.setattr(planning, "solve", slow_solve)
    report = dispatch(company, options=RunOptions(iterations=4_000))
    assert len(first) == 2
    before = {trip.trip_id: trip.driver_id for trip in first[0].trips}
    after = {trip.trip_id: trip.driver_id for trip in first[1].trips}
    same = sum(before[trip] == driver for trip, driver in after.items() if trip in before)
    assert len(after) >= len(before)
    assert same >= 0.8 * len(before)
    assert report.assigned == len(after)
    assert not broken(company)
    assert not violations_of_plan(company, make.DAY, make.NOW)


def test_what_was_forbidden_meanwhile_is_kept(monkeypatch):
    ann, ben = make.driver(name="Ann"), make.driver(name="Ben")
    for driver in (ann, ben):
        make.shift(driver)
    booking = make.booking(clock="09:00", client=make.client())
    solve, chosen = planning.solve, []

    def slow_solve(problem, **options):
        plan = solve(problem, **options)
        if not chosen:
            chosen.append(plan.trips[0].driver_id)
            DriverPreference.objects.create(
                client=booking.client, driver_id=chosen[0], kind="forbidden"
            )
        return plan

    monkeypatch.setattr(planning, "solve", slow_solve)
    dispatch()
    assert standing() == {booking.id: ({ann.id, ben.id} - set(chosen)).pop()}


@pytest.mark.parametrize(
    ("change", "served"),
    [
        ({"expired_stop": True}, False),
        ({"boarding_min": 9}, True),
        ({"traffic": [[1.5] * 24] * 7}, True),
    ],
)
def test_a_rule_of_the_company_that_changed_meanwhile_holds(monkeypatch, change, served):
    driver = make.driver(licence_until=make.DAY - timedelta(days=1))
    make.shift(driver)
    booking = make.booking(clock="09:00")
    solved = while_planning(
        monkeypatch, lambda: Company.objects.filter(slug="geneva").update(**change)
    )
    dispatch()
    assert len(solved) == 2
    assert (booking.id in standing()) == served
    if served:
        company = Company.objects.get(slug="geneva")
        assert not violations_of_plan(company, make.DAY, make.NOW)


def test_a_day_that_never_rests_is_given_up_in_the_end(monkeypatch):
    driver = make.driver()
    shift = make.shift(driver)
    make.booking(clock="09:00")
    earlier = iter(range(1, 100))

    def act():
        minutes = timedelta(minutes=next(earlier))
        Shift.objects.filter(pk=shift.pk).update(end_at=shift.end_at - minutes)

    solved = while_planning(monkeypatch, *[act] * 50)
    with pytest.raises(StalePlan, match="changed meanwhile"):
        dispatch()
    assert len(solved) == running.REPAIRS + 1
    assert DispatchRun.objects.get().status == "failed"
    assert not standing()


@pytest.mark.django_db(transaction=True)
def test_a_day_that_does_not_rest_is_held_in_the_end(monkeypatch):
    driver = make.driver()
    shift = make.shift(driver)
    booking = make.booking(clock="09:00")
    was_held = []

    def act():
        was_held.append(connection.in_atomic_block)
        if not was_held[-1]:
            end_at = shift.end_at - timedelta(minutes=len(was_held))
            Shift.objects.filter(pk=shift.pk).update(end_at=end_at)

    while_planning(monkeypatch, *[act] * 50)
    load, hurried = running.load_problem, []

    def noted(*args, is_held, **options):
        hurried.append(is_held)
        return load(*args, is_held=is_held, **options)

    monkeypatch.setattr(running, "load_problem", noted)
    assert dispatch().assigned == 1
    assert hurried == [False] * running.REPAIRS + [True]
    assert was_held == [False] * running.REPAIRS + [True]
    assert standing() == {booking.id: driver.id}


def test_a_run_that_was_given_up_does_not_try_again(monkeypatch):
    make.shift(make.driver())
    make.booking(clock="09:00")
    solved = while_planning(
        monkeypatch, lambda: DispatchRun.objects.update(status="failed", error="given up")
    )
    with pytest.raises(StalePlan, match="given up"):
        dispatch()
    assert len(solved) == 1


def test_a_preview_that_contradicts_the_day_is_not_adapted():
    """It was looked at: what is written is that, or nothing."""
    driver = make.driver()
    shift = make.shift(driver)
    make.booking(clock="09:00")
    company = make.Company.objects.get(slug="geneva")
    report = plan_preview(company, make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    Shift.objects.filter(pk=shift.pk).update(end_at=shift.end_at - timedelta(hours=1))
    run = DispatchRun.objects.select_related("company").get(pk=report.run)
    with pytest.raises(StalePlan, match="changed since the preview"):
        apply_preview(run, now=make.NOW, actor=ACTOR)
    assert not standing()


@pytest.mark.slow
def test_live_acts_cost_no_run(monkeypatch):
    """One act while each of forty runs searches: each run is applied."""
    seed_scenario(
        "s1", day=make.DAY, bookings=60, drivers=8, history=0, seed=3, now=make.NOW, actor=ACTOR,
        events=True,
    )  # fmt: skip
    company = make.Company.objects.get(slug="s1")
    dispatch(company)
    draw = Random(1)

    def note():
        booking = Booking.objects.get(pk=draw.choice(sorted(standing())))
        booking.notes = f"ring twice {draw.random()}"
        save_booking(booking, actor=ACTOR, now=make.NOW)

    def lock_one():
        lock(company, draw.choice(sorted(standing())), actor=ACTOR, now=make.NOW)

    def confirm_one():
        confirm(company, draw.choice(sorted(standing())), actor=ACTOR, now=make.NOW)

    def set_out():
        first = Assignment.objects.open().filter(status="planned").order_by("planned_pickup_at")[0]
        report_progress(
            company, first.booking_id, Status.EN_ROUTE, actor=ACTOR,
            now=first.planned_pickup_at - timedelta(minutes=5),
        )  # fmt: skip

    def longer():
        shift = draw.choice(list(Shift.objects.filter(driver__company=company).order_by("id")))
        Shift.objects.filter(pk=shift.pk).update(end_at=shift.end_at + timedelta(minutes=1))

    acts = [draw.choice([note, lock_one, confirm_one, longer]) for _ in range(36)]
    acts += [set_out] * 4
    for act in acts:
        with monkeypatch.context() as patch:
            while_planning(patch, act)
            report = dispatch(company)
        assert report.status == "completed"
    assert not broken(company)
    assert not violations_of_plan(company, make.DAY, make.NOW)
