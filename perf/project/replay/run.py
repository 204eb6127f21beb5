"""Replay days: copy, plan, drive, count, take back."""

from datetime import timedelta

import numpy as np

from bookings.models import Booking, Status
from dispatch.day.travel_times import travel_times
from dispatch.runs.options import RunOptions
from dispatch.runs.run import run_dispatch
from dispatch.traffic.estimate import Rides, estimate
from drivers.fleet.traffic import set_traffic
from drivers.models import TrafficVersion
from perf.measuring.taken_back import taken_back
from perf.project.replay.copy import copied_day
from perf.project.replay.drive import ACTOR, Streets
from perf.project.replay.figures import booked, count_day
from perf.project.replay.noise import Noise
from perf.project.replay.office import Office

ITERATIONS = 8_000
EVENING = timedelta(hours=6)  # before the day: when it is planned
LEARNED_FROM = 20  # days of the same trips in other traffic
OTHER_SEEDS = 1_000_000


def replay(company, day, seeds, ways, *, every_min, learned_traffic):
    """Yield (seed, {way: (figures, followed)}); `ways` are what the office follows.

    The plan, and what goes wrong, are the same for all ways of one seed.
    """
    with copied_day(company, day) as (scratch, copy):
        for seed in seeds:
            noise = Noise(seed)
            with scratch.cloned() as clone, clone.used():
                _plan(copy, day, noise, learned_traffic)
                yield (
                    seed,
                    {follows: _drive(copy, day, noise, follows, every_min) for follows in ways},
                )


def _plan(company, day, noise, learned_traffic):
    """Plan the day the evening before, without the trips that are booked during it."""
    start_at = company.day_bounds(day)[0]
    rows = Booking.objects.on(company, day)
    later = [i for i in rows.values_list("id", flat=True) if noise.trip(i).booked_min is not None]
    rows.filter(id__in=later).update(status=Status.PENDING)
    if learned_traffic:
        factors = learned(company, day, noise.seed)
        how = {"now": start_at - EVENING, "actor": ACTOR, "learned": {}}
        set_traffic(company, factors, TrafficVersion.Source.LEARNED, **how)
        company.refresh_from_db()
    options = RunOptions(iterations=ITERATIONS, seed=noise.seed)
    run_dispatch(company, day, now=start_at - EVENING, actor=ACTOR, options=options)


def _drive(company, day, noise, follows, every_min):
    with taken_back():
        promised = booked(company, day)
        streets = Streets.of(company, day, noise)
        office = Office(follows, every_min)
        streets.run(office.look)
        return count_day(company, promised, streets.arrived), office.followed


def learned(company, day, seed):
    """Return the factors that the product learns from days of the same trips in other traffic."""
    rows = list(Booking.objects.on(company, day).order_by("id"))
    free_s = travel_times(company).legs(
        [(row.pickup_lat, row.pickup_lon) for row in rows],
        [(row.dropoff_lat, row.dropoff_lon) for row in rows],
    )[0]
    hours = np.array([company.local(row.scheduled_time).hour for row in rows])
    drove = []
    for number in range(LEARNED_FROM):
        noise = Noise(OTHER_SEEDS + LEARNED_FROM * seed + number)
        by_chance = np.array([noise.trip(row.id).ride for row in rows])
        drove.append(free_s * np.array(noise.hours)[hours] * by_chance)
    many = len(rows) * LEARNED_FROM
    rides = Rides(
        np.full(many, day.weekday()),
        np.tile(hours, LEARNED_FROM),
        np.tile(free_s.astype(float), LEARNED_FROM),
        np.concatenate(drove),
    )
    return estimate(rides).factors.tolist()
