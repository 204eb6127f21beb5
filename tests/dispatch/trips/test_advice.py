"""Advice is computed on the day as it stands, and can be carried out exactly as it is said."""

from datetime import timedelta

import pytest
from django.db import connection, transaction

from bookings.models import Booking, Event, Status
from dispatch.day.keeping import BY_HAND, MOVE_COST_S
from dispatch.day.load import load_problem
from dispatch.models import Assignment
from dispatch.runs.options import UNSEARCHED
from dispatch.runs.run import run_dispatch
from dispatch.trips.advice.advise import advise, advise_day
from dispatch.trips.advice.carry_out import Outdated, carry_out, look_at
from dispatch.trips.advice.sentences import consequences
from dispatch.trips.advice.suggestion import Change, Kind
from dispatch.trips.candidates import candidates_for
from dispatch.trips.driver_sick import report_sick
from drivers.models import Absence, Company
from perf.recording.count_middleware import Count
from tests.support import builders as make
from tests.support.advice.better import IMPROVE, compared
from tests.support.advice.day import ACTOR, announced, begun, busiest, rows_of, seeded
from tests.support.advice.press import Outcome, press_day


def on_duty(name, start="06:00", end="18:00", **fields):
    driver = make.driver(name=name, **fields)
    make.shift(driver, start, end)
    return driver


def assigned(clock, driver, *, locked=True, **fields):
    """Return a trip with this driver at its wanted time; 23:44 long."""
    booking = make.booking(clock=clock, **fields)
    make.assignment(booking, driver, minutes=22, locked=locked)
    return booking


def open_trip(clock, **fields):
    return make.booking(clock=clock, client=make.client(name=f"Client of {clock}"), **fields)


def best(booking, now=make.NOW):
    """Return the first suggestion for the trip, None if there is none."""
    found = advise(booking.company, booking.id, now=now).suggestions
    return found[0].suggestion if found else None


def of_kind(kind, booking, now=make.NOW):
    found = advise(booking.company, booking.id, now=now, most=9).suggestions
    return next(one.suggestion for one in found if one.suggestion.kind == kind)


def follow(suggestion, now=make.NOW, key=None):
    company = Company.objects.get(slug="geneva")
    return carry_out(company, suggestion.change, key=key or suggestion.key, actor=ACTOR, now=now)


def taken_back(company, found, now):
    """Return (the rows after the suggestion was followed, the statements of it)."""
    with transaction.atomic():
        with connection.execute_wrapper(counted := Count()):
            carry_out(company, found.change, key=found.key, actor=ACTOR, now=now)
        after = rows_of(company)
        transaction.set_rollback(True)
    return after, counted


# Kinds ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_driver_who_is_free_is_suggested_and_takes_the_trip():
    anna, booking = on_duty("Anna"), open_trip("09:00")
    found = best(booking)
    assert (found.kind, found.driver, found.pickup_at) == (Kind.ASSIGN, "Anna", make.at("09:00"))
    follow(found)
    trip = Assignment.objects.open().get(booking=booking)
    assert (trip.driver, trip.planned_pickup_at) == (anna, make.at("09:00"))
    event = Event.objects.get()
    assert event.reason == "Suggestion followed: Anna picks up at 09:00."


@pytest.mark.django_db
def test_one_trip_more_than_the_cap_is_written_against_the_rule():
    anna, booking = on_duty("Anna", max_bookings=1), open_trip("12:00")
    assigned("09:00", anna)
    found = best(booking)
    assert (found.kind, [fault.code for fault in found.faults]) == (
        Kind.OVER_CAP,
        ["has_all_trips"],
    )
    follow(found)
    assert Assignment.objects.open().get(booking=booking).locked


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Ben", "Anna"])  # two drivers may share a name
def test_another_trip_moves_to_another_driver_so_that_this_one_has_room(name):
    # Only Anna takes a wheelchair; the other one takes the trip that is in the way.
    anna, ben = on_duty("Anna"), on_duty(name, vehicle=make.vehicle(wheelchair_places=0))
    other = assigned("09:00", anna, locked=False, client=make.client(name="Ada"))
    booking = open_trip("09:05", wheelchairs=1)
    found = best(booking)
    assert (found.kind, found.driver) == (Kind.MOVE_OTHER, "Anna")
    (move,) = found.moves
    assert (move.trip, move.driver_before, move.driver) == (
        "09:00 Ada",
        "Anna",
        name,
    )
    assert (move.changes_driver, move.driver_id) == (True, ben.id)
    follow(found)
    assert Assignment.objects.open().get(booking=other).driver == ben
    assert Assignment.objects.open().get(booking=booking).driver == anna


@pytest.mark.django_db
def test_a_locked_trip_and_one_that_is_about_to_begin_do_not_give_way():
    anna, _ben = on_duty("Anna"), on_duty("Ben", vehicle=make.vehicle(wheelchair_places=0))
    other = assigned("09:00", anna, locked=False)
    booking = open_trip("09:05", wheelchairs=1)
    soon = make.at("08:50")  # closer than the minutes in which no run moves a trip
    assert best(booking, soon).kind != Kind.MOVE_OTHER
    Assignment.objects.filter(booking=other).update(locked=True)
    assert best(booking).kind != Kind.MOVE_OTHER


@pytest.mark.django_db
def test_the_client_is_asked_for_another_time_and_the_booking_gets_it():
    anna, booking = on_duty("Anna"), open_trip("09:05")
    assigned("09:00", anna)
    found = best(booking)
    # Out at 09:23:44 in town, 18:44 minutes less 5 back: 09:38 or later; the window ends at 09:20.
    assert found.kind == Kind.ASK_CLIENT
    assert found.client.wanted_at == found.pickup_at > make.at("09:20")
    assert found.pickup_at.second == 0
    follow(found)
    booking.refresh_from_db()
    assert (booking.scheduled_time, booking.status) == (found.pickup_at, Status.ASSIGNED)
    found = advise(booking.company, booking.id, now=make.NOW).suggestions
    assert Kind.ARRIVE_LATE not in {one.suggestion.kind for one in found}
    for one in found:
        assert one.suggestion.dropoff_at <= make.at("09:35")


@pytest.mark.django_db
def test_a_shift_begins_earlier_but_not_before_now_nor_in_an_absence():
    anna, booking = on_duty("Anna", "08:00"), open_trip("07:45", appointment_at=make.at("08:15"))
    found = best(booking)
    assert (found.kind, found.shift.driver) == (Kind.START_EARLIER, "Anna")
    assert found.shift.start_at < make.at("08:00") == found.shift.start_before_at
    with transaction.atomic():
        follow(found)
        assert anna.shifts.get().start_at == found.shift.start_at
        transaction.set_rollback(True)
    now = best(booking, found.shift.start_at + timedelta(minutes=1))
    assert now is None or now.kind != Kind.START_EARLIER
    Absence.objects.create(driver=anna, start_at=make.at("06:00"), end_at=make.at("07:55"))
    away = best(booking)
    assert away is None or away.kind != Kind.START_EARLIER


@pytest.mark.django_db
def test_a_shift_begins_earlier_so_that_its_first_trip_makes_room():
    # A trip takes 23:44 and the way back 18:44: Anna, told to begin the first at 08:30, is at the
    # second at 09:12:28, and its window ends at 09:05. The first may begin at 08:20, and has to at
    # 08:22:32; she drives some 21 minutes to it, and her shift begins at 08:08.
    anna = on_duty("Anna", "08:08")
    other = assigned("08:30", anna, locked=False)
    dropoff_at = make.at("08:51") + timedelta(seconds=44)
    Assignment.objects.update(planned_dropoff_at=dropoff_at)
    booking = open_trip("08:50")
    found = of_kind(Kind.START_EARLIER, booking)
    assert make.at("07:57") <= found.shift.start_at < make.at("08:08")
    (move,) = found.moves
    assert (move.booking_id, move.driver) == (other.id, "Anna")
    assert move.pickup_at == make.at("08:22") + timedelta(seconds=32)
    assert found.pickup_at == make.at("09:05")
    before = rows_of(booking.company)
    after, counted = taken_back(booking.company, found, make.NOW)
    assert after == announced(before, found)
    assert counted.statements <= STATEMENTS[Kind.START_EARLIER]
    soon = found.shift.start_at - timedelta(minutes=1)  # 60 minutes before the shift are over
    booking.company.freeze_min = 0  # its first trip begins within minutes then
    assert of_kind(Kind.START_EARLIER, booking, soon).shift == found.shift
    Assignment.objects.update(locked=True)  # who cannot move makes no room
    kinds = advise(booking.company, booking.id, now=make.NOW, most=9).suggestions
    assert Kind.START_EARLIER not in {one.suggestion.kind for one in kinds}


@pytest.mark.django_db
@pytest.mark.parametrize("also", ["10:05", None])
def test_the_client_of_a_return_trip_is_asked_to_wait_until_the_way_there_has_ended(also):
    anna, ada = on_duty("Anna"), make.client(name="Ada")
    there = assigned("09:00", anna, client=ada)
    Assignment.objects.update(
        planned_pickup_at=make.at("09:40"), planned_dropoff_at=make.at("10:00")
    )
    if also:  # Anna drives somebody else then
        assigned(also, anna)
    ends = dict(zip(("pickup_lat", "pickup_lon"), make.HOSPITAL, strict=True))
    ends |= dict(zip(("dropoff_lat", "dropoff_lon"), make.HOME, strict=True))
    back = open_trip("09:25", return_of=there, **ends)
    found = best(back)
    # The way there ends 23:44 minutes after 09:40; the return waits until 09:55 at most.
    assert found.kind == Kind.ASK_CLIENT
    assert found.pickup_at == found.client.wanted_at >= make.at("10:04")
    assert (found.pickup_at == make.at("10:04")) == (also is None)
    assert advise(back.company, back.id, now=make.NOW).why.reason == "before_arrival"
    before = rows_of(back.company)
    after, _counted = taken_back(back.company, found, make.NOW)
    assert after == announced(before, found)


@pytest.mark.django_db
def test_a_shift_ends_later():
    anna, booking = on_duty("Anna", end="10:00"), open_trip("09:40")
    found = of_kind(Kind.END_LATER, booking)
    assert found.shift.end_before_at == make.at("10:00") < found.shift.end_at
    follow(found)
    assert anna.shifts.get().end_at == found.shift.end_at


@pytest.mark.django_db
def test_a_change_that_goes_too_far_is_no_suggestion_whoever_sends_it():
    anna = on_duty("Anna", "12:00", "18:00")
    booking = open_trip("09:00")
    company, shift = booking.company, anna.shifts.get()
    # The window of 09:00 ends at 09:15: 75 minutes more are too much, as a client may be asked.
    # Of a shift it is an hour, too.
    sent = [
        Change(Kind.ASK_CLIENT, booking.id, anna.id, at, wanted_at=at)
        for at in (make.at("12:30"), make.at("07:00"))
    ] + [
        Change(
            Kind.START_EARLIER, booking.id, anna.id, make.at("09:00"), shift_id=shift.id,
            shift_start_at=make.at("08:30"), shift_end_at=make.at("18:00"),
        ),
    ]  # fmt: skip
    for change in sent:
        with pytest.raises(Outdated):
            look_at(company, change, now=make.NOW)


@pytest.mark.django_db
def test_a_trip_of_lower_priority_is_released_for_an_urgent_one():
    anna = on_duty("Anna", "08:30", "09:45")
    Company.objects.update(return_late_min=0, pickup_late_min=0, pickup_early_min=0)
    other = assigned("09:00", anna, locked=False)
    there = open_trip("08:30", appointment_at=make.at("09:02"))
    booking = open_trip("09:00", priority=2, appointment_at=make.at("09:25"))
    found = of_kind(Kind.INSTEAD_OF, booking)
    assert found.released.booking_id == other.id
    follow(found)
    other.refresh_from_db()
    assert (other.status, there.status) == (Status.ACCEPTED, Status.ACCEPTED)
    assert Assignment.objects.open().get().booking == booking


@pytest.mark.django_db
def test_one_more_vehicle_is_said_once_for_all_trips_that_it_would_serve():
    on_duty("Ben", vehicle=make.vehicle(wheelchair_places=0))
    for clock in ("09:00", "11:00"):
        open_trip(clock, wheelchairs=1)
    found = advise_day(Company.objects.get(), make.DAY, now=make.NOW)
    assert [advice.suggestions for advice in found.trips] == [(), ()]
    (text,) = found.vehicles
    assert text.startswith("No wheelchair car is free. One more from 08:")
    assert "would serve 2 trips: 09:00 Client of 09:00" in text


# Rules of all kinds -----------------------------------------------------------------------


@pytest.mark.django_db
def test_what_means_something_else_by_now_is_refused_and_nothing_is_written():
    anna, booking = on_duty("Anna"), open_trip("09:00")
    found = best(booking)
    with pytest.raises(Outdated):
        follow(found, key="0" * 24)
    assigned("09:00", anna)
    with pytest.raises(Outdated):
        follow(found)
    Assignment.objects.all().delete()
    Booking.objects.filter(id=booking.id).update(version=2)
    with pytest.raises(Outdated):
        follow(found)
    assert not Event.objects.exists()
    assert not Assignment.objects.filter(booking=booking).exists()


@pytest.mark.django_db
def test_the_suggestions_of_a_day_can_be_followed_one_after_the_other():
    """Anna has room for one of the two: the second is told that it contradicts the first."""
    on_duty("Anna")
    first, second = open_trip("09:00"), open_trip("09:05")
    found = advise_day(first.company, make.DAY, now=make.NOW).trips
    by_trip = {advice.row.id: advice.suggestions[0].suggestion for advice in found}
    assert by_trip[first.id].excluded_by == ()
    assert by_trip[second.id].kind == Kind.ASSIGN
    assert by_trip[second.id].excluded_by == (by_trip[first.id].trip,)
    on_duty("Ben")
    found = advise_day(first.company, make.DAY, now=make.NOW).trips
    chosen = [advice.suggestions[0].suggestion for advice in found]
    assert {one.driver for one in chosen} == {"Anna", "Ben"}
    for one in chosen:
        follow(one)
    assert Assignment.objects.open().count() == 2


@pytest.mark.django_db
def test_a_trip_lost_its_driver_because_he_is_sick():
    ben, booking = on_duty("Ben"), open_trip("15:00")
    make.assignment(booking, ben)
    now = make.at("10:00")
    report_sick(booking.company, ben.id, actor=ACTOR, now=now)
    (advice,) = advise_day(booking.company, make.DAY, now=now).trips
    assert advice.happened == "Lost its driver at 10:00: Ben is sick."
    assert advice.suggestions == ()


@pytest.mark.django_db
def test_nobody_on_duty_is_said_as_such():
    make.driver(name="Anna", is_available=False)
    booking = open_trip("09:00")
    advice = advise(booking.company, booking.id, now=make.NOW)
    assert advice.why.detail == "No driver is on duty."


# Whole days -------------------------------------------------------------------------------

# Statements to carry out each kind, at most.
STATEMENTS = {
    Kind.ASSIGN: 13, Kind.OVER_CAP: 13, Kind.MOVE_OTHER: 14, Kind.ARRIVE_LATE: 13,
    Kind.ASK_CLIENT: 31, Kind.START_EARLIER: 31, Kind.END_LATER: 30, Kind.INSTEAD_OF: 21,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(("clock", "seed"), [("06:30", 1), ("08:30", 2), ("11:00", 3)])
def test_every_suggestion_of_a_day_is_carried_out_exactly_as_announced(clock, seed):
    company, now = seeded(60, 6, seed), make.at(clock)
    begun(company, now)
    report_sick(company, busiest(company, now), actor=ACTOR, now=now)
    with connection.execute_wrapper(counted := Count()):
        found = advise_day(company, make.DAY, now=now)
    assert counted.statements == (4 if clock == "06:30" else 5)  # one more: some were missed
    day = load_problem(company, make.DAY, now=now, leeway=BY_HAND)
    said = [one.suggestion for advice in found.trips for one in advice.suggestions]
    for advice in found.trips[:6]:
        if advice.row.status == Status.ACCEPTED:
            more = advise(company, advice.row.id, now=now, most=9).suggestions
            said += [one.suggestion for one in more]
    assert len({one.kind for one in said}) >= 3
    before = rows_of(company)
    for one in said:
        after, counted = taken_back(company, one, now)
        assert after == announced(before, one), list(consequences(day, one))
        assert counted.statements <= STATEMENTS[one.kind]


@pytest.mark.slow
@pytest.mark.django_db
def test_every_button_does_what_its_dialog_announces_and_so_do_all_in_turn():
    pressed = list(press_day(seeded(30, 3, 2), make.at("08:30"), panels=2))
    assert [one.why for _where, one in pressed if one.outcome != Outcome.SUCCEEDED] == []
    assert {where for where, _one in pressed} == {"queue", "panels", "in turn"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("clock", "locked", "is_better"),
    [("08:40", False, True), ("08:44", False, False), ("08:40", True, False)],
)
def test_a_driver_is_better_only_if_a_run_would_move_the_trip(clock, locked, is_better):
    # Ben is free at the client's door 23:44 after the clock: at 09:03:44, or at 09:07:44, which is
    # more than the 5 minutes by which a run may change a time that was told.
    booking = assigned("09:00", on_duty("Anna"), locked=locked)
    ends = dict(zip(("pickup_lat", "pickup_lon"), make.HOSPITAL, strict=True))
    ends |= dict(zip(("dropoff_lat", "dropoff_lon"), make.HOME, strict=True))
    assigned(clock, on_duty("Ben"), **ends)
    ben = advise(booking.company, booking.id, now=make.NOW).candidates[1]
    assert (ben.driver, ben.difference_s < -MOVE_COST_S) == ("Ben", True)
    assert ben.is_better == is_better


@pytest.mark.django_db
@pytest.mark.parametrize(("spare", "is_better"), [(4, True), (3, False)])
def test_a_driver_is_not_better_who_would_give_up_the_margin(spare, is_better):
    # Ben would come 3:44 later than Anna. The client arrives 21:44 after boarding.
    appointment_at = make.at("09:22") + timedelta(minutes=10 + spare)
    booking = assigned("09:00", on_duty("Anna"), locked=False, appointment_at=appointment_at)
    Company.objects.update(appointment_margin_min=10)
    booking.company.refresh_from_db()
    ends = dict(zip(("pickup_lat", "pickup_lon"), make.HOSPITAL, strict=True))
    ends |= dict(zip(("dropoff_lat", "dropoff_lon"), make.HOME, strict=True))
    assigned("08:40", on_duty("Ben"), **ends)
    ben = advise(booking.company, booking.id, now=make.NOW).candidates[1]
    assert (ben.driver, ben.difference_s < -MOVE_COST_S) == ("Ben", True)
    assert ben.is_better == is_better


@pytest.mark.slow
@pytest.mark.django_db
def test_no_driver_is_called_better_unless_a_run_that_improves_the_day_would_move_the_trip():
    company = seeded(40, 4, 1, options=UNSEARCHED)
    day = load_problem(company, make.DAY, now=make.NOW, leeway=BY_HAND)
    for row in [row for row in day.bookings.values() if row.standing()][:9]:
        own, *others = candidates_for(day, row, top=4)
        assert (own.present, own.extra_s, own.policy) == (True, 0, ())
        assert [one.difference_s for one in others] == sorted(one.difference_s for one in others)
    others = list(compared(company, make.NOW, most=40))
    assert [str(one) for one in others if not one.is_right] == []
    assert any(one.lowers for one in others)
    run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=IMPROVE)
    assert [str(one) for one in compared(company, make.NOW, most=40) if one.lowers] == []
