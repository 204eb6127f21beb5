"""Reasons, blockers, suggestions and alternatives of small days, with their arithmetic.

The road of `tests.support.problems`: a kilometre is a minute. Random days are in
`tests.dispatch.planner.test_properties`.
"""

import dataclasses
import re

import pytest

from dispatch.planner.check.plan import check
from dispatch.planner.explain.alternatives import alternatives, candidates
from dispatch.planner.explain.reasons import insertable, reasons
from dispatch.planner.explain.sentences import SENTENCES, Change, Why
from dispatch.planner.explain.suggestions import applied
from dispatch.planner.problem import Costs, Priority, Standing
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
        keys = [*Why, *Change, *registry.SENTENCES]
        assert len({str(key) for key in keys}) == len(keys)
        assert set(keys) == set(SENTENCES)

    def test_sentences_name_times_and_durations_as_such(self):
        """Whoever shows a sentence knows clock times and minutes by the ends of their names."""
        counts = {"drivers", "driver", "seats", "wheelchairs", "wheelchair_places", "needs"}
        counts |= {"trip", "trips", "next_trip"}
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
        assert (reason.code, reason.blockers) == (Why.NO_VEHICLE, ())
        assert reason.suggestion.code == Change.EXTRA_VEHICLE

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
        assert reason.code == Why.OFF_SHIFT
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
        assert (reason.suggestion.code, reason.blockers) == (Change.INSERT, ())


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
        assert (reason.suggestion.code, reason.suggestion.change_min) == (Change.LATER, 1)

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


class TestSuggestions:
    def suggestion(self, problem, plan):
        suggestion = only_reason(problem, plan).suggestion
        assert check(*applied(problem, plan, suggestion)) == ()
        return suggestion

    def test_later(self):
        # Free at 15 at 08:10, at 0 at 08:25 instead of 08:20.
        later = self.suggestion(*busy_morning(make_trip(2, "08:10", 0, 10, late=600)))
        assert (later.code, later.change_min) == (Change.LATER, 5)
        assert later.pickup_s == later.detail["pickup_s"] == clock("08:25")

    def test_later_with_a_break_to_place(self):
        # Out at 15 at 08:10, half an hour off from 08:10 on, at 15 again at 08:40.
        trips = make_trip(1, "08:00", 5, 15, late=0), make_trip(2, "08:15", 15, 5, late=0)
        duty = make_duty(start="07:55", break_=make_break("08:05", "08:40"))
        problem = make_problem(trips, duties=[duty])
        later = self.suggestion(problem, make_plan(problem, [(1, 1, "08:00")], [(1, "08:10")]))
        assert (later.code, later.change_min, later.pickup_s) == (
            Change.LATER,
            25,
            clock("08:40"),
        )

    def test_an_hour_is_few_minutes_and_more_is_not(self):
        # Free at 08:10 at 15 for a trip there that should have begun long before.
        for wanted, expected in (("07:09", Change.EXTRA_VEHICLE), ("07:10", Change.LATER)):
            trip = make_trip(2, wanted, 15, 15, late=0)
            assert self.suggestion(*busy_morning(trip)).code == expected

    def test_minutes_are_rounded_up(self):
        later = self.suggestion(*busy_morning(make_trip(2, "08:10", 0, 10, late=601)))
        assert (later.code, later.change_min) == (Change.LATER, 5)

    def test_earlier(self):
        # From 7 to 7 and on to 5: boards by 07:58 to reach trip 1 at 08:00, four minutes early.
        problem, plan = busy_morning(make_trip(2, "08:02", 7, 7, late=60))
        problem = dataclasses.replace(problem, duties=(make_duty(start="07:00"),))
        earlier = self.suggestion(problem, plan)
        assert (earlier.code, earlier.change_min) == (Change.EARLIER, 4)
        assert earlier.pickup_s == clock("07:58")

    def test_arriving_late(self):
        # At 0 at 08:25 at the earliest, at 10 at 08:35 instead of 08:32.
        trip = make_trip(2, "08:10", 0, 10, late=1200, arrive_by_s="08:32")
        late = self.suggestion(*busy_morning(trip))
        assert (late.code, late.change_min) == (Change.ARRIVE_LATE, 3)
        assert late.detail["arrival_s"] == clock("08:35")

    def test_starting_earlier(self):
        # Five kilometres from home by 06:59, and due at home at 07:09.
        duty = make_duty(commitments=(make_commitment(900, "07:09", "07:19", 0, 10),))
        trip = make_trip(1, "06:55", 5, 0, late=240)
        early = self.suggestion(*unserved(trip, duties=[duty]))
        assert (early.code, early.change_min) == (Change.START_EARLIER, 6)
        assert early.detail["from_s"] == clock("06:54")

    def test_ending_later(self):
        # Free at 16:45 at 5, at 0 at 16:50, out at 10 at 17:00, home at 17:10.
        duty = make_duty(commitments=(make_commitment(900, "16:35", "16:45", 0, 5),))
        late = self.suggestion(*unserved(make_trip(1, "16:50", 0, 10), duties=[duty]))
        assert (late.code, late.change_min) == (Change.END_LATER, 10)
        assert late.detail["until_s"] == clock("17:10")

    def test_nobody_starts_in_the_middle_of_his_other_duty(self):
        duties = [make_duty(1, 1, "06:00", "06:58"), make_duty(2, 1, "07:00", "17:00")]
        problem, plan = unserved(make_trip(1, "06:55", 5, 40, late=240), duties=duties)
        assert self.suggestion(problem, plan).code != Change.START_EARLIER

    def test_one_trip_over_the_cap(self):
        over = self.suggestion(*busy_morning(make_trip(2, "12:00"), capacity=1))
        assert (over.code, over.driver_id, over.pickup_s) == (Change.OVER_CAP, 1, clock("12:00"))

    def test_instead_of_a_trip_that_matters_less(self):
        # At 10:00 the driver is an hour from home, and has just the time to be there and back.
        far = make_trip(1, "10:00", 60, 60, late=0)
        trip = make_trip(2, "10:00", 0, 10, late=0, alighting_s=60, priority=Priority.HIGH)
        problem = make_problem([far, trip], duties=[make_duty(start="09:00", end="11:00")])
        swap = self.suggestion(problem, make_plan(problem, [(1, 1, "10:00")]))
        assert (swap.code, swap.instead_of, swap.detail["trip"]) == (Change.INSTEAD_OF, 1, "B1")

    def test_not_instead_of_a_trip_that_matters_more(self):
        far = make_trip(1, "10:00", 60, 60, late=0, priority=Priority.URGENT)
        trip = make_trip(2, "10:00", 0, 10, late=0, alighting_s=60)
        problem = make_problem([far, trip], duties=[make_duty(start="09:00", end="11:00")])
        swap = self.suggestion(problem, make_plan(problem, [(1, 1, "10:00")]))
        assert swap.code == Change.EXTRA_VEHICLE

    def test_one_more_vehicle(self):
        trip = make_trip(wheelchairs=2, boarding_s=120, alighting_s=60)
        extra = self.suggestion(*unserved(trip))
        assert extra.code == Change.EXTRA_VEHICLE
        # 08:00 and 2 + 10 + 1 minutes.
        assert extra.detail == {
            "seats": 1,
            "wheelchairs": 2,
            "needs": "",
            "from_s": clock("08:00"),
            "until_s": clock("08:13"),
        }

    def test_one_more_driver_with_the_skill(self):
        extra = self.suggestion(*unserved(make_trip(needs=frozenset({"stairs"}))))
        assert (extra.code, extra.detail["needs"]) == (Change.EXTRA_SKILLED, "stairs")

    def test_an_appointment_nobody_can_keep_is_kept_late(self):
        late = self.suggestion(*unserved(make_trip(arrive_by_s="08:05")))
        assert (late.code, late.change_min, late.pickup_s) == (
            Change.EARLIER,
            5,
            clock("07:55"),
        )

    def test_fewer_minutes_win_whatever_the_change(self):
        """Two drivers: one is five minutes late, the other has to stay three minutes longer."""
        trip = make_trip(2, "08:10", 0, 10, late=600)
        problem, plan = busy_morning(trip)
        # Boards at home at 08:10, out at 10 at 08:20, home at 08:30 instead of 08:27.
        short = make_duty(2, start="08:10", end="08:27")
        problem = dataclasses.replace(
            problem,
            drivers=(*problem.drivers, make_driver(2)),
            duties=(*problem.duties, short),
        )
        best = self.suggestion(problem, plan)
        assert (best.code, best.driver_id, best.change_min) == (Change.END_LATER, 2, 3)


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
        first, second = alternatives(problem, plan)
        # 0-5, 15-15, 0-0: 5 minutes. Without trip 1: 0-15, 0-0: 15. So trip 1 saves ten.
        assert (first.trip_id, first.driver_id, first.detour_s) == (1, 1, -600)
        # Without trip 2: 0-5, 15-0: 20. So trip 2 saves 15.
        assert second.detour_s == -900

    def test_the_others_come_in_order_of_their_detour(self):
        problem = self.problem()
        (cost,) = alternatives(problem, make_plan(problem, [(1, 1, "08:00")]))
        # From 10: 5 + 5. From 0: 5 + 15. From 30: 25 + 15. Number 5 has no seats.
        assert [(o.driver_id, o.duty_id, o.detour_s) for o in cost.others] == [
            (3, 3, 600),
            (2, 2, 1200),
            (4, 4, 2400),
        ]

    def test_a_full_driver_is_no_alternative(self):
        problem = self.problem()
        drivers = tuple(
            dataclasses.replace(d, capacity=0) if d.id == 3 else d for d in problem.drivers
        )
        problem = dataclasses.replace(problem, drivers=drivers)
        (cost,) = alternatives(problem, make_plan(problem, [(1, 1, "08:00")]), top=1)
        assert [other.driver_id for other in cost.others] == [2]

    def test_a_driver_with_two_duties_is_named_once(self):
        duties = [
            make_duty(1, 1),
            make_duty(2, 2, "07:00", "09:00"),
            make_duty(3, 3, home=5, back=15),
            make_duty(4, 2, "08:00", "10:00", home=5, back=15),
        ]
        problem = make_problem([make_trip(1, "08:00", 5, 15)], duties=duties)
        (cost,) = alternatives(problem, make_plan(problem, [(1, 1, "08:00")]))
        assert [(o.driver_id, o.duty_id, o.detour_s) for o in cost.others] == [(3, 3, 0), (2, 4, 0)]

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
    assert alternatives(problem, plan) == insertable(problem, plan) == ()
    assert len(reasons(problem, plan)) == trips
    assert candidates(problem, plan, make_trip()) == ()
