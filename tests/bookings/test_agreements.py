"""A client system keeps to what its customer has agreed to; the company's own people need not."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from bookings.models import Booking
from drivers.models import Customer, Role
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital():
    return make.customer(make.company(), "Hospital", book_ahead_min=120)


def portal_of(customer):
    return caller(Role.CLIENT_API, customer.company, customer=customer)


def wanted_in(minutes, reference="A-1", **fields):
    at = timezone.now() + timedelta(minutes=minutes)
    return booking_values(reference, scheduled_time=at.isoformat(), **fields)


def codes(response):
    return {(row["field"], row["code"]) for row in response.json()["errors"]}


def test_it_books_until_the_agreed_time_before_the_pickup(hospital):
    portal = portal_of(hospital)
    told = portal.post(f"{API}bookings/", wanted_in(119))
    assert (told.status_code, codes(told)) == (400, {("scheduled_time", "too_late")})
    assert portal.post(f"{API}bookings/", wanted_in(125)).status_code == 201
    bulk = portal.post(f"{API}bookings/bulk/", {"bookings": [wanted_in(60, "B-1")]})
    assert bulk.status_code == 400
    dispatcher = caller(Role.DISPATCHER, hospital.company)
    late = wanted_in(5, "C-1", customer=hospital.pk)
    assert dispatcher.post(f"{API}bookings/", late).status_code == 201


def test_a_known_booking_is_known_however_late(hospital):
    portal, values = portal_of(hospital), wanted_in(125)
    assert portal.post(f"{API}bookings/", values).status_code == 201
    Customer.objects.filter(pk=hospital.pk).update(book_ahead_min=200)
    assert portal.post(f"{API}bookings/", values).status_code == 200


def test_it_changes_and_cancels_until_then(hospital):
    soon = timezone.now() + timedelta(minutes=60)
    booking = make.booking(hospital.company, customer=hospital, scheduled_time=soon)
    address = f"{API}bookings/{booking.pk}/"
    portal, dispatcher = portal_of(hospital), caller(Role.DISPATCHER, hospital.company)
    for told in (
        portal.patch(address, {"passengers": 2}),
        portal.patch(address, {"scheduled_time": (soon + timedelta(days=1)).isoformat()}),
        portal.post(f"{address}cancel/", {}),
    ):
        assert (told.status_code, told.json()["type"]) == (
            409,
            "urn:dispatchsite:problem:too_late_for_customer",
        )
    assert portal.patch(address, {"notes": "ring twice"}).status_code == 200
    assert dispatcher.patch(address, {"passengers": 2}).status_code == 200
    assert dispatcher.post(f"{address}cancel/", {}).status_code == 200
    assert portal.post(f"{address}cancel/", {}).status_code == 200  # it is canceled already


def test_a_trip_is_not_moved_to_a_time_that_is_too_close(hospital):
    later = timezone.now() + timedelta(days=1)
    booking = make.booking(hospital.company, customer=hospital, scheduled_time=later)
    soon = (timezone.now() + timedelta(minutes=60)).isoformat()
    told = portal_of(hospital).patch(f"{API}bookings/{booking.pk}/", {"scheduled_time": soon})
    assert told.status_code == 409


def test_a_computed_pickup_is_not_too_close_either(hospital):
    later = timezone.now() + timedelta(days=1)
    booking = make.booking(hospital.company, customer=hospital, scheduled_time=later)
    soon = (timezone.now() + timedelta(minutes=100)).isoformat()
    change = {"scheduled_time": None, "appointment_at": soon}
    told = portal_of(hospital).patch(f"{API}bookings/{booking.pk}/", change)
    assert (told.status_code, told.json()["type"][-21:]) == (409, "too_late_for_customer")
    dispatcher = caller(Role.DISPATCHER, hospital.company)
    assert dispatcher.patch(f"{API}bookings/{booking.pk}/", change).status_code == 200


@pytest.mark.parametrize(
    "change",
    [{"pickup_address": "Elsewhere 9"}, {"dropoff_address": "Elsewhere 9"}, {"priority": 2}],
)
def test_a_late_trip_keeps_its_addresses_and_priority(hospital, change):
    soon = timezone.now() + timedelta(minutes=60)
    booking = make.booking(hospital.company, customer=hospital, scheduled_time=soon)
    address = f"{API}bookings/{booking.pk}/"
    assert portal_of(hospital).patch(address, change).status_code == 409
    assert caller(Role.DISPATCHER, hospital.company).patch(address, change).status_code == 200


def test_a_booking_does_not_become_a_will_call(hospital):
    portal = portal_of(hospital)
    booked = portal.post(f"{API}bookings/", wanted_in(600)).json()
    address = f"{API}bookings/{booked['id']}/"
    told = portal.patch(address, {"will_call": True})
    assert (told.status_code, codes(told)) == (400, {("will_call", "invalid")})
    dispatcher = caller(Role.DISPATCHER, hospital.company)
    assert dispatcher.patch(address, {"will_call": True}).status_code == 200
    assert portal.patch(address, {"will_call": False}).status_code == 200


def test_a_will_call_is_ready_as_agreed(hospital):
    portal = portal_of(hospital)
    booked = portal.post(f"{API}bookings/", wanted_in(6_000, will_call=True)).json()
    address = f"{API}bookings/{booked['id']}/ready/"
    told = portal.post(address, {"minutes": 100, "anyway": True})
    assert (told.status_code, told.json()["type"][-21:]) == (409, "too_late_for_customer")
    assert Booking.objects.get().status == "pending"
    assert portal.post(address, {"minutes": 121}).json()["status"] == "accepted"


@pytest.mark.parametrize(
    ("hours_ago", "status", "expected"),
    [(2, "accepted", 200), (2, "canceled", 409), (25, "accepted", 409), (-2, "accepted", 409)],
)
def test_only_the_way_back_of_a_recent_trip_is_ready_at_once(hospital, hours_ago, status, expected):
    at = timezone.now() - timedelta(hours=hours_ago)
    there = make.booking(hospital.company, customer=hospital, scheduled_time=at, status=status)
    back = make.booking(
        hospital.company,
        customer=hospital,
        scheduled_time=timezone.now() + timedelta(hours=4),
        return_of=there,
        will_call=True,
        status="pending",
    )
    told = portal_of(hospital).post(f"{API}bookings/{back.pk}/ready/", {"anyway": True})
    assert told.status_code == expected, told.json()


def test_what_was_agreed_is_not_emptied(hospital):
    Customer.objects.filter(pk=hospital.pk).update(
        requires_client=True, requires_reference=True, requires_appointment=True
    )
    portal, dispatcher = portal_of(hospital), caller(Role.DISPATCHER, hospital.company)
    client = make.client(hospital.company, customer=hospital)
    at = (timezone.now() + timedelta(minutes=400)).isoformat()
    values = wanted_in(300, client=client.pk, appointment_at=at)
    address = f"{API}bookings/{portal.post(f'{API}bookings/', values).json()['id']}/"
    for field, empty in (("client", None), ("reference", ""), ("appointment_at", None)):
        told = portal.patch(address, {field: empty})
        assert (told.status_code, codes(told)) == (400, {(field, "required")})
    assert dispatcher.patch(address, {"appointment_at": None}).status_code == 200
    assert portal.patch(address, {"passengers": 2}).status_code == 200  # the office left it out


def test_it_says_what_was_agreed(hospital):
    Customer.objects.filter(pk=hospital.pk).update(
        requires_client=True, requires_reference=True, requires_appointment=True
    )
    portal = portal_of(hospital)
    told = portal.post(f"{API}bookings/", wanted_in(300, ""))
    assert codes(told) == {(name, "required") for name in ("client", "reference", "appointment_at")}
    client = make.client(hospital.company, customer=hospital)
    at = (timezone.now() + timedelta(minutes=400)).isoformat()
    there = portal.post(
        f"{API}bookings/", wanted_in(300, client=client.pk, appointment_at=at)
    ).json()
    back = wanted_in(600, "A-2", client=client.pk, return_of=there["id"])
    assert portal.post(f"{API}bookings/", back).status_code == 201
    assert Booking.objects.count() == 2


def test_the_company_reads_and_writes_what_was_agreed(hospital):
    dispatcher = caller(Role.DISPATCHER, hospital.company)
    address = f"{API}customers/{hospital.pk}/"
    values = {"contact": "Dr. Rey", "book_ahead_min": 90, "requires_client": True}
    assert dispatcher.patch(address, values).json().items() >= values.items()
    assert dispatcher.patch(address, {"book_ahead_min": 43_201}).status_code == 400
    assert portal_of(hospital).get(address).status_code == 403
    with pytest.raises(IntegrityError), transaction.atomic():
        Customer.objects.filter(pk=hospital.pk).update(book_ahead_min=43_201)
