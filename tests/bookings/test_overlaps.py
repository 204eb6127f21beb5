"""Whoever books a client twice at the same time is asked, at every door, and can insist.

A trip of the builders takes 24 minutes: 9.4 km of road at 30 km/h, boarding and alighting.
"""

import json
from datetime import date

import pytest
from django.core.exceptions import ValidationError

from bookings.duplicate import duplicate
from bookings.importing.import_bookings import import_bookings
from bookings.intake import IntakeRefused, take_in
from bookings.models import Actor, Booking, Door, Event
from bookings.overlaps import Ride, insist, overlapping, trips_asked
from bookings.save import save_booking
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
BY = {"actor": ACTOR, "now": make.NOW}
LATER = date(2090, 6, 14)  # the API asks the real clock
ASKED = "Anna is already driven from 09:00 to about 09:24: trip A-12."
PLACES = {
    "pickup_lat": make.HOME[0],
    "pickup_lon": make.HOME[1],
    "dropoff_lat": make.HOSPITAL[0],
    "dropoff_lon": make.HOSPITAL[1],
}


@pytest.fixture
def anna():
    client = make.client(name="Anna", phone="1")
    make.booking(clock="09:00", reference="A-12", client=client)
    return client


def new(client, clock="09:10", **fields):
    fields = PLACES | {"scheduled_time": make.at(clock)} | fields
    return Booking(company=client.company, client=client, reference="NEW", **fields)


def asked(refusal):
    return [(error.code, error.messages) for error in refusal.value.error_dict["scheduled_time"]]


def test_a_second_trip_at_the_time_is_asked_about_and_saved_if_it_is_meant(anna):
    with pytest.raises(ValidationError) as refusal:
        save_booking(new(anna), **BY)
    assert asked(refusal) == [("overlaps", [ASKED])]
    event = save_booking(new(anna, overlap_meant=True), **BY)
    assert event.new["overlap_meant"] is True
    later = new(anna, "09:24")
    later.reference = "LATER"
    assert "overlap_meant" not in save_booking(later, **BY).new


@pytest.mark.parametrize(
    ("clock", "fields"),
    [
        ("09:24", {}),
        ("08:30", {}),
        ("09:10", {"will_call": True, "status": "pending"}),
        ("09:10", {"client": None}),
    ],
)
def test_nothing_is_asked_about_others(anna, clock, fields):
    booking = make.booking(clock=clock, reference="B", **{"client": anna} | fields)
    booking.notes, booking.scheduled_time = "x", booking.scheduled_time.replace(second=1)
    save_booking(booking, **BY)
    assert booking.version == 2


def test_linked_trips_have_an_order_of_their_own(anna):
    save_booking(new(anna, "09:10", return_of=Booking.objects.get(reference="A-12")), **BY)


def test_another_company_is_never_read(anna):
    other = make.client(make.company("zurich"), name="Anna", phone="1")
    save_booking(new(other), **BY)


def test_a_change_of_time_or_client_asks_and_of_notes_does_not(anna, django_assert_max_num_queries):
    twin = make.booking(clock="09:05", client=anna)
    twin.notes = "x"
    save_booking(twin, **BY)
    for change in ({"scheduled_time": make.at("09:06")}, {"client": anna}):
        free = make.booking(clock="09:06" if "client" in change else "12:00", client=None)
        free.client = anna
        for name, value in change.items():
            setattr(free, name, value)
        with pytest.raises(ValidationError) as refusal:
            save_booking(free, **BY)
        assert asked(refusal)[0][0] == "overlaps"


def body(client, **fields):
    values = PLACES | {"client": client.id, "reference": "NEW", "passengers": 1, "wheelchairs": 0}
    return values | {"scheduled_time": make.at("09:10", LATER).isoformat()} | fields


def test_the_api_refuses_with_the_field_and_takes_what_insists():
    anna = make.client(name="Anna")
    make.booking(clock="09:00", day=LATER, reference="A-12", client=anna)
    api = caller(Role.DISPATCHER)
    refused = api.post(f"{API}bookings/", body(anna))
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert (error["field"], error["code"], error["detail"]) == ("scheduled_time", "overlaps", ASKED)
    made = api.post(f"{API}bookings/", body(anna, overlap_meant=True))
    assert (made.status_code, made.json()["overlap_meant"]) == (201, True)
    url = f"{API}bookings/{made.json()['id']}/"
    assert api.patch(url, {"overlap_meant": False}).json()["errors"][0]["code"] == "overlaps"


def test_bulk_asks_about_stored_trips_and_about_each_other(anna, django_assert_num_queries):
    def row(clock, **fields):
        times = {"scheduled_time": make.at(clock), "passengers": 1, "wheelchairs": 0}
        return PLACES | {"client": anna.id} | times | fields

    rows = [row("09:10"), row("14:00"), row("14:10"), row("14:10", overlap_meant=True)]
    with pytest.raises(IntakeRefused) as refusal:
        take_in(anna.company, rows, **BY)
    assert [(e["field"], e["code"]) for e in refusal.value.members()["errors"]] == [
        ("0.scheduled_time", "overlaps"),
        ("1.scheduled_time", "overlaps"),
        ("2.scheduled_time", "overlaps"),
    ]
    assert "row 2" in refusal.value.outcomes[1].errors["scheduled_time"][0][1]
    done = take_in(anna.company, rows, partial=True, **BY)
    assert [one.created for one in done] == [False, False, False, True]
    with django_assert_num_queries(7):  # one is for the client's key, which is there by now
        take_in(anna.company, [row("18:00")], **BY)


FILE = (
    "reference,scheduled_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,passengers,wheelchairs,"
    "client_name,client_phone,overlap_meant\n"
)


def load(company, *rows, **options):
    places = ",".join(str(value) for value in PLACES.values())
    lines = [f"{ref},2026-06-17 {at},{places},1,0,Anna,1,{meant}" for ref, at, meant in rows]
    return import_bookings(company, (FILE + "\n".join(lines)).encode(), **BY | options)


def test_an_import_shows_the_rows_and_takes_a_column_for_what_is_meant(anna):
    rows = [("X", "09:10", "no"), ("Y", "15:00", "no"), ("Z", "15:10", "yes"), ("W", "19:00", "")]
    dry = load(anna.company, *rows, dry_run=True)
    assert [(row.line, row.reference, row.question) for row in dry.overlapping] == [(2, "X", ASKED)]
    assert "1 row has a trip at the same time as another trip of its client (line 2)" in (
        dry.summary()
    )
    assert json.dumps(dry.as_dict()["overlapping"])
    load(anna.company, *rows)
    stored = dict(Booking.objects.values_list("reference", "overlap_meant"))
    assert stored == {"A-12": False, "X": False, "Y": False, "Z": True, "W": False}
    assert load(anna.company, *rows, dry_run=True).overlapping == ()  # nothing changes
    moved = load(anna.company, ("W", "09:05", "no"), dry_run=True)
    assert [row.reference for row in moved.overlapping] == ["W"]


def test_copies_ask_about_each_day_and_are_for_somebody_else_if_meant(anna):
    day = make.DAY.replace(day=18)
    other = make.booking(clock="09:10", day=day, client=anna, reference="OTHER")
    booking = Booking.objects.get(reference="A-12")
    with pytest.raises(ValidationError) as refusal:
        duplicate(booking, [day, day.replace(day=19)], **BY)
    assert refusal.value.message_dict["days"] == [
        "18 Jun 2026: Anna is already driven from 09:10 to about 09:34: trip OTHER."
    ]
    assert trips_asked(refusal.value) == {other.id}
    made = insist([other.id], lambda meant: duplicate(booking, [day], overlap_meant=meant, **BY))
    assert [one.overlap_meant for one in made] == [True]
    assert Event.objects.get().new["overlap_meant"] is True


def test_a_tick_is_for_just_the_trips_that_were_asked_about(anna):
    other = Booking.objects.get(reference="A-12")

    def book(meant):
        return save_booking(new(anna, overlap_meant=meant), **BY)

    with pytest.raises(ValidationError):
        insist([other.id + 1], book)
    assert insist([other.id], book).new["overlap_meant"] is True


def ride(key, start, end, person="Anna", linked=()):
    ends = make.at(start), make.at(end)
    return Ride(key, person, "Anna", key, *ends, linked=frozenset(linked))


def test_overlaps_are_found_in_any_order_once_for_each():
    rides = [
        ride("long", "08:00", "10:00"),
        ride("inside", "08:30", "08:40"),
        ride("end", "10:00", "10:30"),
        ride("back", "10:10", "10:20", linked=["end"]),
        ride("stranger", "08:00", "10:00", person="Bea"),
    ]
    for order in (rides, rides[::-1]):
        found = overlapping(order, ())
        assert {key: other.key for key, other in found.items()} == {
            "long": "inside",
            "inside": "long",
        }
    assert {k: o.key for k, o in overlapping(rides[1:2], rides[:1]).items()} == {"inside": "long"}
