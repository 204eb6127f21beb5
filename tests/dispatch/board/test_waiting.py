"""Why a booking without a driver waits, or was missed: the same on the board and in its advice."""

from datetime import timedelta

import pytest

from bookings.models import Booking, Event
from dispatch.board.day import read_board
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.advice.advise import advise, advise_day
from dispatch.trips.driver_sick import report_sick
from tests.dispatch.trips.test_write_assignment import ACTOR
from tests.support import builders as make
from tests.support.builders import DAY, at

# The window of a pickup is from 10 minutes before to 15 after the wanted time.
ENDED = "The pickup window ended at 08:15."
BUSY = (
    "The plan of 05:50 left it out: None of the suitable drivers (1) is on duty for a pickup "
    "between 07:50 and 08:15."
)


def booked(company, clock="08:00", *, since="05:00", **fields):
    """Return a booking that stands in the log since this time."""
    booking = make.booking(company, clock, **fields)
    Booking.objects.filter(id=booking.id).update(updated_at=at(since))
    make.event(company, booking=booking, at=at(since))
    return booking


def on_duty(company, start, **fields):
    ana = make.driver(company, "Ana", home_lat=make.HOME[0], home_lon=make.HOME[1], **fields)
    make.shift(ana, start, "18:00")
    return ana


def plan(company, clock):
    return run_dispatch(company, DAY, now=at(clock), actor=ACTOR, options=FIRST_PLAN)


def said(company, clock):
    """Return what the board says, in the queue and where attention is needed, and the advice."""
    seen = read_board(company, DAY, now=at(clock))
    (waiting,) = seen.waiting
    assert [item.cause for item in seen.attention if not item.driver] == [waiting.reason]
    (of_day,) = advise_day(company, DAY, now=at(clock)).trips
    alone = advise(company, waiting.row.id, now=at(clock))
    assert (alone.happened, alone.why.detail) == (of_day.happened, of_day.why.detail)
    return waiting.reason, " ".join(filter(None, (of_day.happened, of_day.why.detail)))


def test_a_missed_trip_keeps_the_reason_of_the_plan_that_found_nobody(geneva):
    on_duty(geneva, "10:00")
    booked(geneva)
    plan(geneva, "05:50")
    assert said(geneva, "08:30") == (f"{BUSY} {ENDED}",) * 2


def test_a_plan_that_came_too_late_does_not_hide_the_reason_of_the_one_before(
    geneva, django_assert_num_queries
):
    on_duty(geneva, "10:00")
    booked(geneva)
    for clock in ("05:50", "08:20", "08:25"):
        plan(geneva, clock)
    with django_assert_num_queries(7):
        (waiting,) = read_board(geneva, DAY, now=at("08:30")).waiting
    assert waiting.reason == f"{BUSY} {ENDED}"
    assert said(geneva, "08:30") == (f"{BUSY} {ENDED}",) * 2


def test_a_missed_trip_whose_driver_was_sick_says_so(geneva):
    ana = on_duty(geneva, "06:00")
    booked(geneva)
    plan(geneva, "05:50")
    assert Assignment.objects.open().get().driver == ana
    report_sick(geneva, ana.id, actor=ACTOR, now=at("07:20"))
    lost = "Lost its driver at 07:20: Ana is sick."
    assert said(geneva, "08:30") == (f"{lost} {ENDED}",) * 2
    # Nobody was found after that either.
    plan(geneva, "07:25")
    nobody = "The plan of 07:25 left it out: No driver is on duty."
    assert said(geneva, "08:30") == (f"{lost} {nobody} {ENDED}",) * 2


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Event.Kind.BOOKING_CREATED, "Booked at 07:55, after the last plan."),
        (Event.Kind.BOOKING_CHANGED, "Changed at 07:55, after the last plan."),
    ],
)
def test_a_missed_trip_that_the_last_plan_did_not_know_says_so(geneva, kind, text):
    on_duty(geneva, "10:00")
    booking = booked(geneva)
    plan(geneva, "05:50")
    Booking.objects.update(updated_at=at("07:55"))
    make.event(geneva, booking=booking, kind=kind, at=at("07:55"))
    assert said(geneva, "08:30") == (f"{text} {ENDED}",) * 2


def test_a_trip_that_is_not_missed_says_what_happened_and_what_the_plan_found(
    geneva, django_assert_num_queries
):
    ana = on_duty(geneva, "06:00")
    booked(geneva)
    plan(geneva, "05:50")
    report_sick(geneva, ana.id, actor=ACTOR, now=at("07:00"))
    lost = "Lost its driver at 07:00: Ana is sick."
    assert read_board(geneva, DAY, now=at("07:10")).waiting[0].reason == lost
    plan(geneva, "07:20")
    with django_assert_num_queries(6):
        (waiting,) = read_board(geneva, DAY, now=at("07:30")).waiting
    assert waiting.reason == f"{lost} No driver is on duty."
    assert waiting.since.started_at == at("07:20")


def test_a_plan_is_only_asked_about_the_bookings_it_knew(geneva):
    on_duty(geneva, "10:00")
    booked(geneva)
    plan(geneva, "05:50")
    Booking.objects.update(updated_at=at("05:50") + timedelta(seconds=1))
    assert read_board(geneva, DAY, now=at("08:30")).waiting[0].reason == ENDED
