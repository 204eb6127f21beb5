"""A plan never picks a client up for the way back before they have arrived.

The ride between home and hospital takes 18:44; boarding and alighting take 2 minutes each.
"""

from datetime import timedelta

import pytest

from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.planner.check.plan import check
from dispatch.planner.solve import solve
from tests.support import builders as make
from tests.support.builders import at

pytestmark = pytest.mark.django_db


def load(now=make.NOW, **options):
    company = make.Company.objects.get(slug="geneva")
    return load_problem(company, make.DAY, now=now, **{"leeway": Leeway()} | options)


def trip_of(day, booking):
    return next((trip for trip in day.problem.trips if trip.id == booking.id), None)


def pair(there="09:00", back="09:30", **fields):
    outbound = make.booking(clock=there, reference="OUT", **fields)
    return outbound, make.booking(clock=back, reference="BACK", return_of=outbound)


def test_windows_that_do_not_meet_stay_as_they_are():
    out, back = pair("09:00", "11:00")
    day = load()
    there, home = trip_of(day, out), trip_of(day, back)
    assert (day.moment(there.latest_s), day.moment(home.earliest_s)) == (at("09:15"), at("11:00"))
    assert (there.after, home.after) == (None, out.id)


def test_a_way_back_waits_for_the_latest_arrival():
    out, back = pair("09:00", "09:30")
    day = load()
    there, home = trip_of(day, out), trip_of(day, back)
    assert day.moment(there.latest_s) == at("09:15")
    # 09:15 and the trip
    assert home.earliest_s == there.latest_s + there.service_s > day.seconds(at("09:30"))
    assert day.moment(home.latest_s) == at("10:00")


def test_a_way_there_is_early_enough_for_the_way_back():
    out, back = pair("09:00", "09:01")
    day = load()
    there, home = trip_of(day, out), trip_of(day, back)
    # The way back boards until 09:31.
    assert there.latest_s == day.seconds(at("09:31")) - there.service_s
    assert home.earliest_s == home.latest_s == day.seconds(at("09:31"))
    assert there.earliest_s <= there.latest_s


def test_a_way_back_without_a_window_is_left_out_and_the_way_there_stays():
    out, back = pair("09:00", "08:00")
    day = load()
    assert day.left_out == {back.id: "before_arrival"}
    assert trip_of(day, back) is None
    assert day.moment(trip_of(day, out).latest_s) == at("09:15")


@pytest.mark.parametrize("status", ["canceled", "pending"])
def test_a_way_there_that_nobody_drives_hinders_nothing(status):
    _out, back = pair("09:00", "09:01", status=status)
    day = load()
    home = trip_of(day, back)
    assert (home.earliest_s, home.after) == (day.seconds(at("09:01")), None)


def test_a_way_back_waits_for_a_locked_way_there():
    driver = make.driver()
    make.shift(driver)
    out, back = pair("09:00", "09:30")
    make.assignment(out, driver, locked=True, planned_pickup_at=at("09:20"))
    day = load()
    ((commitment,),) = (duty.commitments for duty in day.problem.duties)
    assert trip_of(day, back).earliest_s == commitment.free_s


def test_a_way_there_arrives_before_a_locked_way_back():
    driver = make.driver()
    make.shift(driver)
    out, back = pair("09:00", "09:30")
    make.assignment(back, driver, locked=True, planned_pickup_at=at("09:30"))
    day = load()
    there = trip_of(day, out)
    assert there.latest_s == day.seconds(at("09:30")) - there.service_s


def test_every_plan_of_overlapping_windows_is_in_order():
    for name in ("Anna", "Bea"):
        make.shift(make.driver(name=name))
    pairs = [pair_of(minutes) for minutes in range(1, 31, 3)]
    day = load()
    for engine in ("greedy", "search"):
        plan = solve(day.problem, engine=engine, iterations=200 if engine == "search" else None)
        assert check(day.problem, plan) == ()
        planned = {row.trip_id: row for row in plan.trips}
        for out, back in pairs:
            if out.id in planned and back.id in planned:
                out_s = planned[out.id].dropoff_s + trip_of(day, out).alighting_s
                assert planned[back.id].pickup_s >= out_s


def pair_of(minutes):
    out = make.booking(clock="09:00")
    later = out.scheduled_time + timedelta(minutes=minutes)
    return out, make.booking(return_of=out, scheduled_time=later)
