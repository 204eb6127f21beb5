"""What was recorded of a trip by mistake is taken back: one step, with a reason, for some hours."""

from unittest import mock

import pytest
from django.test import Client
from django.urls import reverse

from bookings.history import history_of
from bookings.models import CORRECTIONS, Actor, Booking, Door, Event, Status
from bookings.save import StaleBookingError, StatusRefusedError
from dispatch.models import Assignment
from dispatch.trips import progress, will_calls
from dispatch.trips.assign import assign
from dispatch.trips.cancel import cancel
from dispatch.trips.correct import ReasonMissing, TooLateToCorrect, correct
from dispatch.trips.locking import NoSuchTrip
from drivers.models import Company, Role
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.invariants import broken

ACTOR = Actor(Door.ADMIN, name="Ada")
NOW = make.at("09:30")
pytestmark = pytest.mark.django_db


@pytest.fixture
def geneva():
    return make.company()


@pytest.fixture
def anna(geneva):
    driver = make.driver(geneva, "Anna")
    make.shift(driver)
    return driver


def by(now=NOW):
    return {"actor": ACTOR, "now": now}


def a_trip(driver, *statuses, clock="09:00"):
    """Return a booking that was assigned and then reported in these statuses, the log says so."""
    booking = make.booking(driver.company, clock)
    assign(driver.company, booking.id, driver.id, **by(make.NOW))
    for status in statuses:
        progress.report_progress(driver.company, booking.id, Status(status), **by(make.at("09:10")))
    return Booking.objects.get(id=booking.id)


def take_back(booking, **options):
    return correct(booking.company, booking.id, **by() | {"reason": "The wrong trip."} | options)


def stored(booking):
    """Return the statuses of the booking and of its newest assignment."""
    assignment = Assignment.objects.filter(booking=booking).order_by("-id").first()
    return Booking.objects.get(id=booking.id).status, assignment and assignment.status


def last_event():
    return Event.objects.latest("id")


@pytest.mark.parametrize(
    ("statuses", "after"),
    [
        (("en_route",), "assigned"),
        (("en_route", "in_progress"), "en_route"),
        (("en_route", "in_progress", "completed"), "in_progress"),
        (("en_route", "no_show"), "en_route"),
    ],
)
def test_a_status_goes_one_step_back_and_the_driver_keeps_the_trip(anna, statuses, after):
    booking = a_trip(anna, *statuses)
    trip = take_back(booking)
    assert trip.booking.status == after
    assert stored(booking) == (after, progress.ASSIGNMENT_STATUS[Status(after)])
    assert trip.booking.version == booking.version + 1
    event = last_event()
    assert (event.kind, event.reason, event.actor) == (
        "booking.corrected",
        "The wrong trip.",
        "Ada",
    )
    assert (event.old["status"], event.new["status"]) == (booking.status, after)
    row = Assignment.objects.get()
    assert (row.actual_dropoff_at, bool(row.actual_pickup_at)) == (None, after == "in_progress")
    assert broken() == {}


def test_every_status_that_can_be_corrected_has_a_way_back():
    assert set(Status) - set(CORRECTIONS) == {Status.PENDING, Status.ASSIGNED}


def test_an_arrival_stays_when_on_board_is_taken_back_and_goes_with_the_way_there(anna):
    booking = a_trip(anna, "en_route")
    progress.arrive(anna.company, booking.id, **by())
    progress.report_progress(anna.company, booking.id, Status.IN_PROGRESS, **by())
    assert take_back(booking).assignment.arrived_at == NOW
    assert take_back(booking).assignment.arrived_at is None
    assert broken() == {}


def test_a_driver_who_has_another_trip_by_now_does_not_get_it_back_and_the_log_says_so(anna):
    booking = a_trip(anna, "en_route", "no_show")
    a_trip(anna, clock="09:05")
    trip = take_back(booking)
    assert (trip.booking.status, trip.assignment) == (Status.ACCEPTED, None)
    assert stored(booking) == ("accepted", "superseded")
    assert last_event().old["driver"] == anna.id
    assert "driver" not in last_event().new
    assert history_of(anna.company, booking.id)[0].what == (
        "Taken back: no-show → accepted (Anna has another trip by now)"
    )
    assert broken() == {}


@pytest.mark.parametrize("before", ["pending", "accepted", "assigned"])
def test_a_canceled_booking_waits_again_without_a_driver(anna, before):
    booking = a_trip(anna) if before == "assigned" else make.booking(anna.company, status=before)
    cancel(anna.company, booking.id, reason="called_off", **by())
    trip = take_back(booking)
    after = "pending" if before == "pending" else "accepted"
    assert (trip.booking.status, trip.booking.cancel_reason) == (after, "")
    assert not Assignment.objects.open().exists()
    booking.refresh_from_db()
    assert (booking.status, booking.cancel_reason) == (after, "")
    assert last_event().old == {"status": "canceled", "cancel_reason": "called_off"}
    assert broken() == {}


def test_a_canceled_return_trip_that_is_out_of_order_by_now_stays_canceled(geneva):
    there = make.booking(geneva, "09:00")
    back = make.booking(geneva, "11:00", return_of=there)
    cancel(geneva, back.id, **by())
    Booking.objects.filter(id=there.id).update(scheduled_time=make.at("12:00"))
    with pytest.raises(StatusRefusedError, match="wanted at 2026-06-17 12:00"):
        take_back(back)
    assert stored(back) == ("canceled", None)


def test_a_canceled_trip_stays_canceled_while_its_client_is_on_another(geneva):
    client = make.client(geneva)
    booking = make.booking(geneva, "11:00", client=client, status="canceled")
    Event.objects.create(
        company=geneva,
        booking=booking,
        kind=Event.Kind.BOOKING_CHANGED,
        at=NOW,
        old={"status": "accepted"},
        new={"status": "canceled"},
    )
    other = make.booking(geneva, "11:05", client=client)
    with pytest.raises(StatusRefusedError, match="already driven"):
        take_back(booking)
    assert stored(booking) == ("canceled", None)
    Booking.objects.filter(id=other.id).update(overlap_meant=True)
    take_back(booking)
    assert stored(booking) == ("accepted", None)


def test_a_client_who_is_no_longer_ready_calls_again(geneva):
    back = make.booking(geneva, "11:00", will_call=True, status=Status.PENDING)
    will_calls.ready(geneva, back.id, **by())
    trip = take_back(back, reason="Another examination.")
    assert (trip.booking.status, trip.booking.will_call) == (Status.PENDING, True)
    back.refresh_from_db()
    assert (back.will_call, back.scheduled_time) == (True, make.at("11:00"))
    assert broken() == {}
    assert will_calls.ready(geneva, back.id, **by()).changed


@pytest.mark.parametrize("status", ["pending", "accepted", "assigned"])
def test_what_was_not_recorded_by_hand_is_not_taken_back(anna, status):
    booking = a_trip(anna) if status == "assigned" else make.booking(anna.company, status=status)
    with pytest.raises(StatusRefusedError, match="nothing can be taken back"):
        take_back(booking)


def test_what_has_ended_is_taken_back_for_as_long_as_the_company_allows(anna):
    booking = a_trip(anna, "en_route", "in_progress", "completed")  # at 09:10
    Company.objects.update(correction_hours=2)
    company = Company.objects.get()
    for hours, late, said in (
        (2, "11:10", "for more than 2 hours:"),
        (1, "11:10", "for more than 1 hour:"),
        (0, "09:10", "allows no corrections"),
    ):
        company.correction_hours, late = hours, make.at(late)
        with pytest.raises(TooLateToCorrect, match=said):
            correct(company, booking.id, reason="x", **by(late))
    company.correction_hours = 2
    assert correct(company, booking.id, reason="x", **by(make.at("11:09"))).changed
    company.correction_hours = 0  # on board is no end
    assert correct(company, booking.id, reason="x", **by(make.at("23:00"))).changed


def test_it_takes_a_reason_and_the_version_that_was_seen(anna):
    booking = a_trip(anna, "en_route")
    with pytest.raises(ReasonMissing):
        take_back(booking, reason=" ")
    with pytest.raises(StaleBookingError):
        take_back(booking, version=booking.version - 1)
    with pytest.raises(NoSuchTrip):
        correct(make.company("lyon"), booking.id, reason="x", **by())
    assert stored(booking) == ("en_route", "en_route")


@pytest.mark.parametrize("others", [0, 30])
def test_statements_do_not_grow(anna, django_assert_max_num_queries, others):
    booking = a_trip(anna, "en_route", "in_progress", "completed")
    for number in range(others):
        make.booking(anna.company)
        make.assignment(make.booking(anna.company, f"{10 + number % 8}:00"), make.driver())
    with django_assert_max_num_queries(11 + 2):  # and the savepoint inside the test's own
        take_back(booking)


@pytest.fixture
def at_half_past_nine():
    with mock.patch("django.utils.timezone.now", return_value=NOW):
        yield


@pytest.mark.usefixtures("at_half_past_nine")
def test_dispatchers_correct_over_the_api_and_others_do_not(anna):
    booking = a_trip(anna, "en_route", "in_progress", "completed")
    path = f"{API}bookings/{booking.id}/correct/"
    for role in (Role.VIEWER, Role.DRIVER, Role.CLIENT_API):
        assert caller(role, anna.company).post(path, {"reason": "x"}).status_code == 403
    planner = caller(Role.DISPATCHER, anna.company)
    assert planner.post(path, {}).status_code == 400
    done = planner.post(path, {"reason": "The wrong trip."})
    assert done.status_code == 200
    assert (done.json()["status"], done.json()["assignment"]) == (
        "in_progress",
        Assignment.objects.get().id,
    )


def panel(role, company, booking, values=None):
    browser = Client(headers={"HX-Request": "true"})
    browser.force_login(make.member(company, role))
    args = [company.slug, booking.id]
    if values is None:
        return browser.get(reverse("admin:board:booking", args=args))
    seen = {"version": Booking.objects.get(id=booking.id).version, "assignment": 0}
    return browser.post(reverse("admin:board:change", args=args), seen | values)


@pytest.mark.usefixtures("at_half_past_nine")
def test_the_panel_offers_it_to_who_may_write_and_asks_why(anna):
    booking = a_trip(anna, "en_route", "in_progress", "completed")
    assert "Take back “completed”" in panel(Role.DISPATCHER, anna.company, booking).text
    assert "Take back" not in panel(Role.VIEWER, anna.company, booking).text
    values = {"action": "correct"}
    assert panel(Role.DISPATCHER, anna.company, booking, values).status_code == 400
    assert panel(Role.VIEWER, anna.company, booking, values | {"note": "x"}).status_code == 403
    values["note"] = "Wrong line"
    page = panel(Role.DISPATCHER, anna.company, booking, values)
    assert page.status_code == 200
    assert "Taken back: completed → on board" in page.text
    assert "Not on board" in page.text
    Company.objects.update(correction_hours=0)
    cancelled = make.booking(anna.company)
    cancel(anna.company, cancelled.id, **by())
    assert "Take back" not in panel(Role.DISPATCHER, anna.company, cancelled).text
