"""Nobody is in two places at once, and no car is: the windows of one person's trips are cut apart.

The random days lie on the road of `tests.support.problems`: a kilometre is a minute. Their judge is
neither the planner nor the checker.
"""

import random
from collections import defaultdict
from itertools import combinations, pairwise
from unittest import mock

import pytest

from dispatch.day import pairs
from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.day.pairs import Apart, keep_apart
from dispatch.day.reasons import describe_excluded
from dispatch.day.rows import BookingRow
from dispatch.planner.check.plan import Rule, check, standing_conflicts
from dispatch.planner.solve import solve
from tests.support import builders as make
from tests.support.builders import at
from tests.support.problems import (
    make_commitment,
    make_driver,
    make_duty,
    make_plan,
    make_problem,
    make_trip,
)

MANY = 2_000


def load(now=make.NOW, **options):
    company = make.Company.objects.get(slug="geneva")
    return load_problem(company, make.DAY, now=now, **{"leeway": Leeway()} | options)


def window(day, booking):
    """Return the pickup window as local clock times, or why the booking has none."""
    for trip in day.problem.trips:
        if trip.id == booking.id:
            ends = trip.earliest_s, trip.latest_s
            return tuple(day.company.clock(day.moment(s)) for s in ends)
    return day.left_out[booking.id]


@pytest.mark.django_db
class TestOfADay:
    """The ride takes 18:44; with boarding and alighting a trip lasts 23:44."""

    @pytest.fixture(autouse=True)
    def _anna(self):
        self.anna = make.client(name="Anna")

    def book(self, clock, **fields):
        return make.booking(clock=clock, **{"client": self.anna} | fields)

    def test_windows_that_do_not_meet_stay_as_they_are(self):
        early, late = self.book("09:00"), self.book("11:00")
        day = load()
        assert (window(day, early), window(day, late)) == (("08:50", "09:15"), ("10:50", "11:15"))
        assert day.beside == {}

    def test_windows_that_meet_are_cut_between_what_is_wanted(self):
        early, late = self.book("09:00"), self.book("09:30")
        day = load()
        first, second = (next(t for t in day.problem.trips if t.id == b.id) for b in (early, late))
        # Out at 09:23:44 as wanted, and 09:30 wanted: the cut is in the middle.
        assert first.latest_s + first.service_s == second.earliest_s
        middle = (first.wanted_s + first.service_s + second.wanted_s) // 2
        assert second.earliest_s == middle
        assert day.beside == {early.id: late.id, late.id: early.id}

    def test_trips_of_two_clients_of_somebody_else_or_of_nobody_stay_as_they_are(self):
        others = [
            self.book("09:00"),
            self.book("09:00", client=make.client(name="Bea")),
            self.book("09:00", overlap_meant=True),
            self.book("09:00", client=None),
            self.book("09:00", client=None),
        ]
        day = load()
        assert {window(day, other) for other in others} == {("08:50", "09:15")}

    def test_of_two_at_once_one_is_left_out_and_the_reason_names_the_other(self):
        kept = self.book("09:00", reference="KEPT", appointment_at=at("09:25"))
        lost = self.book("09:00", reference="LOST", appointment_at=at("09:20"))
        day = load()
        assert window(day, kept)[0] == "08:50"
        assert window(day, lost) == "two_places"
        why = describe_excluded(day, lost.id, "two_places")
        assert why.detail == (
            "Anna also has trip KEPT, wanted at 09:00, and cannot be driven twice at the same time."
        )

    def test_what_stands_stays_then_what_is_urgent_then_what_was_booked_first(self):
        fields = {"appointment_at": at("09:22")}
        first, urgent = self.book("09:00", **fields), self.book("09:00", priority=2, **fields)
        assert (window(load(), first), window(load(), urgent)[0]) == ("two_places", "08:50")
        driver = make.driver()
        make.shift(driver)
        make.assignment(first, driver, planned_pickup_at=at("09:00"))
        day = load()
        assert (window(day, urgent), window(day, first)[0]) == ("two_places", "08:50")

    def test_a_locked_trip_stays_where_it_is_and_the_other_waits_for_it(self):
        driver = make.driver(name="Ben")
        make.shift(driver)
        locked, free = self.book("09:00", reference="LOCKED"), self.book("09:10")
        make.assignment(locked, driver, locked=True, planned_pickup_at=at("09:00"))
        day = load()
        ((commitment,),) = (duty.commitments for duty in day.problem.duties)
        (trip,) = day.problem.trips
        assert (trip.id, trip.earliest_s) == (free.id, commitment.free_s)
        assert (commitment.person, trip.person) == (self.anna.id, self.anna.id)

    def test_a_later_order_is_tried_where_the_wanted_one_cannot_be(self):
        # A return trip may wait 30 minutes; the other one must arrive at 09:30.
        long_window = self.book("09:00", return_of=self.book("06:00"))
        due = self.book("09:05", appointment_at=at("09:25"))
        day = load()
        assert window(day, due)[0] == "08:55"
        assert window(day, long_window)[1] == "09:30"
        assert day.left_out == {}

    def test_three_in_a_row_all_keep_a_window(self):
        chain = [self.book(clock) for clock in ("09:00", "09:15", "09:30")]
        day = load()
        trips = sorted(day.problem.trips, key=lambda trip: trip.earliest_s)
        assert [trip.id for trip in trips] == [booking.id for booking in chain]
        for before, after in pairwise(trips):
            assert before.latest_s + before.service_s <= after.earliest_s <= after.latest_s


def test_the_checker_finds_a_person_on_trips_of_two_drivers_at_once():
    trips = [make_trip(1, "08:00", person=7), make_trip(2, "08:05", person=7)]
    problem = make_problem(trips, duties=[make_duty(1), make_duty(2)])
    # Each ride takes ten minutes.
    plan = make_plan(problem, [(1, 1, "08:00"), (2, 2, "08:09")])
    (found,) = check(problem, plan)
    assert (found.code, found.trip_id, found.driver_id) == (Rule.TWO_PLACES, 2, 2)
    assert check(problem, make_plan(problem, [(1, 1, "08:00"), (2, 2, "08:10")])) == ()
    strangers = make_problem([trips[0], make_trip(2, "08:05", person=8)], duties=problem.duties)
    assert check(strangers, make_plan(strangers, [(1, 1, "08:00"), (2, 2, "08:09")])) == ()


def test_the_checker_holds_a_trip_against_a_commitment_of_another_driver():
    locked = make_commitment(900, "08:00", "08:10", person=7)
    other = make_commitment(901, "08:05", "08:15", person=7)
    duties = [make_duty(1, commitments=(locked,)), make_duty(2)]
    problem = make_problem([make_trip(2, "08:05", person=7)], duties=duties)
    (found,) = check(problem, make_plan(problem, [(2, 2, "08:05")]))
    assert found.code == Rule.TWO_PLACES
    both = [make_duty(1, commitments=(locked,)), make_duty(2, commitments=(other,))]
    (standing,) = standing_conflicts(make_problem(duties=both))
    assert (standing.code, standing.trip_id) == (Rule.TWO_PLACES, 901)


EMPTY = dict.fromkeys(BookingRow._fields)


def random_day(rng):
    """Return (problem, {duty: car}) of a day with more drivers than cars, and few people.

    The shifts of one car are one after the other. Some trips are fixed, some are for somebody else
    of the client's name, some are return trips.
    """
    duties, car_of = [], {}
    for car in range(rng.randint(1, 2)):
        start_s = 6 * 3600 + rng.randint(0, 4) * 900
        for _ in range(rng.randint(1, 3)):
            end_s = start_s + rng.randint(8, 20) * 900
            number = len(duties) + 1
            duties.append(make_duty(number, number, start_s, end_s))
            car_of[number], start_s = car, end_s + rng.randint(0, 2) * 900
    trips, rows, fixed, busy = [], {}, {}, defaultdict(list)
    for i in range(1, rng.randint(2, 10)):
        client = rng.choice([1, 1, 2, 3, None])
        pickup_s, km = 7 * 3600 + rng.randint(0, 12) * 600, rng.randint(2, 20)
        there = rng.choice(sorted(rows)) if rows and rng.random() < 0.2 else None
        taken = {row.return_of_id for row in rows.values()}
        row = BookingRow(
            **EMPTY
            | {
                "id": i,
                "client_id": client,
                "overlap_meant": rng.random() < 0.1,
                "priority": rng.choice([0, 0, 1, 2]),
                "return_of_id": None if there in taken else there,
            }
        )
        rows[i] = row
        free_s = pickup_s + km * 60
        duty = rng.choice(duties)
        clear = all(free_s <= begin or end <= pickup_s for begin, end in busy[client])
        inside = duty.start_s + 3600 <= pickup_s and free_s + 3600 <= duty.end_s
        if rng.random() < 0.2 and inside and not duty.commitments and clear:
            fixed[i] = (pickup_s, free_s)
            busy[client].append((pickup_s, free_s))
            locked = make_commitment(i, pickup_s, free_s, 0, km, person=row.person)
            duties[duty.id - 1] = make_duty(
                duty.id, duty.id, duty.start_s, duty.end_s, commitments=(locked,)
            )
            continue
        late = {"early": rng.choice([0, 600]), "late": rng.choice([600, 900, 1800])}
        due_s = free_s + rng.randint(0, 4) * 300 if rng.random() < 0.3 else None
        trips.append(make_trip(i, pickup_s, 0, km, arrive_by_s=due_s, person=row.person, **late))
    apart = pairs.keep_apart(trips, rows, fixed)
    drivers = [make_driver(duty.driver_id) for duty in duties]
    return make_problem(apart.trips, drivers, duties), car_of, rows


def doubles(problem, plan, person_of, car_of):
    """Return how many pairs of stops of one person, or of one car, are at the same time."""

    def key(trip_id, duty_id):
        return person_of.get(trip_id, car_of.get(duty_id))

    service = {trip.id: trip.service_s for trip in problem.trips}
    stops = defaultdict(list)
    for row in plan.trips:
        free_s = row.pickup_s + service[row.trip_id]
        stops[key(row.trip_id, row.duty_id)].append((row.pickup_s, free_s))
    for duty in problem.duties:
        for one in duty.commitments:
            stops[key(one.trip_id, duty.id)].append((one.pickup_s, one.free_s))
    stops.pop(None, None)
    return sum(
        start < other_end and other_start < end
        for times in stops.values()
        for (start, end), (other_start, other_end) in combinations(times, 2)
    )


def wrongs(first, last):
    """Return (people, cars, return trips too early, faults of the checker) of these days."""
    people = cars = early = faults = 0
    for seed in range(first, last):
        problem, car_of, rows = random_day(random.Random(seed))
        engine = {"engine": "search", "iterations": 20, "threads": 1} if seed % 4 == 0 else {}
        plan = solve(problem, **{"engine": "greedy"} | engine)
        people += doubles(problem, plan, {i: row.person for i, row in rows.items()}, {})
        cars += doubles(problem, plan, {}, car_of)
        faults += len(check(problem, plan))
        pickup = {row.trip_id: (row.pickup_s, row.dropoff_s) for row in plan.trips}
        for duty in problem.duties:
            pickup |= {c.trip_id: (c.pickup_s, c.free_s) for c in duty.commitments}
        free = {trip.id for trip in problem.trips}
        early += sum(
            i in free and row.return_of_id in pickup and i in pickup
            and pickup[i][0] < pickup[row.return_of_id][1]
            for i, row in rows.items()
        )  # fmt: skip
    return people, cars, early, faults


@pytest.mark.slow
def test_in_2000_random_days_no_person_and_no_car_is_in_two_places():
    assert wrongs(0, MANY) == (0, 0, 0, 0)


@pytest.mark.slow
def test_without_the_guard_people_are_in_two_places_and_the_checker_says_so():
    def nothing(trips, _rows, _fixed):
        return Apart(tuple(trips))

    with mock.patch.object(pairs, "keep_apart", nothing):
        people, cars, early, faults = wrongs(0, 400)
    assert people > 10
    assert faults > 10
    assert early > 0
    assert cars == 0


def test_windows_of_a_day_without_such_pairs_are_the_very_same():
    trips = [make_trip(i, "08:00", person=i) for i in range(1, 5)]
    rows = {i: BookingRow(**EMPTY | {"id": i, "client_id": i, "priority": 0}) for i in range(1, 5)}
    assert keep_apart(trips, rows, {}) == Apart(tuple(trips))
