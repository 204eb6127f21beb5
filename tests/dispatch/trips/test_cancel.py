"""Cancel one or both directions, or several bookings, from the admin."""

import pytest
from django.urls import reverse

from bookings.models import Actor, Booking, Door, Event
from bookings.save import StaleBookingError, StatusRefusedError
from dispatch.models import Assignment
from dispatch.trips.cancel import cancel_trips
from drivers.models import Role
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="Ada")
WHY = {"code": "called_off", "note": "by phone"}


@pytest.fixture
def both(geneva):
    there = make.booking(geneva, "09:00", reference="there")
    back = make.booking(geneva, "11:00", reference="back", return_of=there)
    make.assignment(back, make.driver(geneva))
    return there, back


def url(*bookings):
    ids = ",".join(str(one.pk) for one in bookings)
    return reverse("admin:bookings_booking_cancel", args=[ids])


def statuses():
    return list(Booking.objects.order_by("id").values_list("status", flat=True))


def test_both_directions_are_canceled_and_the_driver_is_free(client, both):
    there, back = both
    page = client.get(url(there))
    assert f'value="{there.pk}-1" checked' in page.text
    assert f'value="{back.pk}-1">' in page.text  # offered, not chosen
    chosen = {"trip": [f"{there.pk}-1", f"{back.pk}-1"]}
    page = client.post(url(there), WHY | chosen, follow=True)
    assert "2 bookings canceled." in page.text
    assert "called off by the client: by phone" in page.text
    assert statuses() == ["canceled", "canceled"]
    assert Booking.objects.get(pk=back.pk).cancel_reason == "called_off: by phone"
    assert Assignment.objects.get().status == Assignment.Status.CANCELED
    events = Event.objects.order_by("id")
    assert [(e.booking_id, e.kind, e.reason) for e in events] == [
        (one.pk, "booking.status", "called_off: by phone") for one in both
    ]
    assert [e.assignment_id for e in events] == [None, Assignment.objects.get().pk]
    assert events[1].old == {"status": "assigned", "cancel_reason": ""}


def test_one_direction_leaves_the_other(client, both):
    client.post(url(both[1]), WHY | {"trip": [f"{both[1].pk}-1"]})
    assert statuses() == ["accepted", "canceled"]


def test_a_reason_and_a_trip_are_asked_for(client, both):
    there = both[0]
    page = client.post(url(there), {"code": "", "trip": [f"{there.pk}-1"]})
    assert "Choose a reason." in page.text
    assert "Choose at least one trip." in client.post(url(there), WHY).text
    assert statuses() == ["accepted", "assigned"]


def test_all_or_none(geneva, both):
    there, back = both
    make.assignment(there, make.driver(geneva), status=Assignment.Status.IN_PROGRESS)
    seen = {there.pk: 1, back.pk: 1}
    with pytest.raises(StatusRefusedError, match="there"):
        cancel_trips(geneva, seen, reason="x", actor=ACTOR, now=make.NOW)
    with pytest.raises(StaleBookingError, match="back"):
        cancel_trips(geneva, {back.pk: 2}, reason="x", actor=ACTOR, now=make.NOW)
    assert statuses() == ["in_progress", "assigned"]
    assert not Event.objects.exists()


def test_twice_is_once(geneva, both):
    seen = {one.pk: 1 for one in both}
    assert len(cancel_trips(geneva, seen, reason="x", actor=ACTOR, now=make.NOW)) == 2
    assert cancel_trips(geneva, seen, reason="y", actor=ACTOR, now=make.NOW) == []


@pytest.mark.parametrize("count", [2, 12])
def test_the_statements_do_not_grow(geneva, count, django_assert_num_queries):
    for number in range(count):
        booking = make.booking(geneva, f"{8 + number % 10:02d}:00")
        make.assignment(booking, make.driver(geneva))
    seen = dict.fromkeys(Booking.objects.values_list("pk", flat=True), 1)
    # savepoint, holders, drivers, bookings, trips, 2 updates, events, release
    with django_assert_num_queries(9):
        cancel_trips(geneva, seen, reason="x", actor=ACTOR, now=make.NOW)


def test_the_list_sends_the_selected_to_the_page(client, both):
    ids = [one.pk for one in both]
    form = {"action": "cancel_selected", "_selected_action": ids}
    answer = client.post(reverse("admin:bookings_booking_changelist") + "?day=all", form)
    assert answer.url == url(*reversed(both))  # as they are listed


def test_anothers_booking_is_not_there(client, geneva, both):
    other = make.booking(make.company("lyon"))
    for address in (url(other), url(both[0], other), f"{url(both[0])[:-1]}x/"):
        assert client.get(address).status_code == 404
    client.post(url(both[0]), WHY | {"trip": [f"{other.pk}-1"]})
    assert statuses() == ["accepted", "assigned", "accepted"]
    client.force_login(make.member(geneva, Role.VIEWER))
    assert client.get(url(both[0])).status_code == 404
    change = reverse("admin:bookings_booking_change", args=[both[0].pk])
    assert url(both[0]) not in client.get(change).text
