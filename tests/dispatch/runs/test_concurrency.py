"""Many at once, with real transactions: nobody is booked twice, whoever is first."""

import threading
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import pairwise
from random import Random

import pytest
from django.db import IntegrityError, connection, transaction

from bookings.models import Actor, Booking, Door, Event
from bookings.save import StaleBookingError, save_booking
from dispatch.models import Assignment, DispatchRun
from dispatch.runs import options as planning
from dispatch.runs import run as running
from dispatch.runs.apply import StalePlan
from dispatch.runs.claim import DayBusy
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from drivers.models import Driver, Shift
from tests.support import builders as make
from tests.support.together import PATIENCE_S, together, wait_for_somebody_who_waits

pytestmark = pytest.mark.django_db(transaction=True)

ACTOR = Actor(Door.COMMAND, name="test")
TOMORROW = make.DAY + timedelta(days=1)


def dispatch(company, day=make.DAY):
    return run_dispatch(company, day, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)


def attempt(call):
    """Return what the call returns, or the anticipated error it raises."""
    try:
        return call()
    except (DayBusy, StalePlan) as error:
        return error


def meeting_while_planning(monkeypatch, parties):
    """Make runs wait for each other between load and apply."""
    barrier, solve = threading.Barrier(parties), planning.solve

    def solve_and_wait(problem, **options):
        plan = solve(problem, **options)
        barrier.wait(PATIENCE_S)
        return plan

    monkeypatch.setattr(planning, "solve", solve_and_wait)


def fleet(company, drivers, start="06:00", end="18:00"):
    made = [make.driver(company) for _ in range(drivers)]
    for driver in made:
        make.shift(driver, start, end, break_min=30)
    return made


def assert_sound():
    """Assert what must hold whatever happened."""
    rows = list(Assignment.objects.open().order_by("driver_id", "planned_pickup_at"))
    assert len({row.booking_id for row in rows}) == len(rows)
    for before, after in pairwise(rows):
        if before.driver_id == after.driver_id:
            assert before.planned_dropoff_at <= after.planned_pickup_at
    assigned = Booking.objects.filter(status="assigned").values_list("id", flat=True)
    assert set(assigned) == {row.booking_id for row in rows}
    told = set(
        Event.objects.filter(kind__in=["assignment.created", "assignment.moved"]).values_list(
            "assignment_id", flat=True
        )
    )
    assert told == set(Assignment.objects.values_list("id", flat=True))
    for row in Booking.objects.all():
        last = Event.objects.filter(booking=row, kind__startswith="assignment").last()
        assert (last is not None and last.kind != "assignment.released") == (
            row.status == "assigned"
        )
    assert not DispatchRun.objects.filter(status="running").exists()


def assign_by_hand(booking_id, driver_id):
    """Give the booking to the driver at the wanted time, as every door has to: locks first."""
    now = make.NOW
    with transaction.atomic():
        list(Driver.objects.order_by("id").select_for_update(no_key=True))
        booking = Booking.objects.select_for_update(no_key=True).get(id=booking_id)
        standing = Assignment.objects.open().filter(booking=booking).first()
        if standing:
            Assignment.objects.filter(id=standing.id).update(status="superseded", updated_at=now)
        row = Assignment.objects.create(
            company_id=booking.company_id,
            booking=booking,
            driver_id=driver_id,
            sequence=0,
            planned_pickup_at=booking.scheduled_time,
            planned_dropoff_at=booking.scheduled_time + timedelta(minutes=25),
            created_at=now,
            updated_at=now,
        )
        Booking.objects.filter(id=booking_id).update(status="assigned", version=booking.version + 1)
        Event.objects.create(
            company_id=booking.company_id,
            booking=booking,
            assignment_id=row.id,
            kind="assignment.moved" if standing else "assignment.created",
            at=now,
            door=Door.ADMIN,
        )
    return row


def test_while_one_run_plans_another_of_the_day_is_refused(monkeypatch):
    company = make.company()
    fleet(company, 1)
    make.booking(company)
    begun, go_on, solve = threading.Event(), threading.Event(), planning.solve

    def slow(problem, **options):
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return solve(problem, **options)

    monkeypatch.setattr(planning, "solve", slow)

    def second():
        assert begun.wait(PATIENCE_S)
        try:
            return attempt(partial(dispatch, company))
        finally:
            go_on.set()

    first, refused = together(partial(dispatch, company), second)
    assert first.assigned == 1
    assert isinstance(refused, DayBusy)
    assert "since 18:00:00" in str(refused)
    assert_sound()


def test_of_many_runs_of_a_day_at_once_none_books_a_driver_twice():
    company = make.company()
    fleet(company, 2)
    for hour in range(8, 16):
        make.booking(company, f"{hour:02}:00")
    results = together(*[partial(attempt, partial(dispatch, company))] * 4)
    reports = [result for result in results if not isinstance(result, Exception)]
    assert reports
    assert all(isinstance(r, DayBusy) for r in results if isinstance(r, Exception))
    assert sum(report.changes["placed"] for report in reports) == 8
    assert_sound()


def test_companies_are_dispatched_side_by_side(monkeypatch):
    companies = [make.company(slug) for slug in ("geneva", "bern", "basel")]
    for company in companies:
        fleet(company, 2)
        make.booking(company)
    meeting_while_planning(monkeypatch, 3)  # only passed when all three plan at one time
    reports = together(*[partial(dispatch, company) for company in companies])
    assert [report.assigned for report in reports] == [1, 1, 1]
    assert_sound()


def test_two_days_at_once_do_not_book_their_night_driver_twice(monkeypatch):
    monkeypatch.setattr(running, "REPAIRS", 0)
    company = make.company()
    fleet(company, 1, "20:00", "30:00")
    make.booking(company, "23:45")
    make.booking(company, "24:00")  # neither day alone can know of the other's trip
    with monkeypatch.context() as patch:
        meeting_while_planning(patch, 2)
        results = together(
            partial(attempt, partial(dispatch, company)),
            partial(attempt, partial(dispatch, company, TOMORROW)),
        )
    assert sorted(type(result).__name__ for result in results) == ["Report", "StalePlan"]
    assert Assignment.objects.open().count() == 1
    assert_sound()
    for day in (make.DAY, TOMORROW):
        dispatch(company, day)
    assert Assignment.objects.open().count() == 1
    assert_sound()


def while_applying(monkeypatch, before, after):
    """Run `before` in another connection's transaction, which ends once apply wants to write.

    `after` follows `before` in that transaction, when apply waits or is about to.
    """
    planned, held, wanted = threading.Event(), threading.Event(), threading.Event()
    applying = running.applying

    def announcing(execute, sql, params, many, context):
        wanted.set()
        return execute(sql, params, many, context)

    @contextmanager
    def apply(*args, **kwargs):
        planned.set()
        assert held.wait(PATIENCE_S)
        with connection.execute_wrapper(announcing), applying(*args, **kwargs) as applied:
            yield applied

    monkeypatch.setattr(running, "applying", apply)

    def other():
        assert planned.wait(PATIENCE_S)
        with transaction.atomic():
            before()
            held.set()
            assert wanted.wait(PATIENCE_S)
            if connection.vendor == "postgresql":
                wait_for_somebody_who_waits()
            after()

    return other


def lock_everybody():
    list(Driver.objects.order_by("id").select_for_update(no_key=True))


def test_an_assignment_by_hand_that_comes_first_makes_the_plan_stale(monkeypatch):
    monkeypatch.setattr(running, "REPAIRS", 0)
    company = make.company()
    driver, other = fleet(company, 2)
    booking = make.booking(company)
    by_hand = while_applying(
        monkeypatch, lock_everybody, lambda: assign_by_hand(booking.id, other.id)
    )
    result, _ = together(partial(attempt, partial(dispatch, company)), by_hand)
    assert isinstance(result, StalePlan)
    assert Assignment.objects.get().driver == other
    assert_sound()


def test_a_shift_that_changes_while_apply_waits_for_its_driver_makes_the_plan_stale(monkeypatch):
    # PostgreSQL joins to a row that it waited for what was there before it waited.
    monkeypatch.setattr(running, "REPAIRS", 0)
    company = make.company()
    fleet(company, 1)
    make.booking(company)
    change = while_applying(
        monkeypatch,
        lock_everybody,
        lambda: Shift.objects.update(end_at=make.at("17:00"), break_until_at=make.at("17:00")),
    )
    result, _ = together(partial(attempt, partial(dispatch, company)), change)
    assert isinstance(result, StalePlan)
    assert not Assignment.objects.exists()


@pytest.mark.slow
def test_runs_and_people_hammering_the_same_days_leave_them_sound():
    company = make.company()
    drivers = fleet(company, 3) + fleet(company, 2, "18:00", "30:00")
    bookings = [
        make.booking(company, f"{hour:02}:{minute}", version=1)
        for hour in range(8, 29)
        for minute in ("00", "40")
    ]

    def dispatcher(day):
        done = [attempt(partial(dispatch, company, day)) for _ in range(6)]
        return [type(result).__name__ for result in done]

    def person(seed):
        random, done = Random(seed), []
        for _ in range(12):
            try:
                assign_by_hand(random.choice(bookings).id, random.choice(drivers).id)
                done.append("assigned")
            except IntegrityError:
                done.append("refused")  # the driver had another trip
        return done

    def editor(seed):
        random, done = Random(seed), []
        for number in range(12):
            booking = Booking.objects.get(id=random.choice(bookings).id)
            booking.notes = f"call {number}"
            try:
                save_booking(booking, actor=ACTOR, now=make.NOW)
                done.append("edited")
            except StaleBookingError:
                done.append("stale")
        return done

    results = together(
        partial(dispatcher, make.DAY),
        partial(dispatcher, TOMORROW),
        partial(dispatcher, make.DAY),
        partial(person, 1),
        partial(person, 2),
        partial(editor, 3),
    )
    outcomes = [outcome for result in results for outcome in result]
    assert set(outcomes) <= {
        "Report", "DayBusy", "StalePlan", "assigned", "refused", "edited", "stale",
    }  # fmt: skip
    assert_sound()
    for day in (make.DAY, TOMORROW):
        dispatch(company, day)
    assert_sound()
