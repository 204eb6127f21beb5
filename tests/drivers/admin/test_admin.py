"""What the admin's pages do with bookings. Who may open which page: test_admin_matrix."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.history import history_of
from bookings.models import Booking, Door, Event
from drivers.models import Company, Role
from tests.support import builders as make


def url(row, page):
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=[row.pk])


@pytest.mark.parametrize("role", [Role.DRIVER, Role.CLIENT_API])
def test_other_roles_see_nothing(client, db, role):
    client.force_login(make.member(make.company(), role))
    assert client.get(reverse("admin:bookings_booking_changelist")).status_code == 403


def test_a_viewer_changes_nothing(client, db):
    company = make.company()
    client.force_login(make.member(company, Role.VIEWER))
    booking = make.booking(company)
    assert client.post(url(booking, "change"), {"reference": "X"}).status_code == 403
    assert client.get(reverse("admin:bookings_booking_add")).status_code == 403


def test_a_booking_is_never_deleted(client, db, admin_user):
    client.force_login(admin_user)
    assert client.post(url(make.booking(), "delete"), {"post": "yes"}).status_code == 403


def test_a_company_with_bookings_stays_and_its_page_reads_none_of_them(admin_client):
    company, empty = make.company("busy"), make.company("empty")
    make.booking(company)

    def statements():
        with CaptureQueriesContext(connection) as sent:
            page = admin_client.get(url(company, "delete"))
        assert f"The bookings of {company}" in page.content.decode()
        return len(sent)

    before = statements()
    for _number in range(5):
        make.event(company, booking=make.booking(company))
    assert statements() == before
    admin_client.post(url(company, "delete"), {"post": "yes"})
    admin_client.post(url(empty, "delete"), {"post": "yes"})
    assert list(Company.objects.all()) == [company]


def test_a_change_lands_in_the_log(client, db):
    company = make.company()
    user = make.member(company)
    client.force_login(user)
    booking = make.booking(company, passengers=1)
    form = {
        "reference": booking.reference,
        "pickup_address": booking.pickup_address,
        "pickup_lat": booking.pickup_lat,
        "pickup_lon": booking.pickup_lon,
        "dropoff_address": booking.dropoff_address,
        "dropoff_lat": booking.dropoff_lat,
        "dropoff_lon": booking.dropoff_lon,
        "scheduled_time_0": "2026-06-17",
        "scheduled_time_1": "07:00:00",
        "passengers": 2,
        "wheelchairs": 0,
        "needs": "[]",
        "priority": 0,
        "seen_version": booking.version,
    }
    assert client.post(url(booking, "change"), form).status_code == 302
    event = Event.objects.get()
    assert (event.user, event.door, event.old["passengers"]) == (user, "admin", 1)
    assert event.new["passengers"] == 2
    assert Booking.objects.get().version == 2


def test_a_pending_booking_is_accepted(client, db):
    company = make.company()
    client.force_login(make.member(company))
    booking = make.booking(company, status="pending")
    action = {"action": "accept", "_selected_action": [booking.pk]}
    client.post(reverse("admin:bookings_booking_changelist") + "?day=all", action)
    booking.refresh_from_db()
    assert booking.status == "accepted"


def test_the_history_names_whom_the_log_knows_by_their_ids(client, db):
    company = make.company()
    client.force_login(make.member(company))
    anna = make.driver(company, name="Anna Roth")
    there = make.booking(company, reference="T-1")
    booking = make.booking(company, client=make.client(company, "Zoé Favre"), return_of=there)
    common = {"company": company, "booking": booking, "at": make.NOW, "door": Door.COMMAND}
    Event.objects.create(
        kind=Event.Kind.BOOKING_CREATED,
        new={"client": booking.client_id, "return_of": there.id, "priority": 2},
        **common,
    )
    Event.objects.create(
        kind=Event.Kind.ASSIGNED,
        new={"driver": anna.id, "pickup": "2026-06-17T07:00:00+00:00"},
        run_id=7,
        **common,
    )
    Event.objects.create(
        kind=Event.Kind.BOOKING_CHANGED,
        old={"status": "assigned", "cancel_reason": ""},
        new={"status": "canceled", "cancel_reason": "unwell: fever"},
        reason="unwell: fever",
        **common,
    )
    newest, given, booked = history_of(company, booking.id)
    assert (given.what, given.who) == ("Assigned to Anna Roth, 09:00", "plan")
    assert {c.field: c.new for c in booked.changes} == {
        "client": "Zoé Favre", "return of": "T-1", "priority": "urgent",
    }  # fmt: skip
    assert given.changes[0].new == "Anna Roth"
    assert newest.reason == "client not fit to travel: fever"
    assert newest.changes[1].new == newest.reason
    page = client.get(url(booking, "change")).content.decode()
    assert "Assigned to Anna Roth, 09:00" in page
    assert "Zoé Favre" in page
