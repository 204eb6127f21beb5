"""What people did by hand is undone like a run: the last first, as long as nobody built on it."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest import mock

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse

from bookings.history import history_of
from bookings.intake import take_in
from bookings.models import Actor, Booking, Door, Event
from bookings.save import save_booking
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips import decisions, progress
from dispatch.trips.advice.advise import advise
from dispatch.trips.advice.carry_out import carry_out, look_at
from dispatch.trips.advice.suggestion import Kind
from dispatch.trips.assign import assign, swap
from dispatch.trips.cancel import cancel, cancel_trips
from dispatch.trips.driver_sick import report_sick
from dispatch.trips.inverses import NotUndoable
from dispatch.trips.undo import last_action, undo
from drivers.fleet.changes import changing
from drivers.models import Absence, Company, Role, Shift
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.invariants import broken

SYSTEM = Actor(Door.COMMAND, name="test")
TRIP = {
    "pickup_lat": make.HOME[0], "pickup_lon": make.HOME[1],
    "dropoff_lat": make.HOSPITAL[0], "dropoff_lon": make.HOSPITAL[1],
}  # fmt: skip
pytestmark = pytest.mark.django_db


class Office:
    """Two drivers, three accepted bookings, and Nadia, who does one thing a minute."""

    def __init__(self):
        self.company = make.company()
        self.anna, self.ben = (self.on_duty(name) for name in ("Anna", "Ben"))
        rows = [
            {"reference": name, "scheduled_time": make.at(clock), **TRIP}
            for name, clock in (("A", "09:00"), ("B", "09:00"), ("C", "13:00"))
        ]
        found = take_in(self.company, rows, actor=SYSTEM, now=make.NOW)
        self.a, self.b, self.c = (one.booking_id for one in found)
        self.now = make.NOW
        for booking_id in (self.a, self.b, self.c):
            decisions.accept(self.company, booking_id, actor=SYSTEM, now=self.now)
        user = make.member(self.company, username="nadia")
        self.nadia = Actor(Door.ADMIN, name="nadia", user_id=user.pk)

    def on_duty(self, name):
        driver = make.driver(self.company, name)
        make.shift(driver)
        return driver

    def do(self, use_case, *args, actor=None, **options):
        self.now += timedelta(minutes=1)
        how = {"actor": actor or self.nadia, "now": self.now} | options
        return use_case(self.company, *args, **how)

    def undo(self):
        return self.do(undo, make.DAY, last_action(self.company, make.DAY).id)

    def state(self):
        """Return what stands, without ids, versions and times of change."""
        company = {"company": self.company}
        rows = Assignment.objects.open().filter(**company).order_by("booking_id")
        columns = (
            "booking_id", "driver_id", "status", "planned_pickup_at", "planned_dropoff_at",
            "locked", "confirmed", "arrived_at", "actual_pickup_at", "actual_dropoff_at",
        )  # fmt: skip
        bookings = Booking.objects.filter(**company).order_by("id")
        return list(rows.values_list(*columns)), list(
            bookings.values_list("status", "cancel_reason", "scheduled_time", "will_call")
        )


@pytest.fixture
def office():
    return Office()


def assign_a(office):
    office.do(assign, office.a, office.anna.id)


def move_a(office):
    office.do(assign, office.a, office.ben.id)


def swap_both(office):
    office.do(swap, office.a, office.b)


def set_off(office):
    office.do(progress.report_progress, office.a, "en_route", now=make.at("08:40"))


ACTIONS = {
    "assign": ([], assign_a),
    "move": ([assign_a], move_a),
    "release": ([assign_a], lambda o: o.do(decisions.release, o.a)),
    "swap": ([assign_a, lambda o: o.do(assign, o.b, o.ben.id)], swap_both),
    "lock": ([assign_a], lambda o: o.do(decisions.lock, o.a)),
    "release of a locked trip": (
        [assign_a, lambda o: o.do(decisions.lock, o.a)],
        lambda o: o.do(decisions.release, o.a),
    ),
    "cancel": ([assign_a], lambda o: o.do(cancel, o.a, reason="called_off")),
    "cancel two": (
        [assign_a],
        lambda o: o.do(cancel_trips, {o.a: None, o.c: None}, reason="x"),
    ),
    "set off": ([assign_a], set_off),
    "arrive": ([assign_a, set_off], lambda o: o.do(progress.arrive, o.a, now=make.at("08:50"))),
    "complete": (
        [assign_a, set_off,
         lambda o: o.do(progress.report_progress, o.a, "in_progress", now=make.at("09:00"))],
        lambda o: o.do(progress.report_progress, o.a, "completed", now=make.at("09:20")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIONS)
def test_the_state_before_stands_again_and_the_log_tells_it(office, name):
    before, action = ACTIONS[name]
    for step in before:
        step(office)
    stood = office.state()
    action(office)
    changed = office.state()
    last = last_action(office.company, make.DAY)
    assert changed != stood
    assert last.built_on is None
    ids = office.undo()
    assert office.state() == stood
    assert set(ids) == {event.booking_id for event in last.events}
    events = Event.objects.filter(kind="trip.undone")
    assert {event.new["undoes"] for event in events} == {event.id for event in last.events}
    assert broken() == {}


def test_actions_are_undone_in_order_until_the_first(office):
    stood = [office.state()]
    for step in (assign_a, move_a, lambda o: o.do(decisions.lock, o.a)):
        step(office)
        stood.append(office.state())
    for state in stood[-2::-1]:
        office.undo()
        assert office.state() == state
    assert last_action(office.company, make.DAY) is None
    assert history_of(office.company, office.a)[0].what == "Undone: unassigned from Anna"
    assert broken() == {}


def test_only_the_last_one_that_was_seen_is_undone(office):
    assign_a(office)
    seen = last_action(office.company, make.DAY).id
    move_a(office)
    with pytest.raises(NotUndoable, match="not the last action"):
        office.do(undo, make.DAY, seen)
    last = last_action(office.company, make.DAY).id
    office.do(undo, make.DAY, last)
    with pytest.raises(NotUndoable, match="not the last action"):  # the second person
        office.do(undo, make.DAY, last)


def test_a_run_that_touched_the_driver_since_ends_the_way_back(office):
    assign_a(office)
    office.do(run_dispatch, make.DAY, options=FIRST_PLAN, actor=SYSTEM)
    action = last_action(office.company, make.DAY)
    assert action.built_on.run_id
    at = re.escape(office.company.clock(action.built_on.at, make.DAY))
    with pytest.raises(NotUndoable, match=f"The day was planned since, at {at}"):
        office.undo()


def test_a_report_of_the_driver_ends_it_too_and_is_no_action_by_hand(office):
    assign_a(office)
    driver = make.member(office.company, Role.DRIVER)
    reports = Actor(Door.API, name="Anna's phone", user_id=driver.pk)
    office.do(progress.report_progress, office.a, "en_route", actor=reports, now=make.at("08:40"))
    with pytest.raises(NotUndoable, match="Anna's phone has changed these trips since"):
        office.undo()


def test_a_driver_who_can_no_longer_drive_it_does_not_get_it_back(office):
    assign_a(office)
    office.do(decisions.release, office.a)
    office.anna.shifts.update(start_at=make.at("10:00"))
    stood = office.state()
    with pytest.raises(NotUndoable, match="Anna can no longer drive it"):
        office.undo()
    assert office.state() == stood
    assert not Event.objects.filter(kind="trip.undone").exists()


@pytest.mark.parametrize("others", [0, 20])
def test_statements_do_not_grow(office, others, django_assert_max_num_queries):
    rows = [
        {"reference": f"O-{i}", "scheduled_time": make.at("15:00"), **TRIP} for i in range(others)
    ]
    if rows:
        take_in(office.company, rows, actor=SYSTEM, now=make.NOW)
    for booking in Booking.objects.filter(status="pending"):
        office.do(cancel, booking.id)
    assign_a(office)
    move_a(office)
    with django_assert_max_num_queries(3):
        action = last_action(office.company, make.DAY)
    with django_assert_max_num_queries(22 + 2):  # and the savepoint inside the test's own
        office.do(undo, make.DAY, action.id)


def fleet(office):
    """Return the drivers' times, breaks and absences."""
    mine = {"driver__company": office.company}
    return (
        list(
            Shift.objects.filter(**mine)
            .order_by("id")
            .values_list("start_at", "end_at", "break_at")
        ),
        list(Absence.objects.filter(**mine).values_list("driver", "start_at", "end_at")),
    )


def be_sick(office):
    office.now = make.at("08:00")
    office.do(report_sick, office.anna.id, note="flu")


def be_sick_with_a_trip(office):
    assign_a(office)
    be_sick(office)


def only_anna_is_there(office):
    """Let C be wanted shortly before Anna's shift ends, and nobody else be there."""
    office.ben.shifts.all().delete()
    late = Booking.objects.get(id=office.c)
    late.scheduled_time = make.at("17:50")
    save_booking(late, actor=SYSTEM, now=office.now)


def work_longer(office):
    """Follow the suggestion that Anna works until C is driven."""
    advised = advise(office.company, office.c, now=office.now).suggestions
    change = next(o.suggestion.change for o in advised if o.suggestion.kind == Kind.END_LATER)
    _day, found = look_at(office.company, change, now=office.now)
    office.do(carry_out, change, key=found.key)


def plan_a_break(office):
    """Let Anna rest when A is wanted."""
    rest = {"break_from_at": make.at("08:30"), "break_until_at": make.at("12:00")}
    office.anna.shifts.update(break_min=30, break_at=make.at("09:00"), **rest)


# What stood before, the action, and what somebody else does to the fleet afterwards.
MINUTE = timedelta(minutes=1)
WITH_THE_FLEET = {
    "sick": (assign_a, be_sick, lambda: Absence.objects.update(end_at=F("end_at") + MINUTE)),
    "a longer shift": (
        only_anna_is_there,
        work_longer,
        lambda: Shift.objects.update(end_at=F("end_at") + MINUTE),
    ),
    "a break": (
        plan_a_break,
        assign_a,
        lambda: Shift.objects.update(break_at=F("break_at") + MINUTE),
    ),
}


@pytest.mark.parametrize("name", WITH_THE_FLEET)
def test_what_was_done_to_the_fleet_is_undone_with_it(office, name):
    before, action, _since = WITH_THE_FLEET[name]
    before(office)
    stood = office.state(), fleet(office)
    action(office)
    assert fleet(office) != stood[1]
    assert last_action(office.company, make.DAY).is_undoable
    office.undo()
    assert (office.state(), fleet(office)) == stood
    assert broken() == {}


@pytest.mark.parametrize("name", WITH_THE_FLEET)
def test_what_somebody_changed_of_it_since_stays_and_so_does_all(office, name):
    before, action, since = WITH_THE_FLEET[name]
    before(office)
    action(office)
    since()
    stands = office.state(), fleet(office)
    with pytest.raises(NotUndoable, match="changed since|moved since"):
        office.undo()
    assert (office.state(), fleet(office)) == stands


def test_a_longer_shift_that_another_trip_needs_by_now_stays(office):
    only_anna_is_there(office)
    work_longer(office)
    shift = office.anna.shifts.get()
    Assignment.objects.filter(booking=office.c).update(
        planned_pickup_at=make.at("15:00"), planned_dropoff_at=make.at("15:20")
    )
    row = make.booking(office.company, scheduled_time=shift.end_at - timedelta(minutes=30))
    make.assignment(row, office.anna, minutes=20)  # of no action: nobody built on it
    stands = office.state(), fleet(office)
    with pytest.raises(NotUndoable, match="would break 1 assigned trip"):
        office.undo()
    assert (office.state(), fleet(office)) == stands


def test_a_sick_report_that_reached_into_another_day_is_not_undone_by_half(office):
    night = make.at("24:30")
    office.anna.shifts.update(start_at=make.at("12:00"), end_at=make.at("26:00"))
    rows = [make.booking(office.company, scheduled_time=at) for at in (make.at("23:00"), night)]
    for row in rows:
        make.assignment(row, office.anna, minutes=20)
    office.now = make.at("20:00")
    office.do(report_sick, office.anna.id)
    stands = office.state(), fleet(office)
    for day in (make.DAY, make.DAY + timedelta(days=1)):
        action = last_action(office.company, day)
        assert not action.is_undoable
        with pytest.raises(NotUndoable, match="It did more than change these trips"):
            undo(office.company, day, action.id, actor=office.nadia, now=office.now)
    assert (office.state(), fleet(office)) == stands


def test_an_absence_that_is_another_drivers_by_now_stays(office):
    be_sick_with_a_trip(office)
    Absence.objects.update(driver=office.ben)
    stands = office.state(), fleet(office)
    with pytest.raises(NotUndoable, match="The absence was changed since"):
        office.undo()
    assert (office.state(), fleet(office)) == stands


def test_a_shift_that_cannot_be_as_short_as_before_any_more_stays(office):
    only_anna_is_there(office)
    work_longer(office)
    shift = office.anna.shifts.get()
    rest = {"break_from_at": shift.end_at - timedelta(minutes=35), "break_until_at": shift.end_at}
    office.anna.shifts.update(break_min=30, **rest)
    stands = office.state(), fleet(office)
    with pytest.raises(NotUndoable):
        office.undo()
    assert (office.state(), fleet(office)) == stands


def test_what_the_log_does_not_tell_is_not_offered(office):
    assign_a(office)
    standing = Assignment.objects.open().get()
    absence = Absence(driver=office.anna, start_at=make.at("08:00"), end_at=make.at("18:00"))
    office.now += MINUTE
    how = {"actor": office.nadia, "now": office.now, "agreed": [standing.id]}
    with changing([], absence, **how):
        absence.save()
    action = last_action(office.company, make.DAY)
    assert (action.built_on, action.is_undoable) == (None, False)
    with pytest.raises(NotUndoable, match="It did more than change these trips"):
        office.undo()
    with mock.patch("django.utils.timezone.now", return_value=make.at("07:00")):
        assert "Undo:" not in board(office).get(url("runs")).text


def test_a_second_report_of_a_sick_driver_is_not_offered(office):
    be_sick(office)
    Absence.objects.update(start_at=make.at("07:00"))
    make.assignment(Booking.objects.get(id=office.a), office.anna)
    be_sick(office)
    assert not last_action(office.company, make.DAY).is_undoable


def board(office, role=Role.DISPATCHER):
    browser = Client(headers={"HX-Request": "true"})
    browser.force_login(make.member(office.company, role))
    return browser


def url(name):
    return reverse(f"admin:board:{name}", args=["geneva", make.DAY])


@pytest.fixture
def evening_before():
    with mock.patch("django.utils.timezone.now", return_value=make.at("18:30", make.NOW.date())):
        yield


@pytest.mark.usefixtures("evening_before")
def test_the_toolbar_says_what_would_be_undone_and_whose_it_was(office):
    assign_a(office)
    page = board(office).get(url("runs")).text
    assert "Undo: A: Assigned to Anna, 09:00" in page
    assert "nadia" in page
    assert "Undo:" not in board(office, Role.VIEWER).get(url("runs")).text
    values = {"action": last_action(office.company, make.DAY).id}
    assert board(office, Role.VIEWER).post(url("undo"), values).status_code == 403
    done = board(office).post(url("undo"), values)
    assert done.status_code == 200
    assert "Undo:" not in done.text
    assert not Assignment.objects.open().exists()
    refused = board(office).post(url("undo"), values)
    assert refused.status_code == 409
    assert "board:toast" in refused["HX-Trigger"]


@pytest.mark.usefixtures("evening_before")
def test_the_api_undoes_it_for_dispatchers_of_the_company(office):
    assign_a(office)
    body = {"day": "2026-06-17", "action": last_action(office.company, make.DAY).id}
    path = f"{API}bookings/undo/"
    assert caller(Role.VIEWER, office.company).post(path, body).status_code == 403
    other = make.company("lyon")
    assert caller(Role.DISPATCHER, other).post(path, body).status_code == 409
    api = caller(Role.DISPATCHER, office.company)
    assert api.post(path, body).json() == {"bookings": [office.a]}
    again = api.post(path, body)
    assert (again.status_code, again.json()["type"]) == (
        409,
        "urn:dispatchsite:problem:not_undoable",
    )


@pytest.mark.django_db(transaction=True)
def test_of_two_people_at_once_one_undoes_it():
    office = Office()
    assign_a(office)
    action = last_action(office.company, make.DAY).id
    now = make.at("18:30", make.NOW.date())

    def attempt(_number):
        try:
            company = Company.objects.get()
            return bool(undo(company, make.DAY, action, actor=office.nadia, now=now))
        except NotUndoable:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, range(2))) == [False, True]
    assert Event.objects.filter(kind="trip.undone").count() == 1
