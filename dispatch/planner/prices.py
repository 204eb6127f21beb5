"""What leaving a trip out costs, and moving one: prices that make the soft order an order.

Trips of a higher priority come first, then as many trips as possible, then what was promised,
then driving and the rest (`problem.Costs`). A weighted sum keeps such an order if every price is
larger than all that lies below it can add up to. So the prices follow from the problem: how many
trips of each priority there are, and how much its duties can drive at most, because a drive that
is longer than its duty is never made. The sum of all prices stays below MOST, so that it fits into
64 bits, but for the moves. Where it would not, a trip left out costs less than all driving of the
day, but still more than one trip can ever add: 10,000 trips, a third of them of each priority.

Units: seconds of empty driving.
"""

from collections import Counter
from dataclasses import dataclass
from math import prod

from dispatch.planner.problem import Costs, Priority, Problem, Trip

MOST = 1 << 62
# What the annealing counts for a trip left out: the temperatures are made for it.
ANNEALED_S = 10_000
# ... and how much more for each priority. The best plan is kept by the true prices.
ANNEALED_FACTORS = {Priority.NORMAL: 1, Priority.HIGH: 4, Priority.URGENT: 16}


@dataclass(frozen=True, slots=True)
class Prices:
    """`unserved` is the price of leaving out a trip of each priority, `annealed` the search's.

    `move_s` is the price of moving a trip to another driver than it stands with, `opened_s` that of
    a time that was told and cannot be kept: more than all driving that this could save.
    """

    unserved: dict[Priority, int]
    annealed: dict[Priority, int]
    move_s: int
    opened_s: int

    def of(self, trip: Trip) -> int:
        """Return the price of leaving the trip out; one that stands also leaves its driver."""
        return self.unserved[trip.priority] + (self.move_s if trip.standing else 0)


def prices_of(problem: Problem) -> Prices:
    """Return the prices of this problem. Raises ValueError if they do not fit into 64 bits."""
    costs = problem.costs
    least = driver_s(costs) + entry_s(problem)
    one = max((duty.end_s - duty.start_s for duty in problem.duties), default=0) + least
    one += longer_s(problem)
    move_s = one + 1 if costs.move_s is None else costs.move_s
    standing = sum(trip.standing is not None for trip in problem.trips)
    of_one = 2 * one + move_s  # what one trip can add at most, with what was promised
    total = of_one + sum(duty.end_s - duty.start_s for duty in problem.duties)
    total += len(problem.drivers) * driver_s(costs)
    total += len(problem.trips) * (entry_s(problem) + one + 1) + standing * move_s
    count = Counter(trip.priority for trip in problem.trips)
    normal = min(total + 1, MOST // prod(count[priority] + 1 for priority in Priority))
    if normal <= of_one:
        raise ValueError(f"A day of {len(problem.trips)} trips has prices beyond 64 bits.")
    high = normal * (count[Priority.NORMAL] + 1)
    urgent = high * (count[Priority.HIGH] + 1)
    annealed_s = max(ANNEALED_S, 2 * least) + (4 * move_s if costs.move_s is None else 0)
    return Prices(
        unserved={Priority.NORMAL: normal, Priority.HIGH: high, Priority.URGENT: urgent},
        annealed={priority: factor * annealed_s for priority, factor in ANNEALED_FACTORS.items()},
        move_s=move_s,
        opened_s=one + 1,
    )


def driver_s(costs: Costs) -> int:
    """Return the price of the dearest driver."""
    return max(costs.driver_s, costs.emergency_s)


def entry_s(problem: Problem) -> int:
    """Return the most that one more trip of a driver costs beside driving: wish and fairness."""
    most = max((driver.load + driver.capacity for driver in problem.drivers), default=0)
    return problem.costs.missed_preference_s + problem.costs.fairness * (2 * most + 1)


def longer_s(problem: Problem) -> int:
    """Return the most that one more trip costs by making all on board ride longer: a whole duty."""
    if problem.sharing is None:
        return 0
    places = (seats + wheelchairs for crew in problem.crews() for seats, wheelchairs in crew.places)
    duty_s = max((duty.end_s - duty.start_s for duty in problem.duties), default=0)
    return problem.sharing.percent * duty_s * (1 + max(places, default=0)) // 100
