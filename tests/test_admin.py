"""The admin's pages open, and show a user only their own companies."""

import pytest
from django.contrib import admin
from django.urls import reverse

from bookings.models import Booking, Event
from drivers.models import Role
from tests import builders as make

OURS = [
    model for model in admin.site._registry if model._meta.app_label in
    {"drivers", "bookings", "dispatch"}
]  # fmt: skip


def rows_of(company):
    """Return one row of every model of ours, of that company."""
    driver = make.driver(company)
    shift = make.shift(driver)
    booking = make.booking(company, client=make.client(company))
    assignment = make.assignment(booking, driver)
    absence = driver.absences.create(start_at=make.at("06:00"), end_at=make.at("07:00"))
    event = Event.objects.create(
        company=company, booking=booking, kind="booking.created", at=make.NOW, door="command"
    )
    member = make.member(company, Role.OWNER).memberships.get()
    run = make.run(company)
    rows = [company, driver, driver.vehicle, shift, absence, booking, booking.client]
    delivery = make.delivery(company, event=event)
    rows += [assignment, event, member, run, delivery, delivery.webhook]
    return {type(row): row for row in rows}


def url(row, page):
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=[row.pk])


def test_every_model_of_ours_is_tried(db):
    assert set(OURS) == set(rows_of(make.company()))


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("role", [Role.OWNER, Role.DISPATCHER, Role.VIEWER])
def test_a_member_sees_own_rows_and_no_others(client, db, model, role):
    own, other = make.company("own"), make.company("other")
    mine, theirs = rows_of(own)[model], rows_of(other)[model]
    client.force_login(make.member(own, role))
    meta = model._meta
    changelist = client.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"))
    assert changelist.status_code == 200
    found = set(changelist.context["cl"].queryset.values_list("pk", flat=True))
    assert mine.pk in found
    assert theirs.pk not in found
    assert client.get(url(mine, "change")).status_code == 200
    assert client.get(url(theirs, "change")).status_code == 302  # to the index, with a message


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
    client.post(reverse("admin:bookings_booking_changelist"), action)
    booking.refresh_from_db()
    assert booking.status == "accepted"
