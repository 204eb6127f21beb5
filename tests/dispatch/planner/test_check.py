"""Every hard rule has a plan that breaks it and nothing else.

The road of `tests.support.problems`: a kilometre is a minute.
"""

import cProfile
import dataclasses
import pstats

import pytest

from dispatch.planner.check.plan import Rule, check, standing_conflicts
from dispatch.planner.problem import PlannedBreak
from tests.support.problems import (
    at,
    clock,
    make_break,
    make_commitment,
    make_driver,
    make_duty,
    make_plan,
    make_problem,
    make_trip,
)


def codes(problem, plan):
    return [violation.code for violation in check(problem, plan)]


def two_trips(**duty):
    """From home (0): board at 5 at 08:00, out at 15 at 08:10; board at 20 at 08:30, out at 10."""
    return make_problem(
        [make_trip(1, "08:00", 5, 15), make_trip(2, "08:30", 20, 10)], duties=[make_duty(1, **duty)]
    )


def test_a_sound_plan_breaks_nothing():
    problem = two_trips(break_=make_break("12:00", "14:00"))
    plan = make_plan(problem, [(1, 1, "08:00"), (2, 1, "08:30")], [(1, "12:30")])
    assert check(problem, plan) == ()


def test_a_plan_without_a_second_to_spare_breaks_nothing():
    """Every seat taken, trips and break end to end, the duty used from end to end.

    From 0 at 12:00: out at 10 at 12:10, 10 to 20 until 12:20, a break until 12:50, back from
    20 to 0 at 13:10.
    """
    problem = make_problem(
        [
            make_trip(1, "12:00", 0, 10, seats=4, wheelchairs=1, late=0),
            make_trip(2, "12:10", 10, 20, late=0),
            make_trip(3, "12:50", 20, 0, late=0, arrive_by_s="13:10"),
        ],
        [make_driver(1, seats=4, wheelchair_places=1, capacity=3)],
        [make_duty(1, start="12:00", end="13:10", break_=make_break("12:20", "12:50"))],
    )
    pickups = [(1, 1, "12:00"), (2, 1, "12:10"), (3, 1, "12:50")]
    assert check(problem, make_plan(problem, pickups, [(1, "12:20")])) == ()


def test_an_empty_plan_breaks_nothing():
    problem = two_trips(break_=make_break())
    assert check(problem, make_plan(problem)) == ()


def test_a_violation_names_trip_driver_and_duty():
    problem = two_trips(driver_id=7)
    plan = make_plan(problem, [(1, 1, "08:11")])
    (violation,) = check(problem, plan)
    assert (violation.trip_id, violation.driver_id, violation.duty_id) == (1, 7, 1)
    assert "B1" in violation.detail


class TestBookings:
    def test_a_trip_may_not_be_forgotten(self):
        problem = two_trips()
        plan = dataclasses.replace(make_plan(problem, [(1, 1, "08:00")]), unserved=())
        assert codes(problem, plan) == [Rule.TRIP_MISSING]

    def test_a_trip_may_not_be_planned_and_unserved(self):
        problem = two_trips()
        plan = dataclasses.replace(make_plan(problem, [(1, 1, "08:00")]), unserved=(1, 2))
        assert codes(problem, plan) == [Rule.TRIP_TWICE]

    def test_a_trip_may_not_be_planned_twice(self):
        problem = make_problem(
            [make_trip(1, "08:00", 0, 0, late=3600)], duties=[make_duty(1), make_duty(2)]
        )
        plan = make_plan(problem, [(1, 1, "08:00"), (1, 2, "08:30")])
        assert codes(problem, plan) == [Rule.TRIP_TWICE]

    def test_a_trip_has_to_be_of_the_problem(self):
        problem = two_trips()
        plan = dataclasses.replace(make_plan(problem), unserved=(1, 2, 3))
        assert codes(problem, plan) == [Rule.UNKNOWN_TRIP]

    def test_rows_are_in_order_of_duty_and_pickup(self):
        problem = two_trips()
        plan = make_plan(problem, [(1, 1, "08:00"), (2, 1, "08:30")])
        swapped = dataclasses.replace(plan, trips=plan.trips[::-1])
        assert codes(problem, swapped) == [Rule.ORDER]

    def test_unserved_trips_are_in_order_of_their_ids(self):
        problem = two_trips()
        plan = dataclasses.replace(make_plan(problem), unserved=(2, 1))
        assert codes(problem, plan) == [Rule.ORDER]


class TestDutiesAndDrivers:
    def test_a_duty_has_to_exist(self):
        problem = two_trips()
        plan = make_plan(problem, [(1, 1, "08:00")])
        row = dataclasses.replace(plan.trips[0], duty_id=9)
        assert codes(problem, dataclasses.replace(plan, trips=(row,))) == [Rule.UNKNOWN_DUTY]

    def test_a_break_needs_a_duty_that_exists(self):
        problem = two_trips()
        plan = dataclasses.replace(make_plan(problem), breaks=(PlannedBreak(9, 0, 1800),))
        assert codes(problem, plan) == [Rule.UNKNOWN_DUTY]

    def test_a_duty_is_driven_by_its_own_driver(self):
        problem = make_problem([make_trip()], duties=[make_duty(1), make_duty(2)])
        plan = make_plan(problem, [(1, 1, "08:00")])
        row = dataclasses.replace(plan.trips[0], driver_id=2)
        assert codes(problem, dataclasses.replace(plan, trips=(row,))) == [Rule.WRONG_DRIVER]

    def test_seats(self):
        problem = make_problem([make_trip(seats=5)], [make_driver(seats=4)])
        assert codes(problem, make_plan(problem, [(1, 1, "08:00")])) == [Rule.SEATS]

    def test_wheelchair_places(self):
        problem = make_problem([make_trip(wheelchairs=2)], [make_driver(wheelchair_places=1)])
        assert codes(problem, make_plan(problem, [(1, 1, "08:00")])) == [Rule.WHEELCHAIRS]

    def test_needs(self):
        trip = make_trip(needs=frozenset({"stairs", "oxygen"}))
        problem = make_problem([trip], [make_driver(skills=frozenset({"oxygen"}))])
        (violation,) = check(problem, make_plan(problem, [(1, 1, "08:00")]))
        assert violation.code == Rule.NEEDS
        assert violation.detail.endswith("lacks stairs.")

    def test_forbidden_drivers(self):
        problem = make_problem([make_trip(forbidden=frozenset({1}))])
        assert codes(problem, make_plan(problem, [(1, 1, "08:00")])) == [Rule.FORBIDDEN]

    def test_capacity_counts_over_all_duties_of_the_driver(self):
        problem = make_problem(
            [make_trip(1, "08:00"), make_trip(2, "14:00")],
            [make_driver(1, capacity=1)],
            [make_duty(1, 1, "07:00", "10:00"), make_duty(2, 1, "13:00", "17:00")],
        )
        plan = make_plan(problem, [(1, 1, "08:00"), (2, 2, "14:00")])
        assert codes(problem, plan) == [Rule.CAPACITY]

    def test_capacity_does_not_count_commitments(self):
        duty = make_duty(1, commitments=(make_commitment(pickup="09:00", free="09:10"),))
        problem = make_problem([make_trip()], [make_driver(capacity=1)], [duty])
        assert check(problem, make_plan(problem, [(1, 1, "08:00")])) == ()


class TestTimes:
    def test_the_ride_takes_boarding_and_ride(self):
        problem = two_trips()
        plan = make_plan(problem, [(1, 1, "08:00")])
        row = dataclasses.replace(plan.trips[0], dropoff_s=plan.trips[0].dropoff_s - 1)
        assert codes(problem, dataclasses.replace(plan, trips=(row,))) == [Rule.RIDE_TIME]

    @pytest.mark.parametrize(("ride_s", "expected"), [(601, []), (602, [Rule.RIDE_PLACES])])
    def test_the_ride_agrees_with_the_places(self, ride_s, expected):
        # 5 to 15: 10 km, 600 s, and one second for rounding.
        problem = make_problem([make_trip(1, "08:00", 5, 15, ride_s=ride_s)])
        assert codes(problem, make_plan(problem, [(1, 1, "08:00")])) == expected

    @pytest.mark.parametrize("pickup", ["07:49", "08:11"])
    def test_the_pickup_window(self, pickup):
        problem = make_problem([make_trip(1, "08:00", early=600, late=600)])
        assert codes(problem, make_plan(problem, [(1, 1, pickup)])) == [Rule.PICKUP_WINDOW]

    @pytest.mark.parametrize("pickup", ["07:50", "08:10"])
    def test_both_ends_of_the_pickup_window_are_inside(self, pickup):
        problem = make_problem([make_trip(1, "08:00", early=600, late=600)])
        assert check(problem, make_plan(problem, [(1, 1, pickup)])) == ()

    def test_the_appointment(self):
        # Boards 08:06, two minutes to get in, rides 10: 08:18.
        trip = make_trip(boarding_s=120, arrive_by_s="08:18")
        problem = make_problem([trip])
        assert check(problem, make_plan(problem, [(1, 1, "08:06")])) == ()
        assert codes(problem, make_plan(problem, [(1, 1, "08:07")])) == [Rule.APPOINTMENT]

    def test_the_way_from_the_start_of_the_duty(self):
        # 5 km from home: leaves 07:55, or a minute late.
        assert check(*planned(two_trips(start="07:55"), (1, 1, "08:00"))) == ()
        assert codes(*planned(two_trips(start="07:56"), (1, 1, "08:00"))) == [Rule.DUTY_START]

    def test_the_way_to_the_end_of_the_duty(self):
        # Out at 15 at 08:10, home at 08:25.
        assert check(*planned(two_trips(end="08:25"), (1, 1, "08:00"))) == ()
        assert codes(*planned(two_trips(end="08:24"), (1, 1, "08:00"))) == [Rule.DUTY_END]

    def test_the_empty_drive_between_trips(self):
        # Out at 15 at 08:10 + 10 for a pickup at 20: five minutes, ready at 08:25.
        problem = make_problem(
            [
                make_trip(1, "08:00", 5, 15, alighting_s=600),
                make_trip(2, "08:24", 20, 10, late=60),
            ]
        )
        assert check(problem, make_plan(problem, [(1, 1, "08:00"), (2, 1, "08:25")])) == ()
        plan = make_plan(problem, [(1, 1, "08:00"), (2, 1, "08:24")])
        assert codes(problem, plan) == [Rule.DRIVE]

    def test_one_second_is_left_to_rounding(self):
        problem = make_problem([make_trip(1, "08:00", 5, 15), make_trip(2, "08:15", 20, 10)])
        early = make_plan(problem, [(1, 1, clock("08:00") + 1), (2, 1, "08:15")])
        late = make_plan(problem, [(1, 1, clock("08:00") + 2), (2, 1, "08:15")])
        assert check(problem, early) == ()
        assert codes(problem, late) == [Rule.DRIVE]

    @pytest.mark.parametrize(("lost_s", "expected"), [(1, []), (2, [Rule.DUTY_START])])
    def test_one_second_is_left_to_rounding_at_the_start(self, lost_s, expected):
        problem = two_trips(start=clock("07:55") + lost_s)
        assert codes(*planned(problem, (1, 1, "08:00"))) == expected

    @pytest.mark.parametrize(("lost_s", "expected"), [(1, []), (2, [Rule.DUTY_END])])
    def test_one_second_is_left_to_rounding_at_the_end(self, lost_s, expected):
        problem = two_trips(end=clock("08:25") - lost_s)
        assert codes(*planned(problem, (1, 1, "08:00"))) == expected

    def test_trips_of_one_driver_do_not_overlap(self):
        problem = make_problem([make_trip(1, "08:00", 0, 10), make_trip(2, "08:05", 10, 0)])
        plan = make_plan(problem, [(1, 1, "08:00"), (2, 1, "08:05")])
        assert codes(problem, plan) == [Rule.OVERLAP]

    def test_trips_of_one_driver_do_not_overlap_across_his_duties(self):
        problem = make_problem(
            [make_trip(1, "08:00", 0, 0, alighting_s=600), make_trip(2, "08:05", 0, 0)],
            [make_driver(1)],
            [make_duty(1, 1, "07:00", "09:00"), make_duty(2, 1, "07:30", "10:00")],
        )
        plan = make_plan(problem, [(1, 1, "08:00"), (2, 2, "08:05")])
        assert codes(problem, plan) == [Rule.OVERLAP]

    def test_times_go_on_after_midnight(self):
        duty = make_duty(1, start="20:00", end="28:00", break_=make_break("24:00", "25:00", 900))
        problem = make_problem([make_trip(1, "23:55")], duties=[duty])
        assert check(problem, make_plan(problem, [(1, 1, "23:55")], [(1, "24:30")])) == ()

    def test_other_travel_times_are_asked_leg_by_leg(self):
        problem = dataclasses.replace(two_trips(), travel=Uphill())
        # Northwards twice as long: the ride 5 to 15 takes 1,200 s instead of 600.
        plan = make_plan(problem, [(1, 1, "08:00")])
        assert codes(problem, plan) == [Rule.RIDE_PLACES]


class Uphill:
    """Two minutes a kilometre to the north, one to the south."""

    def leg(self, origin, destination):
        degrees = destination[0] - origin[0]
        kilometres = abs(degrees) / (at(1)[0] - at(0)[0])
        return round(kilometres * (120 if degrees > 0 else 60)), round(kilometres * 1000)


def planned(problem, *pickups):
    return problem, make_plan(problem, pickups)


class TestCommitments:
    def committed(self, pickup="09:00", free="09:10", start=0, end=10):
        return make_problem(
            [make_trip(1, "08:00", 5, 15, early=7200, late=14400)],
            duties=[make_duty(1, commitments=(make_commitment(900, pickup, free, start, end),))],
        )

    def test_a_trip_reaches_the_commitment_after_it(self):
        # Out at 15, a quarter of an hour from 0: 08:35 + 10 + 15 = 09:00.
        assert check(*planned(self.committed(), (1, 1, "08:35"))) == ()
        assert codes(*planned(self.committed(), (1, 1, "08:36"))) == [Rule.DRIVE]

    def test_a_trip_is_reached_from_the_commitment_before_it(self):
        # Free at 10 at 09:10, five minutes from 5.
        assert check(*planned(self.committed(), (1, 1, "09:15"))) == ()
        assert codes(*planned(self.committed(), (1, 1, "09:14"))) == [Rule.DRIVE]

    def test_a_trip_does_not_overlap_a_commitment(self):
        assert codes(*planned(self.committed(), (1, 1, "08:55"))) == [Rule.OVERLAP]

    def test_a_commitment_of_another_duty_counts(self):
        problem = make_problem(
            [make_trip(1, "08:00", 0, 0, alighting_s=600)],
            [make_driver(1)],
            [
                make_duty(1, 1, "07:00", "09:00"),
                make_duty(2, 1, "07:30", "10:00", commitments=(make_commitment(pickup="08:05"),)),
            ],
        )
        assert codes(*planned(problem, (1, 1, "08:00"))) == [Rule.OVERLAP]

    def test_a_long_commitment_hides_no_overlap(self):
        """The trip overlaps the one that ends last, not its neighbour."""
        long = make_commitment(900, "07:30", "10:00", 0, 0)
        short = make_commitment(901, "07:40", "07:50", 0, 0)
        problem = make_problem(
            [make_trip(1, "08:00", 0, 0)], duties=[make_duty(1, commitments=(long, short))]
        )
        assert codes(*planned(problem, (1, 1, "08:00"))) == [Rule.OVERLAP]

    def test_conflicts_among_commitments_are_not_the_plans_doing(self):
        first = make_commitment(900, "09:00", "09:10", 0, 10)
        second = make_commitment(901, "09:12", "09:22", 0, 10)
        problem = make_problem([make_trip()], duties=[make_duty(1, commitments=(first, second))])
        assert check(*planned(problem, (1, 1, "08:00"))) == ()
        (conflict,) = standing_conflicts(problem)
        assert (conflict.code, conflict.trip_id) == (Rule.DRIVE, 901)

    @pytest.mark.parametrize(
        ("duty", "expected"),
        [
            ({"start": "08:59", "end": "10:00"}, Rule.DUTY_START),
            ({"start": "08:00", "end": "09:19"}, Rule.DUTY_END),
        ],
    )
    def test_a_commitment_outside_its_duty_is_a_standing_conflict(self, duty, expected):
        # Boards two kilometres from home at 09:00, free at 10 at 09:10, home at 09:20.
        commitment = make_commitment(900, "09:00", "09:10", 2, 10)
        problem = make_problem(duties=[make_duty(1, commitments=(commitment,), **duty)])
        assert check(problem, make_plan(problem)) == ()
        assert [conflict.code for conflict in standing_conflicts(problem)] == [expected]

    def test_overlapping_commitments_are_a_standing_conflict(self):
        first = make_commitment(900, "09:00", "09:10", 0, 10)
        second = make_commitment(901, "09:05", "09:22", 0, 10)
        problem = make_problem(duties=[make_duty(1, commitments=(first, second))])
        assert [conflict.code for conflict in standing_conflicts(problem)] == [Rule.OVERLAP]
        assert check(problem, make_plan(problem)) == ()


class TestBreaks:
    """Duty 07:00 to 17:00 from 0; half an hour between 12:00 and 14:00."""

    def problem(self, *trips, window=("12:00", "14:00"), **duty):
        return make_problem(trips, duties=[make_duty(1, break_=make_break(*window), **duty)])

    def test_a_duty_with_trips_has_its_break(self):
        problem = self.problem(make_trip())
        assert codes(problem, make_plan(problem, [(1, 1, "08:00")])) == [Rule.BREAK_MISSING]

    def test_a_duty_with_commitments_has_its_break(self):
        problem = self.problem(commitments=(make_commitment(),))
        assert codes(problem, make_plan(problem)) == [Rule.BREAK_MISSING]
        assert check(problem, make_plan(problem, [], [(1, "13:00")])) == ()

    @pytest.mark.parametrize(
        ("second", "expected"),
        [("12:49", []), ("12:50", []), ("12:51", [Rule.BREAK_MISSING])],
    )
    def test_a_break_that_only_just_fits_is_left_to_the_rounding(self, second, expected):
        # Free at 12:10 at 10, ten kilometres to 20, half an hour off: 12:50. After 14:00 nothing
        # is allowed; before 12:00 neither.
        first = make_commitment(900, "12:00", "12:10", 0, 10)
        last = make_commitment(901, second, "14:00", 20, 20)
        problem = self.problem(commitments=(first, last))
        assert codes(problem, make_plan(problem)) == expected

    def test_a_duty_without_trips_has_none(self):
        problem = self.problem(make_trip())
        assert codes(problem, make_plan(problem, [], [(1, "13:00")])) == [Rule.BREAK_NEEDLESS]

    def test_a_break_already_taken_is_not_taken_again(self):
        problem = self.problem(make_trip())
        plan = make_plan(problem, [(1, 1, "08:00")], [(1, "13:00")])
        taken = dataclasses.replace(problem, duties=(make_duty(1),))
        assert codes(taken, plan) == [Rule.BREAK_NEEDLESS]

    def test_one_break_is_enough(self):
        problem = self.problem(make_trip())
        plan = make_plan(problem, [(1, 1, "08:00")], [(1, "12:00"), (1, "13:00")])
        assert codes(problem, plan) == [Rule.BREAK_TWICE]

    def test_a_break_lasts_as_long_as_it_should(self):
        problem = self.problem(make_trip())
        plan = make_plan(problem, [(1, 1, "08:00")])
        short = PlannedBreak(1, clock("12:00"), clock("12:29"))
        plan = dataclasses.replace(plan, breaks=(short,))
        assert codes(problem, plan) == [Rule.BREAK_LENGTH]

    @pytest.mark.parametrize("start", ["11:59", "13:31"])
    def test_a_break_is_wholly_inside_its_window(self, start):
        problem = self.problem(make_trip())
        plan = make_plan(problem, [(1, 1, "08:00")], [(1, start)])
        assert codes(problem, plan) == [Rule.BREAK_WINDOW]

    def test_a_break_among_trips_is_during_none_of_them(self):
        """The trip before it is long, the one within it short."""
        problem = self.problem(make_trip(1, "08:00", 0, 10), make_trip(2, "13:05", 10, 10))
        plan = make_plan(problem, [(1, 1, "08:00"), (2, 1, "13:05")], [(1, "13:00")])
        assert codes(problem, plan) == [Rule.BREAK_DURING_TRIP]

    @pytest.mark.parametrize("pickup", ["12:55", "13:05", "13:29"])
    def test_a_break_is_not_during_a_trip(self, pickup):
        problem = self.problem(make_trip(1, pickup))
        plan = make_plan(problem, [(1, 1, pickup)], [(1, "13:00")])
        assert codes(problem, plan) == [Rule.BREAK_DURING_TRIP]

    def test_a_break_may_interrupt_empty_driving(self):
        # Out at 10 at 12:10; 20 km to 30; half an hour off on the way: 13:00.
        trips = make_trip(1, "12:00", 0, 10), make_trip(2, "12:59", 30, 20)
        problem = self.problem(*trips)
        plan = make_plan(problem, [(1, 1, "12:00"), (2, 1, "13:00")], [(1, "12:20")])
        assert check(problem, plan) == ()

    def test_a_break_leaves_time_for_the_drive_around_it(self):
        # One minute less than 20 + 30 between 12:10 and 12:59.
        trips = make_trip(1, "12:00", 0, 10), make_trip(2, "12:59", 30, 20)
        problem = self.problem(*trips)
        plan = make_plan(problem, [(1, 1, "12:00"), (2, 1, "12:59")], [(1, "12:20")])
        assert codes(problem, plan) == [Rule.BREAK_DRIVE]

    @pytest.mark.parametrize(("lost_s", "expected"), [(1, []), (2, [Rule.BREAK_DRIVE])])
    def test_one_second_is_left_to_rounding_around_a_break(self, lost_s, expected):
        second = make_trip(2, clock("13:00") - lost_s, 30, 20)
        problem = self.problem(make_trip(1, "12:00", 0, 10), second)
        pickups = [(1, 1, "12:00"), (2, 1, second.wanted_s)]
        assert codes(problem, make_plan(problem, pickups, [(1, "12:20")])) == expected

    def test_a_break_is_inside_the_duty(self):
        # Home at 12:20, the duty ends at 12:40: the break until 12:45 is not of this duty.
        problem = self.problem(make_trip(1, "12:00"), end="12:50")
        plan = make_plan(problem, [(1, 1, "12:00")], [(1, "12:15")])
        assert check(problem, plan) == ()
        plan = make_plan(problem, [(1, 1, "12:00")], [(1, "12:21")])
        assert codes(problem, plan) == [Rule.BREAK_DRIVE]

    def test_a_break_may_come_first(self):
        # From 12:00 half an hour, five minutes to 5.
        problem = self.problem(make_trip(1, "12:30", 5, 0), start="12:00")
        assert check(problem, make_plan(problem, [(1, 1, "12:35")], [(1, "12:00")])) == ()
        plan = make_plan(problem, [(1, 1, "12:34")], [(1, "12:00")])
        assert codes(problem, plan) == [Rule.BREAK_DRIVE]

    def test_commitments_that_leave_no_room_for_the_break_are_a_standing_conflict(self):
        # On the road from 11:50 to 14:00 for one commitment.
        commitment = make_commitment(900, "11:50", "14:00", 0, 10)
        problem = self.problem(make_trip(1, "08:00"), commitments=(commitment,))
        assert check(problem, make_plan(problem)) == ()
        assert [conflict.code for conflict in standing_conflicts(problem)] == [Rule.BREAK_MISSING]

    def test_a_duty_whose_break_cannot_fit_takes_no_new_trips(self):
        commitment = make_commitment(900, "11:50", "14:00", 0, 10)
        problem = self.problem(make_trip(1, "08:00"), commitments=(commitment,))
        assert codes(*planned(problem, (1, 1, "08:00"))) == [Rule.BREAK_MISSING]


def calls_to_check(rows):
    """Return how many function calls it takes to check ten trips of each of the drivers."""
    hours = [f"{hour:02}:00" for hour in range(8, 18)]
    trips, pickups, duties = [], [], []
    for row in range(rows):
        duties.append(make_duty(row + 1, end="19:00", break_=make_break("12:15", "12:45")))
        for hour in hours:
            trips.append(make_trip(len(trips) + 1, hour, len(trips) % 5, 7))
            pickups.append((len(trips), row + 1, hour))
    problem = make_problem(trips, duties=duties)
    plan = make_plan(problem, pickups, [(duty.id, "12:15") for duty in duties])
    profile = cProfile.Profile()
    assert profile.runcall(check, problem, plan) == ()
    return pstats.Stats(profile).total_calls


def test_twice_the_trips_take_twice_the_work_to_check():
    assert calls_to_check(200) < 2.1 * calls_to_check(100)


def test_a_client_boards_the_way_back_after_arriving_from_the_way_there():
    """Out at 10 at 08:10, whoever drives: the way back may board then, not a second earlier."""
    for pickup, expected in ((clock("08:10"), []), (clock("08:10") - 1, [Rule.BEFORE_ARRIVAL])):
        there, back = make_trip(1, "08:00", 0, 10), make_trip(2, pickup, 10, 0, after=1)
        drivers = [make_driver(1), make_driver(2)]
        duties = [make_duty(1), make_duty(2, home=10)]
        problem = make_problem([there, back], drivers, duties)
        plan = make_plan(problem, [(1, 1, "08:00"), (2, 2, pickup)])
        assert codes(problem, plan) == expected
        commitment = make_commitment(1, "08:00", "08:10", 0, 10)
        fixed = make_problem(
            [back], drivers, [make_duty(1, commitments=(commitment,)), make_duty(2, home=10)]
        )
        assert codes(fixed, make_plan(fixed, [(2, 2, pickup)])) == expected
