"""Preview an assignment, assign against the rules, swap drivers, report a driver sick."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from bookings.models import Actor, Booking, Door, DriverPreference, Event, Status
from bookings.save import StaleBookingError, StatusRefusedError
from dispatch.models import Assignment
from dispatch.trips import progress
from dispatch.trips.assign import (
    NotSwappable,
    RuleBroken,
    assign,
    preview_assignment,
    preview_swap,
    swap,
)
from dispatch.trips.driver_sick import report_sick
from dispatch.trips.locking import NoSuchDriver, NoSuchTrip
from drivers.models import Absence
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="Nadia")


def on_duty(name=None, start="06:00", end="18:00", *, car=None, **fields):
    driver = make.driver(name=name, **({"vehicle": make.vehicle(**car)} if car else {}))
    make.shift(driver, start, end, **fields)
    return driver


def look(booking, driver, **options):
    return preview_assignment(booking.company, booking.id, driver.id, **{"now": make.NOW} | options)


def assign_to(booking, driver, **options):
    options = {"actor": ACTOR, "now": make.NOW} | options
    return assign(booking.company, booking.id, driver.id, **options)


def codes(seen):
    return [fault.code for fault in seen.faults]


@pytest.mark.django_db
def test_a_preview_of_what_fits_writes_nothing():
    booking, anna = make.booking(clock="09:00"), on_duty("Anna")
    seen = look(booking, anna)
    assert seen.fits
    assert (seen.pickup_at, seen.shifted_min, seen.assignment_id) == (make.at("09:00"), 0, 0)
    assert not Assignment.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_what_is_shown_is_what_is_written():
    anna = on_duty("Anna")
    assign_to(make.booking(clock="09:00"), anna)
    booking = make.booking(clock="09:25")
    seen = look(booking, anna)
    assert seen.moved  # the first makes room inside its window
    assert seen.fits
    trip = assign_to(booking, anna, pickup_at=seen.pickup_at, assignment_id=seen.assignment_id)
    assert trip.assignment.planned_pickup_at == seen.pickup_at
    (moved,) = seen.moved
    rows = Assignment.objects.open().exclude(booking=booking)
    assert [row.planned_pickup_at for row in rows] == [moved.after_at]


@pytest.mark.django_db
def test_lateness_is_given_in_minutes_and_may_be_overridden():
    anna = on_duty("Anna")
    assign_to(make.booking(clock="09:00"), anna)
    Assignment.objects.update(locked=True)
    booking = make.booking(clock="09:05")
    seen = look(booking, anna)
    # The drive takes 18:44: there at 09:21:44, out by 09:23:44, back at 09:42:28; the window
    # ends at 09:20.
    assert seen.pickup_at == make.at("09:42") + timedelta(seconds=28)
    assert codes(seen) == ["pickup_window"]
    assert seen.faults[0].text.startswith("23 min late: the pickup at 09:42")
    assert not seen.impossible
    with pytest.raises(RuleBroken):
        assign_to(booking, anna, pickup_at=seen.pickup_at)
    trip = assign_to(booking, anna, pickup_at=seen.pickup_at, override="The client agrees.")
    assert trip.assignment.planned_pickup_at == seen.pickup_at
    event = Event.objects.order_by("-id").first()
    assert (event.reason, event.new["overrides"]) == ("The client agrees.", ["pickup_window"])


@pytest.mark.django_db
def test_every_broken_rule_is_listed_at_once():
    client, small = make.client(), {"seats": 1, "wheelchair_places": 0}
    anna = on_duty("Anna", "06:00", "08:00", car=small)
    DriverPreference.objects.create(client=client, driver=anna, kind="forbidden")
    booking = make.booking(client=client, passengers=4, wheelchairs=1, needs=["oxygen"])
    assert sorted(codes(look(booking, anna))) == [
        "lacks_skill",
        "no_seats",
        "no_wheelchair_place",
        "not_for_this_client",
        "not_on_duty",
    ]


@pytest.mark.django_db
def test_a_driver_without_a_shift_or_not_available_is_a_broken_rule():
    booking = make.booking()
    assert codes(look(booking, make.driver())) == ["no_duty"]
    assert codes(look(booking, make.driver(is_available=False))) == ["not_available"]
    gone = look(booking, make.driver(is_active=False))
    assert gone.impossible


@pytest.mark.django_db
def test_two_trips_at_one_time_overlap_and_no_reason_helps():
    anna = on_duty("Anna")
    first = make.booking(clock="09:00")
    assign_to(first, anna)
    Assignment.objects.update(locked=True)
    seen = look(make.booking(clock="09:05"), anna, pickup_at=make.at("09:05"))
    assert codes(seen) == ["overlap"]
    assert f"is on trip 09:00 {first.reference} from 09:00 to 09:" in seen.faults[0].text
    assert seen.impossible


@pytest.mark.django_db
def test_a_trip_without_a_long_enough_gap_goes_between_others():
    anna = on_duty("Anna", "08:00", "10:30")
    for clock in ("09:00", "09:30"):
        row = make.booking(clock=clock)
        make.assignment(row, anna, locked=True, planned_pickup_at=make.at(clock), minutes=22)
    seen = look(make.booking(clock="09:10"), anna)
    # On the road until 09:53:44, the second commitment's end; then nowhere near the pickup.
    assert seen.pickup_at == make.at("09:53") + timedelta(seconds=44)
    assert {"pickup_window", "busy_until"} <= set(codes(seen))
    assert not seen.impossible


@pytest.mark.django_db
def test_a_trip_whose_window_is_over_is_late_from_now():
    booking, anna = make.booking(clock="09:00"), on_duty("Anna")
    seen = look(booking, anna, now=make.at("10:00"))
    assert codes(seen) == ["pickup_window"]
    assert seen.pickup_at >= make.at("10:00")


@pytest.mark.django_db
def test_the_cap_and_the_appointment_are_rules_too():
    anna = on_duty("Anna")
    anna.max_bookings = 0
    anna.save()
    assert codes(look(make.booking(), anna)) == ["has_all_trips"]
    ben = on_duty("Ben")
    booking = make.booking(clock="09:00", appointment_at=make.at("09:10"))
    seen = look(booking, ben, pickup_at=make.at("09:00"))
    assert codes(seen) == ["appointment"]
    # 3 minutes of boarding and 18:44 of driving end at 09:21:44
    assert seen.faults[0].text == "Arrives at 09:21, 12 min after the appointment at 09:10."


@pytest.mark.django_db
def test_a_lost_break_is_a_broken_rule():
    anna = on_duty("Anna", "08:30", "09:45", break_min=30)
    assert "break" in codes(look(make.booking(clock="09:00"), anna))


@pytest.mark.django_db
@pytest.mark.parametrize("others", [1, 8])
def test_looking_takes_five_statements_whatever_the_day(django_assert_num_queries, others):
    anna = on_duty("Anna")
    for hour in range(9, 9 + others):
        assign_to(make.booking(clock=f"{hour:02}:00"), anna)
    booking = make.booking(clock="07:00")
    with django_assert_num_queries(5):  # driver, booking, the day's 3
        look(booking, anna)


@pytest.mark.django_db
def test_another_companys_trips_do_not_exist():
    lausanne = make.company("lausanne")
    booking = make.booking()
    with pytest.raises(NoSuchTrip):
        preview_assignment(lausanne, booking.id, make.driver(lausanne).id, now=make.NOW)
    with pytest.raises(NoSuchDriver):
        look(booking, make.driver(lausanne))


def two_trips():
    anna, ben = on_duty("Anna"), on_duty("Ben")
    first, second = make.booking(clock="09:00"), make.booking(clock="09:00")
    assign_to(first, anna)
    assign_to(second, ben)
    return first, second, anna, ben


def holders():
    return dict(Assignment.objects.open().values_list("booking_id", "driver_id"))


@pytest.mark.django_db
def test_two_trips_change_their_drivers_together():
    first, second, anna, ben = two_trips()
    seen = preview_swap(first.company, first.id, second.id, now=make.NOW)
    assert [(s.driver.name, s.fits) for s in seen] == [("Ben", True), ("Anna", True)]
    swap(first.company, first.id, second.id, actor=ACTOR, now=make.NOW)
    assert holders() == {first.id: ben.id, second.id: anna.id}
    kinds = list(Event.objects.order_by("id").values_list("kind", flat=True))
    assert kinds[-2:] == ["assignment.moved"] * 2


@pytest.mark.django_db
def test_a_swap_against_the_rules_moves_neither_without_a_reason():
    first, second, anna, ben = two_trips()
    Booking.objects.filter(id=first.id).update(needs=["oxygen"])
    with pytest.raises(RuleBroken):
        swap(first.company, first.id, second.id, actor=ACTOR, now=make.NOW)
    assert holders() == {first.id: anna.id, second.id: ben.id}
    swap(first.company, first.id, second.id, actor=ACTOR, now=make.NOW, override="Loaned.")
    assert holders() == {first.id: ben.id, second.id: anna.id}
    assert Assignment.objects.open().get(booking=first).locked
    assert not Assignment.objects.open().get(booking=second).locked


@pytest.mark.django_db
def test_only_trips_of_two_drivers_of_one_day_are_swapped():
    first, second, anna, _ben = two_trips()
    third = make.booking(clock="14:00")
    assign_to(third, anna)
    later = make.booking(day=make.DAY + timedelta(days=1))
    for other in (third, later, make.booking()):
        with pytest.raises(NotSwappable):
            swap(first.company, first.id, other.id, actor=ACTOR, now=make.NOW)
    lausanne = make.company("lausanne")
    with pytest.raises(NotSwappable):
        swap(first.company, first.id, make.booking(lausanne).id, actor=ACTOR, now=make.NOW)
    with pytest.raises(NoSuchTrip):
        swap(lausanne, first.id, second.id, actor=ACTOR, now=make.NOW)


@pytest.mark.django_db
def test_a_swap_of_what_somebody_moved_is_refused():
    first, second, _anna, _ben = two_trips()
    seen = tuple(Assignment.objects.open().get(booking=b).id for b in (first, second))
    assign_to(second, on_duty("Carla"))
    with pytest.raises(StaleBookingError):
        swap(first.company, first.id, second.id, actor=ACTOR, now=make.NOW, seen=seen)


@pytest.mark.django_db(transaction=True)
def test_of_two_swaps_at_once_one_wins_and_neither_waits_forever():
    first, second, anna, ben = two_trips()
    seen = [Assignment.objects.open().get(booking=b).id for b in (first, second)]

    def attempt(ids):
        try:
            order = seen if ids[0] == first.id else seen[::-1]
            swap(first.company, *ids, actor=ACTOR, now=make.NOW, seen=order)
        except StaleBookingError:
            return "stale"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(attempt, [(first.id, second.id), (second.id, first.id)])
        assert sorted(outcomes) == ["done", "stale"]
    assert holders() == {first.id: ben.id, second.id: anna.id}


@pytest.mark.django_db
@pytest.mark.parametrize("others", [0, 6])
def test_a_swap_takes_a_constant_number_of_statements(django_assert_max_num_queries, others):
    first, second, anna, _ben = two_trips()
    for hour in range(11, 11 + others):
        assign_to(make.booking(clock=f"{hour:02}:00"), anna)
    # holders, lock, booking, the day's 3; lock, supersede, create, event; the test's savepoint
    with django_assert_max_num_queries(12):
        swap(first.company, first.id, second.id, actor=ACTOR, now=make.NOW)


@pytest.mark.django_db
def test_a_sick_driver_loses_what_has_not_begun_and_is_absent_until_the_day_ends():
    anna = on_duty("Anna", "06:00", "25:00")
    driven, locked, late = (make.booking(clock=c) for c in ("08:00", "11:00", "24:30"))
    make.assignment(driven, anna, status=Assignment.Status.EN_ROUTE)
    make.assignment(locked, anna, locked=True)
    make.assignment(late, anna)
    tomorrow = make.booking(day=make.DAY + timedelta(days=1), clock="09:00")
    make.assignment(tomorrow, anna)
    now = make.at("08:05")
    done = report_sick(anna.company, anna.id, actor=ACTOR, now=now)
    assert done.released == (locked.id, late.id)
    assert done.under_way == (driven,)
    absence = Absence.objects.get()
    assert (absence.start_at, absence.end_at, absence.reason) == (now, make.at("25:00"), "sick")
    assert set(holders()) == {driven.id, tomorrow.id}
    events = Event.objects.order_by("id")
    assert {(e.kind, e.reason) for e in events} == {("assignment.released", "Anna is sick.")}


@pytest.mark.django_db
def test_a_sick_driver_loses_the_trips_of_the_day_whenever_they_are_planned():
    anna, next_day = on_duty("Anna"), make.DAY + timedelta(days=1)
    planned = {
        "today, after midnight": ("23:55", make.DAY, make.at("24:05")),
        "tomorrow, before midnight": ("00:05", next_day, make.at("23:55")),
        "tomorrow": ("00:45", next_day, make.at("24:45")),
    }
    for name, (clock, day, at) in planned.items():
        booking = make.booking(clock=clock, day=day, reference=name)
        make.assignment(booking, anna, minutes=9, planned_pickup_at=at)
    done = report_sick(anna.company, anna.id, actor=ACTOR, now=make.at("08:00"))
    lost = Booking.objects.filter(id__in=done.released).values_list("reference", flat=True)
    assert set(lost) == {"today, after midnight", "tomorrow, before midnight"}


@pytest.mark.django_db
def test_sick_twice_is_one_absence():
    anna = on_duty("Anna")
    for _time in range(2):
        report_sick(anna.company, anna.id, actor=ACTOR, now=make.at("08:00"))
    assert Absence.objects.count() == 1
    with pytest.raises(NoSuchDriver):
        report_sick(make.company("lausanne"), anna.id, actor=ACTOR, now=make.at("08:00"))


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 6])
def test_a_sick_driver_takes_a_constant_number_of_statements(django_assert_max_num_queries, count):
    anna = on_duty("Anna")
    for hour in range(9, 9 + count):
        make.assignment(make.booking(clock=f"{hour:02}:00"), anna)
    with django_assert_max_num_queries(15):  # with the 4 of the test's savepoints
        report_sick(anna.company, anna.id, actor=ACTOR, now=make.at("08:00"))


@pytest.mark.django_db
def test_a_driver_en_route_arrives_once_and_only_then():
    booking, anna = make.booking(), on_duty("Anna")
    make.assignment(booking, anna)
    now = make.at("08:50")
    with pytest.raises(StatusRefusedError):
        progress.arrive(booking.company, booking.id, actor=ACTOR, now=now)
    progress.report_progress(booking.company, booking.id, Status.EN_ROUTE, actor=ACTOR, now=now)
    assert progress.arrive(booking.company, booking.id, actor=ACTOR, now=now).changed
    assert not progress.arrive(booking.company, booking.id, actor=ACTOR, now=now).changed
    assert Assignment.objects.get().arrived_at == now
    assert Event.objects.order_by("-id").first().new == {"arrived_at": "2026-06-17T06:50:00Z"}
    progress.report_progress(booking.company, booking.id, Status.ASSIGNED, actor=ACTOR, now=now)
    assert Assignment.objects.get().arrived_at is None


@pytest.mark.django_db
def test_a_way_back_before_the_arrival_is_described_whoever_drives():
    anna, bea = on_duty("Anna"), on_duty("Bea")
    there = make.booking(clock="09:00", reference="OUT")
    back = make.booking(clock="09:10", reference="BACK", return_of=there)
    assign_to(there, anna, pickup_at=make.at("09:00"))
    # 5 min boarding and alighting, 18:44 ride: out at 09:23:44.
    seen = look(back, bea)
    assert (seen.faults, seen.pickup_at) == ((), make.at("09:23") + timedelta(seconds=44))
    seen = look(back, bea, pickup_at=make.at("09:15"))
    assert "before_arrival" in codes(seen)
    assert any("on outbound trip 09:00 OUT until 09:23" in fault.text for fault in seen.faults)
    assert not seen.impossible


@pytest.mark.django_db
def test_a_way_there_that_arrives_after_the_way_back_is_described():
    anna, bea = on_duty("Anna"), on_duty("Bea")
    there = make.booking(clock="09:00", reference="OUT")
    back = make.booking(clock="09:20", reference="BACK", return_of=there)
    assign_to(back, anna, pickup_at=make.at("09:20"))
    assert look(there, bea).faults == ()  # boards at 08:56:16 at the latest
    seen = look(there, bea, pickup_at=make.at("09:00"))
    assert "before_arrival" in codes(seen)
    assert any("after the pickup of return trip 09:20 BACK at 09:20" in f.text for f in seen.faults)
