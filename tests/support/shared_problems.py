"""Draw small days whose vehicles are shared, from a generator of random numbers."""

from dataclasses import replace

from dispatch.planner.problem import (
    Break,
    Car,
    Commitment,
    Costs,
    Duty,
    Priority,
    Sharing,
    Standing,
    Trip,
)
from dispatch.planner.travel import GreatCircle
from tests.support.problems import QUARTER, ROAD, at, make_driver, make_problem

LAYOUTS = ((), (), ((4, 0), (2, 1)), ((6, 0), (3, 1), (0, 2)))


class _Draw:
    """One day in the making: `line` lies on the straight road, else on a grid of streets."""

    def __init__(self, rng):
        self.rng = rng
        self.line = rng.random() < 0.5
        self.road = ROAD if self.line else GreatCircle(30, 1.35)
        self.traffic = [1.0] if rng.random() < 0.5 else [1.0, 1.0, 1.5, 0.75]
        self.next_commitment = 900

    def place(self):
        if self.line:
            return at(self.rng.randint(0, 12))
        return (46.2 + self.rng.randint(0, 4) * 0.02, 6.1 + self.rng.randint(0, 4) * 0.03)

    def factor(self):
        return self.rng.choice(self.traffic)

    def drive_s(self, start, end, factor):
        return round(self.road.leg(start, end)[0] * factor)

    def driver(self, driver_id):
        rng = self.rng
        layouts = rng.choice(LAYOUTS)
        places = {"seats": rng.choice([4, 2, 6]), "wheelchair_places": rng.choice([0, 1, 2])}
        if layouts:
            places = {
                "seats": max(seats for seats, _ in layouts),
                "wheelchair_places": max(wheelchairs for _, wheelchairs in layouts),
                "layouts": layouts,
            }
        return make_driver(
            driver_id,
            capacity=rng.choice([3, 6, 14]),
            load=rng.choice([0, 0, 2]),
            emergency=rng.random() < 0.2,
            **places,
        )

    def duty(self, duty_id, driver_id, start_s):
        rng = self.rng
        end_s = start_s + rng.randint(8, 30) * QUARTER
        home, back, begins = self.place(), self.place(), self.factor()
        commitments, now_s, here, factor = [], start_s, home, begins
        for _ in range(rng.choice([0, 0, 1, 2, 3])):
            fixed = self.commitment(now_s, here, factor)
            if fixed.pickup_s >= end_s:
                break
            commitments.append(fixed)
            now_s, here, factor = fixed.free_s, fixed.dropoff, fixed.onward_factor
            if rng.random() < 0.3:  # the next one boards before this one is out
                now_s, here = fixed.pickup_s + fixed.boarding_s, fixed.pickup
                factor = fixed.ride_factor
        rest = None
        if rng.random() < 0.5:
            earliest_s, length_s = start_s + rng.randint(0, 12) * QUARTER, rng.choice([900, 1800])
            rest = Break(length_s, earliest_s, earliest_s + length_s + rng.randint(0, 10) * QUARTER)
        car = None
        if rng.random() < 0.2:
            car = Car(5, 1, layouts=rng.choice([(), ((5, 0), (2, 1))]))
        commitments.sort(key=lambda fixed: fixed.pickup_s)
        fixed = tuple(commitments)
        return Duty(duty_id, driver_id, start_s, end_s, home, back, rest, fixed, car, begins)

    def commitment(self, now_s, here, factor):
        rng = self.rng
        start, end, ride = self.place(), self.place(), self.factor()
        boarding_s, alighting_s = rng.choice([0, 60, 180]), rng.choice([0, 60])
        pickup_s = now_s + self.drive_s(here, start, factor) + rng.randint(0, 5) * 300
        arrive_s = pickup_s + boarding_s + self.drive_s(start, end, ride)
        arrive_s += rng.choice([0, 0, 300, 900])
        self.next_commitment += 1
        return Commitment(
            self.next_commitment,
            f"C{self.next_commitment}",
            pickup_s,
            arrive_s + alighting_s,
            start,
            end,
            boarding_s=boarding_s,
            alighting_s=alighting_s,
            seats=rng.choice([0, 1, 1, 2]),
            wheelchairs=rng.choice([0, 0, 1]),
            may_share=rng.random() < 0.7,
            latest_dropoff_s=rng.choice([None, None, arrive_s, arrive_s + 300, arrive_s + 900]),
            ride_factor=ride,
            onward_factor=self.factor(),
            person=rng.choice([None, rng.randint(1, 6)]),
        )

    def trip(self, trip_id, drivers):
        rng = self.rng
        start, end, ride = self.place(), self.place(), self.factor()
        ride_s = self.drive_s(start, end, ride)
        wanted_s = rng.randint(26, 44) * QUARTER
        return Trip(
            id=trip_id,
            reference=f"B{trip_id}",
            pickup=start,
            dropoff=end,
            wanted_s=wanted_s,
            earliest_s=wanted_s - rng.choice([0, 600]),
            latest_s=wanted_s + rng.choice([0, 900, 1800]),
            ride_s=ride_s,
            priority=rng.choice([Priority.NORMAL, *Priority]),
            arrive_by_s=wanted_s + ride_s + rng.randint(0, 8) * 300 if rng.random() < 0.3 else None,
            margin_s=rng.choice([0, 300]),
            boarding_s=rng.choice([0, 60, 180]),
            alighting_s=rng.choice([0, 60, 300]),
            seats=rng.choice([0, 1, 1, 1, 2]),
            wheelchairs=rng.choice([0, 0, 0, 1]),
            forbidden=frozenset([rng.randint(1, drivers)] if rng.random() < 0.1 else []),
            standing=Standing(rng.randint(1, drivers), wanted_s) if rng.random() < 0.2 else None,
            person=rng.choice([None, 100 + trip_id]),
            ride_factor=ride,
            onward_factor=self.factor(),
            may_share=rng.random() < 0.85,
            max_ride_s=None if rng.random() < 0.7 else rng.choice([0, 600, 1200]),
            apart_from=frozenset([100 + rng.randint(1, 12)] if rng.random() < 0.2 else []),
        )


def draw_shared(rng, most_drivers=4, most_trips=13):
    """Draw a problem: split duties, vehicle changes, layouts, breaks, locked and shared trips."""
    draw = _Draw(rng)
    drivers, duties = [], []
    for driver_id in range(1, rng.randint(1, most_drivers) + 1):
        drivers.append(draw.driver(driver_id))
        start_s = rng.randint(24, 30) * QUARTER
        for _ in range(rng.choice([1, 1, 2])):
            duty = draw.duty(len(duties) + 1, driver_id, start_s)
            duties.append(duty)
            busy_s = max([duty.end_s, *(fixed.free_s for fixed in duty.commitments)])
            start_s = busy_s + rng.randint(0, 4) * QUARTER
    trips = [draw.trip(i, len(drivers)) for i in range(1, rng.randint(1, most_trips) + 1)]
    sharing = Sharing(
        factor=rng.choice([None, 1.0, 1.5, 2.0]),
        added_s=rng.choice([None, 300, 900]),
        longest_s=rng.choice([None, None, 1800]),
        percent=rng.choice([0, 10, 100]),
    )
    costs = Costs(move_s=rng.choice([0, 300, None]), fairness=rng.choice([0, 10]))
    problem = make_problem(trips, drivers, duties, travel=draw.road, costs=costs)
    return replace(problem, sharing=sharing)
