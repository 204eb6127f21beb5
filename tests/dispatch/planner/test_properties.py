"""Random days: what holds for every plan and every explanation.

The judge is the checker; the truth of an explanation is tried out with `tests.support.insertions`.
"""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.planner.check.plan import check
from dispatch.planner.explain.alternatives import candidates, detours
from dispatch.planner.explain.findings import find
from dispatch.planner.explain.reasons import insertable, reasons
from dispatch.planner.explain.sentences import SENTENCES, Why
from dispatch.planner.explain.slack import FITS
from dispatch.planner.measures import measure
from dispatch.planner.prices import prices_of
from dispatch.planner.rules.codes import Block
from dispatch.planner.search.arrays import NEVER
from dispatch.planner.solve import solve
from tests.support.insertions import empty_drive_s, insertions, without
from tests.support.problems import problems

pytestmark = pytest.mark.slow

relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@st.composite
def days(draw, **options):
    """Draw (problem, sound plan); the plan was made without some of the trips."""
    problem = draw(problems(**options))
    known = draw(st.sets(st.sampled_from([t.id for t in problem.trips]))) if problem.trips else ()
    fewer = tuple(trip for trip in problem.trips if trip.id in known)
    plan = solve(dataclasses.replace(problem, trips=fewer), engine="greedy")
    left = {trip.id for trip in problem.trips if trip.id not in known}
    unserved = tuple(sorted({*plan.unserved, *left}))
    return problem, dataclasses.replace(plan, unserved=unserved)


def trip_of(problem, trip_id):
    return next(trip for trip in problem.trips if trip.id == trip_id)


@relaxed
@given(problems())
def test_the_checker_finds_nothing_in_greedy_plans(problem):
    assert check(problem, solve(problem, engine="greedy")) == ()


@relaxed
@given(problems(), st.integers(0, 3), st.integers(1, 2))
def test_the_search_is_sound_and_no_worse_than_its_start(problem, seed, threads):
    start = solve(problem, engine="search", iterations=0)
    plan = solve(problem, engine="search", iterations=60, seed=seed, threads=threads)
    assert check(problem, start) == check(problem, plan) == ()
    assert measure(problem, plan).objective <= measure(problem, start).objective
    again = solve(problem, engine="search", iterations=60, seed=seed, threads=threads)
    assert plan == again


@relaxed
@given(problems())
def test_the_search_leaves_nothing_out_that_fits(problem):
    plan = solve(problem, engine="search", iterations=300, threads=1)
    assert insertable(problem, plan) == ()


@settings(relaxed, max_examples=20)
@given(problems())
def test_the_checker_finds_nothing_in_the_second_engines_plans(problem):
    pytest.importorskip("vroom")
    assert check(problem, solve(problem, engine="vroom:1")) == ()


@relaxed
@given(days())
def test_reasons_are_true(day):
    problem, plan = day
    assert check(problem, plan) == ()
    told = reasons(problem, plan)
    assert tuple(reason.trip_id for reason in told) == plan.unserved
    for reason in told:
        trip = trip_of(problem, reason.trip_id)
        fits = list(insertions(problem, plan, trip.id))
        assert reason.code == expected_code(problem, plan, trip, fits)
        assert SENTENCES[reason.code] % reason.detail


def expected_code(problem, plan, trip, fits):
    """Derive the code again, without labels or arrays."""
    if trip.arrive_by_s is not None and (
        trip.earliest_s + trip.boarding_s + trip.ride_s > trip.arrive_by_s
    ):
        return Why.APPOINTMENT_IMPOSSIBLE
    if not problem.duties:
        return Why.NO_DRIVER
    able = [
        driver
        for driver in problem.drivers
        if driver.seats >= trip.seats and driver.wheelchair_places >= trip.wheelchairs
    ]
    if not able:
        return Why.NO_VEHICLE
    able = [driver for driver in able if trip.needs <= driver.skills]
    if not able:
        return Why.NO_SKILL
    able = [driver for driver in able if driver.id not in trip.forbidden]
    if not able:
        return Why.FORBIDDEN
    on_duty = [driver for driver in able if covers(problem, driver, trip)]
    if not on_duty:
        return Why.OFF_SHIFT
    planned = [row.driver_id for row in plan.trips]
    if all(planned.count(driver.id) >= driver.capacity for driver in on_duty):
        return Why.CAP_REACHED
    return Why.COULD_BE_INSERTED if fits else Why.ALL_BUSY


def covers(problem, driver, trip):
    """Return whether some duty of the driver could take the trip if it were empty."""
    alone = dataclasses.replace(
        problem,
        trips=(trip,),
        drivers=(dataclasses.replace(driver, capacity=1),),
        duties=tuple(
            dataclasses.replace(duty, commitments=(), break_=None)
            for duty in problem.duties
            if duty.driver_id == driver.id
        ),
    )
    plan = solve(dataclasses.replace(alone, trips=()), engine="greedy")
    return any(insertions(alone, dataclasses.replace(plan, unserved=(trip.id,)), trip.id))


@settings(relaxed, max_examples=150)
@given(days(most_drivers=2, most_trips=5, breaks=True))
def test_a_trip_fits_into_a_duty_where_trying_it_out_says_so(day):
    """Breaks everywhere: all that is difficult about fitting in."""
    problem, plan = day
    for finding in find(problem, plan, plan.unserved):
        trip, prices = finding.trip, finding.prices()
        for k, duty in enumerate(problem.duties):
            fits = [altered for _, altered in insertions(problem, plan, trip.id, {duty.id})]
            assert (prices[k] < NEVER) == bool(fits)
            if fits:
                detour_s = min(empty_drive_s(problem, altered) for altered in fits)
                detour_s -= empty_drive_s(problem, plan)
                assert finding.slack.found[k, FITS, 0] == detour_s


@relaxed
@given(days())
def test_blockers_add_up(day):
    problem, plan = day
    for reason in reasons(problem, plan):
        trip = trip_of(problem, reason.trip_id)
        last_s = trip.last_start_s
        ids = [blocker.driver_id for blocker in reason.blockers]
        assert len(ids) == len(set(ids)) <= 3
        for blocker in reason.blockers:
            detail = blocker.breach.values
            assert blocker.breach.sentence.text % detail
            duties = {d.id for d in problem.duties if d.driver_id == blocker.driver_id}
            assert not any(insertions(problem, plan, trip.id, duties))
            there_s = detail.get("away_min", 0) * 60
            on_s = detail.get("next_min", 0) * 60
            if blocker.breach.code == Block.BUSY_UNTIL:
                assert detail["until_s"] + there_s > last_s
            elif blocker.breach.code == Block.DUE_AT:
                assert trip.earliest_s + trip.service_s + on_s > detail["next_s"]
            elif blocker.breach.code in (Block.BUSY, Block.BACK_BY, Block.STARTS_AND_DUE):
                ready_s = detail.get("until_s", detail.get("from_s")) + there_s
                late = ready_s > last_s
                ready_s = max(ready_s, trip.earliest_s)
                assert late or ready_s + trip.service_s + on_s > detail["next_s"]


@relaxed
@given(days())
def test_prices_are_what_the_objective_says(day):
    problem, plan = day
    before = measure(problem, plan).objective
    for insertion in insertable(problem, plan):
        trip = trip_of(problem, insertion.trip_id)
        unserved_s = prices_of(problem).of(trip)
        after = min(
            measure(problem, altered).objective for _, altered in insertions(problem, plan, trip.id)
        )
        assert after - before == insertion.price_s - unserved_s


@relaxed
@given(days())
def test_a_detour_is_the_driving_that_is_saved_without_the_trip(day):
    problem, plan = day
    found = detours(problem, plan)
    assert sorted(found) == sorted(row.trip_id for row in plan.trips)
    all_s = empty_drive_s(problem, plan)
    for trip_id, detour_s in found.items():
        assert detour_s == all_s - empty_drive_s(problem, without(plan, trip_id))


@relaxed
@given(days())
def test_candidates_are_priced_and_timed_as_they_would_be_planned(day):
    problem, plan = day
    for trip in problem.trips:
        rest = plan
        if trip.id not in plan.unserved:
            rest = _tidy(problem, without(plan, trip.id))
        fits = list(insertions(problem, rest, trip.id))
        found = candidates(problem, plan, trip)
        assert [row.price_s for row in found] == sorted(row.price_s for row in found)
        assert len(found) == min(3, len({duty.driver_id for duty, _ in fits}))
        before = measure(problem, rest).objective
        unserved_s = prices_of(problem).of(trip)
        for row in found:
            assert trip.earliest_s <= row.pickup_s <= trip.last_start_s
            after = min(
                measure(problem, altered).objective
                for duty, altered in fits
                if duty.driver_id == row.driver_id
            )
            assert row.price_s - unserved_s == after - before


def _tidy(problem, plan):
    """Take the breaks from duties that have nothing to do any more."""
    used = {row.duty_id for row in plan.trips} | {d.id for d in problem.duties if d.commitments}
    return dataclasses.replace(
        plan, breaks=tuple(rest for rest in plan.breaks if rest.duty_id in used)
    )
