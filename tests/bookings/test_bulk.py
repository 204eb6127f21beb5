"""Many rows with one statement: as `bulk_create` would have written them."""

from datetime import timedelta
from unittest import mock

import pytest
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from bookings.models import Booking, Door, Event
from dispatch.models import Assignment
from drivers.db.bulk import insert_rows
from tests.support import builders as make


def events(booking, count):
    return [
        Event(
            company_id=booking.company_id,
            booking_id=booking.id if number % 2 else None,
            kind=Event.Kind.BOOKING_CHANGED,
            at=make.at("08:00") + timedelta(microseconds=number),
            door=Door.COMMAND,
            new={"text": "é “quoted” \\ \n", "number": number, "none": None},
            reason="'; --",
        )
        for number in range(count)
    ]


def stored(rows):
    fields = [field.attname for field in Event._meta.concrete_fields if field.name != "id"]
    return list(Event.objects.filter(id__in=[r.id for r in rows]).order_by("id").values(*fields))


@pytest.mark.django_db
def test_bulk_create_inserts_the_same_rows_with_one_statement(django_assert_num_queries):
    booking = make.booking()
    with django_assert_num_queries(1):
        quick = Event.objects.bulk_create(events(booking, 300))
    rows = events(booking, 300)
    for row in rows:  # which the one statement looks up
        row.customer_id = booking.customer_id if row.booking_id else None
    slow = QuerySet(Event).bulk_create(rows)  # Django's own
    assert stored(quick) == stored(slow)


@pytest.mark.django_db
@pytest.mark.parametrize("options", [{}, {"ignore_conflicts": True}, {"batch_size": 1}])
def test_bulk_create_of_rows_with_ids_or_options_is_left_to_django(options):
    row = Event(company=make.company(), kind="booking.created", at=make.NOW, door="command", pk=7)
    with mock.patch("drivers.db.bulk.insert_rows", side_effect=AssertionError):
        assert Event.objects.bulk_create([row], **options) == [row]
    assert Event.objects.count() == 1  # PostgreSQL numbers the log itself, by order of commit


@pytest.mark.django_db
def test_every_row_gets_its_own_id():
    rows = insert_rows(Event, events(make.booking(), 300))
    by_id = Event.objects.in_bulk()
    assert len(by_id) == 300
    assert all(by_id[row.id].new["number"] == row.new["number"] for row in rows)
    assert not rows[0]._state.adding


@pytest.mark.django_db
def test_generated_columns_are_left_to_the_database():
    booking, driver = make.booking(), make.driver()
    row = Assignment(
        company=booking.company,
        booking=booking,
        driver=driver,
        sequence=1,
        planned_pickup_at=make.NOW,
        planned_dropoff_at=make.NOW,
        created_at=make.NOW,
        updated_at=make.NOW,
    )
    insert_rows(Assignment, [row])
    assert Assignment.objects.open().get().id == row.id
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(Assignment, [row])


@pytest.mark.django_db
def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert insert_rows(Event, []) == []


@pytest.mark.django_db
def test_a_float_is_refused():
    with pytest.raises(TypeError, match="float"):
        insert_rows(Booking, [Booking(company=make.company(), pickup_lat=46.2)])


@pytest.mark.django_db
def test_columns_become_rows_with_defaults_where_nothing_is_said(django_assert_num_queries):
    booking, driver = make.booking(), make.driver()
    shared = {
        "company_id": booking.company_id,
        "booking_id": booking.id,
        "driver_id": driver.id,
        "status": Assignment.Status.SUPERSEDED,
        "created_at": make.NOW,
        "updated_at": make.NOW,
    }
    hours = [make.at("08:00"), make.at("09:00"), make.at("10:00")]
    columns = {
        "sequence": [3, 1, 2],
        "planned_pickup_at": hours,
        "planned_dropoff_at": hours,
        "explanation": [{"detour_s": 1}, {}, {}],
    }
    with django_assert_num_queries(1):
        ids = Assignment.objects.bulk_create_columns(shared, columns)
    found = Assignment.objects.in_bulk()
    assert [found[i].sequence for i in ids] == [3, 1, 2]
    assert [found[i].planned_pickup_at for i in ids] == hours
    assert [found[i].explanation for i in ids] == [{"detour_s": 1}, {}, {}]
    assert not found[ids[0]].locked
    assert found[ids[0]].actual_pickup_at is None


@pytest.mark.django_db
def test_a_column_that_the_model_lacks_is_refused():
    with pytest.raises(TypeError, match="drvier_id"):
        Assignment.objects.bulk_create_columns({"drvier_id": 1}, {"sequence": [1]})


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 2])
def test_values_come_back_as_they_were(count):
    """Shared or not, null or not, with what arrays and JSON must escape."""
    booking = make.booking()
    rows = [
        Event(
            company_id=booking.company_id,
            kind=Event.Kind.BOOKING_CHANGED,
            at=make.at("08:00"),
            door=Door.COMMAND,
            actor='{"a",\\NULL}' if number else "NULL",
            old={"number": number, "null": None},
            new=[] if number else "{}",
            assignment_id=None if number else 7,
        )
        for number in range(count)
    ]
    Event.objects.bulk_create(rows)
    found = Event.objects.in_bulk()
    for row in rows:
        stored = found[row.id]
        assert (stored.actor, stored.old, stored.new) == (row.actor, row.old, row.new)
        assert stored.assignment_id == row.assignment_id
