"""Will-calls: booked without a time, ready when the client calls, never planned before."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from bookings.models import Actor, Booking, Door, Event, Status
from bookings.save import StaleBookingError, StatusRefusedError
from dispatch.board.day import read_board
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips import decisions, will_calls
from dispatch.trips.advice.advise import advise
from dispatch.trips.assign import assign
from dispatch.trips.locking import NoSuchTrip
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

ACTOR = Actor(Door.ADMIN, name="Ada")
pytestmark = pytest.mark.django_db


@pytest.fixture
def geneva():
    return make.company()


@pytest.fixture
def waiting(geneva):
    there = make.booking(geneva, "09:00")
    return make.booking(
        geneva, "11:00", will_call=True, status=Status.PENDING, return_of=there, reference="back"
    )


def test_it_is_not_planned_and_the_board_shows_why(geneva, waiting):
    make.shift(make.driver(geneva))
    report = run_dispatch(geneva, make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    waiting.refresh_from_db()
    assert waiting.status == Status.PENDING
    assert [(one.booking, one.reason) for one in report.unassigned] == [(waiting.id, "will_call")]
    (item,) = read_board(geneva, make.DAY, now=make.NOW).waiting
    assert item.row.will_call
    assert item.reason == (
        "The pickup time is not known yet: the client will call when they are ready."
    )


def test_it_is_neither_accepted_nor_assigned(geneva, waiting):
    driver = make.driver(geneva)
    with pytest.raises(StatusRefusedError, match="will-call"):
        decisions.accept(geneva, waiting.id, actor=ACTOR, now=make.NOW)
    with pytest.raises(StatusRefusedError):
        assign(geneva, waiting.id, driver.id, actor=ACTOR, now=make.NOW)
    with pytest.raises(StatusRefusedError, match="no pickup time yet"):
        advise(geneva, waiting.id, now=make.NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Booking.objects.filter(id=waiting.id).update(status=Status.ACCEPTED)


def test_ready_gives_it_a_time_and_opens_it(geneva, waiting, django_assert_max_num_queries):
    now = make.at("12:10") + timedelta(seconds=42)
    with django_assert_max_num_queries(8):
        trip = will_calls.ready(geneva, waiting.id, actor=ACTOR, now=now, minutes=15)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.will_call, waiting.version) == (Status.ACCEPTED, False, 2)
    assert waiting.scheduled_time == trip.booking.scheduled_time == make.at("12:25")
    event = Event.objects.get()
    assert (event.kind, event.actor) == ("booking.status", "Ada")
    assert event.new["scheduled_time"] == "2026-06-17T10:25:00Z"
    assert event.old == {
        "status": "pending",
        "will_call": True,
        "scheduled_time": "2026-06-17T09:00:00Z",
    }
    again = will_calls.ready(geneva, waiting.id, actor=ACTOR, now=now)
    assert (again.changed, again.booking.scheduled_time) == (False, make.at("12:25"))


def test_ready_then_a_run_plans_it(geneva, waiting):
    make.shift(make.driver(geneva))
    will_calls.ready(geneva, waiting.id, actor=ACTOR, now=make.at("12:10"))
    run_dispatch(geneva, make.DAY, now=make.at("12:11"), actor=ACTOR, options=FIRST_PLAN)
    waiting.refresh_from_db()
    assert waiting.status == Status.ASSIGNED


def test_ready_is_refused_where_it_makes_no_sense(geneva, waiting):
    now = make.at("12:10")
    pending = make.booking(geneva, status=Status.PENDING)
    with pytest.raises(StatusRefusedError, match="not a will-call"):
        will_calls.ready(geneva, pending.id, actor=ACTOR, now=now)
    with pytest.raises(StaleBookingError):
        will_calls.ready(geneva, waiting.id, actor=ACTOR, now=now, version=7)
    Booking.objects.filter(id=waiting.id).update(appointment_at=make.at("12:20"))
    with pytest.raises(will_calls.AppointmentMissed, match="12:20"):
        will_calls.ready(geneva, waiting.id, actor=ACTOR, now=now, minutes=30)
    with pytest.raises(NoSuchTrip):
        will_calls.ready(make.company("lyon"), waiting.id, actor=ACTOR, now=now)
    Booking.objects.filter(id=waiting.id).update(status=Status.CANCELED)
    with pytest.raises(StatusRefusedError, match="canceled"):
        will_calls.ready(geneva, waiting.id, actor=ACTOR, now=now)


def ready(booking, clock, **options):
    return will_calls.ready(booking.company, booking.id, actor=ACTOR, now=make.at(clock), **options)


@pytest.mark.parametrize(
    ("status", "clock", "minutes", "until"),
    [  # the outbound trip is planned from 09:00 until 09:20
        ("planned", "09:19", 0, "09:20"),
        ("planned", "09:10", 10, None),
        ("en_route", "09:10", 9, "09:20"),
        ("in_progress", "09:40", 0, "09:40"),
        ("in_progress", "09:10", 10, None),
        ("completed", "09:10", 0, None),
        ("no_show", "09:10", 0, None),
        ("canceled", "08:00", 0, None),
    ],
)
def test_it_is_ready_when_its_outbound_trip_has_arrived(waiting, status, clock, minutes, until):
    make.assignment(waiting.return_of, make.driver(waiting.company), status=status)
    now = make.at(clock) + timedelta(seconds=30)
    how = {"actor": ACTOR, "now": now, "minutes": minutes}
    if until:
        with pytest.raises(will_calls.NotThereYet, match=f"arrives at {until} at the earliest"):
            will_calls.ready(waiting.company, waiting.id, **how)
        assert not Event.objects.exists()
        how["anyway"] = True
    assert will_calls.ready(waiting.company, waiting.id, **how).changed


def test_an_outbound_trip_without_driver_arrives_at_its_appointment_at_the_earliest(waiting):
    Booking.objects.filter(id=waiting.return_of_id).update(appointment_at=make.at("10:00"))
    for clock, arrives in (("09:30", "10:00"), ("09:59", "10:00")):
        with pytest.raises(will_calls.NotThereYet, match=arrives):
            ready(waiting, clock)
    assert ready(waiting, "10:00").changed


def test_the_api_and_the_page_ask_before_it_has_arrived(client, geneva):
    there = make.booking(geneva, scheduled_time=timezone.now() + timedelta(hours=1))
    back = make.booking(
        geneva, scheduled_time=timezone.now() + timedelta(hours=2), will_call=True,
        status=Status.PENDING, return_of=there,
    )  # fmt: skip
    portal = caller(Role.CLIENT_API, company=geneva)
    path = f"{API}bookings/{back.pk}/ready/"
    refused = portal.post(path, {})
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "urn:dispatchsite:problem:not_there_yet",
    )
    client.force_login(make.member(geneva))
    url = reverse("admin:bookings_booking_ready", args=[back.pk])
    page = client.post(url, {"minutes": 5, "version": 1})
    assert page.status_code == 409
    assert f"Outbound trip {there} is accepted" in page.text
    assert 'name="anyway"' in page.text
    assert portal.post(path, {"anyway": True}).json()["status"] == "accepted"


def test_the_api_books_it_and_says_that_they_are_ready(geneva):
    portal = caller(Role.CLIENT_API, company=geneva)
    body = {
        "reference": "P-1", "pickup_lat": 46.2, "pickup_lon": 6.1, "dropoff_lat": 46.1,
        "dropoff_lon": 6.1, "scheduled_time": timezone.now().isoformat(), "will_call": True,
    }  # fmt: skip
    made = portal.post(f"{API}bookings/", body).json()
    assert made["will_call"] is True
    path = f"{API}bookings/{made['id']}/"
    planner = caller(Role.DISPATCHER, company=geneva)
    assert planner.post(f"{path}accept/", {}).status_code == 409
    assert portal.post(f"{path}ready/", {"minutes": 601}).status_code == 400
    ready = portal.post(f"{path}ready/", {"minutes": 5}).json()
    assert (ready["status"], ready["will_call"]) == ("accepted", False)


def test_a_dispatcher_marks_it_ready_on_its_page(client, geneva, waiting):
    client.force_login(make.member(geneva))
    url = reverse("admin:bookings_booking_ready", args=[waiting.pk])
    for page in ("admin:bookings_booking_changelist", "admin:bookings_booking_change"):
        args = [waiting.pk] if page.endswith("change") else []
        assert url in client.get(reverse(page, args=args), {"day": "all"}).text
    listed = client.get(reverse("admin:bookings_booking_changelist"), {"day": "all"})
    assert "will call" in listed.text
    assert client.get(url).status_code == 200
    assert client.post(url, {"minutes": 700, "version": 1}).status_code == 200
    page = client.post(url, {"minutes": 0, "version": 1}, follow=True)
    waiting.refresh_from_db()
    assert waiting.status == Status.ACCEPTED
    assert timezone.now() - waiting.scheduled_time < timedelta(minutes=2)
    assert "open for dispatch" in page.text
    assert url not in page.text


def test_others_do_not_say_ready(client, geneva, waiting):
    url = reverse("admin:bookings_booking_ready", args=[waiting.pk])
    client.force_login(make.member(make.company("lyon")))
    assert client.post(url, {"minutes": 0, "version": 1}).status_code == 404
    client.force_login(make.member(geneva, Role.VIEWER))
    assert client.post(url, {"minutes": 0, "version": 1}).status_code == 404
    waiting.refresh_from_db()
    assert waiting.will_call
