"""Accept many bookings at once from the list."""

import pytest
from django.urls import reverse

from bookings.accept import accept_all
from bookings.models import Actor, Booking, Door, Event, Status
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="Ada")
URL = reverse("admin:bookings_booking_changelist") + "?day=all"
pytestmark = pytest.mark.django_db


def pending(**fields):
    return make.booking(status=Status.PENDING, **fields)


def test_what_is_pending_is_accepted_and_the_rest_is_told(client):
    company = make.company()
    client.force_login(make.member(company))
    first, waits = pending(reference="one"), pending(reference="waits", will_call=True)
    over = make.booking(reference="over", status=Status.CANCELED)
    make.booking(reference="was", status=Status.ACCEPTED)
    selected = Booking.objects.values_list("pk", flat=True)
    form = {"action": "accept", "_selected_action": list(selected)}
    page = client.post(URL, form, follow=True)
    assert "1 booking accepted." in page.text
    assert "Booking waits is a will-call" in page.text
    assert "Booking over is canceled" in page.text
    assert "Booking was" not in page.text
    first.refresh_from_db()
    assert (first.status, first.version) == (Status.ACCEPTED, 2)
    event = Event.objects.get()
    assert (event.booking_id, event.old, event.new) == (
        first.pk,
        {"status": "pending"},
        {"status": "accepted"},
    )
    for untouched in (waits, over):
        assert Booking.objects.get(pk=untouched.pk).version == 1


def test_a_booking_that_would_not_be_valid_today_does_not_stop_the_others(client):
    company = make.company()
    client.force_login(make.member(company))
    there = pending(scheduled_time=make.at("12:00"))
    odd = pending(return_of=there)  # wanted before the way there
    pending()
    form = {"action": "accept", "_selected_action": [b.pk for b in Booking.objects.all()]}
    assert "3 bookings accepted." in client.post(URL, form, follow=True).text
    odd.refresh_from_db()
    assert odd.status == Status.ACCEPTED


@pytest.mark.parametrize("count", [1, 30])
def test_the_statements_do_not_grow(count, django_assert_num_queries):
    ids = [pending().pk for _number in range(count)]
    with django_assert_num_queries(5):  # savepoint, rows, update, events, release
        assert accept_all(ids, actor=ACTOR, now=make.NOW) == (ids, [])
