"""What stands: the search starts from it exactly, and changes it only to serve more."""

import dataclasses

import pytest

from dispatch.planner.check.plan import check
from dispatch.planner.measures import measure
from dispatch.planner.problem import TOLD_S, Costs, Sharing, Standing
from dispatch.planner.search import parallel
from dispatch.planner.solve import solve
from perf.project.scenarios.generate import geneva_day
from perf.project.scenarios.problem import as_problem
from tests.support.problems import (
    clock,
    make_break,
    make_duty,
    make_plan,
    make_problem,
    make_trip,
)

KEEP = Costs(fairness=10, move_s=None)


def standing(problem, plan, costs=KEEP):
    """Return the problem in which the trips and breaks of this plan stand."""
    at = {row.trip_id: Standing(row.driver_id, row.pickup_s) for row in plan.trips}
    rests = {rest.duty_id: rest.start_s for rest in plan.breaks}
    return dataclasses.replace(
        problem,
        trips=tuple(dataclasses.replace(trip, standing=at.get(trip.id)) for trip in problem.trips),
        duties=tuple(
            dataclasses.replace(
                duty, break_=dataclasses.replace(duty.break_, told_s=rests.get(duty.id))
            )
            if duty.break_
            else duty
            for duty in problem.duties
        ),
        costs=costs,
    )


@pytest.mark.parametrize("again", [0, 300])
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_an_unchanged_day_keeps_every_driver_time_and_break(seed, again):
    problem = as_problem(geneva_day(100, seed=seed))
    before = solve(problem, iterations=300, seed=seed)
    served = tuple(trip for trip in problem.trips if trip.id not in before.unserved)
    problem = standing(dataclasses.replace(problem, trips=served), before)
    after = solve(problem, iterations=again, seed=seed + 100)
    assert (after.trips, after.breaks) == (before.trips, before.breaks)


@pytest.mark.parametrize("seed", [1, 11])  # a search would serve one more on day 11
def test_an_unchanged_day_searched_briefly_stays_whatever_was_left_out(seed):
    problem = as_problem(geneva_day(100, seed=seed))
    before = solve(problem, time_limit_s=0, seed=seed)
    assert before.unserved
    after = solve(standing(problem, before), time_limit_s=0, seed=seed + 100)
    assert (after.trips, after.breaks) == (before.trips, before.breaks)
    assert not after.search["cut_short"]


@pytest.mark.parametrize("options", [{"iterations": 0}, {"time_limit_s": 0}, {"iterations": 600}])
def test_new_trips_change_little_of_what_stands(options):
    problem = as_problem(geneva_day(110, seed=7))
    known = tuple(trip for trip in problem.trips if trip.id % 11)
    before = solve(dataclasses.replace(problem, trips=known), iterations=600)
    problem = standing(problem, before)
    after = solve(problem, **options)
    assert check(problem, after) == ()
    found = measure(problem, after)
    new = found.placed - len(before.trips)
    assert new > 0
    assert found.moved + found.retimed <= 2 * new
    untouched = {(row.trip_id, row.driver_id, row.pickup_s) for row in before.trips}
    untouched &= {(row.trip_id, row.driver_id, row.pickup_s) for row in after.trips}
    assert len(untouched) >= 0.8 * len(before.trips)


def test_a_told_time_is_changed_to_serve_one_more_and_for_nothing_else():
    # The client at km 0 was told 08:10, wants 08:00 and may board until 08:25. Trip 2 from km 0
    # at 08:02 takes ten minutes and ten back: there is time until 08:02, and again from 08:22.
    told = make_trip(1, "08:00", 0, 0, late=1500, standing=Standing(1, clock("08:10")))
    alone = solve(make_problem([told], costs=KEEP), iterations=50)
    assert [row.pickup_s for row in alone.trips] == [clock("08:10")]
    both = solve(
        make_problem([told, make_trip(2, "08:02", 0, 10, late=0)], costs=KEEP), iterations=50
    )
    assert both.unserved == ()
    (pickup_s,) = [row.pickup_s for row in both.trips if row.trip_id == 1]
    assert abs(pickup_s - clock("08:10")) > TOLD_S


def test_a_trip_that_stands_does_not_move_for_less_driving():
    # Driver 2 waits at km 30, where trip 1 begins; driver 1 drives 30 km there and back.
    trip = make_trip(1, "12:00", 30, 30, standing=Standing(1, clock("12:00")))
    duties = [make_duty(1), make_duty(2, home=30)]
    for move_s, driver_id in ((None, 1), (7200, 1), (600, 2)):
        costs = Costs(move_s=move_s)
        plan = solve(make_problem([trip], duties=duties, costs=costs), iterations=50)
        assert [row.driver_id for row in plan.trips] == [driver_id]


def test_nothing_moves_that_need_not_where_all_are_served_then(monkeypatch):
    # The new trip must not be driven by driver 2, so that trip 1 has to go there. To give trip 3 to
    # driver 3 would save 58 km: that is no reason.
    trips = [
        make_trip(1, "08:00", late=0, standing=Standing(1, clock("08:00"))),
        make_trip(2, "08:00", late=0, forbidden=frozenset({2, 3})),
        make_trip(3, "12:00", 30, 31, standing=Standing(1, clock("12:00"))),
    ]
    duties = [make_duty(1), make_duty(2), make_duty(3, home=30)]
    problem = make_problem(trips, duties=duties, costs=dataclasses.replace(KEEP, driver_s=0))
    searched, search = [], parallel.search

    def at_first_in_vain(of, day, first, *how):
        searched.extend([day] if of is problem else ())  # loading the kernels searches another
        return (first.state.routes, 0) if len(searched) == 1 else search(of, day, first, *how)

    monkeypatch.setattr(parallel, "search", at_first_in_vain)
    plan = solve(problem, iterations=400)
    assert len(searched) == 3  # in vain, with a moderate price, with the true one
    assert {row.trip_id: row.driver_id for row in plan.trips} == {1: 2, 2: 1, 3: 1}


def test_a_late_driver_keeps_the_trips_that_are_still_possible():
    # The duty begins now, at 08:30 at km 0: trip 1 at 08:00 is over, trip 2 at 09:00 stays.
    trips = [
        make_trip(1, "08:00", late=0, standing=Standing(1, clock("08:00"))),
        make_trip(2, "09:00", late=0, standing=Standing(1, clock("09:00"))),
    ]
    plan = solve(make_problem(trips, duties=[make_duty(start="08:30")], costs=KEEP), iterations=0)
    assert [(row.trip_id, row.pickup_s) for row in plan.trips] == [(2, clock("09:00"))]


def test_a_told_break_stays_where_it_is():
    # Wanted standing still as early as possible: 12:00. It was told for 13:00.
    rest = dataclasses.replace(make_break(), told_s=clock("13:00"))
    problem = make_problem([make_trip(1, "08:00")], duties=[make_duty(break_=rest)])
    (planned,) = solve(problem, iterations=0).breaks
    assert planned.start_s == clock("13:00")


def test_a_margin_is_kept_where_that_leaves_nothing_out():
    # 10 minutes to the appointment at 08:30, 5 minutes early: boarding by 08:15.
    trip = make_trip(1, "08:20", 0, 10, early=900, arrive_by_s="08:30", margin_s=300)
    plan = solve(make_problem([trip]), iterations=0)
    assert [row.pickup_s for row in plan.trips] == [clock("08:15")]
    # Trip 2 brings the driver back to km 0 at 08:18: late for the margin, not for the appointment.
    other = make_trip(2, "07:58", 0, 10, late=0)
    both = solve(make_problem([trip, other]), iterations=0)
    assert both == make_plan(make_problem([trip, other]), [(2, 1, "07:58"), (1, 1, "08:20")])


@pytest.mark.parametrize("iterations", [0, 50, 400])
def test_a_margin_is_not_given_up_for_less_driving(iterations):
    trips = [
        make_trip(1, "07:58", 0, 10, standing=Standing(1, clock("07:58"))),
        # The driver of the first would be there at 08:18; by 08:15 only the other one is.
        make_trip(2, "08:20", 20, 30, early=600, arrive_by_s=clock("08:30"), margin_s=300),
        *(make_trip(i, "12:00", 30, 31, late=0) for i in (3, 4, 5)),  # one too many
    ]
    duties = [make_duty(1), make_duty(2, home=30)]
    problem = make_problem(trips, duties=duties, costs=dataclasses.replace(KEEP, fairness=0))
    plan = solve(problem, iterations=iterations)
    assert len(plan.unserved) == 1
    (boards_s,) = (row.pickup_s for row in plan.trips if row.trip_id == 2)
    earliest_s, latest_s = problem.trips[1].kept_window
    assert earliest_s <= boards_s <= latest_s < problem.trips[1].last_start_s


@pytest.mark.parametrize("sharing", [None, Sharing(factor=1.5)])
@pytest.mark.parametrize(("told", "driver_id"), [("08:15", 1), ("08:16", 2)])
def test_a_margin_that_the_told_time_keeps_is_not_given_up_for_less_driving(
    told, driver_id, sharing
):
    # Driver 1 comes from kilometre 30; driver 2 is back at kilometre 0 at 08:18, late for the
    # margin: boarding by 08:15. Who was told 08:16 has none any more.
    trip = make_trip(
        1, "08:20", 0, 10, early=900, arrive_by_s="08:30", margin_s=300,
        standing=Standing(1, clock(told)),
    )  # fmt: skip
    other = make_trip(2, "07:58", 0, 10, late=0, standing=Standing(2, clock("07:58")))
    duties = [make_duty(1, home=30), make_duty(2)]
    problem = make_problem([trip, other], duties=duties, costs=Costs(driver_s=0, move_s=600))
    plan = solve(dataclasses.replace(problem, sharing=sharing), iterations=50)
    assert [row.driver_id for row in plan.trips if row.trip_id == 1] == [driver_id]


@pytest.mark.parametrize(("margin_s", "driver_id"), [(1740, 1), (1800, 2)])
def test_who_rides_with_others_keeps_the_margin_that_was_told(margin_s, driver_id):
    # Fetched from kilometre -3 on the way, client 2 lets client 1 arrive at 08:16, not at 08:10.
    told = clock("08:00")
    trips = [
        make_trip(
            1, "08:00", 0, 10, late=0, arrive_by_s="08:45", margin_s=margin_s,
            standing=Standing(1, told, told + 600),
        ),
        make_trip(2, "08:03", -3, 10, standing=Standing(2, told + 180, told + 960)),
    ]  # fmt: skip
    duties = [make_duty(1), make_duty(2, home=30)]
    problem = make_problem(trips, duties=duties, costs=Costs(driver_s=0, move_s=600))
    plan = solve(dataclasses.replace(problem, sharing=Sharing(factor=2)), iterations=50)
    assert [row.driver_id for row in plan.trips if row.trip_id == 2] == [driver_id]
