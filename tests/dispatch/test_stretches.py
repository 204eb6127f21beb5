"""The database lets trips of a driver overlap only where they are one stretch."""

from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from dispatch import ledger
from dispatch.models import Assignment
from tests.support import builders as make
from tests.support.together import together


def trip(driver, clock, minutes=30, **fields):
    """Return the assignment of a booking of its own."""
    return make.assignment(make.booking(driver.company, clock), driver, minutes=minutes, **fields)


def refused(call):
    with pytest.raises(IntegrityError), transaction.atomic():
        call()


def raw(sql, *params):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format(table=Assignment._meta.db_table), params)


@pytest.fixture
def anna():
    return make.driver(make.company())


@pytest.mark.django_db
def test_trips_of_one_stretch_overlap_and_no_others(anna):
    trip(anna, "09:00", stretch=5)
    trip(anna, "09:10", stretch=5)
    for number in (None, 6):
        refused(partial(trip, anna, "09:20", stretch=number))
    trip(make.driver(anna.company), "09:20")  # another vehicle
    trip(anna, "09:40", stretch=6)  # 09:10 + 30 min: empty again
    assert Assignment.objects.open().count() == 4


@pytest.mark.django_db
def test_two_trips_alone_are_two_stretches_even_at_the_same_minutes(anna):
    trip(anna, "09:00")
    refused(partial(trip, anna, "09:00"))


@pytest.mark.django_db
def test_an_overlap_is_refused_however_it_is_written(anna):
    first, second = trip(anna, "09:00", stretch=5), trip(anna, "09:10", stretch=5)
    third, over = trip(anna, "10:00"), trip(anna, "09:15", status="superseded")
    for sql, *params in [
        ("UPDATE {table} SET stretch = NULL WHERE id = %s", first.id),
        ("UPDATE {table} SET stretch = 6 WHERE id = %s", second.id),
        ("UPDATE {table} SET stretch = NULL WHERE id IN (%s, %s)", first.id, second.id),
        ("UPDATE {table} SET planned_pickup_at = %s WHERE id = %s", make.at("09:30"), third.id),
        ("UPDATE {table} SET status = 'planned' WHERE id = %s", over.id),
    ]:
        refused(partial(raw, sql, *params))
    raw("UPDATE {table} SET status = 'planned', stretch = 5 WHERE id = %s", over.id)
    assert Assignment.objects.open().filter(stretch=5).count() == 3


@pytest.mark.django_db
def test_two_stretches_become_one_and_two_again(anna):
    early = [trip(anna, clock, stretch=5).id for clock in ("09:00", "09:10")]
    late = [trip(anna, clock, stretch=6).id for clock in ("09:40", "09:45")]
    with transaction.atomic():
        ledger.renumber(dict.fromkeys(late, 5))
    between = trip(anna, "09:30", 20, stretch=5)
    refused(partial(ledger.renumber, dict.fromkeys(late, 6)))
    between.delete()
    ledger.renumber(dict.fromkeys(late, 7))
    rows = Assignment.objects.open().values_list("id", "stretch", "driver_id")
    assert set(rows) == {(i, 5, anna.id) for i in early} | {(i, 7, anna.id) for i in late}


@pytest.mark.django_db
def test_a_row_is_validated_by_its_stretch(anna):
    row = trip(anna, "09:00", stretch=5)
    fields = {"company": row.company, "driver": anna, "sequence": 0, "explanation": {"detour_s": 0}}
    fields |= {"created_at": make.NOW, "updated_at": make.NOW, "booking": make.booking()}
    fields |= {"planned_pickup_at": make.at("09:10"), "planned_dropoff_at": make.at("09:50")}
    Assignment(**fields, stretch=5).full_clean()
    for number in (None, 6):
        with pytest.raises(ValidationError, match="another trip at this time"):
            Assignment(**fields, stretch=number).full_clean()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("numbers", "written"), [((None, None), 1), ((5, 6), 1), ((None, 6), 1), ((5, 5), 2)]
)
def test_of_two_writers_at_once_one_wins_unless_they_write_one_stretch(anna, numbers, written):
    bookings = [make.booking(anna.company, clock) for clock in ("09:00", "09:10")]

    def write(booking, number):
        try:
            with transaction.atomic():
                make.assignment(booking, anna, stretch=number)
        except IntegrityError:
            return False
        return True

    done = together(*(partial(write, b, n) for b, n in zip(bookings, numbers, strict=True)))
    assert sum(done) == Assignment.objects.open().count() == written
