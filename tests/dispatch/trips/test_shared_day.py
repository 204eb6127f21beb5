"""A day on which two clients ride together: Ana from 09:00, Bea from 09:05, both until 09:30.

From home to the hospital it is 18:44; boarding takes 3 minutes, alighting 2.
"""

from datetime import timedelta

import pytest
from django.urls import reverse

from bookings.models import Actor, Booking, Door
from dispatch.board.day import read_board
from dispatch.board.detail import read_detail
from dispatch.board.layout import lay_out
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.driver_sick import report_sick
from dispatch.trips.progress import report_progress
from dispatch.trips.release import release_trips
from dispatch.trips.undo import last_action, undo
from tests.support import builders as make
from tests.support.builders import DAY, at

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")


@pytest.fixture
def shared():
    """Return the bookings of Ana and Bea, of one stretch."""
    company = make.company(shares_rides=True)
    driver = make.driver(company, "Driver", home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(driver)
    found = []
    for name, clock in (("Ana", "09:00"), ("Bea", "09:05")):
        booking = make.booking(company, clock, client=make.client(company, name=name))
        found.append(booking)
        number = found[0].id
        make.assignment(booking, driver, planned_dropoff_at=at("09:30"), stretch=number)
    return found


def report(booking, status, clock):
    now = at(clock)
    return report_progress(booking.company, booking.id, status, actor=ACTOR, now=now)


def board(company, clock):
    return read_board(company, DAY, now=at(clock))


def expected(company, clock):
    """Return (pickup, dropoff) of each trip as expected, as clocks."""
    (day,) = board(company, clock).drivers
    return [
        (company.clock(trip.expected.pickup_at), company.clock(trip.expected.dropoff_at))
        for trip in day.trips
    ]


def test_who_rides_along_is_as_late_as_the_vehicle(shared):
    company = shared[0].company
    assert expected(company, "08:00") == [("09:00", "09:30"), ("09:05", "09:30")]
    report(shared[0], "en_route", "08:55")
    report(shared[0], "in_progress", "09:10")
    assert expected(company, "09:11") == [("09:10", "09:40"), ("09:15", "09:40")]
    report(shared[1], "en_route", "09:11")
    report(shared[1], "in_progress", "09:16")
    report(shared[0], "completed", "09:35")
    assert expected(company, "09:36") == [("09:10", "09:35"), ("09:16", "09:41")]
    later = make.booking(company, "09:40")
    make.assignment(later, Assignment.objects.first().driver)
    # Bea is out at 09:43; back home it is 18:44.
    assert expected(company, "09:36")[2][0] == "10:01"


def test_the_board_says_who_rides_with_whom_and_draws_no_empty_drive_between_them(
    client, shared, django_assert_max_num_queries
):
    company = shared[0].company
    seen = board(company, "08:00")
    assert [trip.empty_m for day in seen.drivers for trip in day.trips] == [0, 0]
    (row,) = lay_out(seen)["rows"]
    assert ["Together with 09:05 Bea" in bar["title"] for bar in row["trips"]] == [True, False]
    assert "Together with 09:00 Ana" in row["trips"][1]["title"]
    with django_assert_max_num_queries(6):
        assert read_detail(company, shared[0].id).beside == "09:05 Bea"
    client.force_login(make.member(company))
    page = client.get(reverse("admin:board:booking", args=[company.slug, shared[1].id]))
    assert "<dt>Together with</dt><dd>09:00 Ana</dd>" in page.content.decode()


def test_one_is_taken_out_and_the_other_stays_and_it_comes_back(shared):
    company, (ana, bea) = shared[0].company, shared
    out = Assignment.objects.get(booking=ana).id
    release_trips([out], actor=ACTOR, now=make.NOW)
    assert list(Assignment.objects.open().values_list("booking", flat=True)) == [bea.id]
    assert read_detail(company, bea.id).beside == ""
    user = make.member(company)
    by_hand = Actor(Door.ADMIN, user_id=user.id, name="test")
    again = Assignment.objects.get(booking=bea)
    release_trips([again.id], actor=by_hand, now=make.NOW)
    action = last_action(company, DAY)
    undo(company, DAY, action.id, actor=by_hand, now=make.NOW)
    row = Assignment.objects.open().get(booking=bea)
    assert (row.stretch, row.planned_dropoff_at) == (None, at("09:30"))


def test_a_sick_driver_leaves_who_is_on_board_and_frees_the_other(shared):
    ana, bea = shared
    report(ana, "en_route", "08:55")
    report(ana, "in_progress", "09:00")
    driver = Assignment.objects.get(booking=ana).driver
    sick = report_sick(ana.company, driver.id, actor=ACTOR, now=at("09:02"))
    assert sick.released == (bea.id,)
    assert [booking.id for booking in sick.under_way] == [ana.id]


def test_a_run_plans_around_a_stretch_that_is_under_way(shared):
    company, (ana, bea) = shared[0].company, shared
    report(ana, "en_route", "08:55")
    report(ana, "in_progress", "09:04")
    third = make.booking(company, "09:45")
    done = run_dispatch(company, DAY, now=at("09:06"), actor=ACTOR, options=FIRST_PLAN)
    assert done.changes["left"] == 2
    rows = {row.booking_id: row for row in Assignment.objects.open()}
    assert rows.keys() == {ana.id, bea.id, third.id}
    assert (rows[bea.id].stretch, rows[bea.id].planned_pickup_at) == (ana.id, at("09:05"))
    # Ana is 4 minutes late, so all are out at 09:36; home again at 09:54:44.
    assert rows[third.id].planned_pickup_at == at("09:54") + timedelta(seconds=44)


def test_progress_of_each_is_its_own(shared):
    ana, bea = shared
    for booking, steps in ((ana, ("en_route", "in_progress")), (bea, ("en_route", "no_show"))):
        for step in steps:
            report(booking, step, "09:06")
    statuses = Booking.objects.order_by("id").values_list("status", flat=True)
    assert list(statuses) == ["in_progress", "no_show"]
