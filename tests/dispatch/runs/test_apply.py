"""Writing a plan: all of it or nothing, and only over the world it was made for."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection

from bookings.models import Actor, Booking, Door, DriverPreference, Event
from dispatch.models import Assignment, DispatchRun
from dispatch.runs import options as planning
from dispatch.runs import run as running
from dispatch.runs.apply import StalePlan
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from drivers.models import Absence, Driver, Shift
from drivers.times import moment
from tests.support import builders as make
from tests.support.builders import at

ACTOR = Actor(Door.COMMAND, name="test")
YESTERDAY = make.DAY - timedelta(days=1)
ELSEWHERE = (46.25, 6.20)


def dispatch(*, now=make.NOW, options=FIRST_PLAN):
    company = make.Company.objects.get(slug="geneva")
    return run_dispatch(company, make.DAY, now=now, actor=ACTOR, options=options)


def snapshot():
    """Return every row of our tables, but for the runs."""
    return {
        model._meta.label: sorted(model.objects.values_list(), key=lambda row: row[0])
        for app in ("drivers", "bookings", "dispatch")
        for model in apps.get_app_config(app).get_models()
        if model is not DispatchRun
    }


def a_day_that_changes():
    """Make a day whose next dispatch places, moves, retimes, keeps, releases and rests."""
    tired, fresh = make.driver(name="Tired"), make.driver(name="Fresh")
    make.shift(fresh, break_min=30)
    shift = make.shift(tired, break_min=30)
    company = make.Company.objects.get()
    make.booking(clock="09:00")  # to be placed
    moved = make.booking(clock="10:00", client=make.client())
    make.assignment(moved, tired)
    DriverPreference.objects.create(client=moved.client, driver=tired, kind="forbidden")
    retimed = make.booking(clock="13:00")
    make.assignment(retimed, fresh, minutes=5)  # the ride takes longer
    released = make.booking(clock="15:00", wheelchairs=1, passengers=9)
    make.assignment(released, fresh)
    kept = make.booking(clock="17:00")
    make.assignment(kept, fresh, locked=True)
    return company, shift, {"moved": moved, "retimed": retimed, "released": released, "kept": kept}


def meanwhile(monkeypatch, change):
    """Let `change` happen after the plan was made and before it is written."""
    solve = planning.solve

    def slow_solve(problem, **options):
        plan = solve(problem, **options)
        change()
        return plan

    monkeypatch.setattr(planning, "solve", slow_solve)


def refused(monkeypatch, change, match):
    """Assert that after the change nothing but a failed run is written, and that a new one works.

    What the change itself wrote is there. The plan is not adapted to it (`test_repair`).
    """
    changed = []

    def changing():
        change()
        changed.append(snapshot())

    with monkeypatch.context() as patch:
        patch.setattr(running, "REPAIRS", 0)
        meanwhile(patch, changing)
        with pytest.raises(StalePlan, match=match) as error:
            dispatch()
    assert snapshot() == changed[0]
    run = DispatchRun.objects.order_by("id").last()
    assert run.status == "failed"
    assert str(error.value) in run.error
    return dispatch()


# All or nothing


class FailAt:
    """Raise instead of the k-th statement that is sent inside the transaction of apply."""

    def __init__(self, k):
        self.k, self.seen = k, []

    def __call__(self, execute, sql, params, many, context):
        self.seen.append(sql)
        if len(self.seen) == self.k:
            raise ConnectionError(f"statement {self.k}")
        return execute(sql, params, many, context)


def failing_at(monkeypatch, k):
    wrapper = FailAt(k)
    applying = running.applying

    @contextmanager
    def apply(*args, **kwargs):
        with connection.execute_wrapper(wrapper), applying(*args, **kwargs) as applied:
            yield applied

    monkeypatch.setattr(running, "applying", apply)
    return wrapper


@pytest.mark.django_db(transaction=True)
def test_whichever_statement_fails_nothing_is_written(monkeypatch):
    a_day_that_changes()
    before = snapshot()
    k, failed = 0, []
    while True:
        k += 1
        with monkeypatch.context() as patch:
            wrapper = failing_at(patch, k)
            try:
                report = dispatch()
            except ConnectionError:
                failed.append(wrapper.seen[-1])
            else:
                break
        assert snapshot() == before
        run = DispatchRun.objects.order_by("id").last()
        assert (run.status, run.error) == ("failed", f"ConnectionError: statement {k}")
    # SQLite counts its BEGIN. Four statements lock and read again, one each supersedes,
    # creates, sets the bookings, sets the breaks, logs, and completes the run.
    assert len([sql for sql in failed if not sql.startswith("BEGIN")]) == 4 + 6
    assert report.changes == {
        "placed": 1,
        "moved": 1,
        "retimed": 1,
        "kept": 0,
        "released": 1,
        "left": 1,
    }
    assert DispatchRun.objects.filter(status="failed").count() == len(failed)
    assert DispatchRun.objects.filter(status="completed").count() == 1
    assert snapshot() != before


# What is written


@pytest.mark.django_db
def test_replaced_assignments_are_superseded_by_the_run_and_never_deleted():
    _, _, bookings = a_day_that_changes()
    old = set(Assignment.objects.values_list("id", flat=True))
    report = dispatch()
    assert old <= set(Assignment.objects.values_list("id", flat=True))
    for name in ("moved", "retimed", "released"):
        row = Assignment.objects.filter(booking=bookings[name]).earliest("id")
        assert (row.status, row.superseded_by_id, row.updated_at) == (
            "superseded",
            report.run,
            make.NOW,
        )


@pytest.mark.django_db
def test_a_locked_assignment_is_not_touched():
    _, _, bookings = a_day_that_changes()
    before = Assignment.objects.filter(booking=bookings["kept"]).values().get()
    dispatch()
    assert Assignment.objects.filter(booking=bookings["kept"]).values().get() == before


@pytest.mark.django_db
def test_bookings_follow_their_assignments_and_count_their_versions():
    _, _, bookings = a_day_that_changes()
    placed = Booking.objects.get(status="accepted")
    untouched = {
        row.id: (row.version, row.updated_at)
        for name, row in bookings.items()
        if name != "released"
    }
    dispatch()
    placed.refresh_from_db()
    assert (placed.status, placed.version, placed.updated_at) == ("assigned", 2, make.NOW)
    released = Booking.objects.get(id=bookings["released"].id)
    assert (released.status, released.version, released.updated_at) == ("accepted", 2, make.NOW)
    for booking_id, (version, updated_at) in untouched.items():
        row = Booking.objects.get(id=booking_id)
        assert (row.status, row.version, row.updated_at) == ("assigned", version, updated_at)


@pytest.mark.django_db
def test_every_change_has_one_event_with_what_was_and_what_is():
    company, _, bookings = a_day_that_changes()
    old = {row.booking_id: row for row in Assignment.objects.all()}
    placed = Booking.objects.get(status="accepted")
    report = dispatch()
    new = {row.booking_id: row for row in Assignment.objects.open()}
    events = {event.booking_id: event for event in Event.objects.all()}
    assert len(events) == Event.objects.count() == 4  # placed, moved, retimed, released
    for event in events.values():
        assert (event.company_id, event.run_id, event.at) == (company.id, report.run, make.NOW)
        assert (event.door, event.actor, event.user_id) == ("command", "test", None)

    def facts(row):
        return {
            "driver": row.driver_id,
            "pickup": moment(row.planned_pickup_at),
            "dropoff": moment(row.planned_dropoff_at),
        }

    event = events[placed.id]
    assert (event.kind, event.assignment_id) == ("assignment.created", new[placed.id].id)
    assert event.old == {"status": "accepted"}
    assert event.new == facts(new[placed.id]) | {"status": "assigned"}
    for name in ("moved", "retimed"):
        event, booking = events[bookings[name].id], bookings[name]
        assert (event.kind, event.assignment_id) == ("assignment.moved", new[booking.id].id)
        assert (event.old, event.new) == (facts(old[booking.id]), facts(new[booking.id]))
    event, booking = events[bookings["released"].id], bookings["released"]
    assert (event.kind, event.assignment_id) == ("assignment.released", old[booking.id].id)
    assert event.old == facts(old[booking.id]) | {"status": "assigned"}
    assert event.new == {"status": "accepted"}


@pytest.mark.django_db
def test_the_user_who_asked_is_in_the_events():
    user = make.member()
    make.shift(make.driver())
    make.booking()
    company = make.Company.objects.get()
    actor = Actor(Door.ADMIN, name=user.username, user_id=user.id)
    run_dispatch(company, make.DAY, now=make.NOW, actor=actor, options=FIRST_PLAN)
    assert Event.objects.get().user == user
    assert DispatchRun.objects.get().user == user


@pytest.mark.django_db
def test_breaks_are_written_and_cleared_and_the_run_keeps_what_they_were():
    shift = make.shift(make.driver(), break_min=30)
    booking = make.booking(clock="12:00")
    first = dispatch()
    shift.refresh_from_db()
    assert shift.start_at <= shift.break_at <= shift.end_at - timedelta(minutes=30)
    assert DispatchRun.objects.get(id=first.run).previous_breaks == {str(shift.id): None}
    planned = shift.break_at
    booking.status = "canceled"
    booking.save()
    second = dispatch()
    shift.refresh_from_db()
    assert shift.break_at is None  # without a trip there is no duty to rest from
    kept = DispatchRun.objects.get(id=second.run).previous_breaks
    assert kept == {str(shift.id): planned.isoformat()}


@pytest.mark.django_db
def test_the_sequence_grows_along_the_day():
    make.shift(make.driver())
    for clock in ("14:00", "08:00", "11:00"):
        make.booking(clock=clock)
    dispatch()
    rows = Assignment.objects.order_by("planned_pickup_at").values_list("sequence", flat=True)
    assert list(rows) == sorted(rows)
    assert rows[0] == 8 * 3600


@pytest.mark.django_db
def test_a_plan_without_changes_writes_no_row_but_the_run():
    make.shift(make.driver(), break_min=30)
    make.booking()
    dispatch()
    before = snapshot()
    dispatch()
    assert snapshot() == before


@pytest.mark.django_db
def test_a_trip_whose_ride_has_become_longer_gets_new_times():
    make.shift(make.driver())
    booking = make.booking()
    dispatch()
    dropoff_at = Assignment.objects.get().planned_dropoff_at
    Booking.objects.filter(id=booking.id).update(dropoff_lat=ELSEWHERE[0], dropoff_lon=ELSEWHERE[1])
    report = dispatch()
    assert (report.changes["retimed"], report.changes["kept"]) == (1, 0)
    assert Assignment.objects.open().get().planned_dropoff_at != dropoff_at


@pytest.mark.django_db
def test_an_assignment_that_a_canceled_booking_left_open_is_ended():
    driver = make.driver()
    make.shift(driver)
    booking = make.booking()
    make.assignment(booking, driver)
    Booking.objects.update(status="canceled")
    report = dispatch()
    assert report.changes["released"] == 1
    assert Assignment.objects.get().status == "superseded"
    assert Booking.objects.get().status == "canceled"
    assert Event.objects.get().new == {"status": "canceled"}


@pytest.mark.django_db
def test_a_trip_ahead_of_its_plan_does_not_block_the_day():
    # Planned until 09:40, but the client is at the hospital by about 09:15.
    driver = make.driver()
    make.shift(driver)
    make.assignment(
        make.booking(clock="09:00"),
        driver,
        minutes=40,
        status="in_progress",
        actual_pickup_at=at("08:50"),
    )
    make.booking(
        clock="09:20",
        pickup_lat=make.HOSPITAL[0],
        pickup_lon=make.HOSPITAL[1],
        dropoff_lat=make.HOME[0],
        dropoff_lon=make.HOME[1],
        return_of=make.booking(status="completed"),
    )
    report = dispatch(now=at("09:10"))
    assert report.changes["placed"] == 1
    assert Assignment.objects.latest("id").planned_pickup_at == at("09:40")


# The world changes while the plan is made


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"status": "canceled"},
        {"status": "pending"},
        {"dropoff_lat": ELSEWHERE[0]},
        {"scheduled_time": at("11:00")},
        {"scheduled_time": at("09:00", make.DAY + timedelta(days=1))},
        {"passengers": 9},
        {"needs": ["oxygen"]},
        {"version": 7},
    ],
)
def test_a_booking_that_changes_is_left_out_and_reported(monkeypatch, fields):
    make.shift(make.driver())
    changed, other = make.booking(clock="09:00"), make.booking(clock="12:00")

    meanwhile(monkeypatch, lambda: Booking.objects.filter(id=changed.id).update(**fields))
    report = dispatch()
    assert [row.booking_id for row in Assignment.objects.all()] == [other.id]
    assert (report.bookings, report.assigned) == (1, 1)
    assert "1 booking changed" in report.notices[0]
    assert [event.booking_id for event in Event.objects.all()] == [other.id]
    changed.refresh_from_db()
    assert changed.status == fields.get("status", "accepted")


@pytest.mark.django_db
def test_an_unserved_booking_that_is_canceled_is_not_reported_as_unassigned(monkeypatch):
    booking = make.booking()
    assert dispatch().unassigned[0].booking == booking.id
    meanwhile(monkeypatch, lambda: Booking.objects.update(status="canceled"))
    report = dispatch()
    assert (report.unassigned, report.bookings) == ((), 0)


@pytest.mark.django_db
def test_a_trip_that_loses_its_driver_is_left_out(monkeypatch):
    driver = make.driver()
    make.shift(driver)
    booking = make.booking()
    make.assignment(booking, driver)

    def cancel():
        Assignment.objects.update(status="canceled")
        Booking.objects.update(status="canceled")

    meanwhile(monkeypatch, cancel)
    report = dispatch()
    assert "1 booking changed" in report.notices[0]
    assert Assignment.objects.get().status == "canceled"
    assert Booking.objects.get().status == "canceled"


@pytest.mark.django_db
def test_a_new_booking_is_reported_and_waits_for_the_next_run(monkeypatch):
    make.shift(make.driver())
    make.booking(clock="09:00")
    meanwhile(monkeypatch, lambda: make.booking(clock="12:00"))
    report = dispatch()
    assert report.assigned == 1
    assert "1 booking arrived" in report.notices[0]


@pytest.mark.django_db
def test_a_new_booking_that_nobody_accepted_is_no_news(monkeypatch):
    make.shift(make.driver())
    make.booking(clock="09:00")
    meanwhile(monkeypatch, lambda: make.booking(clock="12:00", status="pending"))
    assert dispatch().notices == ()


@pytest.mark.django_db
def test_a_booking_given_to_a_driver_meanwhile_makes_the_plan_stale(monkeypatch):
    driver = make.driver()
    make.shift(driver)
    booking = make.booking()
    report = refused(monkeypatch, lambda: make.assignment(booking, driver), "given to a driver")
    assert report.changes["placed"] == 0


@pytest.mark.django_db
def test_a_new_booking_that_has_a_driver_makes_the_plan_stale(monkeypatch):
    driver = make.driver()
    make.shift(driver)
    make.booking()
    refused(
        monkeypatch,
        lambda: make.assignment(make.booking(clock="15:00"), driver),
        "given to a driver",
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"locked": True}, "was changed"),
        ({"status": "en_route"}, "was changed"),
        ({"planned_pickup_at": at("09:05")}, "given to a driver"),
    ],
)
def test_a_standing_trip_that_changes_makes_the_plan_stale(monkeypatch, fields, match):
    driver = make.driver()
    make.shift(driver)
    make.assignment(make.booking(), driver)
    refused(monkeypatch, lambda: Assignment.objects.update(**fields), match)


@pytest.mark.django_db
def test_a_standing_trip_moved_by_hand_makes_the_plan_stale(monkeypatch):
    driver, other = make.driver(), make.driver()
    make.shift(driver)
    booking = make.booking()
    make.assignment(booking, driver)

    def move():
        Assignment.objects.update(status="superseded")
        make.assignment(booking, other, locked=True)

    refused(monkeypatch, move, "given to a driver")


@pytest.mark.django_db
def test_a_standing_trip_that_is_edited_makes_the_plan_stale(monkeypatch):
    driver = make.driver()
    make.shift(driver)
    make.assignment(make.booking(), driver)
    refused(monkeypatch, lambda: Booking.objects.update(dropoff_lat=ELSEWHERE[0]), "was changed")


@pytest.mark.django_db
def test_a_locked_trip_to_another_place_makes_the_plan_stale(monkeypatch):
    driver = make.driver()
    make.shift(driver)
    make.assignment(make.booking(), driver, locked=True)
    make.booking(clock="10:00")
    refused(
        monkeypatch,
        lambda: Booking.objects.filter(status="assigned").update(dropoff_lat=ELSEWHERE[0]),
        "was changed",
    )


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["en_route", "in_progress", "completed", "canceled"])
def test_a_locked_trip_may_proceed_while_the_plan_is_made(monkeypatch, status):
    driver = make.driver()
    make.shift(driver)
    locked = make.assignment(make.booking(clock="08:00"), driver, locked=True)
    make.booking(clock="12:00")

    def proceed():
        Assignment.objects.filter(id=locked.id).update(status=status)
        Booking.objects.filter(id=locked.booking_id).update(status=status)

    meanwhile(monkeypatch, proceed)
    assert dispatch().changes["placed"] == 1
    locked.refresh_from_db()
    assert locked.status == status


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        lambda: Driver.objects.update(is_available=False),
        lambda: Driver.objects.update(max_bookings=1),
        lambda: Shift.objects.update(vehicle=None),
        lambda: make.shift(make.driver()),
        lambda: Shift.objects.update(end_at=at("12:00")),
        lambda: Shift.objects.all().delete(),
        lambda: make.shift(Driver.objects.get(), "19:00", "22:00"),
        lambda: Absence.objects.create(
            driver=Driver.objects.get(), start_at=at("09:00"), end_at=at("10:00")
        ),
        lambda: Driver.objects.get().vehicle.__class__.objects.update(seats=1),
        lambda: Driver.objects.get().vehicle.absences.create(
            start_at=at("09:00"), end_at=at("10:00")
        ),
    ],
    ids=[
        "driver unavailable",
        "cap",
        "no vehicle",
        "one more driver",
        "shift shortened",
        "shift gone",
        "second shift",
        "absence",
        "smaller vehicle",
        "absence of the vehicle",
    ],
)
def test_a_change_of_the_fleet_makes_the_plan_stale(monkeypatch, change):
    make.shift(make.driver())
    make.booking()
    refused(monkeypatch, change, "Drivers, shifts or absences changed")


@pytest.mark.django_db
def test_a_position_report_changes_nothing(monkeypatch):
    make.shift(make.driver())
    make.booking()
    meanwhile(
        monkeypatch,
        lambda: Driver.objects.update(last_lat=46.2, last_lon=6.1, last_position_at=make.NOW),
    )
    assert dispatch().changes["placed"] == 1


@pytest.mark.django_db
def test_a_driver_forbidden_meanwhile_makes_the_plan_stale(monkeypatch):
    driver = make.driver()
    make.shift(driver)
    client = make.client()
    make.booking(client=client)
    report = refused(
        monkeypatch,
        lambda: DriverPreference.objects.create(client=client, driver=driver, kind="forbidden"),
        "must not be driven",
    )
    assert report.unassigned[0].reason == "forbidden"


@pytest.mark.django_db
def test_a_wish_that_comes_late_changes_nothing(monkeypatch):
    make.shift(make.driver())
    other = make.driver()
    client = make.client()
    make.booking(client=client)
    meanwhile(
        monkeypatch,
        lambda: DriverPreference.objects.create(client=client, driver=other, kind="preferred"),
    )
    assert dispatch().changes["placed"] == 1


@pytest.mark.django_db
def test_a_trip_of_the_night_before_makes_the_plan_stale(monkeypatch):
    driver = make.driver()
    make.shift(driver, "20:00", "32:00", day=YESTERDAY)
    make.booking(clock="00:10")
    late = make.booking(clock="23:58", day=YESTERDAY)
    refused(monkeypatch, lambda: make.assignment(late, driver), "days around")


@pytest.mark.django_db
def test_a_trip_of_the_night_before_that_is_canceled_only_frees_its_driver(monkeypatch):
    driver = make.driver()
    make.shift(driver, "20:00", "32:00", day=YESTERDAY)
    make.booking(clock="00:30")
    late = make.assignment(make.booking(clock="23:40", day=YESTERDAY), driver)
    meanwhile(monkeypatch, lambda: Assignment.objects.filter(id=late.id).update(status="canceled"))
    assert dispatch().changes["placed"] == 1


@pytest.mark.django_db
def test_another_company_may_change_as_it_likes(monkeypatch):
    make.shift(make.driver())
    make.booking()
    bern = make.company("bern")
    stranger = make.driver(bern)

    def change():
        make.shift(stranger)
        make.assignment(make.booking(bern), stranger)

    meanwhile(monkeypatch, change)
    assert dispatch().changes["placed"] == 1


@pytest.mark.django_db
def test_a_double_booking_that_the_comparison_misses_is_refused_by_the_database(monkeypatch):
    driver = make.driver()
    make.shift(driver)
    make.booking()
    make.assignment(make.booking(clock="11:00"), driver, locked=True)
    solve = planning.solve

    def onto_the_other(problem, **options):
        plan = solve(problem, **options)
        trip = plan.trips[0]
        return replace(plan, trips=(replace(trip, pickup_s=11 * 3600, dropoff_s=11 * 3600 + 600),))

    monkeypatch.setattr(planning, "solve", onto_the_other)
    monkeypatch.setattr(running, "check", lambda problem, plan: ())
    before = snapshot()
    with pytest.raises(StalePlan, match="Somebody else"):
        dispatch()
    assert snapshot() == before
    assert DispatchRun.objects.get().status == "failed"
