"""Reasons, blockers, prices and detours of small days, with their arithmetic.

The road of `tests.support.problems`: a kilometre is a minute. Random days are in
`tests.dispatch.planner.test_properties`.
"""

import dataclasses
import re

import pytest

from dispatch.planner.check.plan import check
from dispatch.planner.explain.alternatives import candidates, detours
from dispatch.planner.explain.reasons import insertable, reasons
from dispatch.planner.explain.sentences import SENTENCES, Why
from dispatch.planner.problem import Costs, Standing
from dispatch.planner.rules import registry
from dispatch.planner.rules.codes import Block
from tests.support.problems import (
    clock,
    make_break,
    make_commitment,
    make_driver,
    make_duty,
    make_plan,
    make_problem,
    make_trip,
)


def only_reason(problem, plan):
    assert check(problem, plan) == ()
    (reason,) = reasons(problem, plan)
    return reason


def unserved(trip, drivers=None, duties=None):
    """Return (problem, plan) in which this trip is the only one."""
    problem = make_problem([trip], drivers, duties)
    return problem, make_plan(problem)


def busy_morning(trip, **driver):
    """Driver 1 boards trip 1 at 5 at 08:00 and lets it out at 15 at 08:10; `trip` is unserved.

    No minute is to spare: trip 1 is late at 08:00 already, and the duty starts at 07:55.
    """
    first = make_trip(1, "08:00", 5, 15, late=0)
    problem = make_problem([first, trip], [make_driver(1, **driver)], [make_duty(start="07:55")])
    return problem, make_plan(problem, [(1, 1, "08:00")])


class TestCodes:
    def test_every_code_has_a_sentence_and_no_two_are_alike(self):
        keys = [*Why, *registry.SENTENCES]
        assert len({str(key) for key in keys}) == len(keys)
        assert set(keys) == set(SENTENCES)

    def test_sentences_name_times_and_durations_as_such(self):
        """Whoever shows a sentence knows clock times and minutes by the ends of their names."""
        counts = {"drivers", "driver", "seats", "wheelchairs", "wheelchair_places", "needs"}
        counts |= {"client", "trip", "trips", "next_trip"}
        for sentence in SENTENCES.values():
            for key in re.findall(r"%\((\w+)\)s", sentence):
                assert key in counts or key.endswith(("_s", "_min")), key

    def test_a_plan_that_serves_everybody_needs_no_reasons(self):
        problem = make_problem([make_trip()])
        assert reasons(problem, make_plan(problem, [(1, 1, "08:00")])) == ()


class TestReasons:
    def test_appointment_impossible(self):
        # Boards at 08:00, two minutes to get in, rides 10: 08:12.
        trip = make_trip(boarding_s=120, arrive_by_s="08:05")
        reason = only_reason(*unserved(trip))
        assert reason.code == Why.APPOINTMENT_IMPOSSIBLE
        assert reason.detail == {
            "earliest_s": clock("08:00"),
            "ride_min": 12,
            "arrival_s": clock("08:12"),
            "arrive_by_s": clock("08:05"),
        }
        assert reason.blockers == ()

    def test_no_vehicle(self):
        reason = only_reason(*unserved(make_trip(seats=2, wheelchairs=2)))
        assert (reason.code, reason.detail) == (Why.NO_VEHICLE, {"seats": 2, "wheelchairs": 2})
        (blocker,) = reason.blockers
        assert blocker.breach.code == Block.NO_WHEELCHAIR_PLACE
        assert blocker.breach.values == {"driver": "Driver 1", "wheelchair_places": 1}

    def test_seats_and_wheelchair_places_have_to_be_in_one_vehicle(self):
        bus, van = make_driver(1, seats=8, wheelchair_places=0), make_driver(2, seats=1)
        reason = only_reason(*unserved(make_trip(seats=2, wheelchairs=1), [bus, van]))
        assert reason.code == Why.NO_VEHICLE
        codes = {blocker.breach.code for blocker in reason.blockers}
        assert codes == {Block.NO_SEATS, Block.NO_WHEELCHAIR_PLACE}

    def test_no_drivers_at_all(self):
        problem = make_problem([make_trip()], [], [])
        reason = only_reason(problem, make_plan(problem))
        assert (reason.code, reason.blockers) == (Why.NO_DRIVER, ())

    def test_no_skill(self):
        trip = make_trip(needs=frozenset({"stairs", "oxygen"}))
        reason = only_reason(*unserved(trip, [make_driver(1, skills=frozenset({"oxygen"}))]))
        assert (reason.code, reason.detail) == (Why.NO_SKILL, {"needs": "oxygen, stairs"})
        (blocker,) = reason.blockers
        assert (blocker.breach.code, blocker.breach.values["needs"]) == (Block.NO_SKILL, "stairs")

    def test_forbidden(self):
        trip = make_trip(forbidden=frozenset({1}))
        reason = only_reason(*unserved(trip, [make_driver(1)]))
        assert (reason.code, reason.detail) == (Why.FORBIDDEN, {"drivers": 1})
        assert [blocker.breach.code for blocker in reason.blockers] == [Block.FORBIDDEN]

    def test_off_shift(self):
        # 30 minutes from home to the pickup, 40 back from the dropoff.
        reason = only_reason(*unserved(make_trip(1, "07:10", 30, 40)))
        assert (reason.code, reason.detail["drivers"]) == (Why.OFF_SHIFT, 1)
        (blocker,) = reason.blockers
        assert blocker.breach.code == Block.OFF_SHIFT
        assert blocker.breach.values == {
            "driver": "Driver 1",
            "from_s": clock("07:00"),
            "until_s": clock("17:00"),
            "away_min": 30,
            "back_min": 40,
        }

    def test_a_driver_without_a_duty_is_said_to_have_none(self):
        reason = only_reason(*unserved(make_trip(), [make_driver(1)], []))
        assert reason.code == Why.NO_DRIVER
        assert [blocker.breach.code for blocker in reason.blockers] == [Block.NO_DUTY]

    def test_cap_reached(self):
        problem, plan = busy_morning(make_trip(2, "12:00"), capacity=1, load=3)
        reason = only_reason(problem, plan)
        assert (reason.code, reason.detail) == (Why.CAP_REACHED, {"drivers": 1})
        (blocker,) = reason.blockers
        # Three trips that count already and one in the plan.
        assert blocker.breach.values == {"driver": "Driver 1", "trips": 4}

    def test_all_busy(self):
        # Out at 15 at 08:10, 15 minutes from 0, boards by 08:20.
        reason = only_reason(*busy_morning(make_trip(2, "08:10", 0, 10, late=600)))
        assert reason.code == Why.ALL_BUSY
        assert reason.detail["drivers"] == 1
        (blocker,) = reason.blockers
        assert blocker.breach.code == Block.BUSY_UNTIL
        assert blocker.breach.values == {
            "driver": "Driver 1",
            "trip": "B1",
            "trip_id": 1,
            "until_s": clock("08:10"),
            "away_min": 15,
        }

    def test_could_be_inserted_when_the_search_has_missed_it(self):
        problem, plan = busy_morning(make_trip(2, "12:00", 15, 0))
        reason = only_reason(problem, plan)
        assert reason.code == Why.COULD_BE_INSERTED
        assert reason.detail["driver"] == "Driver 1"
        assert reason.detail["pickup_s"] == clock("12:00")
        assert reason.blockers == ()


class TestBlockers:
    def test_due_at_another_trip(self):
        # To be at 5 by 08:00, ten minutes from 15, where boarding ends at 07:51 at the earliest.
        trip = make_trip(2, "07:51", 15, 15, late=300)
        problem, plan = busy_morning(trip)
        problem = dataclasses.replace(problem, duties=(make_duty(start="07:00"),))
        (blocker,) = only_reason(problem, plan).blockers
        assert blocker.breach.code == Block.DUE_AT
        assert blocker.breach.values == {
            "driver": "Driver 1",
            "next_trip": "B1",
            "next_trip_id": 1,
            "next_s": clock("08:00"),
            "next_min": 10,
        }

    def test_between_two_trips(self):
        # Free at 10 at 08:10, due at 10 at 08:20: there and back to 16 is twelve minutes.
        trips = [
            make_trip(1, "08:00", 0, 10, late=0),
            make_trip(2, "08:12", 16, 16, late=600),
            make_trip(3, "08:20", 10, 0, late=0),
        ]
        problem = make_problem(trips)
        plan = make_plan(problem, [(1, 1, "08:00"), (3, 1, "08:20")])
        (blocker,) = only_reason(problem, plan).blockers
        assert blocker.breach.code == Block.BUSY
        assert (blocker.breach.values["trip"], blocker.breach.values["next_trip"]) == ("B1", "B3")
        assert blocker.breach.values["until_s"] == clock("08:10")
        assert blocker.breach.values["next_s"] == clock("08:20")
        assert (blocker.breach.values["away_min"], blocker.breach.values["next_min"]) == (6, 6)

    def test_driving_counts_while_the_break_is_still_to_come(self):
        # Out at 10 at 08:10, at 20 at 08:20 at the earliest, a minute late; the break is at noon.
        trips = [
            make_trip(1, "08:00", 0, 10, late=0),
            make_trip(2, "08:10", 20, 20, late=1800),
            make_trip(3, "08:15", 20, 20, late=240),
        ]
        problem = make_problem(trips, duties=[make_duty(break_=make_break("12:00", "14:00"))])
        plan = make_plan(problem, [(1, 1, "08:00"), (2, 1, "08:20")], [(1, "12:00")])
        reason = only_reason(problem, plan)
        assert reason.code == Why.ALL_BUSY

    def test_a_commitment_is_named_like_a_trip(self):
        duty = make_duty(commitments=(make_commitment(900, "08:00", "09:00", 0, 10),))
        problem, plan = unserved(make_trip(1, "08:30", 10, 0), duties=[duty])
        (blocker,) = only_reason(problem, plan).blockers
        assert (blocker.breach.values["trip"], blocker.breach.values["trip_id"]) == ("B900", 900)

    def test_has_to_be_back(self):
        # Free at 15 at 08:10, at 20 at 08:15, out at 30 at 08:25, home at 08:55.
        problem, plan = busy_morning(make_trip(2, "08:10", 20, 30))
        problem = dataclasses.replace(problem, duties=(make_duty(start="07:45", end="08:54"),))
        (blocker,) = only_reason(problem, plan).blockers
        assert blocker.breach.code == Block.BACK_BY
        assert blocker.breach.values["next_s"] == clock("08:54")
        assert blocker.breach.values["next_min"] == 30

    def test_the_break(self):
        duty = make_duty(break_=make_break("12:00", "12:30"))
        (blocker,) = only_reason(*unserved(make_trip(1, "12:00", late=0), duties=[duty])).blockers
        assert blocker.breach.code == Block.BREAK
        assert blocker.breach.values == {
            "driver": "Driver 1",
            "length_min": 30,
            "from_s": clock("12:00"),
            "to_s": clock("12:30"),
        }

    def test_commitments_that_leave_no_room_for_the_break(self):
        fixed = make_commitment(900, "12:00", "12:30")
        duty = make_duty(break_=make_break("12:00", "12:30"), commitments=(fixed,))
        (blocker,) = only_reason(*unserved(make_trip(1, "08:00"), duties=[duty])).blockers
        assert blocker.breach.code == Block.BREAK_IMPOSSIBLE

    def test_whoever_is_closest_comes_first(self):
        """Three of four: by minutes missing on duty, then off duty, the forbidden last."""
        trip = make_trip(1, "08:00", 0, 10, late=600, forbidden=frozenset({1}))
        until = {2: "08:30", 3: "08:20"}
        duties = [
            make_duty(1),
            *(
                make_duty(d, commitments=(make_commitment(900 + d, "07:50", free, 0, 0),))
                for d, free in until.items()
            ),
            make_duty(4, start="09:00"),
        ]
        reason = only_reason(*unserved(trip, duties=duties))
        assert [(b.driver_id, b.breach.code) for b in reason.blockers] == [
            (3, Block.BUSY_UNTIL),
            (2, Block.BUSY_UNTIL),
            (4, Block.OFF_SHIFT),
        ]


class TestPrices:
    def test_the_price_holds_driver_preference_move_and_fairness(self):
        # Five there, fifteen back: 1,200 s. A first trip: 300. Another driver preferred: 600.
        # Away from the driver it stood with: 50. Two trips instead of one: 10 x (4 - 1).
        trip = make_trip(
            1, start=5, end=15, preferred=frozenset({2}), standing=Standing(2, clock("08:00"))
        )
        costs = Costs(move_s=50, fairness=10)
        problem = make_problem([trip], [make_driver(1, load=0)], costs=costs)
        (found,) = insertable(problem, make_plan(problem))
        assert found.price_s == 1200 + 300 + 600 + 50 + 10 * 1
        problem = make_problem([trip], [make_driver(1, load=1)], costs=costs)
        (found,) = insertable(problem, make_plan(problem))
        assert found.price_s == 1200 + 0 + 600 + 50 + 10 * 3

    def test_an_emergency_driver_is_dear(self):
        problem = make_problem([make_trip(1, start=5, end=15)], [make_driver(1, emergency=True)])
        (found,) = insertable(problem, make_plan(problem))
        assert found.price_s == 1200 + 3600


class TestAlternatives:
    def problem(self):
        """Trip 1 from 5 to 15 with driver 1; drivers 2, 3, 4 start at 0, 10 and 30."""
        trips = [make_trip(1, "08:00", 5, 15), make_trip(2, "08:30", 15, 0)]
        homes = {1: 0, 2: 0, 3: 10, 4: 30, 5: 6}
        drivers = [make_driver(d, seats=0 if d == 5 else 4) for d in homes]
        duties = [make_duty(d, home=home) for d, home in homes.items()]
        return make_problem(trips, drivers, duties)

    def test_a_trip_costs_what_its_driver_drives_for_it(self):
        problem = self.problem()
        plan = make_plan(problem, [(1, 1, "08:00"), (2, 1, "08:30")])
        # 0-5, 15-15, 0-0: 5 minutes. Without trip 1: 0-15, 0-0: 15. So trip 1 saves ten.
        # Without trip 2: 0-5, 15-0: 20. So trip 2 saves 15.
        assert detours(problem, plan) == {1: -600, 2: -900}

    def test_candidates_of_a_planned_trip_include_its_driver(self):
        problem = self.problem()
        plan = make_plan(problem, [(1, 1, "08:00")])
        found = candidates(problem, plan, problem.trips[0], top=4)
        # As above and 300 for a driver not used yet.
        assert [(row.driver_id, row.price_s) for row in found] == [
            (3, 900),
            (1, 1500),
            (2, 1500),
            (4, 2700),
        ]

    def test_candidates_of_a_new_trip_board_as_close_to_the_wanted_time_as_they_can(self):
        problem = self.problem()
        plan = make_plan(problem, [(1, 1, "08:00")])
        new = make_trip(9, "08:10", 17, 17)
        (best,) = candidates(problem, plan, new, top=1)
        # Driver 1 is at 15 at 08:10, at 17 at 08:12, and then has 17 home instead of 15.
        assert (best.driver_id, best.position, best.pickup_s) == (1, 1, clock("08:12"))
        assert (best.detour_s, best.price_s) == (240, 240)


@pytest.mark.parametrize("trips", [0, 1])
def test_nobody_on_duty_is_no_obstacle(trips):
    problem = make_problem([make_trip()][:trips], [], [])
    plan = make_plan(problem)
    assert (detours(problem, plan), insertable(problem, plan)) == ({}, ())
    assert len(reasons(problem, plan)) == trips
    assert candidates(problem, plan, make_trip()) == ()
