"""Bookings of which only the appointment is wanted: their pickup is computed, and follows."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction

from bookings import pickup_times
from bookings.duplicate import duplicate
from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Door, Event
from bookings.recompute import change_place, recompute
from bookings.save import save_booking
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_problem
from dispatch.day.travel_times import travel_times
from drivers.models import Company, Role
from tests.support import builders as make
from tests.support.callers import API, BOOKED, booking_values, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.ADMIN, name="Mia")
MINUTE = timedelta(minutes=1)
WHERE = {"pickup_lat": 46.234, "pickup_lon": 6.08, "dropoff_lat": 46.1936, "dropoff_lon": 6.1487}


@pytest.fixture
def geneva():
    """The ride is 17 minutes; 3 for boarding and a margin of 5 before 09:00 leave 08:35."""
    company = make.company()
    Company.objects.update(boarding_min=3, appointment_margin_min=5)
    company.refresh_from_db()
    seconds, _m = travel_times(company).leg(make.HOME, make.HOSPITAL)
    assert 17 * 60 <= seconds <= 20 * 60
    return company


def asked(company, day=make.DAY, **fields):
    """Return a booking, not stored yet, that wants to be there at nine."""
    at = {"scheduled_time": None, "appointment_at": make.at("09:00", day), "status": "accepted"}
    return Booking(company=company, **{**WHERE, **at, **fields})


def save(booking):
    save_booking(booking, actor=ACTOR, now=make.NOW)
    booking.refresh_from_db()
    return booking


def clock(booking):
    booking.refresh_from_db()
    return f"{booking.scheduled_time.astimezone(make.ZONE):%H:%M}", booking.pickup_computed


def test_the_pickup_is_so_early_that_ride_boarding_and_margin_fit(geneva):
    assert clock(save(asked(geneva))) == ("08:30", True)
    Company.objects.update(boarding_wheelchair_min=9, appointment_margin_min=10)
    geneva.refresh_from_db()
    slow = save(asked(geneva, wheelchairs=1, appointment_at=make.at("12:00")))
    assert clock(slow) == ("11:20", True)
    make.place(geneva, address="Ward 1", margin_min=30)
    ward = save(asked(geneva, dropoff_address="WARD 1", appointment_at=make.at("15:00")))
    assert clock(ward) == ("14:05", True)
    created = Event.objects.get(booking_id=ward.pk)
    assert created.new["pickup_computed"] is True


def test_without_pickup_and_appointment_nothing_can_be_computed(geneva):
    for fields in ({"appointment_at": None}, {"will_call": True}):
        with pytest.raises(ValidationError) as refused:
            save(asked(geneva, **fields))
        assert refused.value.message_dict == {
            "scheduled_time": ["Enter the pickup, or the appointment from which it is computed."]
        }
    with pytest.raises(IntegrityError), transaction.atomic():
        make.booking(geneva, pickup_computed=True)  # for the database too


def test_it_follows_the_appointment_until_somebody_enters_a_pickup(geneva):
    booking = save(asked(geneva))
    booking.appointment_at += timedelta(hours=1)
    assert clock(save(booking)) == ("09:30", True)
    booking.notes = "rings twice"
    assert clock(save(booking)) == ("09:30", True)
    booking.scheduled_time = make.at("09:10")
    assert clock(save(booking)) == ("09:10", False)
    booking.appointment_at += timedelta(hours=1)
    assert clock(save(booking)) == ("09:10", False)
    booking.scheduled_time = None
    assert clock(save(booking)) == ("10:30", True)
    booking.appointment_at = None
    assert clock(save(booking)) == ("10:30", False)


def test_it_follows_policy_and_places_but_not_where_a_driver_was_told(geneva):
    waits, typed, told = (save(asked(geneva, reference=name)) for name in "WTX")
    typed.scheduled_time -= MINUTE
    save(typed)
    make.assignment(told, make.driver(geneva))
    geneva.appointment_margin_min = 25
    geneva.save()
    assert recompute(geneva, actor=ACTOR, now=make.NOW) == 1
    assert [clock(one) for one in (waits, typed, told)] == [
        ("08:10", True), ("08:29", False), ("08:30", True)
    ]  # fmt: skip
    changed = Event.objects.filter(booking_id=waits.pk).latest("id")
    assert (changed.kind, changed.reason) == ("booking.changed", "computed from the appointment")
    assert recompute(geneva, actor=ACTOR, now=make.NOW) == 0


def test_the_owner_and_the_dispatcher_make_it_follow(geneva, django_assert_max_num_queries):
    day = BOOKED
    booking = save(asked(geneva, day, dropoff_address="Ward 1"))
    owner = caller(Role.OWNER, geneva)
    page = f"{API}companies/{geneva.pk}/"
    assert owner.patch(page, {"appointment_margin_min": 25}).status_code == 200
    assert clock(booking) == ("08:10", True)
    geneva.refresh_from_db()
    ward = make.place(geneva, address="Somewhere", margin_min=60)
    ward.address = "ward 1"
    change_place(ward, actor=ACTOR, now=make.NOW)
    assert clock(booking) == ("07:35", True)
    Company.objects.update(speed_kmh=60)
    call_command("recompute_pickups", company=geneva.slug)
    assert clock(booking) == ("07:45", True)


def test_a_customers_margin_counts_unless_the_place_has_one(geneva):
    hospital = make.customer(geneva, "HUG", margin_min=25)
    theirs = save(asked(geneva, BOOKED, client=make.client(geneva, customer=hospital)))
    others = save(asked(geneva, BOOKED))
    ward = make.place(geneva, address="Ward 1", margin_min=60)
    at_ward = save(asked(geneva, BOOKED, customer=hospital, dropoff_address="Ward 1"))
    assert [clock(b)[0] for b in (theirs, others, at_ward)] == ["08:10", "08:30", "07:35"]
    day = load_problem(geneva, BOOKED, now=make.NOW, leeway=BY_HAND)
    margins = {trip.id: trip.margin_s // 60 for trip in day.problem.trips}
    assert margins == {theirs.pk: 25, others.pk: 5, at_ward.pk: 60}
    # Its change is followed by the pickups that are computed.
    dispatcher = caller(Role.DISPATCHER, geneva)
    page = f"{API}customers/{hospital.pk}/"
    assert dispatcher.patch(page, {"margin_min": 45}).status_code == 200
    assert [clock(b)[0] for b in (theirs, others, at_ward)] == ["07:50", "08:30", "07:35"]
    assert dispatcher.patch(page, {"margin_min": 121}).status_code == 400
    ward.delete()


@pytest.mark.parametrize("many", [1, 9])
def test_recomputing_costs_the_same_for_many(geneva, many, django_assert_max_num_queries):
    for number in range(many):
        save(asked(geneva, reference=f"N{number}"))
    geneva.appointment_margin_min = 45
    with django_assert_max_num_queries(6):
        assert recompute(geneva, actor=ACTOR, now=make.NOW) == many


def test_the_api_takes_an_appointment_alone(geneva):
    owner = caller(Role.OWNER, geneva)
    due = make.at("09:00", BOOKED).isoformat()
    body = booking_values() | {"appointment_at": due}
    del body["scheduled_time"]
    made = owner.post(f"{API}bookings/", body)
    assert made.status_code == 201, made.content
    assert made.json()["pickup_computed"] is True
    assert clock(Booking.objects.get(pk=made.json()["id"])) == ("08:30", True)
    again = owner.post(f"{API}bookings/", body)
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    refused = owner.post(f"{API}bookings/", {**body, "reference": "2", "appointment_at": None})
    assert [row["field"] for row in refused.json()["errors"]] == ["scheduled_time"]
    page = f"{API}bookings/{made.json()['id']}/"
    typed = owner.patch(page, {"scheduled_time": make.at("08:00", BOOKED).isoformat()}).json()
    assert typed["pickup_computed"] is False
    back = owner.patch(page, {"scheduled_time": None}).json()
    assert back["pickup_computed"] is True
    quoted = owner.post(f"{API}quotes/", {**body, "reference": ""})
    assert quoted.status_code == 200
    bulk = {"bookings": [{**body, "reference": "3"}, {**body, "reference": "4"}]}
    assert owner.post(f"{API}bookings/bulk/", bulk).json()["created"] == 2
    assert Booking.objects.filter(pickup_computed=True).count() == 3


HEAD = ("reference", "scheduled_time", "appointment_at", *WHERE, "passengers", "wheelchairs")


def load(company, *rows):
    lines = (HEAD, *((*row, *WHERE.values(), 1, 0) for row in rows))
    data = "\n".join(";".join(map(str, line)) for line in lines).encode()
    return import_bookings(company, data, actor=ACTOR, now=make.NOW)


def test_an_import_computes_empty_pickups_and_keeps_typed_ones(geneva):
    day = make.DAY.isoformat()
    done = load(geneva, ("A", "", f"{day}T09:00"), ("B", f"{day}T08:20", f"{day}T09:00"))
    assert (done.created, done.errors) == (2, ())
    a, b = (Booking.objects.get(reference=name) for name in "AB")
    assert (clock(a), clock(b)) == (("08:30", True), ("08:20", False))
    assert load(geneva, ("A", "", f"{day}T09:00")).unchanged == 1
    assert load(geneva, ("A", f"{day}T08:30", f"{day}T09:00")).unchanged == 1
    assert load(geneva, ("A", "", f"{day}T10:00")).updated == 1
    assert clock(a) == ("09:30", True)
    assert load(geneva, ("B", "", f"{day}T10:00")).updated == 1
    assert clock(b) == ("08:20", False)
    assert load(geneva, ("A", f"{day}T09:00", f"{day}T10:00")).updated == 1
    assert clock(a) == ("09:00", False)


def test_an_import_says_that_one_of_the_two_is_needed(geneva):
    (error,) = load(geneva, ("A", "", "")).errors
    assert (error.column, error.message) == (
        "scheduled_time", "Enter the pickup, or the appointment from which it is computed."
    )  # fmt: skip


def test_copies_are_computed_too(geneva):
    booking = save(asked(geneva))
    geneva.appointment_margin_min = 25
    booking.company = geneva
    (made,) = duplicate(booking, [make.DAY + timedelta(days=1)], actor=ACTOR, now=make.NOW)
    assert clock(made) == ("08:10", True)


def test_where_no_way_is_known_the_pickup_must_be_entered(geneva, monkeypatch):
    monkeypatch.setattr(pickup_times, "RIDES", [lambda company, ends: [None] * len(ends)])
    with pytest.raises(ValidationError) as refused:
        save(asked(geneva))
    assert refused.value.message_dict == {
        "scheduled_time": [
            "No way is known from “46.234, 6.08” to “46.1936, 6.1487”: correct the place, or enter "
            "the pickup."
        ]
    }


def test_a_corrected_address_leaves_the_time_that_people_were_told(geneva):
    told = save(asked(geneva, reference="T", pickup_address="Av. de Feuilase 1"))
    make.assignment(told, make.driver(geneva), confirmed=True, minutes=25)
    Company.objects.update(appointment_margin_min=0)
    geneva.refresh_from_db()
    booking = Booking.objects.get(pk=told.pk)
    booking.pickup_address = "Av. de Feuillasse 1"
    assert clock(save(booking)) == ("08:30", True)
    booking.passengers = 2  # the trip depends on it
    assert clock(save(booking)) == ("08:35", True)


def test_a_place_with_minutes_of_its_own_is_an_input(geneva):
    make.place(geneva, address="Ward 1", margin_min=30)
    booking = save(asked(geneva, dropoff_address="Rue 9"))
    booking.dropoff_address = "Ward 1"
    assert clock(save(booking)) == ("08:05", True)


def test_a_pickup_that_is_over_is_not_computed(geneva):
    soon = make.NOW + 10 * MINUTE
    with pytest.raises(ValidationError) as refused:
        save(asked(geneva, appointment_at=soon))
    (message,) = refused.value.message_dict["scheduled_time"]
    assert message.startswith("To be there in time the pickup had to be at ")
    at = soon.astimezone(make.ZONE).strftime("%Y-%m-%dT%H:%M")
    (error,) = load(geneva, ("A", "", at)).errors
    assert (error.column, error.message) == ("scheduled_time", message)
    over = save(asked(geneva, appointment_at=make.NOW - 90 * MINUTE))  # what was, is written down
    assert over.pickup_computed
