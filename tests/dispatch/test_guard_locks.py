"""Guarded changes lock drivers first, then the fleet, then bookings: nobody waits in a circle."""

import threading
from copy import copy

import pytest
from django.db import transaction
from django.urls import reverse

from bookings.models import Actor, Booking, Door
from dispatch.trips.fleet_changes import TripsBroken
from drivers.fleet.changes import StaleRow, changing
from drivers.models import Absence, Driver, Role, Shift, Vehicle
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.together import PATIENCE_S, together, wait_for_somebody_who_waits

WHO = {"actor": Actor(Door.ADMIN, name="anna"), "now": make.NOW}


def changed(row, **fields):
    wanted = copy(row)
    for name, value in fields.items():
        setattr(wanted, name, value)
    return wanted


def on_duty(**fields):
    driver = make.driver(**fields)
    make.shift(driver)
    Absence.objects.create(driver=driver, start_at=make.at("17:00"), end_at=make.at("18:00"))
    return driver


def first_and_then(first, second):
    """Begin `first`, which ends its transaction once `second` waits; return what both return."""
    begun = threading.Event()

    def ahead():
        with transaction.atomic():
            result = first()
            begun.set()
            wait_for_somebody_who_waits()
            if callable(result):
                result()
        return "done"

    def behind():
        assert begun.wait(PATIENCE_S)
        try:
            return second()
        except (StaleRow, TripsBroken) as refused:
            return refused

    return together(ahead, behind)


DOORS = {
    "the API changes a shift": lambda api, _admin: api.patch(
        f"{API}shifts/{Shift.objects.get().id}/",
        {"end_at": make.at("16:00").isoformat()},
        format="json",
    ),
    "the API deletes a shift": lambda api, _admin: api.delete(
        f"{API}shifts/{Shift.objects.get().id}/"
    ),
    "the API changes an absence": lambda api, _admin: api.patch(
        f"{API}absences/{Absence.objects.get().id}/",
        {"end_at": make.at("19:00").isoformat()},
        format="json",
    ),
    "the API deletes an absence": lambda api, _admin: api.delete(
        f"{API}absences/{Absence.objects.get().id}/"
    ),
    "the admin deletes shifts": lambda _api, admin: admin.post(
        reverse("admin:drivers_shift_changelist"),
        {"action": "delete_selected", "_selected_action": Shift.objects.get().id, "post": "yes"},
    ),
}


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("door", DOORS)
def test_a_door_that_waits_for_a_run_keeps_nothing_that_the_run_wants(door, client):
    company = on_duty().company
    client.force_login(make.member(company, Role.OWNER))
    api = caller(Role.DISPATCHER, company)

    def a_run_locks_its_drivers():
        list(Driver.objects.order_by("id").select_for_update(no_key=True))
        return and_plans_breaks

    def and_plans_breaks():
        Shift.objects.update(break_at=make.at("12:00"))
        Absence.objects.update(note="seen")

    ran, response = first_and_then(a_run_locks_its_drivers, lambda: DOORS[door](api, client))
    assert ran == "done"
    assert response.status_code in (200, 204, 302), response.content


@pytest.fixture
def small_van():
    """A driver with a client in a wheelchair, and a van that nobody drives."""
    driver = on_duty()
    make.assignment(make.booking(driver.company, wheelchairs=1), driver)
    return driver, make.vehicle(driver.company, wheelchair_places=1)


def loses_its_place(van):
    with changing([van], smaller := changed(van, wheelchair_places=0), **WHO):
        smaller.save()


def gets(driver, van):
    with changing([driver], wanted := changed(driver, vehicle=van), **WHO):
        wanted.save()


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_who_gets_a_vehicle_sees_what_somebody_takes_out_of_it(small_van):
    driver, van = small_van
    _, refused = first_and_then(lambda: loses_its_place(van), lambda: gets(driver, van))
    assert isinstance(refused, TripsBroken)
    assert Driver.objects.get().vehicle_id != van.id


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_who_changes_a_vehicle_sees_who_has_just_got_it(small_van):
    driver, van = small_van
    _, refused = first_and_then(lambda: gets(driver, van), lambda: loses_its_place(van))
    assert isinstance(refused, StaleRow)
    assert Vehicle.objects.get(id=van.id).wheelchair_places == 1


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_a_trip_that_moves_waits_for_an_import_without_keeping_what_that_wants():
    driver = on_duty()
    early = make.booking(driver.company, "09:00")
    late = make.assignment(make.booking(driver.company, "11:00"), driver)
    make.assignment(early, driver)
    api = caller(Role.DISPATCHER, driver.company)

    def lock(booking_id):
        return Booking.objects.select_for_update().get(id=booking_id)

    def an_import_locks_bookings():
        lock(early.id)
        return lambda: lock(late.booking_id)

    def somebody_moves_the_later_trip():
        address = f"{API}bookings/{late.booking_id}/?move={late.id}"
        wanted = {"scheduled_time": make.at("12:00").isoformat()}
        return api.patch(address, wanted, format="json")

    imported, response = first_and_then(an_import_locks_bookings, somebody_moves_the_later_trip)
    assert (imported, response.status_code) == ("done", 200)


@pytest.mark.django_db
def test_a_row_that_concerns_another_driver_by_now_is_refused():
    shift = on_duty().shifts.get()
    Shift.objects.filter(id=shift.id).update(driver=make.driver())
    with pytest.raises(StaleRow, match="Someone else has changed"), changing([shift], None, **WHO):
        raise AssertionError("nothing may be written")


@pytest.mark.django_db
def test_a_row_that_is_gone_is_refused():
    shift = on_duty().shifts.get()
    Shift.objects.all().delete()
    with pytest.raises(StaleRow), changing([shift], changed(shift, break_min=5), **WHO):
        raise AssertionError("nothing may be written")


@pytest.mark.django_db
def test_the_admin_tells_of_a_row_that_changed_meanwhile(client, monkeypatch):
    shift = on_duty().shifts.get()
    client.force_login(make.member(shift.driver.company, Role.OWNER))
    page = reverse("admin:drivers_shift_delete", args=[shift.id])
    other = make.driver()

    def somebody_is_faster(request):
        Shift.objects.filter(id=shift.id).update(driver=other)
        return WHO["actor"]

    monkeypatch.setattr("drivers.admin.fleet.admin_actor", somebody_is_faster)
    response = client.post(page, {"post": "yes"}, follow=True)
    assert "Someone else has changed" in response.content.decode()
    assert Shift.objects.get().driver == shift.driver  # taken back with all that was begun
