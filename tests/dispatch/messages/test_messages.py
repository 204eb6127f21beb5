"""Clients hear of their trips: what stands, once, in order, and only what a company has chosen."""

import json
import re
import socket
import threading
from datetime import UTC, datetime, time, timedelta
from functools import partial

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.history import messages_of
from bookings.merge import merge_clients, preview_merge
from bookings.models import (
    Actor,
    Booking,
    Client,
    Door,
    Event,
    Message,
    MessagePolicy,
    MessageText,
    Recipient,
    Status,
)
from bookings.privacy.export import export_person
from bookings.privacy.forget import forget
from bookings.webhooks.sending import Answer
from dispatch.forecast.keep import keep_forecasts
from dispatch.messages import channels, decide, worker
from dispatch.messages.channels import Sent
from dispatch.messages.claim import CLAIM, CLAIM_MAIL, OF_COMPANY, claim
from dispatch.messages.gather import SETTLES, gather
from dispatch.messages.policy import save_policy
from dispatch.messages.worker import MOST_ATTEMPTS, clear_messages, send_messages
from dispatch.models import Assignment
from drivers.db.bulk import update_rows
from drivers.models import Driver, Role
from tests.bookings.test_webhooks import LOOPBACK, Receiver
from tests.dispatch.runs.test_concurrency import together
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.pages import save

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.ADMIN, name="Ada")
NOW = make.at("11:00", make.DAY - timedelta(days=1))  # the morning before
EVENING = make.at("17:00", make.DAY - timedelta(days=1))
STRAIGHT = "(estimated by straight line)"
PHONE = "+41700000000"  # of the builder's clients, as gateways take it
Kind = Event.Kind


class Gateway:
    """Takes SMS as a gateway does: each key once."""

    def __init__(self):
        self.requests, self.answers, self.accepted = [], [], []

    def post(self, url, body, headers, *, within_s):
        said = json.loads(body)
        assert headers["Idempotency-Key"] == said["id"]
        self.requests.append(said)
        answer = self.answers.pop(0) if self.answers else Answer(200, 1)
        if answer.is_taken:
            self.accepted.append(said)
        return answer

    @property
    def taken(self):
        """Return (to, text) of each message, in order of its first arrival."""
        first = {said["id"]: (said["to"], said["text"]) for said in reversed(self.accepted)}
        return [first[key] for key in dict.fromkeys(said["id"] for said in self.accepted)]

    @property
    def texts(self):
        return [text for _to, text in self.taken]


@pytest.fixture
def gateway(monkeypatch, settings):
    settings.SMS_URL, settings.SMS_SECRET = "https://sms.example.org/", "hush"
    one = Gateway()
    monkeypatch.setattr(channels, "post", one.post)
    return one


@pytest.fixture
def geneva():
    company = make.company(name="Geneva Cars")
    make.message_policy(company)
    return company


@pytest.fixture
def ada(geneva):
    return make.client(geneva, "Ada")


def happens(booking, kind=Kind.BOOKING_CREATED, at=NOW, old=None, **new):
    return make.event(booking.company, booking=booking, kind=kind, at=at, old=old or {}, new=new)


def booked(client, clock="09:00", **fields):
    """Return a trip that was booked, and told."""
    booking = make.booking(client.company, clock, client=client, **fields)
    at = NOW - timedelta(hours=1)
    happens(booking, at=at)
    send_messages(now=at + SETTLES)
    return booking


def change(booking, at=NOW, kind=Kind.BOOKING_CHANGED, **values):
    Booking.objects.filter(pk=booking.pk).update(**values)
    return happens(booking, kind, at, **{name: str(value) for name, value in values.items()})


def passes_to(booking, client, at=NOW):
    """Give a trip to another client."""
    old = {"client": Booking.objects.get(pk=booking.pk).client_id}
    Booking.objects.filter(pk=booking.pk).update(client=client)
    return happens(booking, Kind.BOOKING_CHANGED, at, old, client=client and client.pk)


# Only if it is wanted


@pytest.mark.parametrize("policy", [None, {"is_on": False}])
def test_nothing_is_sent_unless_the_company_has_switched_it_on(gateway, policy):
    geneva = make.company()
    if policy:
        make.message_policy(geneva, **policy)
    booking = make.booking(geneva, client=make.client(geneva))
    happens(booking)
    assert send_messages(now=make.at("08:00")) == 0
    assert (gateway.requests, Message.objects.count()) == ([], 0)


def test_what_happened_before_it_was_switched_on_is_told_to_nobody(gateway, ada):
    policy = MessagePolicy.objects.get()
    policy.is_on = False
    save_policy(policy, now=NOW)
    booking = make.booking(ada.company, client=ada)
    happens(booking)
    policy.is_on = True
    save_policy(policy, now=NOW)
    assert send_messages(now=NOW + SETTLES) == 0
    policy.seen_event_id, policy.daily_limit = 0, 7  # an old form, which saves again
    save_policy(policy, now=NOW)
    policy.refresh_from_db()
    assert (policy.seen_event_id, policy.daily_limit) == (Event.objects.get().pk, 7)


@pytest.mark.parametrize("kind", ["booked", "changed", "canceled", "reminder", "on_the_way"])
def test_a_company_chooses_what_it_tells(gateway, ada, kind):
    booking = booked(ada)
    MessagePolicy.objects.update(**{f"tells_{kind}": False})
    gateway.requests.clear()
    if kind == "booked":
        happens(make.booking(ada.company, "10:00", client=ada))
    elif kind == "changed":
        change(booking, scheduled_time=make.at("10:00"))
    elif kind == "canceled":
        change(booking, status=Status.CANCELED, kind=Kind.BOOKING_STATUS)
    elif kind == "on_the_way":
        make.assignment(booking, make.driver(ada.company), status="en_route")
        happens(booking, Kind.BOOKING_STATUS, status="en_route")
    send_messages(now=EVENING if kind == "reminder" else NOW + SETTLES)
    assert gateway.requests == []


# What is told


def test_a_booking_is_told_once_and_a_minute_later(gateway, ada):
    happens(make.booking(ada.company, "09:05", client=ada))
    assert send_messages(now=NOW + timedelta(seconds=59)) == 0
    assert send_messages(now=NOW + SETTLES) == 1
    assert send_messages(now=NOW + timedelta(hours=1)) == 0
    assert gateway.taken == [(PHONE, "The trip on 17 June at 09:05 is booked. Geneva Cars")]
    [message] = Message.objects.all()
    assert (message.status, message.kind, message.attempts) == ("sent", "booked", 1)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"scheduled_time": make.at("10:00")}, "the car comes on 17 June at 10:00"),
        ({"pickup_address": "Quai 1"}, "the car comes on 17 June at 09:00"),
        ({"scheduled_time": make.at("09:05")}, ""),  # 5 minutes are within what was told
        ({"notes": "x"}, ""),
        ({"status": Status.COMPLETED}, ""),
    ],
)
def test_a_change_is_told_if_the_client_would_notice(gateway, ada, values, told):
    booking = booked(ada)
    change(booking, **values)
    send_messages(now=NOW + SETTLES)
    assert gateway.texts[1:] == ([f"The trip has changed: {told}. Geneva Cars"] if told else [])


def test_a_change_that_is_taken_back_within_a_minute_is_told_to_nobody(gateway, ada):
    booking = booked(ada)
    change(booking, scheduled_time=make.at("10:00"))
    later = NOW + timedelta(seconds=50)
    change(booking, later, scheduled_time=make.at("09:00"))
    send_messages(now=NOW + SETTLES)
    send_messages(now=later + SETTLES)
    assert len(gateway.requests) == 1
    assert not Message.objects.filter(status="waiting").exists()


def test_of_what_is_not_settled_nothing_is_told(gateway, ada):
    """The first change has had its minute, the second has not: both are told together."""
    booking = booked(ada)
    change(booking, scheduled_time=make.at("10:00"))
    later = NOW + timedelta(seconds=50)
    change(booking, later, scheduled_time=make.at("11:00"))
    assert send_messages(now=NOW + SETTLES) == 0
    assert send_messages(now=later + SETTLES) == 1
    assert "at 11:00" in gateway.texts[1]


def test_a_cancellation_is_told_to_who_knew_of_the_trip(gateway, ada):
    trip, brief = booked(ada), make.booking(ada.company, "12:00", client=ada, created_at=NOW)
    happens(brief)
    for booking in (trip, brief):
        change(booking, status=Status.CANCELED, kind=Kind.BOOKING_STATUS)
    send_messages(now=NOW + SETTLES)
    assert gateway.texts[1:] == ["The trip on 17 June at 09:00 is canceled. Geneva Cars"]
    later = NOW + timedelta(hours=1)
    change(trip, later, Kind.BOOKING_REOPENED, status=Status.ACCEPTED)
    send_messages(now=later + SETTLES)
    assert gateway.texts[2:] == ["The trip on 17 June at 09:00 is booked. Geneva Cars"]


def test_who_could_not_be_told_of_a_booking_hears_of_its_cancellation(gateway, ada):
    """Booked by telephone in quiet hours, and canceled in them, by whomever."""
    at = make.at("22:00", make.DAY - timedelta(days=1))
    trip = make.booking(ada.company, "14:00", client=ada, created_at=at)
    happens(trip, at=at)
    send_messages(now=at + SETTLES)
    later = at + timedelta(minutes=10)
    change(trip, later, status=Status.CANCELED, kind=Kind.BOOKING_STATUS)
    send_messages(now=later + SETTLES)
    assert gateway.texts == []
    send_messages(now=make.at("07:00"))
    assert gateway.texts == ["The trip on 17 June at 14:00 is canceled. Geneva Cars"]


@pytest.mark.parametrize(
    ("kind", "new", "planned", "count"),
    [
        (Kind.ASSIGNED, {}, "09:00", 0),
        (Kind.ASSIGNED, {}, "09:05", 0),
        (Kind.MOVED, {}, "09:06", 1),
        (Kind.BOOKING_CHANGED, {"notes": "x"}, "09:00", 0),
        (Kind.BOOKING_CHANGED, {"passengers": 2}, "09:10", 0),
        (Kind.BOOKING_CHANGED, {"dropoff_address": "Quai 1"}, "09:00", 1),
        (Kind.BOOKING_CORRECTED, {"status": "assigned"}, "09:00", 0),
    ],
)
def test_who_was_told_nothing_hears_only_of_what_is_another_trip_for_them(
    gateway, ada, kind, new, planned, count
):
    """The trip is of before the messages: its booked time is what the person knows."""
    MessagePolicy.objects.update(reminded_day=EVENING.date())
    booking = make.booking(ada.company, "09:00", client=ada)
    make.assignment(booking, make.driver(ada.company), planned_pickup_at=make.at(planned))
    happens(booking, kind, EVENING, **new)
    assert send_messages(now=EVENING + SETTLES) == count


def test_who_booked_before_messages_hears_of_the_cancellation(gateway, ada):
    old = make.booking(ada.company, client=ada, created_at=NOW - timedelta(days=99))
    change(old, status=Status.CANCELED, kind=Kind.BOOKING_STATUS)
    send_messages(now=NOW + SETTLES)
    assert gateway.texts == ["The trip on 17 June at 09:00 is canceled. Geneva Cars"]


def test_the_evening_before_the_planned_time_is_told_once(gateway, ada):
    booking = booked(ada)
    make.assignment(booking, make.driver(ada.company), planned_pickup_at=make.at("08:52"))
    make.booking(ada.company, "09:00", day=make.DAY + timedelta(days=1), client=ada)
    make.booking(ada.company, "10:00", client=ada, status="pending", will_call=True)
    assert send_messages(now=EVENING - timedelta(minutes=1)) == 0
    assert send_messages(now=EVENING) == 1
    assert send_messages(now=EVENING + timedelta(hours=1)) == 0
    assert gateway.texts[1:] == ["The car comes on 17 June at 08:52. Geneva Cars"]


def test_before_the_evening_plans_may_move_and_afterwards_it_is_told(gateway, ada):
    booking = booked(ada)
    row = make.assignment(booking, make.driver(ada.company), planned_pickup_at=make.at("08:50"))
    happens(booking, Kind.ASSIGNED)
    assert send_messages(now=NOW + SETTLES) == 0
    send_messages(now=EVENING)
    Assignment.objects.filter(pk=row.pk).update(planned_pickup_at=make.at("09:10"))
    at = EVENING + timedelta(hours=1)
    happens(booking, Kind.MOVED, at)
    send_messages(now=at + SETTLES)
    assert gateway.texts[2:] == [
        "The trip has changed: the car comes on 17 June at 09:10. Geneva Cars"
    ]


def test_the_car_on_the_way_is_told_with_its_plate_and_time(gateway, ada):
    booking = booked(ada)
    vehicle = make.vehicle(ada.company, plate="GE 7")
    driver = make.driver(ada.company, vehicle=vehicle)
    make.assignment(booking, driver, status="en_route")
    at = make.at("08:50")
    Driver.objects.update(last_lat=make.HOSPITAL[0], last_lon=make.HOSPITAL[1], last_position_at=at)
    happens(booking, Kind.BOOKING_STATUS, at, status="en_route")
    keep_forecasts(now=at + SETTLES)
    send_messages(now=at + SETTLES)
    # 6.94 km in a straight line, times 1.35, at 30 km/h are 18.7 minutes, from 08:51.
    assert gateway.texts[1:] == [
        f"The car GE 7 is on the way and arrives at about 09:09 {STRAIGHT}. Geneva Cars"
    ]
    happens(booking, Kind.BOOKING_CHANGED, at, pickup_address="Quai 1")
    assert send_messages(now=at + timedelta(minutes=2)) == 0  # once


@pytest.mark.parametrize(
    ("clock", "own", "told"),
    [
        (
            "08:58",
            "",
            f"The car GE 7 is on the way and arrives at about 09:00 {STRAIGHT}. Geneva Cars",
        ),
        ("08:58", "{plate}: {clock}", f"GE 7: 09:00 {STRAIGHT}"),
        ("09:05", "", "The car GE 7 is on the way. Geneva Cars"),
        ("09:05", "{plate}: {clock}", "The car GE 7 is on the way. Geneva Cars"),
        ("09:05", "{plate} comes", "GE 7 comes"),
    ],
)
def test_a_car_of_which_nothing_is_foreseen_does_not_come_now(gateway, ada, clock, own, told):
    booking, at = booked(ada), make.at(clock)
    driver = make.driver(ada.company, vehicle=make.vehicle(ada.company, plate="GE 7"))
    make.assignment(booking, driver, status="en_route")
    if own:
        policy = MessagePolicy.objects.get()
        MessageText.objects.create(policy=policy, kind="on_the_way", language="en", text=own)
    happens(booking, Kind.BOOKING_STATUS, at, status="en_route")
    send_messages(now=at + SETTLES)
    assert gateway.texts[1:] == [told]


def test_only_a_time_that_straight_lines_make_is_said_to_be_one(gateway, ada, settings):
    """Nor is a booked or a promised time, which plans keep."""
    settings.ROADS_URL = "http://127.0.0.1:9"
    booking, at = booked(ada), make.at("08:58")
    driver = make.driver(ada.company, vehicle=make.vehicle(ada.company, plate="GE 7"))
    make.assignment(booking, driver, status="en_route")
    happens(booking, Kind.BOOKING_STATUS, at, status="en_route")
    send_messages(now=at + SETTLES)
    settings.ROADS_URL = ""
    booked(ada, "11:00")
    assert "arrives at about 09:00. Geneva Cars" in gateway.texts[1]
    assert not any(STRAIGHT in text for text in gateway.texts)


def test_a_tap_en_route_that_is_taken_back_is_not_told(gateway, ada):
    booking = booked(ada)
    row = make.assignment(booking, make.driver(ada.company))
    at = make.at("08:50")
    change(booking, at, Kind.BOOKING_STATUS, status=Status.EN_ROUTE)
    change(booking, at, Kind.BOOKING_STATUS, status=Status.ASSIGNED)
    assert row.status == "planned"
    assert send_messages(now=at + SETTLES) == 0


def test_late_is_told_only_where_a_company_wants_it():
    assert not MessagePolicy().tells_late


def seen(clock, **driver):
    """Let drivers report a position, where the trips begin."""
    Driver.objects.filter(**driver).update(
        last_lat=make.HOME[0], last_lon=make.HOME[1], last_position_at=make.at(clock)
    )


def foresees(clock):
    """Let the forecast be kept and messages be sent at this time; return how many were."""
    keep_forecasts(now=make.at(clock))
    return send_messages(now=make.at(clock))


def test_the_words_of_the_customer_come_before_those_of_the_company_and_the_usual_ones(
    gateway, geneva
):
    policy, clinic = MessagePolicy.objects.get(), make.customer(geneva, "Clinic")
    texts = [
        (clinic, "en", "Clinic, {clock}"),
        (None, "en", "All, {clock}"),
        (None, "fr", "A {day}"),
    ]
    for customer, language, text in texts:
        MessageText.objects.create(
            policy=policy, customer=customer, kind="booked", language=language, text=text
        )
    mine = make.customer(geneva, "Another")
    MessageText.objects.create(
        policy=policy, customer=mine, kind="changed", language="en", text="Mine"
    )
    ada = make.client(geneva, "Ada", customer=clinic)
    booked(ada, customer=clinic)
    booked(make.client(geneva, "Bea"))
    booked(make.client(geneva, "Cem", customer=mine), customer=mine)
    policy.language = "fr"
    policy.save()
    booked(make.client(geneva, "Dora", customer=clinic), customer=clinic)
    said = [text.partition(" http")[0] for text in gateway.texts]
    assert said == ["Clinic, 09:00", "All, 09:00", "All, 09:00", "A 17 juin"]


def test_a_text_is_of_a_customer_of_the_company_and_there_is_one_of_each(geneva):
    policy, clinic = MessagePolicy.objects.get(), make.customer(geneva, "Clinic")
    about = {"policy": policy, "kind": "booked", "language": "en", "text": "{clock}"}
    for customer in (None, clinic):
        MessageText.objects.create(customer=customer, **about)
        with pytest.raises(ValidationError):
            MessageText(customer=customer, **about).full_clean()
    foreign = make.customer(make.company("basel"), "Basel")
    with pytest.raises(ValidationError) as caught:
        MessageText(customer=foreign, **about).full_clean()
    assert list(caught.value.message_dict) == ["customer"]


def test_a_late_car_is_told_once_and_not_if_it_is_there(gateway, ada):
    company = ada.company
    late, there = booked(ada), booked(ada, "09:01")
    home_lat, home_lon = make.HOME
    make.assignment(late, make.driver(company, home_lat=home_lat, home_lon=home_lon))
    seen("09:00")
    make.assignment(there, make.driver(company), arrived_at=make.at("09:01"))
    assert foresees("09:09") == 0
    assert foresees("09:12") == 1
    assert foresees("09:30") == 0
    assert gateway.texts[2:] == [
        f"The car is more than 10 minutes late and comes at about 09:12 {STRAIGHT}. We are sorry. "
        "Geneva Cars"
    ]


def test_a_late_car_is_told_before_its_time_as_soon_as_that_is_foreseen(gateway, ada):
    driver = make.driver(ada.company)
    make.assignment(
        make.booking(ada.company, "08:00"), driver, status="in_progress",
        actual_pickup_at=make.at("08:35"),
    )  # fmt: skip
    make.assignment(booked(ada), driver)
    # On board until 08:56:44, then 2:00 and 18:44 back: 09:17:28.
    assert foresees("08:29") == 0  # half an hour before at most
    assert foresees("08:36") == 1
    assert "comes at about 09:17" in gateway.texts[-1]


@pytest.fixture
def behind(gateway, ada):
    """Return the trip that keeps the driver of the one of 09:00, who is there at 09:17."""
    driver = make.driver(ada.company)
    before = make.booking(ada.company, "08:00")
    make.assignment(booked(ada), driver)
    return make.assignment(before, driver, status="in_progress", actual_pickup_at=make.at("08:35"))


def fetched(trip, clock):
    Assignment.objects.filter(pk=trip.pk).update(actual_pickup_at=make.at(clock))


LATE_AT_917 = (
    f"The car is more than 10 minutes late and comes at about 09:17 {STRAIGHT}. We are sorry. "
    "Geneva Cars"
)
AT_NINE = "The trip has changed: the car comes on 17 June at 09:00. Geneva Cars"


def test_who_was_told_late_hears_that_another_driver_comes_and_if_that_one_is_late(
    gateway, ada, behind
):
    foresees("08:36")
    late = Assignment.objects.get(status="planned")
    Assignment.objects.filter(pk=late.pk).update(status="superseded")
    ben = make.driver(ada.company, "Ben", home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.assignment(late.booking, ben)
    happens(late.booking, Kind.MOVED, at=make.at("08:38"), driver=ben.pk)
    assert [foresees(clock) for clock in ("08:38", "08:40", "08:45", "09:09")] == [0, 1, 0, 0]
    assert gateway.texts[1:] == [LATE_AT_917, AT_NINE]
    seen("09:10", pk=ben.pk)
    assert [foresees(clock) for clock in ("09:10", "09:11")] == [1, 0]
    assert "comes at about 09:10" in gateway.texts[-1]


def test_who_was_told_late_hears_that_the_trip_is_on_time_again(gateway, behind):
    foresees("08:36")
    fetched(behind, "08:30")  # there at 09:12, which is less than 5 minutes sooner
    foresees("08:37")
    fetched(behind, "08:15")
    assert [foresees(clock) for clock in ("08:38", "08:40", "08:41")] == [0, 1, 0]
    assert gateway.texts[1:] == [LATE_AT_917, AT_NINE]


def test_a_delay_that_comes_back_with_the_same_driver_is_told_again(gateway, behind):
    foresees("08:36")
    fetched(behind, "08:15")
    assert [foresees(clock) for clock in ("08:38", "08:40")] == [0, 1]
    fetched(behind, "08:35")
    assert [foresees(clock) for clock in ("08:42", "08:43")] == [1, 0]
    assert gateway.texts[1:] == [LATE_AT_917, AT_NINE, LATE_AT_917]


def test_a_car_that_is_still_late_is_told_again_only_if_it_is_later_than_was_told(gateway, behind):
    fetched(behind, "08:50")
    foresees("08:52")
    fetched(behind, "08:30")
    late = Assignment.objects.get(status="planned")
    happens(late.booking, Kind.MOVED, at=make.at("08:53"), driver=late.driver_id)
    assert [foresees(clock) for clock in ("08:53", "08:54", "08:55")] == [0, 1, 0]
    fetched(behind, "08:35")  # at 09:17, less than 5 minutes later than was told
    assert foresees("08:56") == 0
    fetched(behind, "08:50")
    assert [foresees(clock) for clock in ("08:57", "08:58")] == [1, 0]
    times = [re.search(r"at (?:about )?(\d\d:\d\d)", text)[1] for text in gateway.texts[1:]]
    # Still on board at 08:54, then 2:00 and 18:44 back.
    assert times == ["09:32", "09:14", "09:32"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_delay_that_was_over_before_it_was_told_is_told_when_it_comes_back(
    gateway, behind, is_kept
):
    gateway.answers = [Answer(500, 1)]
    foresees("08:36")
    assert gateway.texts[1:] == []
    if is_kept:
        fetched(behind, "08:15")
        keep_forecasts(now=make.at("08:39"))
    send_messages(now=make.at("08:39"))
    assert Message.objects.get(kind="late").status == "dropped"
    fetched(behind, "08:35")
    assert [foresees(clock) for clock in ("08:40", "08:41")] == [1, 0]
    assert gateway.texts[1:] == [LATE_AT_917]


def test_nobody_is_told_that_a_car_is_late_whose_driver_reports_nothing(gateway, ada):
    make.assignment(booked(ada), make.driver(ada.company))
    assert [foresees(clock) for clock in ("09:12", "09:20")] == [0, 0]
    seen("09:20")
    assert foresees("09:21") == 1


def test_nobody_is_told_of_late_cars_by_a_forecast_that_is_not_kept(gateway, ada):
    make.assignment(booked(ada), make.driver(ada.company))
    keep_forecasts(now=make.at("09:12"))
    assert send_messages(now=make.at("09:15")) == 0


def test_nobody_is_told_of_a_trip_when_it_is_over(gateway, ada):
    happens(make.booking(ada.company, client=ada))
    assert send_messages(now=make.at("10:01")) == 0
    assert Message.objects.get().reason == "It is too late for it."


# Whose trip it is


def test_a_trip_that_passes_to_another_client_is_told_to_both(gateway, ada):
    ben = make.client(ada.company, "Ben", phone="+41 70 000 00 01")
    booking = booked(ada)
    passes_to(booking, ben)
    send_messages(now=NOW + SETTLES)
    assert sorted(gateway.taken[1:]) == [
        (PHONE, "The trip on 17 June at 09:00 is canceled. Geneva Cars"),
        ("+41700000001", "The trip on 17 June at 09:00 is booked. Geneva Cars"),
    ]
    later = NOW + timedelta(hours=1)
    change(booking, later, scheduled_time=make.at("10:00"))
    send_messages(now=later + SETTLES)
    assert [to for to, _text in gateway.taken[3:]] == ["+41700000001"]
    passes_to(booking, None, later)
    send_messages(now=later + 2 * SETTLES)
    assert gateway.taken[4:] == [
        ("+41700000001", "The trip on 17 June at 10:00 is canceled. Geneva Cars")
    ]


def test_who_was_not_told_of_a_trip_hears_nothing_when_it_passes_on(gateway, ada):
    ben = make.client(ada.company, "Ben", phone="+41 70 000 00 01")
    booking = make.booking(ada.company, client=ada)
    happens(booking)
    gather(now=NOW)
    passes_to(booking, ben)
    send_messages(now=NOW + SETTLES)
    assert gateway.taken == [
        ("+41700000001", "The trip on 17 June at 09:00 is booked. Geneva Cars")
    ]
    assert Message.objects.filter(client=ada, status="dropped").count() == 2


def test_a_merge_of_clients_is_no_change_of_a_trip(gateway, ada):
    double = make.client(ada.company, "Ada B.")
    booked(double)
    make.booking(ada.company, "10:00", client=double)  # before messages: nobody was told
    seen = preview_merge(ada, double).seen
    merge_clients(ada.pk, double.pk, actor=ACTOR, now=NOW, seen=seen)
    send_messages(now=NOW + SETTLES)
    assert len(gateway.requests) == 1


# Whom, how, in which words


def test_no_text_names_the_person_or_the_places(gateway, ada):
    booked(ada)
    said = str(gateway.requests)
    assert "Ada" not in said
    assert "Feuillasse" not in said


def test_contacts_are_told_too_by_mail_in_their_language(gateway, ada, settings):
    settings.SENDS_MAIL, settings.DEFAULT_FROM_EMAIL = True, "Desk <desk@example.org>"
    Recipient.objects.create(
        client=ada, person="contact", channel="email", address="son@example.org", language="fr"
    )
    booked(ada)
    [letter] = mail.outbox
    assert (letter.to, letter.subject) == (["son@example.org"], "Votre course avec Geneva Cars")
    assert letter.body == "La course du 17 juin à 09:00 est réservée. Geneva Cars"
    key = Message.objects.get(person="contact").key
    assert letter.extra_headers["Message-ID"] == f"<{key}@example.org>"
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("recipient", "phone", "reason"),
    [
        ({"channel": "none"}, PHONE, "This person wants no messages."),
        ({}, "", "No address is known."),
        ({}, "ask her son", "This is no telephone number to which messages can be sent."),
    ],
)
def test_who_wants_none_or_cannot_be_reached_is_sent_nothing(
    gateway, ada, recipient, phone, reason
):
    ada.phone = phone
    ada.save()
    if recipient:
        Recipient.objects.create(client=ada, **recipient)
    booked(ada)
    assert gateway.requests == []
    assert Message.objects.get().reason == reason


def test_in_test_mode_everything_goes_to_one_address(gateway, ada, settings):
    settings.SENDS_MAIL = True
    MessagePolicy.objects.update(test_address="078 123 45 67")
    booked(ada)
    MessagePolicy.objects.update(test_address="us@example.org")
    booked(ada, "10:00")
    assert [to for to, _text in gateway.taken] == ["+41781234567"]
    assert [letter.to for letter in mail.outbox] == [["us@example.org"]]


def test_a_company_has_its_own_words(gateway, ada):
    policy = MessagePolicy.objects.get()
    text = MessageText(policy=policy, kind="booked", language="en", text="{clock}: see you!")
    text.full_clean()
    text.save()
    booked(ada)
    assert gateway.texts == ["09:00: see you!"]


@pytest.mark.parametrize("text", ["{name}", "{clock.x}", "{clock!r}", "{", "{plate}", "{0}", "a }"])
def test_words_with_other_placeholders_are_refused(ada, text):
    own = MessageText(policy=MessagePolicy.objects.get(), kind="booked", language="en", text=text)
    with pytest.raises(ValidationError, match="this kind of message has {clock}, {company}, {day}"):
        own.full_clean()


@pytest.mark.parametrize(
    "fields",
    [
        {"person": "contact", "channel": "sms", "address": ""},
        {"person": "client", "channel": "email", "address": ""},
        {"person": "client", "channel": "email", "address": "x"},
        {"person": "client", "channel": "sms", "address": "a@b.ch"},
    ],
)
def test_an_address_that_is_none_is_refused(ada, fields):
    with pytest.raises(ValidationError) as refusal:
        Recipient(client=ada, **fields).full_clean()
    assert list(refusal.value.message_dict) == ["address"]


# When


def test_in_quiet_hours_only_what_cannot_wait_is_told(gateway, ada):
    trip, early = booked(ada, "14:00"), booked(ada, "05:30")
    night = make.at("02:00")
    change(trip, night, scheduled_time=make.at("15:00"))
    assert send_messages(now=night + SETTLES) == 0
    make.assignment(early, make.driver(ada.company), status="en_route")
    happens(early, Kind.BOOKING_STATUS, make.at("05:10"), status="en_route")
    assert send_messages(now=make.at("05:11")) == 1
    Assignment.objects.update(arrived_at=make.at("05:30"))
    change(early, make.at("05:12"), pickup_address="Quai 1")  # it is under way
    assert send_messages(now=make.at("06:59")) == 0
    assert send_messages(now=make.at("07:00")) == 1
    assert ["on the way" in text for text in gateway.texts[2:]] == [True, False]
    assert "at 15:00" in gateway.texts[3]


def test_a_change_of_an_early_trip_is_told_three_hours_before_it(gateway, ada):
    """Of the earlier of what was told and what is, so that nobody gets up for nothing."""
    gone, moved = booked(ada, "05:30"), booked(ada, "06:00")
    evening = make.at("22:00", make.DAY - timedelta(days=1))
    change(gone, evening, status=Status.CANCELED, kind=Kind.BOOKING_STATUS)
    change(moved, evening, scheduled_time=make.at("15:00"))
    told = len(gateway.texts)
    send_messages(now=evening + SETTLES)
    send_messages(now=make.at("02:29"))
    change_texts = [text for text in gateway.texts[told:] if "comes" not in text]
    assert change_texts == []
    send_messages(now=make.at("02:30"))
    assert gateway.texts[-1] == "The trip on 17 June at 05:30 is canceled. Geneva Cars"
    send_messages(now=make.at("03:00"))
    assert "17 June at 15:00" in gateway.texts[-1]


def test_quiet_hours_end_in_the_hour_that_autumn_has_twice(geneva):
    policy = MessagePolicy.objects.get()
    policy.quiet_until = time(2, 30)
    first, second = (
        datetime(2026, 10, 25, 0, 10, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 10, tzinfo=UTC),
    )
    for now in (first, second):  # 02:10 in Geneva, both
        assert decide._waking(policy, now) == now + timedelta(minutes=20)


@pytest.mark.parametrize("is_near", [True, False])
def test_an_import_leaves_messages_of_the_day_to_trips_within_it(gateway, ada, is_near):
    """Of 5 a day one is for trips within a day; they come first."""
    MessagePolicy.objects.update(daily_limit=5)
    for n in range(6):
        day = make.DAY + timedelta(days=7)
        happens(make.booking(ada.company, f"1{n}:00", day=day, client=ada))
    if is_near:
        happens(make.booking(ada.company, "08:00", client=ada))
    assert send_messages(now=NOW + SETTLES) == 4 + is_near
    assert sum("17 June" in text for text in gateway.texts) == is_near
    happens(make.booking(ada.company, "08:30", client=ada), at=NOW)
    assert send_messages(now=NOW + 2 * SETTLES) == (not is_near)


def test_the_limit_of_a_day_leaves_alone_what_was_tried(gateway, ada):
    MessagePolicy.objects.update(daily_limit=1, language="fr")
    happens(make.booking(ada.company, client=ada))
    gateway.answers = [Answer(500, 1, "down")]
    send_messages(now=NOW + SETTLES)
    ben = make.client(ada.company, "Ben", phone="+41 70 000 00 01")
    happens(make.booking(ada.company, client=ben))
    assert send_messages(now=NOW + 2 * SETTLES) == 1
    assert [to for to, _text in gateway.taken] == [PHONE]
    reason = Message.objects.get(client=ben).reason
    assert reason == "Les messages du jour sont épuisés."


def test_what_is_above_the_limit_of_a_day_waits_for_the_next(gateway, ada):
    MessagePolicy.objects.update(daily_limit=2, quiet_from=time(0), quiet_until=time(0))
    for n in range(4):
        happens(make.booking(ada.company, f"1{n}:00", client=ada))
    assert send_messages(now=NOW + SETTLES) == 2
    waiting = Message.objects.filter(status="waiting")
    midnight = make.at("00:00")
    assert {(row.due_at, row.reason) for row in waiting} == {
        (midnight, "The messages of the day are used up.")
    }
    assert send_messages(now=midnight) == 2


def test_a_person_hears_in_order(gateway, ada):
    booking = make.booking(ada.company, client=ada)
    happens(booking)
    gateway.answers = [Answer(None, 1, "no answer")]  # it may have arrived
    send_messages(now=NOW + SETTLES)
    other = make.client(ada.company, "Ben", phone="+41 70 000 00 01")
    change(booking, NOW + SETTLES, scheduled_time=make.at("10:00"))
    happens(make.booking(ada.company, client=other), at=NOW)
    later = NOW + 2 * SETTLES
    Message.objects.filter(attempts=1).update(due_at=later + timedelta(seconds=9))
    send_messages(now=later)
    assert [to for to, _text in gateway.taken] == ["+41700000001"]
    send_messages(now=later + timedelta(seconds=10))
    mine = [text for to, text in gateway.taken if to == PHONE]
    assert ["is booked" in text for text in mine] == [True, False]
    assert len(mine) == 2


# What gateways do


def test_what_is_refused_is_sent_again_with_the_same_key_until_it_is_given_up(gateway, ada):
    happens(make.booking(ada.company, client=ada))
    gateway.answers = [Answer(500, 1, "The server answered 500.")] * MOST_ATTEMPTS
    at = NOW + SETTLES
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert send_messages(now=at) == 1
        row = Message.objects.get()
        wait_s = (row.due_at - at).total_seconds()
        if attempt < MOST_ATTEMPTS:  # 10 s, then four times as long each, give or take a fifth
            assert 0.75 * 10 * 4 ** (attempt - 1) <= wait_s <= 1.25 * 10 * 4 ** (attempt - 1)
        at = row.due_at
    assert (row.status, row.reason) == ("failed", "The server answered 500.")
    assert send_messages(now=at + timedelta(days=1)) == 0
    assert len({said["id"] for said in gateway.requests}) == 1


def afterwards(what, ada):
    """Something happens between an attempt and the next."""
    if what == "opted out":
        Recipient.objects.create(client=ada, channel="none")
    elif what == "corrected":
        Client.objects.update(phone="+41 70 000 00 05")
    elif what == "test":
        MessagePolicy.objects.update(test_address="+41 70 000 00 06")
    elif what == "quiet":
        MessagePolicy.objects.update(quiet_from=time(10), quiet_until=time(12))
    elif what == "canceled":
        Booking.objects.update(status=Status.CANCELED)


@pytest.mark.parametrize("code", [None, 500, 504])
@pytest.mark.parametrize(
    ("what", "arrives"),
    [
        ("opted out", []),
        ("corrected", ["+41700000005"]),
        ("test", ["+41700000006"]),
        ("quiet", []),
    ],
)
def test_what_is_sent_again_is_checked_again(gateway, ada, code, what, arrives):
    happens(make.booking(ada.company, client=ada))
    gateway.answers = [Answer(code, 1, "down")]
    send_messages(now=NOW + SETTLES)
    afterwards(what, ada)
    send_messages(now=NOW + 2 * SETTLES)
    assert [to for to, _text in gateway.taken] == arrives
    if what == "quiet":
        send_messages(now=NOW + timedelta(hours=1))  # 12:00
        assert [to for to, _text in gateway.taken] == [PHONE]
    assert len({said["id"] for said in gateway.requests}) == 1


@pytest.mark.parametrize(("code", "count"), [(500, 0), (None, 1), (504, 1)])
def test_what_was_certainly_refused_is_decided_anew(gateway, ada, code, count):
    """What may have arrived says the same as before: the cancellation follows it."""
    happens(make.booking(ada.company, client=ada))
    gateway.answers = [Answer(code, 1, "down")]
    send_messages(now=NOW + SETTLES)
    afterwards("canceled", ada)
    send_messages(now=NOW + 2 * SETTLES)
    assert len(gateway.taken) == count


@pytest.mark.parametrize(("code", "status"), [(409, "sent"), (400, "failed"), (401, "waiting")])
def test_a_known_key_was_taken_and_a_bad_number_is_not_tried_again(gateway, ada, code, status):
    happens(make.booking(ada.company, client=ada))
    gateway.answers = [Answer(code, 1, "no")]
    send_messages(now=NOW + SETTLES)
    assert Message.objects.get().status == status


def test_a_gateway_that_does_not_answer_is_not_waited_for(settings, ada):
    receiver = Receiver()
    settings.WEBHOOK_NETWORKS, settings.HTTPS, settings.SMS_SECRET = LOOPBACK, False, "hush"
    happens(make.booking(ada.company, client=ada))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.SMS_URL = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        settings.SMS_TIMEOUT_S = 0.2
        send_messages(now=NOW + SETTLES)
    row = Message.objects.get()
    assert (row.status, row.attempts) == ("waiting", 1)
    assert row.reason.isalpha()  # the type of the error, without its words
    settings.SMS_URL, settings.SMS_TIMEOUT_S = receiver.url, 5
    send_messages(now=NOW + 2 * SETTLES)
    ((headers, body),) = receiver.requests
    assert headers["Authorization"] == "Bearer hush"
    assert json.loads(body) == {"id": row.key, "to": PHONE, "text": row.text}
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("sent", 2)
    receiver.server.shutdown()
    receiver.server.server_close()


def test_a_gateway_inside_the_network_is_refused(settings, ada):
    settings.WEBHOOK_NETWORKS, settings.SMS_URL = [], "https://127.0.0.1/"
    happens(make.booking(ada.company, client=ada))
    send_messages(now=NOW + SETTLES)
    assert "public address" in Message.objects.get().reason


def test_without_a_gateway_or_a_mail_server_it_fails_and_says_so(settings, ada):
    settings.SMS_URL, settings.SENDS_MAIL = "", False
    Recipient.objects.create(client=ada, person="contact", channel="email", address="a@b.ch")
    booked(ada)
    assert set(Message.objects.values_list("status", "reason")) == {
        ("failed", "This installation sends no SMS."),
        ("failed", "This installation sends no e-mail."),
    }


# Once, whatever dies


class Killed(Exception):
    """Stands for a worker that ended in the middle."""


@pytest.mark.slow
def test_killed_at_any_statement_each_message_arrives_once(gateway, ada):
    """A worker is killed at its n-th statement, for each n; the next one does the rest."""
    Recipient.objects.create(client=ada, person="contact", address="+41 70 000 00 09")
    MessagePolicy.objects.update(daily_limit=10_000)
    allowed, kills, at = 0, 0, NOW
    while True:
        happens(make.booking(ada.company, "14:00", client=ada), at=at)
        at += SETTLES
        seen = 0

        def count(execute, sql, params, many, context, most=allowed):
            nonlocal seen
            seen += 1
            if seen == most + 1:  # and not again: the rollback needs its statement
                raise Killed
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(count):
                send_messages(now=at)
            break
        except Killed:
            kills, allowed = kills + 1, allowed + 1
        at += CLAIM
        send_messages(now=at)
        at += timedelta(seconds=1)
    assert kills > 20  # once at each statement of a look
    bookings = Booking.objects.count()
    for to in (PHONE, "+41700000009"):
        assert sum(one == to for one, _text in gateway.taken) == bookings
    assert set(Message.objects.values_list("status", flat=True)) == {"sent"}
    assert len(gateway.requests) > 2 * bookings  # some arrived twice, and were known


def claimed(ada, at=NOW + SETTLES):
    happens(make.booking(ada.company, client=ada))
    gather(now=at)
    return claim(now=at, most=32)


@pytest.mark.parametrize("meanwhile", [{"status": "dropped"}, {"status": "sent"}, {"attempts": 2}])
def test_what_was_erased_or_claimed_meanwhile_is_left_alone(gateway, ada, meanwhile):
    batch = claimed(ada)
    Message.objects.update(**meanwhile)
    before = Message.objects.values().get()
    assert worker.settle(batch, now=NOW + SETTLES) == []
    worker.record([(batch[0], Sent(False, error="TimeoutError"))], now=NOW + SETTLES)
    assert Message.objects.values().get() == before


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_an_erasure_waits_for_a_worker_that_writes_and_stays(gateway, ada, monkeypatch):
    batch = claimed(ada)
    Booking.objects.update(status="completed")

    def erase():
        forget(ada, reason="asked", actor=ACTOR, now=NOW)
        connection.close()

    eraser = threading.Thread(target=erase)

    def write(*rows):
        eraser.start()
        eraser.join(0.3)
        assert eraser.is_alive()
        return update_rows(*rows)

    monkeypatch.setattr(worker, "update_rows", write)
    worker.settle(batch, now=NOW + SETTLES)
    eraser.join()
    row = Message.objects.get()
    assert (row.status, row.text, row.address) == ("dropped", "", "")


def test_what_is_being_sent_is_not_claimed_by_its_own_worker(gateway, ada):
    batch = claimed(ada)
    later = NOW + SETTLES + CLAIM
    assert claim(now=later, busy=batch, most=32) == []
    assert len(claim(now=later, most=32)) == 1


def test_an_email_is_claimed_for_as_long_as_it_may_take(ada, settings):
    settings.SENDS_MAIL = True
    Recipient.objects.create(client=ada, channel="email", address="a@b.ch")
    at = NOW + SETTLES
    worker.settle(claimed(ada), now=at)
    assert Message.objects.get().due_at == at + CLAIM_MAIL


@pytest.mark.sqlite_only
def test_what_is_claimed_is_found_by_the_index(gateway, ada):
    """The chosen ids are of subqueries joined by OR: without more the whole table is read."""
    with CaptureQueriesContext(connection) as seen:
        assert len(claimed(ada)) == 1
    [sql] = [q["sql"] for q in seen if q["sql"].startswith("SELECT") and '"text"' in q["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert "SCAN bookings_message" not in plan
    assert "SEARCH bookings_message USING INDEX idx_message_due" in plan


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_do_no_double_work(gateway, ada):
    for n in range(20):
        client = make.client(ada.company, f"Client {n}", phone=f"+41 70 000 00 {n + 10}")
        happens(make.booking(ada.company, client=client))
    together(*[partial(send_messages, now=NOW + SETTLES)] * 3)
    send_messages(now=NOW + SETTLES)
    assert len(gateway.requests) == 20
    assert len(gateway.taken) == 20


def test_a_company_whose_gateway_hangs_keeps_nobody_waiting(monkeypatch, geneva, settings):
    """Its messages are answered only after another company's was sent."""
    arrived = threading.Event()
    bern = make.company("bern", name="Bern Cars")
    make.message_policy(bern)
    for n in range(12):
        client = make.client(geneva, f"C {n}", phone=f"+41 70 000 00 {n + 10}")
        happens(make.booking(geneva, client=client))
    happens(make.booking(bern, client=make.client(bern)))
    held = []

    def send(message):
        if message.company_id == bern.pk:
            arrived.set()
        else:
            held.append(arrived.wait(20))
        return Sent(True)

    monkeypatch.setattr(worker, "send", send)
    assert send_messages(now=NOW + SETTLES) == 13
    assert all(held)


def test_a_company_has_a_share_of_the_threads(gateway, ada):
    for n in range(12):
        client = make.client(ada.company, f"C {n}", phone=f"+41 70 000 00 {n + 10}")
        happens(make.booking(ada.company, client=client))
    at = NOW + SETTLES
    gather(now=at)
    batch = claim(now=at, most=32)
    assert len(batch) == OF_COMPANY
    assert claim(now=at, busy=batch, most=24) == []


@pytest.mark.parametrize("count", [2, 30])
def test_a_look_costs_the_same_whatever_its_size(gateway, geneva, count):
    for n in range(count):
        company = make.company(f"c{n}")
        make.message_policy(company)
        happens(make.booking(company, client=make.client(company)))
    at = NOW + SETTLES
    with CaptureQueriesContext(connection) as seen:
        gather(now=at)
        assert len(worker.settle(claim(now=at, most=32), now=at)) == count
    # policies; locked, events, contacts, inserted, what was seen; who is late; who waits; locked,
    # how many today, claimed, marked; assignments, told, recipients, texts; locked, decided.
    control = ("BEGIN", "SAVEPOINT", "RELEASE")
    assert len([q for q in seen if not q["sql"].startswith(control)]) == 18


def test_an_idle_worker_asks_three_questions(geneva):
    with CaptureQueriesContext(connection) as seen:
        assert send_messages(now=NOW) == 0
    assert len(seen) == 3


# Seen, and forgotten


def test_the_trip_tells_what_was_sent(client, gateway, ada):
    booking = booked(ada)
    gateway.answers = [Answer(400, 1, "The server answered 400.")]
    change(booking, scheduled_time=make.at("10:00"))
    send_messages(now=NOW + SETTLES)
    told = [(line.what, line.who, line.reason) for line in messages_of(ada.company, booking.pk)]
    assert told == [
        ("SMS failed: changed", "client", "The server answered 400."),
        ("SMS sent: booked", "client", ""),
    ]
    client.force_login(make.member(ada.company, Role.VIEWER))
    panel = client.get(reverse("admin:board:booking", args=["geneva", booking.pk])).text
    assert "SMS sent: booked" in panel
    page = client.get(reverse("admin:bookings_booking_change", args=[booking.pk])).text
    assert "SMS failed: changed" in page
    listed = client.get(reverse("admin:bookings_message_changelist")).text
    assert "The server answered 400." in listed


def test_owners_switch_messages_on_and_write_texts(client, ada):
    MessagePolicy.objects.update(is_on=False)
    page = reverse("admin:bookings_messagepolicy_change", args=[MessagePolicy.objects.get().pk])
    client.force_login(make.member(ada.company, Role.OWNER))
    refused = save(client, page, **_own_text("{name}"))
    assert "cannot stand here" in refused.text
    taken = save(client, page, is_on="on", **_own_text("{clock}!"))
    assert taken.status_code == 302, taken.text
    assert MessagePolicy.objects.get().is_on
    assert MessageText.objects.get().text == "{clock}!"
    client.force_login(make.member(ada.company, Role.DISPATCHER))
    assert client.post(page, {"is_on": ""}).status_code == 403


def _own_text(text):
    return {
        "texts-TOTAL_FORMS": "1", "texts-0-id": "", "texts-0-kind": "booked",
        "texts-0-language": "en", "texts-0-text": text,
    }  # fmt: skip


def test_who_is_forgotten_is_forgotten_here_too(gateway, ada):
    booking = booked(ada)
    Recipient.objects.create(client=ada, person="contact", channel="email", address="a@b.ch")
    assert PHONE in "".join(export_person(ada))
    Booking.objects.update(status="completed")
    happens(booking, at=NOW)
    gather(now=NOW)
    forget(ada, reason="asked", actor=ACTOR, now=NOW)
    assert not Recipient.objects.exists()
    rows = list(Message.objects.order_by("id").values_list("status", "address", "text", "told"))
    assert rows == [("sent", "", "", {}), ("dropped", "", "", {}), ("dropped", "", "", {})]


def test_merged_clients_keep_what_was_told_and_who_wants_none(gateway, ada):
    double = make.client(ada.company, "Ada B.")
    booked(double)
    Recipient.objects.create(client=double, channel="none")
    Recipient.objects.create(client=double, person="contact", address=PHONE)
    Recipient.objects.create(client=ada, channel="sms")
    seen = preview_merge(ada, double).seen
    merge_clients(ada.pk, double.pk, actor=ACTOR, now=NOW, seen=seen)
    assert set(ada.recipients.values_list("person", "channel")) == {
        ("client", "none"), ("contact", "sms"),
    }  # fmt: skip
    assert Message.objects.get().client == ada


def test_messages_are_deleted_a_month_after_the_trip(ada):
    booking = make.booking(ada.company, client=ada)
    make.message(booking)
    month = timedelta(days=30)
    assert clear_messages(now=booking.scheduled_time + month - timedelta(seconds=1)) == 0
    assert clear_messages(now=booking.scheduled_time + month) == 1


def test_a_client_system_sees_no_messages():
    portal = caller(Role.CLIENT_API)
    assert portal.get(f"{API}messages/").status_code == 404


def test_the_command_stops_when_nothing_is_due(ada):
    assert call_command("send_messages", "--once") == "0 messages attempted."
