"""Lists are narrowed by filters, and a filter that cannot be read is refused by name."""

import pytest

from bookings.api.events import EventViewSet
from bookings.models import Booking, Event
from drivers.models import Role
from tests.api.described import description
from tests.support import builders as make
from tests.support.builders import at
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db


def ids(portal, query):
    response = portal.get(f"{API}{query}")
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def test_bookings_are_listed_by_several_statuses():
    pending, accepted, _gone = (
        make.booking(status=status) for status in ("pending", "accepted", "canceled")
    )
    portal = caller(Role.CLIENT_API)
    assert set(ids(portal, "bookings/?status=pending,accepted")) == {pending.id, accepted.id}
    assert ids(portal, "bookings/?status=pending") == [pending.id]
    assert set(ids(portal, "bookings/?priority=0,2")) >= {pending.id}


def test_bookings_are_listed_by_their_ids():
    first, second, _other = make.booking(), make.booking(), make.booking()
    theirs = make.booking(make.company("lausanne"))
    portal = caller(Role.CLIENT_API)
    wanted = f"{first.id},{second.id},{theirs.id}"
    assert set(ids(portal, f"bookings/?ids={wanted}")) == {first.id, second.id}
    many = ",".join(str(number) for number in range(1, 201))
    assert portal.get(f"{API}bookings/?ids={many}").status_code == 200
    refused = portal.get(f"{API}bookings/?ids={many},201")
    assert refused.json()["errors"][0]["detail"] == "At most 200 ids."


def test_bookings_are_listed_by_the_driver_who_has_the_trip():
    anna, ben = make.driver(), make.driver()
    driven, moved, open_trip = make.booking(), make.booking(clock="11:00"), make.booking()
    make.assignment(driven, anna, status="completed")
    make.assignment(moved, anna, status="superseded")
    make.assignment(moved, ben)
    make.assignment(open_trip, anna, planned_pickup_at=at("14:00"))
    portal = caller(Role.CLIENT_API)
    assert set(ids(portal, f"bookings/?driver={anna.id}")) == {driven.id, open_trip.id}
    assert ids(portal, f"bookings/?driver={ben.id}&expand=driver") == [moved.id]


def test_bookings_are_listed_by_the_companys_day():
    """In Zurich the day begins at 22:00 UTC of the day before."""
    first, last = make.booking(clock="00:00"), make.booking(clock="23:59")
    make.booking(clock="24:00")
    portal = caller(Role.CLIENT_API)
    assert ids(portal, f"bookings/?day={make.DAY}") == [last.id, first.id]


def test_bookings_are_listed_in_the_order_of_their_changes():
    rows = [make.booking(updated_at=at(clock)) for clock in ("08:00", "10:00", "09:00")]
    portal = caller(Role.CLIENT_API)
    since = "updated_since=2026-06-17T09:00:00%2B02:00"
    assert ids(portal, f"bookings/?{since}&ordering=updated_at") == [rows[2].id, rows[1].id]
    Booking.objects.filter(id=rows[0].id).update(updated_at=at("12:00"))
    page = portal.get(f"{API}bookings/?{since}&ordering=updated_at&limit=2").json()
    assert ids(portal, page["next"].partition(API)[2]) == [rows[0].id]


def test_the_feed_is_narrowed_and_goes_on_behind_what_it_leaves_out():
    created, status, other = (
        make.event(kind=kind) for kind in ("booking.created", "booking.status", "booking.created")
    )
    portal = caller(Role.CLIENT_API)
    page = portal.get(f"{API}events/?kind=booking.status,assignment.moved").json()
    assert ([row["id"] for row in page["results"]], page["last"]) == ([status.id], other.id)
    page = portal.get(f"{API}events/?kind=booking.created&limit=1").json()
    assert ([row["id"] for row in page["results"]], page["last"]) == ([created.id], created.id)
    page = portal.get(f"{API}events/?kind=booking.created&after={other.id}").json()
    assert page == {"last": other.id, "results": []}
    later = make.event(kind="booking.status")
    assert ids(portal, f"events/?kind=booking.status&after={other.id}") == [later.id]


def test_an_event_that_comes_while_a_page_is_read_is_on_the_next(monkeypatch):
    known, came = make.event(kind="booking.status"), []

    def filter_queryset(self, rows, *, filters=EventViewSet.filter_queryset):
        came.append(make.event(kind="booking.status"))
        return filters(self, rows)

    portal = caller(Role.CLIENT_API)
    with monkeypatch.context() as busy:
        busy.setattr(EventViewSet, "filter_queryset", filter_queryset)
        page = portal.get(f"{API}events/?kind=booking.status").json()
    assert ([row["id"] for row in page["results"]], page["last"]) == ([known.id], known.id)
    assert ids(portal, f"events/?kind=booking.status&after={page['last']}") == [came[0].id]


def test_the_feed_begins_at_a_time():
    _early, late = make.event(at=at("08:00")), make.event(at=at("10:00"))
    portal = caller(Role.CLIENT_API)
    assert ids(portal, "events/?since=2026-06-17T10:00:00%2B02:00") == [late.id]
    assert Event.objects.count() == 2


@pytest.mark.parametrize(
    ("path", "name", "values"),
    [
        ("bookings/", "status", ("open", "pending,", "pending,open")),
        ("bookings/", "priority", ("3", "high")),
        ("bookings/", "ids", ("x", "1,", "0", "1.5", "-1", "9" * 30)),
        ("bookings/", "driver", ("x", "1,2", "0")),
        ("bookings/", "client", ("1.5",)),
        ("bookings/", "day", ("today", "2026-06-31", "1999-12-31")),
        ("bookings/", "updated_since", ("yesterday", "2026-06-17T10:00:00")),
        ("events/", "kind", ("booking", "booking.created,x")),
        ("events/", "since", ("2026-06-17",)),
        ("events/", "booking", ("x",)),
        ("events/", "cursor", ("x",)),  # the feed has `after`
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_by_name(path, name, values):
    portal = caller(Role.CLIENT_API)
    for value in values:
        refused = portal.get(f"{API}{path}", {name: value})
        assert refused.status_code == 400, value
        assert {row["field"] for row in refused.json()["errors"]} == {name}


def test_every_filter_is_described():
    for path, names in {
        "bookings/": {"status", "ids", "driver", "day", "updated_since", "client", "from", "until"},
        "events/": {"kind", "since", "booking", "after", "limit"},
    }.items():
        rows = description()["paths"][f"{API}{path}"]["get"]["parameters"]
        assert names <= {row["name"] for row in rows if row.get("description")}
