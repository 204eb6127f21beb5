"""Changed standing orders and their booked dates: all, from a date on, pauses, moves, by hand."""

from datetime import time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bookings.guards import Agreed
from bookings.models import Actor, Booking, Door, Event, Pause, Series, Status
from bookings.save import save_booking
from bookings.series.change import (
    StaleSeriesError,
    change_many,
    change_series,
    create_series,
    end_pause,
    end_series,
    pause,
)
from bookings.series.foresee import DatesBroken
from bookings.series.make import book
from bookings.series.overlaps import DatesOverlap, overlaps_of
from bookings.series.template import Template, read_templates
from dispatch.models import Assignment
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="Ada")
BY = {"actor": ACTOR, "now": make.NOW}
WEEK, DAY = timedelta(weeks=1), timedelta(days=1)
SECOND = make.DAY + WEEK
pytestmark = pytest.mark.django_db


@pytest.fixture
def series():
    """Return an order of Wednesdays 08:00, back 12:30, whose three next dates are booked."""
    made = make.series(return_time=time(12, 30))
    made.company.series_days_ahead = 15
    made.company.save()
    made = Series.objects.get(pk=made.pk)
    again = Series(**{f.attname: getattr(made, f.attname) for f in made._meta.concrete_fields})
    made.delete()
    again.pk = None
    assert create_series(again, **BY) == 6
    return Series.objects.select_related("company").get()


def legs(leg=0):
    return list(Booking.objects.filter(series_leg=leg).order_by("series_day"))


def clocks(leg=0):
    return [f"{b.company.local(b.scheduled_time):%H:%M}" for b in legs(leg)]


def changed(series, **values):
    names = ("since", "release", "dry_run", "overlap_meant")
    options = {name: values.pop(name) for name in names if name in values}
    for name, value in values.items():
        setattr(series, name, value)
    return change_series(series, **BY, **options)


def by_hand(booking, **values):
    booking = Booking.objects.get(pk=booking.pk)
    for name, value in values.items():
        setattr(booking, name, value)
    save_booking(booking, agreed=Agreed(), **BY)


def with_driver(booking):
    driver = make.driver(booking.company)
    make.shift(driver, day=booking.series_day)
    return make.assignment(booking, driver)


def test_all_dates_follow_a_change_with_events(series):
    foreseen = changed(series, pickup_time=time(8, 30), notes="3rd floor")
    assert clocks() == ["08:30"] * 3
    assert clocks(1) == ["12:30"] * 3
    assert {b.notes for b in Booking.objects.all()} == {"3rd floor"}
    assert foreseen.counts() == {"changed": 6, "canceled": 0, "by_hand": 0, "made": 0}
    event = Event.objects.filter(kind="booking.changed").first()
    assert set(event.new) == {"scheduled_time", "notes"}
    assert event.reason.startswith("standing order #")
    assert {b.version for b in Booking.objects.all()} == {2}


def test_a_preview_says_the_same_and_writes_nothing(series):
    foreseen = changed(series, pickup_time=time(8, 30), dry_run=True)
    assert [(row.booking.pk, row.outcome) for row in foreseen.rows if row.changes] == [
        (booking.pk, "changed") for booking in legs()
    ]
    assert clocks() == ["08:00"] * 3
    assert Series.objects.get().pickup_time == time(8)


def test_what_was_changed_by_hand_stays_and_the_list_says_so(series):
    first, second, _third = legs()
    by_hand(first, scheduled_time=make.at("09:15"))
    by_hand(second, notes="with dog")
    foreseen = changed(series, pickup_time=time(8, 30), notes="3rd floor")
    assert clocks() == ["09:15", "08:30", "08:30"]
    assert [b.notes for b in legs()] == ["3rd floor", "with dog", "3rd floor"]
    told = {row.booking.pk: row.by_hand for row in foreseen.rows if row.by_hand}
    assert told == {first.pk: ("scheduled_time",), second.pk: ("notes",)}
    assert foreseen.counts()["by_hand"] == 2


def test_a_place_changed_by_hand_stays_whole(series):
    by_hand(legs()[0], dropoff_address="Other door")
    changed(series, dropoff_lat=46.2, dropoff_address="Clinic")
    first, second, _third = legs()
    assert (first.dropoff_address, first.dropoff_lat) == ("Other door", make.HOSPITAL[0])
    assert (second.dropoff_address, second.dropoff_lat) == ("Clinic", 46.2)
    assert [b.pickup_address for b in legs(1)] == ["Clinic"] * 3


def test_times_that_would_put_the_return_before_the_trip_there_stay(series):
    by_hand(legs()[0], scheduled_time=make.at("12:00"))
    foreseen = changed(series, return_time=time(11, 30))
    assert clocks(1) == ["12:30", "11:30", "11:30"]
    assert foreseen.counts()["by_hand"] == 1


def test_from_a_date_on_a_new_order_takes_over_with_its_pauses(series):
    skipped = Pause.objects.create(
        company=series.company, series=series, first_day=SECOND + WEEK, last_day=SECOND + WEEK
    )
    old = series.pk
    changed(series, pickup_time=time(7), since=SECOND)
    assert series.pk != old
    assert [b.series_id for b in legs()] == [old, series.pk]
    assert clocks() == ["08:00", "07:00"]
    assert Series.objects.get(pk=old).last_day == SECOND - DAY
    heir = Series.objects.get(pk=series.pk)
    assert (heir.first_day, heir.pickup_time, heir.version) == (SECOND, time(7), 1)
    assert heir.pauses.get().first_day == skipped.first_day


def test_from_a_date_on_what_is_left_of_a_count_goes_over(series):
    Series.objects.update(count=5)
    series.count = 5
    changed(series, pickup_time=time(7), since=SECOND)
    old, heir = Series.objects.order_by("id")
    assert (old.count, heir.count) == (None, 4)


def test_a_date_canceled_by_hand_stays_canceled_in_the_new_order(series):
    Booking.objects.filter(pk=legs()[2].pk).update(status=Status.CANCELED)
    foreseen = changed(series, pickup_time=time(7), since=SECOND)
    assert foreseen.made == 0
    assert [b.status for b in legs()] == [Status.ACCEPTED] * 2 + [Status.CANCELED]
    assert {b.series_id for b in legs()[1:]} == {series.pk}


@pytest.mark.parametrize("days", [0, 8])
def test_the_date_from_which_must_be_one_of_the_order(series, days):
    with pytest.raises(ValidationError, match="Choose a date"):
        changed(series, pickup_time=time(7), since=make.DAY + days * DAY)


def test_other_weekdays_cancel_dates_and_book_others(series):
    foreseen = changed(series, weekdays=0b1000)  # Thursdays
    assert [b.series_day for b in legs()] == [make.DAY + DAY, SECOND + DAY]
    gone = Booking.objects.filter(status=Status.CANCELED)
    assert {(b.series_leg, b.series_id) for b in gone} == {(None, series.pk)}
    assert foreseen.counts() == {"changed": 0, "canceled": 6, "by_hand": 0, "made": 4}
    changed(series, weekdays=0b100)
    assert [b.series_day for b in legs()] == [make.DAY, SECOND, SECOND + WEEK]
    assert {b.return_of_id for b in legs(1)} == {b.pk for b in legs()}


def test_a_return_on_call_is_booked_anew_beside_the_trip_there(series):
    changed(series, return_will_call=True)
    assert [(b.status, b.will_call) for b in legs(1)] == [(Status.PENDING, True)] * 3
    assert [b.return_of_id for b in legs(1)] == [b.pk for b in legs()]
    assert Booking.objects.filter(status=Status.CANCELED, return_of=None).count() == 3
    changed(series, return_will_call=False, return_time=None)
    assert legs(1) == []
    assert len(legs()) == 3


def test_a_skipped_date_frees_its_driver_and_comes_back_when_it_is_not_skipped(series):
    trip = with_driver(legs()[1])
    skipped = Pause(company=series.company, series=series, first_day=SECOND, last_day=SECOND)
    assert pause(skipped, **BY, dry_run=True).counts()["canceled"] == 2
    assert not Pause.objects.exists()
    pause(skipped, **BY)
    trip.refresh_from_db()
    assert trip.status == Assignment.Status.CANCELED
    assert [b.series_day for b in legs()] == [make.DAY, SECOND + WEEK]
    assert end_pause(skipped, **BY) == 2
    assert [b.series_day for b in legs()] == [make.DAY, SECOND, SECOND + WEEK]


def test_a_client_in_hospital_has_no_trips_of_any_order_for_two_weeks(series):
    other = make.series(series.company, client=series.client, weekdays=[3])
    foreign = make.series(series.company)
    away = Pause(
        company=series.company, client=series.client, first_day=make.DAY, last_day=SECOND - DAY
    )
    pause(away, **BY)
    assert [(b.series_id, b.series_day) for b in legs()] == [
        (series.pk, SECOND), (other.pk, SECOND + DAY), (series.pk, SECOND + WEEK),
    ]  # fmt: skip
    assert foreign.bookings.count() == 0
    end_pause(away, last_day=make.DAY, **BY)  # home earlier
    assert legs()[0].series_day == make.DAY + DAY


def test_an_ended_order_has_no_later_dates(series):
    end_series(series, SECOND, **BY)
    assert [b.series_day for b in legs()] == [make.DAY, SECOND]


def test_a_driver_who_cannot_is_asked_about_and_one_who_can_stays(series):
    fits, breaks = map(with_driver, legs()[:2])
    breaks.driver.shifts.update(end_at=make.at("09:00", SECOND), break_min=0)
    values = {"dropoff_address": "Clinic", "dropoff_lat": 46.25, "dropoff_lon": 6.0}
    values["pickup_time"] = time(9, 30)
    foreseen = changed(series, **values, dry_run=True)
    assert breaks.pk in [trip.assignment_id for trip in foreseen.broken]
    with pytest.raises(DatesBroken) as refusal:
        changed(series, **values)
    (told,) = [row for row in refusal.value.members()["trips"] if row["assignment"] == breaks.pk]
    assert told["booking"] == breaks.booking_id
    assert clocks() == ["08:00"] * 3
    changed(Series.objects.select_related("company").get(), **values, release=True)
    assert clocks() == ["09:30"] * 3
    assert [b.status for b in legs()][1] == Status.ACCEPTED


def test_a_clinic_that_moves_changes_the_trips_of_all_its_orders(series, django_assert_num_queries):
    orders = [series.pk, *(make.series(series.company).pk for _number in range(10))]
    place = {"dropoff_address": "New clinic", "dropoff_lat": 46.21, "dropoff_lon": 6.15}
    foreseen = change_many(series.company, orders, lambda _one: place, dry_run=True, **BY)
    assert len(foreseen.rows) == 6
    foreseen = change_many(series.company, orders, lambda _one: place, **BY)
    assert foreseen.counts() == {"changed": 6, "canceled": 0, "by_hand": 0, "made": 30}
    assert {b.dropoff_address for b in legs()} == {"New clinic"}
    assert {b.pickup_address for b in legs(1)} == {"New clinic"}
    with django_assert_num_queries(12):
        change_many(series.company, orders, lambda _one: {"notes": "New"}, **BY)


def assigned_dates(many):
    """Return an order whose `many` next dates, a day each, have drivers; all move with it."""
    company = make.company(series_days_ahead=60)
    order = make.series(company, weekdays=range(7), last_day=make.DAY + (many - 1) * DAY)
    anna = make.driver(company)
    book(company, read_templates(company, [order]), **BY)
    for booking in legs():
        make.shift(anna, day=booking.series_day)
        start = booking.scheduled_time
        make.assignment(
            booking,
            anna,
            planned_pickup_at=start,
            planned_dropoff_at=start + timedelta(minutes=30),
        )
    return Series.objects.select_related("company").get()


@pytest.mark.parametrize("dry_run", [True, False])
def test_statements_do_not_grow_with_the_assigned_dates_that_change(dry_run):
    counts = {}
    for many in (2, 20):
        with transaction.atomic():
            order = assigned_dates(many)
            with CaptureQueriesContext(connection) as sent:
                done = changed(order, dropoff_lat=46.15, dropoff_lon=6.2, dry_run=dry_run)
            assert done.counts()["changed"] == many
            # Each trip keeps its driver, and arrives at another time.
            retimed = Assignment.objects.filter(status=Assignment.Status.SUPERSEDED).count()
            assert retimed == (0 if dry_run else many)
            assert Assignment.objects.open().count() == many
            counts[many] = len(sent)
            transaction.set_rollback(True)
    assert counts[2] == counts[20], counts


def test_dates_that_are_over_or_under_way_stay(series):
    first = legs()[0]
    make.assignment(first, make.driver(series.company), status=Assignment.Status.EN_ROUTE)
    changed(series, notes="New")
    assert [b.notes for b in legs()] == ["2nd floor", "New", "New"]


def test_two_who_change_at_once_do_not_overwrite_each_other(series):
    other = Series.objects.select_related("company").get()
    changed(series, notes="mine")
    with pytest.raises(StaleSeriesError):
        changed(other, notes="other")


def test_the_client_of_an_order_stays(series):
    with pytest.raises(ValidationError, match="stays"):
        changed(series, client=make.client(series.company))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"weekdays": 0}, "weekdays"), ({"every_weeks": 0}, "every_weeks"),
        ({"last_day": make.DAY - DAY}, "last_day"), ({"count": 3, "last_day": SECOND}, "count"),
        ({"appointment_time": time(7)}, "appointment_time"),
        ({"return_time": time(8)}, "return_time"),
        ({"return_time": None, "return_will_call": True}, "return_time"),
        ({"wheelchairs": 2}, "passengers"), ({"dropoff_lat": 12.0}, "dropoff_lat"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_at_its_field(series, values, field):
    with pytest.raises(ValidationError) as refusal:
        changed(series, **values)
    assert field in refusal.value.message_dict


def test_a_return_booked_by_hand_stays_the_only_one(series):
    changed(series, return_time=None)
    first = legs()[0]
    Booking(
        company=first.company,
        client=first.client,
        return_of=first,
        scheduled_time=make.at("12:00"),
        status=Status.ACCEPTED,
        pickup_lat=make.HOSPITAL[0],
        pickup_lon=make.HOSPITAL[1],
        dropoff_lat=make.HOME[0],
        dropoff_lon=make.HOME[1],
    ).save()
    series = Series.objects.select_related("company").get()
    foreseen = changed(series, return_time=time(12, 30), dry_run=True)
    assert [row.by_hand for row in foreseen.rows] == [("return_time",), (), ()]
    series = Series.objects.select_related("company").get()
    assert changed(series, return_time=time(12, 30)).counts()["made"] == 2
    assert [back.series_day for back in legs(1)] == [SECOND, SECOND + WEEK]
    assert not Booking.objects.get(return_of=first).series_id


def test_a_client_who_would_be_driven_twice_at_once_is_told_before(series):
    assert changed(series, notes="new", dry_run=True).overlaps == ()
    other = make.booking(series.company, "08:05", day=SECOND, client=series.client)
    make.booking(series.company, "08:05", day=SECOND)  # of somebody else
    series = Series.objects.select_related("company").get()
    (found,) = changed(series, notes="new", dry_run=True).overlaps
    assert (found.day, found.leg, found.booking) == (SECOND, 0, other.pk)
    assert "already driven from 08:05" in found.why
    again = Series.objects.select_related("company").get()
    again.pk = None
    told = overlaps_of(Template(again, again.company), make.DAY, make.NOW)
    assert [one.day for one in told] == [make.DAY] * 2 + [SECOND] * 2 + [SECOND + WEEK] * 2


def test_new_dates_and_changed_addresses_belong_to_their_places(series):
    company = series.company
    ward = make.place(company, address="WARD 1", boarding_min=40, margin_min=30)
    changed(series, dropoff_address="Ward 1")
    assert {(b.pickup_place_id, b.dropoff_place_id) for b in legs()} == {(None, ward.pk)}
    assert {(b.pickup_place_id, b.dropoff_place_id) for b in legs(1)} == {(ward.pk, None)}
    company.series_days_ahead = 29
    assert book(company, read_templates(company, [series]), **BY) == 4
    assert {b.dropoff_place_id for b in legs()} == {ward.pk}
    assert {b.pickup_place_id for b in legs(1)} == {ward.pk}
    changed(series, dropoff_address="Rue 9")
    assert {b.dropoff_place_id for b in legs()} == {None}


def test_a_ward_that_boards_for_long_is_held_against_the_trip(series):
    make.place(series.company, address="Ward 1", boarding_min=60)
    changed(series, appointment_time=time(8, 40))
    trip = with_driver(legs()[0])
    Assignment.objects.filter(pk=trip.pk).update(
        planned_dropoff_at=trip.planned_pickup_at + timedelta(minutes=24)
    )
    with pytest.raises(DatesBroken):
        changed(series, pickup_address="Ward 1")


def test_a_change_of_the_companys_timezone_is_no_change_by_hand(series):
    by_hand(legs()[0], notes="with dog")
    company = series.company
    company.timezone = "Europe/London"
    company.save()
    series = Series.objects.select_related("company").get()
    assert clocks() == ["07:00"] * 3  # 08:00 in Zurich: what people were told
    foreseen = changed(series, notes="3rd floor", dry_run=True)
    assert [row.by_hand for row in foreseen.rows if row.booking.series_leg == 0] == [
        ("notes",),
        (),
        (),
    ]
    series = Series.objects.select_related("company").get()
    changed(series, pickup_time=time(8, 30))
    assert clocks() == ["08:30"] * 3
    series = Series.objects.select_related("company").get()
    assert series.booked_zone == "Europe/London"
    assert not any(row.by_hand for row in changed(series, pickup_time=time(9), dry_run=True).rows)


def test_a_computed_pickup_follows_the_appointment_of_its_order(series):
    changed(series, appointment_time=time(9))
    series = Series.objects.select_related("company").get()
    computed = legs()[0]
    by_hand(computed, scheduled_time=None)
    before = Booking.objects.get(pk=computed.pk)
    assert before.pickup_computed
    foreseen = changed(series, appointment_time=time(10))
    after = Booking.objects.get(pk=computed.pk)
    assert after.appointment_at - before.appointment_at == timedelta(hours=1)
    assert after.scheduled_time - before.scheduled_time == timedelta(hours=1)
    assert after.pickup_computed
    assert clocks()[1:] == ["08:00"] * 2  # what is not computed is as the order says
    assert foreseen.counts()["by_hand"] == 0


def test_an_order_over_another_trip_of_its_client_is_asked_about(series):
    other = make.booking(series.company, "14:00", client=series.client)
    with pytest.raises(DatesOverlap) as asked:
        changed(series, pickup_time=time(13, 50), return_time=time(17), overlap_meant=False)
    assert [(one.day, one.booking) for one in asked.value.overlaps] == [(make.DAY, other.pk)]
    assert clocks() == ["08:00"] * 3
    series = Series.objects.select_related("company").get()
    changed(series, pickup_time=time(13, 50), return_time=time(17), overlap_meant=True)
    series = Series.objects.select_related("company").get()
    # What overlapped before is not asked about again.
    changed(series, return_time=time(18), overlap_meant=False)
    assert clocks(1) == ["18:00"] * 3
