"""What is learned of a company whose traffic is known: how near it comes, and what that is worth.

Four weeks of a simulated company, from a seed; a ride takes its free time, times the true factor of
its hour, times chance. The numbers stand in docs/roads.md.
"""

from datetime import timedelta

import numpy as np
import pytest
from django.core.management import call_command

from bookings.models import Actor, Booking, Door
from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.day.traffic import factor_at
from dispatch.day.travel_times import travel_times
from dispatch.models import Assignment
from dispatch.planner.solve import solve
from dispatch.traffic.estimate import Rides, estimate
from dispatch.traffic.learn import learn_traffic
from drivers.fleet.traffic import TrafficRefused
from drivers.models import Company, TrafficVersion
from tests.support import builders as make

ACTOR = Actor(Door.COMMAND, name="test")
WEEKDAY = [1.0] * 6 + [1.1, 1.45, 1.5, 1.25, 1.15, 1.1, 1.15, 1.1, 1.1, 1.2, 1.35, 1.6, 1.4]
WEEKDAY += [1.15, 1.05, 1.0, 1.0, 1.0]
FRIDAY = [factor * 1.12 if 14 <= hour < 18 else factor for hour, factor in enumerate(WEEKDAY)]
SATURDAY = [1.0] * 10 + [1.15] * 6 + [1.05] * 8
TRUTH = np.array([WEEKDAY] * 4 + [FRIDAY, SATURDAY, [1.0] * 24])
CHANCE = 0.12  # of a ride, standard deviation
WEEKS = 4


def hours_of(random, count):
    """Return hours as people are driven: most in the morning and in the afternoon."""
    peak = np.where(random.random(count) < 0.5, 9.0, 15.5)
    return np.clip(np.rint(random.normal(peak, 2)), 6, 20).astype(int)


def rides_of(per_day, seed):
    """Return the rides of four weeks; two in a hundred are reported as they were not."""
    random = np.random.default_rng(seed)
    weekday = np.repeat(np.arange(7), WEEKS * per_day)
    weekday = weekday[(weekday < 5) | (random.random(len(weekday)) < 0.4)]
    count = len(weekday)
    hour = hours_of(random, count)
    free_s = random.uniform(300, 1800, count)
    drove_s = free_s * TRUTH[weekday, hour] * random.lognormal(0, CHANCE, count)
    drove_s = np.maximum(drove_s + random.uniform(-30, 30, count), 0)
    wrong = random.random(count) < 0.02
    drove_s[wrong] *= random.choice([0.1, 3], wrong.sum())
    return Rides(weekday, hour, free_s, drove_s)


@pytest.mark.parametrize(
    ("per_day", "off", "near"), [(60, 0.03, 0.75), (120, 0.023, 0.85), (250, 0.017, 0.92)]
)
def test_four_weeks_come_within_five_percent(per_day, off, near):
    """`off` on average of the rides, `near` of the hours with rides within 5 %."""
    for seed in range(5):
        found = estimate(rides_of(per_day, seed))
        error = np.abs(found.factors / TRUTH - 1)
        assert np.average(error, weights=found.counts) < off
        assert (error[found.counts > 0] < 0.05).mean() > near
        assert error[found.counts >= 40].max(initial=0) < 0.075


def test_the_truth_lies_in_the_interval():
    inside = []
    for seed in range(10):
        found = estimate(rides_of(120, seed))
        driven = found.counts > 0
        inside.append((np.abs(found.factors - TRUTH) <= found.within)[driven].mean())
    assert 0.9 < np.mean(inside) <= 1


def constant(factor, count=200, hour=8, weekday=0):
    free_s = np.linspace(300, 900, count)
    return Rides(np.full(count, weekday), np.full(count, hour), free_s, free_s * factor)


def joined(*rides):
    return Rides(*(np.concatenate(values) for values in zip(*rides, strict=True)))


def test_rides_that_all_take_as_long_give_that_factor():
    found = estimate(joined(constant(1.5), constant(1.1, hour=12)))
    assert found.factors[0, 8] == 1.5
    assert found.factors[0, 12] == 1.1
    assert found.within[0, 8] < 0.01


def test_one_ride_hardly_moves_what_hundreds_say():
    random = np.random.default_rng(1)
    many = constant(1.2, 600)
    many = many._replace(
        weekday=np.arange(600) % 5,
        hour=6 + np.arange(600) % 12,
        drove_s=many.drove_s * random.lognormal(0, 0.1, 600),
    )
    alone = constant(1.6, 1, weekday=5, hour=8)
    found = estimate(joined(many, alone))
    assert abs(found.factors[5, 8] - 1.2) < 0.05
    assert found.within[5, 8] > found.within[0, 8]


def test_an_hour_without_rides_is_the_mean_and_says_how_little_that_is():
    found = estimate(joined(constant(1.5), constant(1.1, hour=12)))
    assert 1.1 < found.factors[6, 3] < 1.5
    assert found.within[6, 3] > 0.2
    assert found.counts[6, 3] == 0


def test_what_was_reported_wrong_is_left_out():
    good = constant(1.2, 300)
    wrong = constant(3.0, 10)
    at_once = good.only(np.arange(300) < 10)._replace(drove_s=np.zeros(10))
    short = constant(2.0, 10)._replace(free_s=np.full(10, 60.0))
    found = estimate(joined(good, wrong, at_once, short))
    assert found.left_out == 30
    assert found.factors[0, 8] == 1.2


@pytest.fixture
def company(db):
    return make.company(boarding_min=3, alighting_min=2)


def place(random):
    return (
        float(np.round(random.uniform(46.15, 46.26), 5)),
        float(np.round(random.uniform(6.05, 6.2), 5)),
    )


def a_booking(company, day, random, reference):
    lat, lon = place(random)
    to_lat, to_lon = place(random)
    hour, minute = hours_of(random, 1)[0], 5 * int(random.integers(0, 12))
    return Booking(
        company=company,
        reference=reference,
        pickup_address="A",
        pickup_lat=lat,
        pickup_lon=lon,
        dropoff_address="B",
        dropoff_lat=to_lat,
        dropoff_lon=to_lon,
        scheduled_time=make.at(f"{hour:02}:{minute:02}", day),
        status="completed",
    )


def drive_for_weeks(company, random, per_day=60):
    """Complete four weeks of trips before make.DAY, by the true traffic."""
    (driver,) = [make.driver(company)]
    bookings, rows = [], []
    for n in range(7 * WEEKS):
        day = make.DAY - timedelta(days=n + 1)
        bookings += [
            a_booking(company, day, random, f"{n}-{k}")
            for k in range(per_day if day.weekday() < 5 else per_day // 3)
        ]
    bookings = Booking.objects.bulk_create(bookings)
    travel = travel_times(company)
    for booking in bookings:
        local = company.local(booking.scheduled_time)
        free_s, _m = travel.leg(*ends(booking))
        drove_s = free_s * TRUTH[local.weekday(), local.hour] * random.lognormal(0, CHANCE)
        ends_at = booking.scheduled_time + timedelta(seconds=180 + round(drove_s))
        rows.append(
            Assignment(
                company=company,
                booking=booking,
                driver=driver,
                status="completed",
                sequence=0,
                planned_pickup_at=booking.scheduled_time,
                planned_dropoff_at=ends_at,
                actual_pickup_at=booking.scheduled_time,
                actual_dropoff_at=ends_at,
                created_at=make.NOW,
                updated_at=make.NOW,
            )
        )
    Assignment.objects.bulk_create(rows)
    return len(rows)


def ends(booking):
    return (booking.pickup_lat, booking.pickup_lon), (booking.dropoff_lat, booking.dropoff_lon)


def test_the_command_learns_and_plans_count_with_it(company, django_assert_num_queries):
    driven = drive_for_weeks(company, np.random.default_rng(3))
    with django_assert_num_queries(4 + 3 + 2):  # computed pickups, a transaction of its own
        learned = learn_traffic(company, now=make.NOW + timedelta(hours=12), actor=ACTOR)
    assert learned.rides + learned.found.left_out == driven
    stored = Company.objects.get()
    assert stored.traffic == TrafficVersion.objects.get().factors == learned.found.factors.tolist()
    error = np.abs(np.array(stored.traffic) / TRUTH - 1)
    assert np.average(error, weights=learned.found.counts) < 0.03
    assert f"{learned.rides} rides from 2026-05-20 to 2026-06-16" in learned.summary()


def test_a_dry_run_writes_nothing_and_few_rides_are_refused(company, capsys, monkeypatch):
    with pytest.raises(TrafficRefused, match="Only 0 completed rides since"):
        learn_traffic(company, now=make.NOW, actor=ACTOR)
    drive_for_weeks(company, np.random.default_rng(3), per_day=10)
    monkeypatch.setattr("django.utils.timezone.now", lambda: make.NOW + timedelta(hours=12))
    call_command("learn_traffic", company="geneva", dry_run=True)
    assert "rides from" in capsys.readouterr().out
    assert not TrafficVersion.objects.exists()
    assert Company.objects.get().traffic == []


def late_trips(problem, plan, company, day, random):
    """Drive a plan in the true traffic; return (trips late by more than a minute, trips)."""
    trips = {trip.id: trip for trip in problem.trips}
    late = 0
    for duty in problem.duties:
        now_s, place = duty.start_s, duty.start
        rows = sorted((r for r in plan.trips if r.duty_id == duty.id), key=lambda r: r.pickup_s)
        for row in rows:
            trip = trips[row.trip_id]
            now_s += drive_s(problem, place, trip.pickup, day, now_s, random)
            now_s = max(now_s, row.pickup_s)
            is_late = now_s > trip.latest_s + 60
            now_s += trip.boarding_s
            now_s += drive_s(problem, trip.pickup, trip.dropoff, day, now_s, random)
            late += is_late or (trip.arrive_by_s is not None and now_s > trip.arrive_by_s + 60)
            now_s, place = now_s + trip.alighting_s, trip.dropoff
    return late, len(plan.trips)


def drive_s(problem, origin, destination, day, now_s, random):
    local = day.company.local(day.moment(round(now_s)))
    factor = TRUTH[local.weekday(), local.hour] * random.lognormal(0, CHANCE)
    return problem.travel.leg(origin, destination)[0] * factor


@pytest.mark.slow
def test_plans_with_learned_traffic_are_late_less_than_half_as_often(company):
    random = np.random.default_rng(5)
    drive_for_weeks(company, random)
    days = [make.DAY + timedelta(days=n) for n in range(5)]
    for _n in range(9):
        driver = make.driver(company)
        for day in days:
            make.shift(driver, "05:30", "22:30", day=day)
    for day in days:
        rows = [a_booking(company, day, random, f"{day}-{k}") for k in range(90)]
        for row in rows:
            row.status = "accepted"
            if random.random() < 0.5:
                seconds = travel_times(company).leg(*ends(row))[0]
                row.appointment_at = row.scheduled_time + timedelta(seconds=2 * seconds + 900)
        Booking.objects.bulk_create(rows)

    def late():
        total = np.zeros(2, int)
        for day in days:
            loaded = load_problem(company, day, now=make.NOW, leeway=Leeway())
            plan = solve(loaded.problem, engine="search", iterations=300, threads=1)
            for seed in range(5):
                drawn = np.random.default_rng(seed)
                total += late_trips(loaded.problem, plan, company, loaded, drawn)
        return total

    without = late()
    learn_traffic(company, now=make.NOW + timedelta(hours=12), actor=ACTOR)
    assert factor_at(company, make.at("08:30")) == pytest.approx(1.5, rel=0.05)
    with_traffic = late()
    print("late of driven:", without, with_traffic)
    assert without[0] > 50
    assert with_traffic[0] / with_traffic[1] < without[0] / without[1] / 2
