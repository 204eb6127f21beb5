"""What the database itself refuses, on both engines."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from bookings.models import Booking, Door, Event
from dispatch.models import Assignment
from tests.support import builders as make


def log_one():
    booking = make.booking()
    return Event.objects.create(
        company=booking.company,
        booking=booking,
        kind=Event.Kind.BOOKING_CREATED,
        at=make.NOW,
        door=Door.COMMAND,
    )


@pytest.mark.django_db
def test_an_event_cannot_be_changed():
    log_one()
    with pytest.raises(IntegrityError, match="rows are only added"), transaction.atomic():
        Event.objects.update(reason="rewritten")
    assert Event.objects.get().reason == ""


@pytest.mark.django_db
def test_an_event_cannot_be_deleted():
    log_one()
    with pytest.raises(IntegrityError, match="rows are only added"), transaction.atomic():
        Event.objects.all().delete()
    assert Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_event_cannot_be_deleted_by_plain_sql():
    log_one()
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("DELETE FROM bookings_event")
    assert Event.objects.count() == 1


@pytest.mark.django_db
def test_a_driver_cannot_have_two_open_trips_at_one_time():
    driver = make.driver()
    make.assignment(make.booking(clock="09:00"), driver, minutes=30)
    with pytest.raises(IntegrityError), transaction.atomic():
        make.assignment(make.booking(clock="09:29"), driver)
    make.assignment(make.booking(clock="09:30"), driver)  # periods are half-open
    make.assignment(make.booking(clock="09:00"), driver, status="superseded")


@pytest.mark.django_db
def test_a_driver_cannot_be_moved_onto_another_trip():
    first = make.assignment(make.booking(), make.driver())
    second = make.assignment(make.booking(), make.driver())
    second.driver = first.driver
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save()


@pytest.mark.django_db
def test_a_booking_has_one_open_assignment():
    booking = make.booking()
    make.assignment(booking, make.driver())
    with pytest.raises(IntegrityError), transaction.atomic():
        make.assignment(booking, make.driver())
    make.assignment(booking, make.driver(), status="superseded")


@pytest.mark.django_db
def test_shifts_of_a_driver_do_not_overlap():
    driver = make.driver()
    make.shift(driver, "06:00", "14:00")
    with pytest.raises(IntegrityError), transaction.atomic():
        make.shift(driver, "13:59", "20:00")
    make.shift(driver, "14:00", "20:00")


@pytest.mark.django_db
def test_a_shift_is_at_most_a_day_long():
    with pytest.raises(IntegrityError), transaction.atomic():
        make.shift(make.driver(), "06:00", "30:01")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"passengers": 1, "wheelchairs": 2},
        {"pickup_lat": 91.0},
        {"dropoff_lon": float("inf")},
        {"status": "lost"},
        {"appointment_at": make.at("06:00"), "scheduled_time": make.at("07:00")},
    ],
)
def test_the_database_refuses_an_impossible_booking(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        make.booking(**fields)


@pytest.mark.django_db
def test_a_booking_is_open_until_it_is_over():
    for status, is_open in [
        ("pending", True),
        ("accepted", True),
        ("assigned", True),
        ("in_progress", True),
        ("completed", False),
        ("canceled", False),
        ("no_show", False),
    ]:
        booking = make.booking(status=status)
        assert Booking.objects.open().filter(pk=booking.pk).exists() is is_open


@pytest.mark.django_db
def test_a_row_that_is_not_saved_yet_can_be_validated_against_double_booking():
    row = make.assignment(make.booking(clock="09:00"), make.driver(), minutes=30)
    fields = {"company": row.company, "driver": row.driver, "sequence": 0}
    fields |= {"created_at": make.NOW, "updated_at": make.NOW, "explanation": {"detour_s": 0}}
    fields |= {"planned_pickup_at": make.at("09:29"), "planned_dropoff_at": make.at("09:50")}
    double = Assignment(booking=make.booking(), **fields)
    with pytest.raises(ValidationError, match="another trip at this time"):
        double.full_clean()
    Assignment(booking=double.booking, **fields, status="superseded").full_clean()
    row.full_clean()  # a row does not overlap itself
