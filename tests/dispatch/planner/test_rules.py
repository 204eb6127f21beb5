"""Each hard rule has one home, and judges as the checker does, to the second.

The road of `tests.support.problems`: a kilometre is a minute. The checker lets a great-circle drive
be a second shorter, so what misses by a hair in driving misses by two seconds.
"""

import pkgutil
from collections import Counter

import numpy as np
import pytest
from django.utils import translation
from hypothesis import HealthCheck, given, settings

from dispatch.planner import rules
from dispatch.planner.check.plan import Rule, check
from dispatch.planner.explain.reasons import reasons
from dispatch.planner.explain.sentences import Why
from dispatch.planner.rules import appointment, duty, overlap, pickup_window, travel
from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.registry import (
    BY_CHECK,
    PAIR_RULES,
    RULES,
    SENTENCES,
    may_drive,
    misfits,
)
from dispatch.planner.solve import solve
from tests.support.problems import (
    clock,
    make_break,
    make_commitment,
    make_driver,
    make_duty,
    make_plan,
    make_problem,
    make_trip,
    problems,
)

# What no rule says: the plan was put together wrongly.
BADLY_MADE = {
    Rule.UNKNOWN_TRIP,
    Rule.TRIP_TWICE,
    Rule.TRIP_MISSING,
    Rule.UNKNOWN_DUTY,
    Rule.WRONG_DRIVER,
    Rule.ORDER,
    Rule.RIDE_TIME,
    Rule.RIDE_PLACES,
    Rule.BREAK_TWICE,
    Rule.BREAK_NEEDLESS,
}
# What holds where clients share a vehicle, which the search for shared rides knows by itself.
OF_SHARED_RIDES = {Rule.RIDE_LIMIT, Rule.FULL, Rule.NOT_SHARED, Rule.APART, Rule.DELAYED}
# Codes of blockers that runs keep: a run of any age can be read.
KEPT_BY_RUNS = {
    "no_seats",
    "no_wheelchair_place",
    "lacks_skill",
    "not_for_this_client",
    "no_duty",
    "not_on_duty",
    "break_impossible",
    "has_all_trips",
    "busy",
    "busy_until",
    "due_at",
    "starts_and_due",
    "back_by",
    "break",
}
relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def found(problem, plan):
    return {violation.code for violation in check(problem, plan)}


class TestRegistry:
    def test_every_rule_of_the_checker_that_concerns_a_trip_has_exactly_one_rule(self):
        homes = Counter(code for rule in RULES for code in rule.checked_as)
        assert set(homes) == set(Rule) - BADLY_MADE - OF_SHARED_RIDES
        assert set(homes.values()) == {1}

    def test_every_module_is_registered(self):
        modules = {module.name for module in pkgutil.iter_modules(rules.__path__)}
        assert len(modules - {"codes", "registry", "rule"}) == len(RULES)

    def test_every_sentence_is_translated(self):
        with translation.override("fr"):
            assert [text for text in SENTENCES.values() if translation.gettext(text) == text] == []

    def test_no_two_sentences_have_one_key(self):
        assert len(SENTENCES) == sum(len(rule.sentences) for rule in RULES)

    def test_what_runs_keep_can_be_read(self):
        assert SENTENCES.keys() >= KEPT_BY_RUNS


def alone(trip=None, driver=None, duty=None):
    """Return a problem of one trip, from kilometre 0 to 10 at 08:00 sharp, and one driver."""
    trip = make_trip(**({"late": 0, "end": 10} | (trip or {})))
    return make_problem([trip], [make_driver(1, **(driver or {}))], [make_duty(**(duty or {}))])


SECOND = 1
HAIR = 2 * SECOND
# A driver is at kilometre 0 from 07:50, on the way to 10, and 10 minutes away again at 08:00.
COMMITTED = {"duty": {"commitments": (make_commitment(900, "07:40", "07:50", 0, 10),)}}
# (fits by a hair, misses by a hair, the checker's code, the code of all others)
CASES = {
    "seats": ({"trip": {"seats": 4}}, {"trip": {"seats": 5}}, Rule.SEATS, Block.NO_SEATS),
    "wheelchairs": (
        {"trip": {"wheelchairs": 1}},
        {"trip": {"wheelchairs": 2}},
        Rule.WHEELCHAIRS,
        Block.NO_WHEELCHAIR_PLACE,
    ),
    "skills": (
        {"trip": {"needs": frozenset({"stairs"})}, "driver": {"skills": frozenset({"stairs"})}},
        {"trip": {"needs": frozenset({"stairs"})}, "driver": {"skills": frozenset({"oxygen"})}},
        Rule.NEEDS,
        Block.NO_SKILL,
    ),
    "excluded driver": (
        {"trip": {"forbidden": frozenset({2})}},
        {"trip": {"forbidden": frozenset({1})}},
        Rule.FORBIDDEN,
        Block.FORBIDDEN,
    ),
    "start of the duty": (
        {"trip": {"start": 10, "end": 10}, "duty": {"start": "07:50"}},
        {"trip": {"start": 10, "end": 10}, "duty": {"start": clock("07:50") + HAIR}},
        Rule.DUTY_START,
        Block.OFF_SHIFT,
    ),
    "end of the duty": (
        {"duty": {"end": "08:20"}},
        {"duty": {"end": clock("08:20") - HAIR}},
        Rule.DUTY_END,
        Block.OFF_SHIFT,
    ),
    "cap": (
        {"driver": {"capacity": 1}},
        {"driver": {"capacity": 0}},
        Rule.CAPACITY,
        Block.CAP_REACHED,
    ),
    "travel": (
        COMMITTED,
        {"duty": {"commitments": (make_commitment(900, "07:40", clock("07:50") + HAIR, 0, 10),)}},
        Rule.DRIVE,
        Block.BUSY_UNTIL,
    ),
    "break": (
        {"duty": {"start": "08:00", "end": "08:50", "break_": make_break("08:00", "08:50")}},
        {
            "duty": {
                "start": "08:00",
                "end": clock("08:50") - HAIR,
                "break_": make_break("08:00", "08:50"),
            }
        },
        Rule.BREAK_DRIVE,
        Block.BREAK,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_fits_by_a_hair_fits_for_all(case):
    problem = alone(**CASES[case][0])
    plan = solve(problem, engine="greedy", threads=1)
    assert (plan.unserved, check(problem, plan)) == ((), ())
    assert [*misfits(problem.trips[0], problem.drivers[0])] == []


@pytest.mark.parametrize("case", CASES)
def test_what_misses_by_a_hair_is_refused_by_all_with_one_code(case):
    _fits, misses, checked_as, code = CASES[case]
    problem = alone(**misses)
    breaks = [(1, "08:10")] if problem.duties[0].break_ else []
    assert found(problem, make_plan(problem, [(1, 1, "08:00")], breaks)) == {checked_as}
    plan = solve(problem, engine="greedy", threads=1)
    assert plan.unserved == (1,)
    ((blocker,),) = (reason.blockers for reason in reasons(problem, plan))
    assert blocker.breach.code == code
    assert blocker.breach.sentence in BY_CHECK[checked_as].sentences
    assert blocker.breach.sentence.text % blocker.breach.values


@pytest.mark.parametrize("late", [0, 1])
def test_an_appointment_is_kept_or_missed_by_a_second(late):
    problem = alone({"arrive_by_s": clock("08:10") - late})
    plan = solve(problem, engine="greedy", threads=1)
    assert len(plan.unserved) == late
    assert appointment.is_possible(problem.trips[0]) == (not late)
    assert [reason.code for reason in reasons(problem, plan)] == [Why.APPOINTMENT_IMPOSSIBLE] * late
    expected = {Rule.APPOINTMENT} if late else set()
    assert found(problem, make_plan(problem, [(1, 1, "08:00")])) == expected


@pytest.mark.slow
@relaxed
@given(problems())
def test_pairs_of_trip_and_driver_are_judged_as_the_checker_does(problem):
    able = may_drive(problem.trips, problem.drivers)
    of_pair = {code for rule in PAIR_RULES for code in rule.checked_as}
    number = {driver.id: d for d, driver in enumerate(problem.drivers)}
    for t, trip in enumerate(problem.trips):
        for one in problem.duties:
            plan = make_plan(problem, [(trip.id, one.id, trip.earliest_s)])
            d = number[one.driver_id]
            driver = problem.drivers[d]
            broken = [rule for rule in PAIR_RULES if not rule.keeps(trip, driver)]
            assert {*broken} == {BY_CHECK[code] for code in found(problem, plan) & of_pair}
            assert able[t, d] == (not broken)


@pytest.mark.slow
@relaxed
@given(problems())
def test_times_are_judged_as_the_checker_does(problem):
    for trip in problem.trips:
        for one in problem.duties:
            for pickup_s in (
                trip.earliest_s - 1,
                trip.earliest_s,
                trip.latest_s,
                trip.latest_s + 1,
            ):
                plan = make_plan(problem, [(trip.id, one.id, pickup_s)])
                (row,), broken = plan.trips, found(problem, plan)
                window = pickup_window.fits(pickup_s, trip.earliest_s, trip.latest_s)
                assert window == (Rule.PICKUP_WINDOW not in broken)
                in_time = appointment.fits(row.dropoff_s, trip.arrive_by_s)
                assert in_time == (Rule.APPOINTMENT not in broken)
                of_driver = [d for d in problem.duties if d.driver_id == one.driver_id]
                free_s = row.dropoff_s + trip.alighting_s
                apart = all(
                    overlap.fits(pickup_s, free_s, c.pickup_s, c.free_s)
                    for d in of_driver
                    for c in d.commitments
                )
                assert apart == (Rule.OVERLAP not in broken)


def test_predicates_take_arrays():
    starts = np.array([clock("08:00"), clock("09:00")])
    assert duty.covers(starts, starts + 3600, clock("08:10"), clock("08:20")).tolist() == [
        True,
        False,
    ]
    assert travel.fits(starts, 600, clock("08:10")).tolist() == [True, False]
