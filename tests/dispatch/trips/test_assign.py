"""Assign trips to drivers by hand."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.db import DatabaseError, connection

from bookings.models import Actor, Booking, Door, DriverPreference, Event, Status
from bookings.save import StaleBookingError, StatusRefusedError, save_booking
from dispatch import ledger
from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.advice.advise import advise, quote
from dispatch.trips.assign import RuleBroken, assign, preview_assignment
from dispatch.trips.fleet_changes import TripsBroken
from dispatch.trips.locking import NoSuchDriver, NoSuchTrip
from dispatch.trips.write_assignment import DoubleBooked
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="Nadia")


def on_duty(name=None, start="06:00", end="18:00", **fields):
    driver = make.driver(name=name)
    make.shift(driver, start, end, **fields)
    return driver


def assign_to(booking, driver, **options):
    options = {"actor": ACTOR, "now": make.NOW} | options
    return assign(booking.company, booking.id, driver.id, **options)


@pytest.mark.django_db
def test_a_trip_is_assigned_at_the_wanted_time():
    booking, anna = make.booking(clock="09:00"), on_duty("Anna")
    trip = assign_to(booking, anna)
    assert (trip.booking.status, trip.assignment.driver) == ("assigned", anna)
    # 3 minutes of boarding; 7.2 km at 30 km/h are about 14 minutes
    assert trip.assignment.planned_pickup_at == make.at("09:00")
    event = Event.objects.get()
    assert (event.kind, event.old) == ("assignment.created", {"status": "accepted"})
    assert not assign_to(booking, anna).changed


@pytest.mark.django_db
def test_a_trip_moves_to_another_driver_and_the_old_row_stays_as_history():
    booking, anna, ben = make.booking(), on_duty("Anna"), on_duty("Ben")
    first = assign_to(booking, anna).assignment
    second = assign_to(booking, ben, assignment_id=first.id).assignment
    assert second.driver == ben
    first.refresh_from_db()
    assert first.status == "superseded"
    event = Event.objects.order_by("-id").first()
    assert (event.kind, event.old["driver"], event.new["driver"]) == (
        "assignment.moved",
        anna.id,
        ben.id,
    )


@pytest.mark.django_db
def test_a_trip_under_way_may_change_its_car_and_begins_again():
    booking, ben = make.booking(), on_duty("Ben")
    make.assignment(booking, on_duty("Anna"), status=Assignment.Status.EN_ROUTE)
    trip = assign_to(booking, ben, now=make.at("08:50"))
    assert (trip.booking.status, trip.assignment.driver) == ("assigned", ben)


@pytest.mark.django_db
def test_the_drivers_other_trips_keep_their_times_where_that_is_possible():
    anna = on_duty("Anna", break_min=30)
    first, second = make.booking(clock="09:00"), make.booking(clock="11:00")
    assign_to(first, anna)
    before = Assignment.objects.open().get(booking=first).id
    assign_to(second, anna)
    assert Assignment.objects.open().get(booking=first).id == before
    day = load_problem(first.company, make.DAY, now=make.NOW, leeway=Leeway())
    assert len(day.problem.trips) == 2
    assert anna.shifts.get().break_at is not None


@pytest.mark.django_db
def test_the_drivers_other_trips_make_room_inside_their_windows():
    anna = on_duty("Anna")
    first, second = make.booking(clock="09:00"), make.booking(clock="09:30")
    assign_to(first, anna)
    # There by 09:17, out by 09:19, back by 09:34: four minutes late without moving the first.
    assign_to(second, anna)
    rows = {row.booking_id: row for row in Assignment.objects.open()}
    assert set(rows) == {first.id, second.id}
    assert rows[first.id].planned_pickup_at >= make.at("08:50")
    assert rows[second.id].planned_pickup_at <= make.at("09:45")
    report = run_dispatch(
        first.company, make.DAY, now=make.NOW, actor=ACTOR, preview=True, options=FIRST_PLAN
    )
    assert report.assigned == 2


@pytest.mark.django_db
def test_a_broken_rule_refuses_with_a_sentence():
    anna = on_duty("Anna", "06:00", "08:00")
    booking = make.booking(clock="09:00")
    with pytest.raises(RuleBroken, match="Anna is on duty from"):
        assign_to(booking, anna)
    assert not Assignment.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_vehicle_too_small_refuses():
    anna = on_duty("Anna")
    booking = make.booking(passengers=6)
    with pytest.raises(RuleBroken) as caught:
        assign_to(booking, anna)
    assert caught.value.faults[0].code == "no_seats"


@pytest.mark.django_db
def test_a_forbidden_driver_refuses():
    anna, client = on_duty("Anna"), make.client()
    DriverPreference.objects.create(client=client, driver=anna, kind="forbidden")
    with pytest.raises(RuleBroken) as caught:
        assign_to(make.booking(client=client), anna)
    assert caught.value.faults[0].code == "not_for_this_client"


@pytest.mark.django_db
def test_a_time_outside_the_window_refuses():
    with pytest.raises(RuleBroken) as caught:
        assign_to(make.booking(clock="09:00"), on_duty(), pickup_at=make.at("10:00"))
    assert caught.value.faults[0].code == "pickup_window"


@pytest.mark.django_db
def test_an_override_breaks_the_rule_locks_the_trip_and_logs_the_reason():
    anna = on_duty("Anna", "06:00", "08:00")
    trip = assign_to(make.booking(clock="09:00"), anna, override="She offered to stay longer.")
    assert trip.assignment.locked
    event = Event.objects.get()
    assert event.reason == "She offered to stay longer."
    assert event.new["overrides"] == ["not_on_duty"]


@pytest.mark.django_db
def test_after_an_override_the_driver_still_takes_other_trips():
    anna = on_duty("Anna")
    assign_to(make.booking(clock="09:00"), anna)
    first = Assignment.objects.get()
    soon = first.planned_dropoff_at  # in no time back to where the first trip began
    assign_to(make.booking(clock="09:25"), anna, override="Same way.", pickup_at=soon)
    assert assign_to(make.booking(clock="14:00"), anna).changed


@pytest.mark.django_db
def test_two_trips_at_one_time_are_impossible_whatever_the_reason():
    anna = on_duty("Anna")
    assign_to(make.booking(clock="09:00"), anna, pickup_at=make.at("09:00"))
    with pytest.raises(DoubleBooked):
        assign_to(
            make.booking(clock="09:05"), anna, pickup_at=make.at("09:05"), override="They can wait."
        )
    assert Assignment.objects.count() == 1


@pytest.mark.django_db
def test_a_driver_off_work_is_refused_and_one_who_left_cannot_be_overridden():
    sick = make.driver(is_available=False)
    gone = make.driver(is_active=False)
    booking = make.booking()
    with pytest.raises(RuleBroken, match="not available"):
        assign_to(booking, sick)
    with pytest.raises(RuleBroken):
        assign_to(booking, gone, override="please")
    assert assign_to(booking, sick, override="is back").changed


@pytest.mark.django_db
def test_other_companies_trips_and_drivers_do_not_exist():
    lausanne = make.company("lausanne")
    booking, anna = make.booking(), on_duty("Anna")
    with pytest.raises(NoSuchDriver):
        assign_to(booking, make.driver(lausanne))
    with pytest.raises(NoSuchTrip):
        assign(lausanne, booking.id, make.driver(lausanne).id, actor=ACTOR, now=make.NOW)
    with pytest.raises(NoSuchDriver):
        assign(lausanne, booking.id, anna.id, actor=ACTOR, now=make.NOW)


@pytest.mark.django_db
def test_only_an_accepted_trip_can_be_assigned():
    anna = on_duty("Anna")
    for status in (Status.PENDING, Status.CANCELED, Status.COMPLETED, Status.IN_PROGRESS):
        with pytest.raises(StatusRefusedError):
            assign_to(make.booking(status=status), anna)


@pytest.mark.django_db
def test_what_somebody_else_moved_is_not_overwritten():
    booking, anna, ben = make.booking(), on_duty("Anna"), on_duty("Ben")
    assign_to(booking, anna)
    with pytest.raises(StaleBookingError):
        assign_to(booking, ben, assignment_id=0)
    with pytest.raises(StaleBookingError):
        assign_to(booking, ben, version=booking.version)


@pytest.mark.django_db
def test_candidates_can_be_assigned_as_listed():
    on_duty("Far", end="08:00")
    anna = on_duty("Anna")
    busy = on_duty("Busy")
    assign_to(make.booking(clock="09:00"), busy, pickup_at=make.at("09:00"))
    booking = make.booking(clock="09:00")
    found = advise(booking.company, booking.id, now=make.NOW).candidates
    assert [place.driver_id for place in found] == [anna.id]
    trip = assign_to(booking, anna, pickup_at=found[0].pickup_at)
    assert trip.assignment.planned_dropoff_at == found[0].dropoff_at


@pytest.mark.django_db
def test_a_quote_stores_nothing():
    anna = on_duty("Anna")
    booking = make.booking(clock="10:00")
    Booking.objects.filter(id=booking.id).delete()
    found = quoted(booking)
    assert [(place.driver_id, place.pickup_at) for place in found.candidates] == [
        (anna.id, make.at("10:00"))
    ]
    assert found.why is None
    assert not Booking.objects.exists()


def quoted(booking):
    return quote(booking.company, booking, now=make.NOW)


def way_back(there, clock, **fields):
    """Return a way back that is not stored."""
    back = make.booking(clock=clock, return_of=there, **fields)
    Booking.objects.filter(id=back.id).delete()
    return back


@pytest.mark.django_db
def test_a_quote_for_a_way_back_waits_for_the_arrival():
    there, anna, _ben = make.booking(clock="09:00"), on_duty("Anna"), on_duty("Ben")
    assign_to(there, anna, pickup_at=make.at("09:00"))
    # 3 minutes of boarding, 18:44 of driving and 2 of alighting: out at 09:23:44.
    out_at = make.at("09:23") + timedelta(seconds=44)
    pickups = {place.pickup_at for place in quoted(way_back(there, "09:10")).candidates}
    assert pickups == {out_at}
    never = quoted(way_back(there, "08:50"))  # boards until 09:20
    assert (never.candidates, never.why.reason) == ((), "before_arrival")
    assert "cannot arrive from the outbound trip by 09:20" in never.why.detail


@pytest.mark.django_db
def test_a_quote_for_a_way_back_knows_when_a_run_may_plan_the_way_there():
    there, _anna, _ben = make.booking(clock="09:00"), on_duty("Anna"), on_duty("Ben")
    # Boards until 09:15; out 23:44 later.
    latest_at = make.at("09:38") + timedelta(seconds=44)
    assert {p.pickup_at for p in quoted(way_back(there, "09:20")).candidates} == {latest_at}
    assert {p.pickup_at for p in quoted(way_back(there, "10:00")).candidates} == {make.at("10:00")}
    assert quoted(way_back(there, "08:30")).why.reason == "before_arrival"


@pytest.mark.django_db
def test_nobody_is_offered_for_a_way_back_that_ends_before_the_arrival():
    there, anna, ben = make.booking(clock="09:00"), on_duty("Anna"), on_duty("Ben")
    back = make.booking(clock="08:50", return_of=there)
    assign_to(there, anna, pickup_at=make.at("09:00"))
    assert advise(back.company, back.id, now=make.NOW).candidates == ()
    with pytest.raises(RuleBroken, match="outbound trip"):
        assign_to(back, ben)


@pytest.mark.django_db
def test_a_quote_knows_whom_the_client_does_not_want(django_assert_num_queries):
    client, anna, ben = make.client(), on_duty("Anna"), on_duty("Ben")
    DriverPreference.objects.create(
        client=client, driver=anna, kind=DriverPreference.Kind.FORBIDDEN
    )
    booking = make.booking(client=client)
    Booking.objects.filter(id=booking.id).delete()
    # places, the day's 2, its preferences, the customer's margin, and this client's preferences
    with django_assert_num_queries(6):
        found = quoted(booking)
    assert [place.driver_id for place in found.candidates] == [ben.id]


@pytest.mark.django_db
def test_a_quote_does_not_take_the_place_of_a_trip_that_stays():
    anna, early = on_duty("Anna"), make.booking(clock="08:00")
    late = make.booking(clock="10:00")
    assign_to(late, anna)
    Assignment.objects.update(locked=True)  # no trip of the problem: the highest is the early one
    assert early.id < late.id
    booking = make.booking(clock="10:00")
    Booking.objects.filter(id=booking.id).delete()
    assert quoted(booking).candidates == ()


@pytest.mark.django_db
@pytest.mark.parametrize("others", [1, 8])
def test_statements_do_not_grow_with_the_day(django_assert_max_num_queries, others):
    anna, ben = on_duty("Anna", break_min=30), on_duty("Ben")
    booking = make.booking(clock="07:00")
    assign_to(booking, ben)
    for hour in range(9, 9 + others):
        assign_to(make.booking(clock=f"{hour:02}:00"), anna)
    # driver, lock, booking, the day's 4; lock, supersede, create, break, event; both rows
    # read: 14, and the 2 of the test's savepoint
    with django_assert_max_num_queries(16):
        assign_to(booking, anna)


@pytest.mark.django_db
def test_without_its_event_nothing_changes():
    booking = make.booking()
    with (
        mock.patch.object(ledger, "log", side_effect=DatabaseError),
        pytest.raises(DatabaseError),
    ):
        assign_to(booking, on_duty())
    assert not Assignment.objects.exists()
    assert Booking.objects.get().status == "accepted"


@pytest.mark.django_db(transaction=True)
def test_of_two_dispatchers_who_assign_one_trip_one_wins():
    booking, drivers = make.booking(), [on_duty(), on_duty()]

    def attempt(driver):
        try:
            return assign_to(booking, driver, version=booking.version).changed
        except StaleBookingError:
            return "stale"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(attempt, drivers))
    assert sorted(map(str, outcomes)) == ["True", "stale"]
    assert Assignment.objects.count() == Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_driver_assigned_two_trips_at_once_gets_a_plan_that_holds():
    anna = on_duty("Anna")
    bookings = [make.booking(clock="09:00"), make.booking(clock="09:10")]

    def attempt(booking):
        try:
            return assign_to(booking, anna).changed
        except (RuleBroken, StaleBookingError) as refused:
            return type(refused).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(attempt, bookings))
    assert True in outcomes
    assert Assignment.objects.open().count() == outcomes.count(True)
    preview = run_dispatch(
        bookings[0].company, make.DAY, now=make.NOW, actor=ACTOR, preview=True, options=FIRST_PLAN
    )
    assert preview.changes["kept"] == outcomes.count(True)  # the checker accepts them


@pytest.mark.django_db
def test_previews_and_advice_name_trips_by_time_and_client_and_refusals_by_reference():
    company, anna = make.company(), make.driver(name="Anna")
    make.shift(anna, "06:00", "10:00")
    other = make.booking(company, "09:00", reference="R-1", client=make.client(name="Zoé Favre"))
    make.assignment(other, anna, minutes=22)
    booking = make.booking(company, "09:05")
    seen = preview_assignment(
        company, booking.id, anna.id, now=make.NOW, pickup_at=make.at("09:05")
    )
    advice = advise(company, booking.id, now=make.NOW)
    for text in (" ".join(fault.text for fault in seen.faults), " ".join(advice.why.blockers)):
        assert "09:00 Zoé Favre" in text
        assert "R-1" not in text
    # A refusal can reach a client's own system: no name of another client.
    with pytest.raises(RuleBroken, match="R-1") as refused:
        assign(company, booking.id, anna.id, actor=ACTOR, now=make.NOW, pickup_at=make.at("09:05"))
    assert "Zoé" not in str(refused.value)


FAR = ["2000-01-01T00:00:00+00:00", "2099-12-31T23:59:59+00:00"]


@pytest.mark.django_db
@pytest.mark.parametrize("at", FAR)
def test_a_time_decades_away_breaks_a_rule_and_no_program(at):
    company = make.company()
    ana, row = make.driver(company), make.booking(company)
    make.shift(ana)
    far = datetime.fromisoformat(at)
    seen = preview_assignment(company, row.id, ana.id, now=make.NOW, pickup_at=far)
    assert ([fault.code for fault in seen.faults], seen.pickup_at) == (["no_duty"], far)


@pytest.mark.django_db
def test_an_assigned_booking_is_not_moved_to_another_generation_unasked():
    company = make.company()
    ana, row = make.driver(company), make.booking(company)
    make.shift(ana)
    make.assignment(row, ana)
    row.refresh_from_db()
    row.scheduled_time = datetime.fromisoformat(FAR[1])
    with pytest.raises(TripsBroken):
        save_booking(row, actor=ACTOR, now=make.NOW)
