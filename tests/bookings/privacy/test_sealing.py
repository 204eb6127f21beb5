"""What the log says of a client is sealed with the client's own key."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from bookings.events import booking_created
from bookings.history import history_of
from bookings.models import Actor, Client, ClientKey, Delivery, Door, Event
from bookings.models.event import open_events
from bookings.models.seals import ERASED, SEALED
from bookings.privacy.sealing import seal_events
from bookings.save import save_booking
from drivers.db.bulk import insert_rows
from tests.support import builders as make

pytestmark = pytest.mark.django_db
SECRETS = ("Rue du Secret", "door code 4711")


@pytest.fixture
def anna():
    return Client.objects.create(company=make.company(), name="Anna")


def booked(client, **fields):
    """Return a booking with its event in the log."""
    fields = {"pickup_address": "Rue du Secret 1", "notes": "door code 4711"} | fields
    booking = make.booking(client.company, client=client, **fields)
    Event.objects.bulk_create([booking_created(booking, actor=Actor(Door.API), now=make.NOW)])
    return booking


def stored():
    """Return the log as it lies in the database."""
    return json.dumps(list(QuerySet(Event).values_list("old", "new", "reason")))


def test_the_log_holds_personal_values_sealed_and_tells_them(anna, django_assert_num_queries):
    booking = booked(anna)
    booked(anna)
    assert not any(secret in stored() for secret in SECRETS)
    with django_assert_num_queries(2):  # the events, their keys
        events = list(Event.objects.order_by("id"))
    assert events[0].new["pickup_address"] == "Rue du Secret 1"
    assert events[0].new["pickup_lat"] == booking.pickup_lat
    told = Event.objects.filter(booking=booking)
    assert told.values("new").get()["new"]["notes"] == "door code 4711"
    assert told.values_list("id", "new").get()[1]["notes"] == "door code 4711"
    assert next(told.iterator()).new["notes"] == "door code 4711"


def test_a_change_seals_the_old_values_for_the_old_client(anna):
    ben = Client.objects.create(company=anna.company, name="Ben")
    booking = booked(anna)
    booking.client, booking.pickup_address, booking.notes = ben, "Bens Weg 2", ""
    save_booking(booking, actor=Actor(Door.API), now=make.NOW)
    ClientKey.objects.filter(client=anna).delete()
    created, changed = Event.objects.order_by("id")
    assert created.new["pickup_address"] == ERASED == created.new["notes"]
    assert changed.old["pickup_address"] == ERASED == changed.old["notes"]
    assert (changed.new["pickup_address"], changed.new["notes"]) == ("Bens Weg 2", "")


def test_without_its_key_the_history_says_erased(anna):
    booking = booked(anna)
    ClientKey.objects.all().delete()
    [line] = history_of(anna.company, booking.pk)
    assert {change.new for change in line.changes if change.field == "notes"} == {"erased"}


def test_events_that_come_with_deliveries_are_opened(anna, django_assert_num_queries):
    booked(anna)
    make.delivery(anna.company, event=Event.objects.get())
    [delivery] = Delivery.objects.select_related("event")
    assert SEALED in delivery.event.new
    with django_assert_num_queries(1):
        open_events([delivery.event])
    assert delivery.event.new["notes"] == "door code 4711"


def test_events_of_before_are_sealed_once_and_the_rest_stays(anna):
    booking = make.booking(anna.company, client=anna)
    event = Event(
        company=anna.company, booking=booking, kind="booking.changed", at=make.NOW,
        door=Door.API, new={"notes": "door code 4711", "passengers": 2},
    )  # fmt: skip
    insert_rows(Event, [event])
    assert "4711" in stored()
    assert [count for _last, count in seal_events()] == [1]
    assert "4711" not in stored()
    assert Event.objects.get().new == {"passengers": 2, "notes": "door code 4711"}
    assert [count for _last, count in seal_events()] == [0]


def test_events_of_before_that_name_a_merged_client_are_sealed_for_who_it_is_now(anna):
    booking = make.booking(anna.company, client=anna)
    gone = Client.objects.create(company=anna.company, name="Ana")
    event = Event(
        company=anna.company, booking=booking, kind="booking.created", at=make.NOW,
        door=Door.API, new={"client": gone.pk, "notes": "door code 4711"},
    )  # fmt: skip
    insert_rows(Event, [event])
    gone.delete()
    assert [count for _last, count in seal_events()] == [1]
    connection.check_constraints()
    assert "4711" not in stored()
    assert ClientKey.objects.get().client == anna
    assert Event.objects.get().new["notes"] == "door code 4711"


@pytest.mark.parametrize("nobody", [True, -1, "1", None, [1]], ids=str)
def test_whoever_is_named_and_is_no_client_gets_no_key(anna, nobody):
    booking = make.booking(anna.company)
    for side in ({"client": nobody, "notes": "4711"}, [], "{}"):
        make.event(anna.company, booking=booking, kind="booking.changed", new=side)
    booked(anna)
    connection.check_constraints()
    assert ClientKey.objects.get().client == anna
    told = [event.new for event in Event.objects.order_by("id")[:3]]
    assert told == [{"client": nobody, "notes": "4711"}, [], "{}"]


@pytest.mark.parametrize(
    "change",
    [
        {"door": "board"},
        {"reason": "another"},
        {"new": {"passengers": 3}},
        {"new": {SEALED: {"key": 1, "names": [], "data": "another"}}},
        {"booking": None},
    ],
    ids=str,
)
def test_the_log_allows_nothing_but_forgetting(anna, change):
    booked(anna)
    rows = QuerySet(Event)
    with pytest.raises(DatabaseError, match="rows are only added"), transaction.atomic():
        rows.update(**change)
    with pytest.raises(DatabaseError, match="rows are only added"), transaction.atomic():
        rows._raw_delete(using="default")
    gone = {SEALED: {"key": None, "names": ["notes"], "data": ""}}
    assert rows.update(new=gone, reason="") == 1


def test_a_new_secret_takes_over_from_the_old_one(anna, settings):
    booked(anna)
    old, [first] = settings.SEALING_KEYS, ClientKey.objects.values_list("wrapped", flat=True)
    settings.SEALING_KEYS = ["a new one", *old]
    call_command("rewrap_keys")
    settings.SEALING_KEYS = ["a new one"]
    assert Event.objects.get().new["notes"] == "door code 4711"
    ClientKey.objects.update(wrapped=first)
    with pytest.raises(CommandError, match="SEALING_KEYS does not have"):
        call_command("rewrap_keys")


def test_the_keys_of_two_clients_open_the_log_after_their_merge(anna):
    ben = Client.objects.create(company=anna.company, name="Ben")
    booked(ben)
    ClientKey.objects.filter(client=ben).update(client=anna)
    ben_key = ClientKey.objects.get()
    booked(anna)
    assert ClientKey.objects.get() == ben_key
    assert {event.new["notes"] for event in Event.objects.all()} == {"door code 4711"}
