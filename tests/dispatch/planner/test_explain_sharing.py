"""Why a trip does not ride with others, and where it could: where vehicles are shared.

The road of `tests.support.problems`: a kilometre is a minute. Trip 1 rides from 0 to 20 at 08:00.
"""

from dataclasses import replace

import pytest

from dispatch.planner.check.plan import check
from dispatch.planner.explain.alternatives import detours
from dispatch.planner.explain.reasons import reasons
from dispatch.planner.explain.sentences import Why
from dispatch.planner.explain.sharing import along
from dispatch.planner.problem import Plan, PlannedTrip, Sharing
from dispatch.planner.rules.codes import Block
from dispatch.planner.stretches import in_blocks
from tests.support.problems import (
    clock,
    make_duty,
    make_plan,
    make_problem,
    make_trip,
)

POLICY = Sharing(added_s=600)


def day(*trips, sharing=POLICY, **duty):
    first = make_trip(1, "08:00", 0, 20, late=0)
    problem = make_problem([first, *trips], None, [make_duty(1, **duty)])
    return replace(problem, sharing=sharing)


def beside(**changes):
    """Return trip 2, which asks to be taken along from 5 to 10, at 08:05 and no later."""
    wanted = {"late": 0, "boarding_s": 60, "alighting_s": 60} | changes
    return make_trip(2, "08:05", 5, 10, **wanted)


def said(problem, plan=None):
    (reason,) = reasons(problem, plan or make_plan(problem, [(1, 1, "08:00")]))
    breaches = [row.breach for row in reason.blockers]
    return reason, breaches


def test_who_could_be_taken_along_is_told_so():
    reason, blockers = said(day(beside()))
    assert (reason.code, blockers) == (Why.COULD_BE_INSERTED, [])
    assert reason.detail == {"driver": "Driver 1", "driver_id": 1, "pickup_s": clock("08:05")}


def test_drivers_who_are_not_the_closest_are_asked_too():
    # Three full vehicles could be back at 5 by 08:15; the one with room, from 20, by 08:35 only.
    full = [make_trip(i, "08:00", 0, 10, late=0, seats=4) for i in (11, 12, 13)]
    roomy = make_trip(14, "08:00", 0, 20, late=0)
    duties = [make_duty(i) for i in (1, 2, 3, 4)]
    problem = replace(make_problem([beside(), *full, roomy], None, duties), sharing=POLICY)
    plan = make_plan(problem, [(10 + i, i, "08:00") for i in (1, 2, 3, 4)])
    reason, blockers = said(problem, plan)
    assert (reason.code, blockers) == (Why.COULD_BE_INSERTED, [])
    assert reason.detail == {"driver": "Driver 4", "driver_id": 4, "pickup_s": clock("08:05")}
    # Without that one, nobody could: three vehicles are full.
    three = {"drivers": problem.drivers[:-1], "duties": problem.duties[:-1]}
    problem = replace(problem, trips=problem.trips[:-1], **three)
    reason, blockers = said(problem, make_plan(problem, [(10 + i, i, "08:00") for i in (1, 2, 3)]))
    assert (reason.code, {one.code for one in blockers}) == (Why.ALL_BUSY, {Block.VEHICLE_FULL})


def test_of_two_trips_each_is_told_what_holds_of_it_alone():
    # Both would fit, and one place is left: neither has been taken along before the other is asked.
    first = make_trip(1, "08:00", 0, 20, late=0, seats=3)
    other = replace(beside(), id=3, reference="B3")
    problem = replace(make_problem([first, beside(), other], None, [make_duty(1)]), sharing=POLICY)
    found = reasons(problem, make_plan(problem, [(1, 1, "08:00")]))
    assert [reason.code for reason in found] == [Why.COULD_BE_INSERTED] * 2


def test_the_driver_who_could_do_it_at_least_cost_comes_first():
    rows = [make_trip(11, "08:00", 0, 4, late=0), make_trip(12, "08:00", 0, 20, late=0)]
    duties = [make_duty(i, back=4 if i == 1 else 20) for i in (1, 2)]
    problem = replace(make_problem([beside(), *rows], None, duties), sharing=POLICY)
    plan = make_plan(problem, [(11, 1, "08:00"), (12, 2, "08:00")])
    asked = problem.trips[0]
    prices = along(problem, plan, [asked], {1, 2}).prices(asked)
    # 1 goes on from 4 to 5 and comes back from 10, empty: 1 + 6 minutes. 2 drives no metre more,
    # saves the direct ride of 5 minutes, and 12 rides 2 minutes longer, at a tenth.
    assert list(prices.items()) == [(2, -300 + 12), (1, 420)]


@pytest.mark.parametrize(
    ("changes", "first", "code"),
    [
        ({"seats": 4}, {}, Block.VEHICLE_FULL),
        ({"may_share": False}, {}, Block.RIDES_ALONE),
        ({}, {"may_share": False}, Block.RIDES_ALONE),
    ],
)
def test_the_rule_that_keeps_a_trip_out_is_said(changes, first, code):
    problem = day(beside(**changes))
    trips = (replace(problem.trips[0], **first), problem.trips[1])
    reason, (breach,) = said(replace(problem, trips=trips))
    assert (reason.code, breach.code) == (Why.ALL_BUSY, code)
    assert breach.values == {"driver": "Driver 1", "trip": "B1"}


def test_of_two_who_ride_alone_the_asking_one_is_named_first():
    problem = day(beside(may_share=False))
    _reason, (own,) = said(problem)
    trips = (replace(problem.trips[0], may_share=False), replace(problem.trips[1], may_share=True))
    _reason, (other,) = said(replace(problem, trips=trips))
    assert [one.sentence.key for one in (own, other)] == ["rides_alone", "other_rides_alone"]


def test_the_ride_limit_is_said_with_the_minutes_that_are_missing():
    # From 5 to 10 by way of 20: trip 1 must be at 20 by 08:22, so 2 rides 08:06 to 08:31 or so.
    asked = make_trip(2, "08:05", 5, 10, late=0, max_ride_s=360)
    first = make_trip(1, "08:00", 0, 20, late=0, arrive_by_s="08:20")
    problem = replace(make_problem([first, asked], None, [make_duty(1)]), sharing=POLICY)
    assert said(problem)[0].code == Why.COULD_BE_INSERTED  # on the way it takes 5 minutes
    asked = replace(asked, alighting_s=60)
    # With a minute to get off at 10, trip 1 would be late: 2 is out after 20, at 08:20 + 10 min.
    problem = replace(problem, trips=(first, asked))
    reason, (breach,) = said(problem)
    assert (reason.code, breach.code) == (Why.ALL_BUSY, Block.RIDE_LIMIT)
    # 15 minutes to 20 and 10 back are 25; 6 are allowed.
    assert breach.values == {"driver": "Driver 1", "trip": "B1", "limit_min": 6, "over_min": 19}


def shared_plan(problem):
    """1 and 2 in one vehicle; 2 boards at 08:05 and is out at 08:12, 1 arrives at 08:22."""
    rows = (
        PlannedTrip(1, 1, 1, clock("08:00"), clock("08:22")),
        PlannedTrip(2, 1, 1, clock("08:05"), clock("08:11")),
    )
    plan = Plan(rows, (), tuple(trip.id for trip in problem.trips[2:]))
    assert check(problem, plan) == ()
    return plan


def test_who_rides_together_is_one_block_to_all_others():
    problem = day(beside(), make_trip(3, "08:10", 20, 30, late=0))
    plan = shared_plan(problem)
    alone, rest = in_blocks(problem, plan)
    (block,) = alone.duties[0].commitments
    assert (block.reference, block.pickup_s, block.free_s) == (
        "B1 + B2",
        clock("08:00"),
        clock("08:22"),
    )
    assert (block.pickup, block.dropoff) == (problem.trips[0].pickup, problem.trips[0].dropoff)
    assert (rest.trips, alone.sharing, alone.drivers[0].load) == ((), None, 2)
    _reason, (breach,) = said(problem, plan)
    # Until 08:22, not until 08:12: that is when the last one is out.
    assert (breach.code, breach.values["trip"]) == (Block.BUSY_UNTIL, "B1 + B2")
    assert breach.values["until_s"] == clock("08:22")


def test_nobody_is_blamed_for_the_driving_that_clients_have_in_common():
    problem = day(beside(), make_trip(3, "09:00", 20, 0))
    plan = shared_plan(problem)
    row = PlannedTrip(3, 1, 1, clock("09:00"), clock("09:20"))
    plan = replace(plan, trips=(*plan.trips, row), unserved=())
    # Without 3 the driver would come back from 20 empty: it saves these 20 minutes.
    assert detours(problem, plan) == {3: -1200}
