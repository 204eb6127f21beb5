"""Lists have an ETag: what has not changed is not sent again, and what has changed is."""

import pytest

from bookings.models import Booking, Client
from dispatch.models import Assignment
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db

LISTS = {  # what changes a row of the list
    "bookings/": lambda: Booking.objects.update(notes="ring twice"),
    "bookings/?expand=client": lambda: Client.objects.update(name="Zoé"),
    "bookings/?fields=id,client&expand=client": lambda: Client.objects.update(phone="1"),
    "bookings/?expand=assignment": lambda: Assignment.objects.update(locked=True),
    "assignments/": lambda: Assignment.objects.update(confirmed=True),
    "clients/": lambda: make.client(),
    "events/": lambda: make.event(),
    "dispatch-runs/": lambda: make.run(),
}


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_sent_again_when_a_row_has_changed(path, django_assert_num_queries):
    make.assignment(make.booking(client=make.client()), make.driver())
    owner = caller(Role.OWNER)
    first = owner.get(API + path)
    with django_assert_num_queries(2):  # the token, the rows
        known = owner.get(API + path, headers={"If-None-Match": f'"x", W/{first["ETag"]}'})
    assert (known.status_code, known.content, known["ETag"]) == (304, b"", first["ETag"])
    LISTS[path]()
    changed = owner.get(API + path, headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert changed.json() != first.json()
    assert changed["ETag"] != first["ETag"]


def test_pages_and_filters_have_tags_of_their_own():
    make.booking(), make.booking(clock="11:00")
    portal = caller(Role.CLIENT_API)
    paths = ("bookings/?limit=1", "bookings/?limit=2", "bookings/?fields=id")
    assert len({portal.get(API + path)["ETag"] for path in paths}) == 3


def test_a_refusal_has_no_tag():
    refused = caller(Role.CLIENT_API).get(f"{API}bookings/?status=open")
    assert refused.status_code == 400
    assert "ETag" not in refused
