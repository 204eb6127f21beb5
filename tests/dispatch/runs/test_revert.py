"""Taking a run back: what stood before it stands again, but for what must not be touched."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Actor, Booking, Door, DriverPreference, Event
from dispatch.models import Assignment, DispatchRun
from dispatch.planner.travel import GreatCircle
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.revert import AlreadyReverted, NotRevertible, revert_run
from dispatch.runs.run import run_dispatch
from drivers.models import Driver, Shift
from tests.support import builders as make
from tests.support.builders import HOME, HOSPITAL, at

pytestmark = pytest.mark.django_db

ACTOR = Actor(Door.COMMAND, name="test")


def dispatch(*, now=make.NOW):
    company = make.Company.objects.get()
    return run_dispatch(company, make.DAY, now=now, actor=ACTOR, options=FIRST_PLAN)


def revert(report, *, now=make.NOW):
    run = DispatchRun.objects.select_related("company").get(id=report.run)
    return revert_run(run, now=now, actor=ACTOR)


def standing():
    """Return who drives what when, and when the drivers rest."""
    rows = Assignment.objects.open().order_by("booking_id")
    return (
        list(
            rows.values_list("booking_id", "driver_id", "planned_pickup_at", "planned_dropoff_at")
        ),
        list(Booking.objects.order_by("id").values_list("id", "status")),
        list(Shift.objects.order_by("id").values_list("id", "break_at")),
    )


def assign(booking, driver, **fields):
    """Assign as a run would have: with the time that the ride takes."""
    company = booking.company
    travel = GreatCircle(company.speed_kmh, company.circuity)
    ride = timedelta(seconds=travel.leg(HOME, HOSPITAL)[0])
    pickup_at = fields.setdefault("planned_pickup_at", booking.scheduled_time)
    boarding = timedelta(minutes=company.boarding_min)
    return make.assignment(
        booking, driver, planned_dropoff_at=pickup_at + boarding + ride, **fields
    )


@pytest.fixture
def two_drivers():
    drivers = [make.driver(name="Ada"), make.driver(name="Ben")]
    for driver in drivers:
        make.shift(driver, break_min=30)
    return drivers


def forbid(booking, driver):
    """Make the next run move the booking away from this driver; return the obstacle."""
    return DriverPreference.objects.create(client=booking.client, driver=driver, kind="forbidden")


def a_moved_trip(ada, clock="10:00"):
    """Dispatch a trip away from Ada; return the booking and the report."""
    booking = make.booking(clock=clock, client=make.client())
    assign(booking, ada)
    obstacle = forbid(booking, ada)
    report = dispatch()
    assert report.changes["moved"] == 1
    obstacle.delete()
    return booking, report


def test_drivers_times_and_breaks_are_as_before(two_drivers):
    ada, ben = two_drivers
    Shift.objects.filter(driver=ada).update(break_at=at("12:00"))
    make.booking(clock="09:00")
    booking, _ = a_moved_trip(ada)
    assign(make.booking(clock="14:00"), ben, planned_pickup_at=at("14:07"))
    make.booking(clock="16:00")
    before = standing()
    report = dispatch()
    assert standing() != before
    back = revert(report)
    assert back.notices == ()
    assert standing() == before
    assert DispatchRun.objects.get(id=back.run).reverts_id == report.run
    assert booking.status == "assigned"


def test_placed_trips_are_released_and_released_ones_come_back(two_drivers):
    ada, _ = two_drivers
    placed = make.booking(clock="09:00")
    released = make.booking(clock="15:00", client=make.client())
    assign(released, ada)
    obstacles = [forbid(released, driver) for driver in two_drivers]
    before = standing()
    report = dispatch()
    assert (report.changes["placed"], report.changes["released"]) == (1, 1)
    for obstacle in obstacles:
        obstacle.delete()
    back = revert(report)
    assert (back.changes["placed"], back.changes["released"]) == (1, 1)
    assert standing()[:2] == before[:2]
    assert Booking.objects.get(id=placed.id).status == "accepted"
    assert Assignment.objects.open().get().driver == ada


def test_taking_back_is_a_run_with_events_like_any_other(two_drivers):
    booking, report = a_moved_trip(two_drivers[0])
    back = revert(report)
    event = Event.objects.latest("id")
    assert (event.kind, event.run_id, event.booking_id) == (
        "assignment.moved",
        back.run,
        booking.id,
    )
    assert event.new["driver"] == two_drivers[0].id
    assert Assignment.objects.filter(booking=booking).count() == 3  # nothing is deleted


def test_taking_back_costs_two_statements_more_than_a_dispatch(two_drivers):
    _, report = a_moved_trip(two_drivers[0])
    run = DispatchRun.objects.select_related("company").get(id=report.run)
    with CaptureQueriesContext(connection) as captured:
        back = revert_run(run, now=make.NOW, actor=ACTOR)
    control = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")
    sent = [q["sql"] for q in captured if not q["sql"].startswith(control)]
    assert back.statements == len(sent) == report.statements + 2


def test_a_revert_can_be_taken_back(two_drivers):
    make.booking(clock="09:00")
    _, _ = a_moved_trip(two_drivers[0])
    make.booking(clock="12:00")
    report = dispatch()
    after = standing()
    back = revert(report)
    assert standing() != after
    assert revert(back).notices == ()
    assert standing() == after


def test_a_run_is_taken_back_once(two_drivers):
    _booking, report = a_moved_trip(two_drivers[0])
    back = revert(report)
    before = standing(), DispatchRun.objects.count()
    first, second = (
        re.escape(DispatchRun.objects.get(id=one.run).started_clock) for one in (report, back)
    )
    with pytest.raises(AlreadyReverted, match=f"plan of {first} was already undone, at {second}"):
        revert(report)
    assert (standing(), DispatchRun.objects.count()) == before
    revert(back)
    with pytest.raises(AlreadyReverted):  # what was redone is another run
        revert(report)


def test_a_revert_that_failed_may_be_tried_again(two_drivers):
    _booking, report = a_moved_trip(two_drivers[0])
    run = DispatchRun.objects.get(id=report.run)
    make.run(status="failed", reverts=run)
    assert revert(report).changes["moved"] == 1


@pytest.mark.parametrize("status", ["failed", "running"])
def test_only_a_completed_run_can_be_taken_back(status):
    run = make.run(status=status)
    with pytest.raises(NotRevertible, match=f"plan of {re.escape(run.started_clock)} is {status}"):
        revert_run(run, now=make.NOW, actor=ACTOR)
    assert DispatchRun.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"status": "en_route"}, "under way"),
        ({"status": "in_progress"}, "under way"),
        ({"locked": True}, "locked"),
    ],
)
def test_trips_under_way_or_locked_since_stay_and_are_named(two_drivers, fields, why):
    ada, ben = two_drivers
    booking, report = a_moved_trip(ada)
    Assignment.objects.open().update(**fields)
    if "status" in fields:
        Booking.objects.update(**fields)
    back = revert(report)
    assert back.notices == (f"Not taken back: {booking.reference} ({why}).",)
    assert Assignment.objects.open().get().driver == ben


def test_a_completed_trip_stays_and_is_named(two_drivers):
    booking, report = a_moved_trip(two_drivers[0])
    Assignment.objects.open().update(status="completed")
    Booking.objects.update(status="completed")
    back = revert(report)
    assert back.notices == (f"Not taken back: {booking.reference} (changed since).",)
    assert not Assignment.objects.open().exists()


def test_a_booking_canceled_since_stays_canceled_and_is_named(two_drivers):
    booking, report = a_moved_trip(two_drivers[0])
    Assignment.objects.open().update(status="canceled")
    Booking.objects.update(status="canceled")
    back = revert(report)
    assert back.notices == (f"Not taken back: {booking.reference} (changed since).",)
    assert Booking.objects.get().status == "canceled"


def test_a_trip_moved_by_hand_since_stays_and_is_named(two_drivers):
    ada, _ = two_drivers
    cleo = make.driver(name="Cleo")
    make.shift(cleo)
    booking, report = a_moved_trip(ada)
    Assignment.objects.open().update(status="superseded")
    assign(booking, cleo)
    back = revert(report)
    assert back.notices == (f"Not taken back: {booking.reference} (changed since).",)
    assert Assignment.objects.open().get().driver == cleo


def test_a_trip_whose_driver_is_gone_stays_and_is_named(two_drivers):
    ada, ben = two_drivers
    booking, report = a_moved_trip(ada)
    Driver.objects.filter(id=ada.id).update(is_available=False)
    back = revert(report)
    assert back.notices == (f"Not taken back: {booking.reference} (would break a rule).",)
    assert Assignment.objects.open().get().driver == ben


def test_a_trip_whose_driver_has_no_shift_any_more_stays(two_drivers):
    ada, ben = two_drivers
    booking, report = a_moved_trip(ada)
    Shift.objects.filter(driver=ada).delete()
    back = revert(report)
    assert back.notices == (f"Not taken back: {booking.reference} (would break a rule).",)
    assert Assignment.objects.open().get().driver == ben


def test_a_restored_trip_gives_way_to_one_that_was_put_there_since(two_drivers):
    ada, ben = two_drivers
    booking, report = a_moved_trip(ada, clock="10:00")
    assign(make.booking(clock="10:25"), ada, locked=True)
    back = revert(report)
    assert back.notices == (f"Not taken back: {booking.reference} (would break a rule).",)
    assert Assignment.objects.open().get(booking=booking).driver == ben


def test_a_restored_trip_gives_way_to_a_later_one_that_may_move(two_drivers):
    # Not locked: the rule is broken at the later trip, but the restored one has to go.
    ada, ben = two_drivers
    booking, report = a_moved_trip(ada, clock="10:00")
    later = make.booking(clock="10:25")
    assign(later, ada)
    back = revert(report)
    assert back.notices == (f"Not taken back: {booking.reference} (would break a rule).",)
    assert Assignment.objects.open().get(booking=booking).driver == ben
    assert Assignment.objects.open().get(booking=later).driver == ada


def test_a_restored_trip_takes_the_break_along_when_its_place_is_taken(two_drivers):
    ada, _ = two_drivers
    booking, report = a_moved_trip(ada)
    Shift.objects.filter(driver=ada).update(break_at=at("14:00"))
    assign(make.booking(clock="14:05"), ada, locked=True)
    back = revert(report)
    assert back.notices == ()
    assert Assignment.objects.open().get(booking=booking).driver == ada
    break_at = Shift.objects.get(driver=ada).break_at
    assert break_at != at("14:00")
    assert at("06:00") <= break_at <= at("17:30")


def test_a_trip_that_stands_against_the_rules_meanwhile_is_released_and_named(two_drivers):
    ada, ben = two_drivers
    booking, report = a_moved_trip(ada)
    hopeless = make.booking(clock="16:00")
    assign(hopeless, ben)
    Shift.objects.filter(driver=ben).update(
        end_at=at("15:00"), break_until_at=at("15:00"), break_at=None
    )
    back = revert(report)
    assert back.notices == (f"Not taken back: {hopeless.reference} (would break a rule).",)
    assert Assignment.objects.open().get().booking == booking
    assert Booking.objects.get(id=hopeless.id).status == "accepted"


def test_a_trip_that_was_assigned_by_hand_comes_back_with_the_time_its_ride_takes(two_drivers):
    ada, _ = two_drivers
    booking = make.booking(clock="10:00", client=make.client())
    make.assignment(booking, ada, minutes=45)
    obstacle = forbid(booking, ada)
    report = dispatch()
    obstacle.delete()
    assert revert(report).notices == ()
    row = Assignment.objects.open().get()
    assert (row.driver, row.planned_pickup_at) == (ada, at("10:00"))
    assert at("10:15") < row.planned_dropoff_at < at("10:45")


def test_a_trip_that_is_of_the_next_day_now_is_named(two_drivers):
    ada, _ = two_drivers
    Shift.objects.filter(driver=ada).update(
        start_at=at("18:00"),
        end_at=at("30:00"),
        break_from_at=at("18:00"),
        break_until_at=at("30:00"),
    )
    booking = make.booking(clock="23:50")
    report = dispatch()
    assert report.assigned == 1
    Booking.objects.update(scheduled_time=at("24:05"))
    back = revert(report)
    assert back.notices == (f"Not taken back: {booking.reference} (other day).",)
    assert Assignment.objects.open().get().booking == booking


def test_trips_whose_pickup_is_near_but_not_past_go_back(two_drivers):
    # A run freezes what is nearer than 30 minutes; taking one back only what has begun.
    booking, report = a_moved_trip(two_drivers[0])
    Driver.objects.update(last_lat=HOME[0], last_lon=HOME[1], last_position_at=at("09:45"))
    assert revert(report, now=at("09:50")).notices == ()
    assert Assignment.objects.open().get(booking=booking).driver == two_drivers[0]
