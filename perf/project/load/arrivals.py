"""When requests arrive: a schedule made beforehand, which no slow answer can delay.

Open model: people do not wait for each other's pages. A tool whose users wait for their
answer before they ask again (a closed model) asks less the slower the server gets, and leaves
out just the worst times: coordinated omission (Schroeder, Wierman and Harchol-Balter, Open
Versus Closed, NSDI 2006).

Pure: the same seed gives the same schedule. Seconds from the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

MOST = 100_000  # arrivals of one schedule


@dataclass(frozen=True, slots=True)
class Arrival:
    number: int
    at_s: float
    door: str


def schedule(doors: Sequence[tuple[str, int]], *, rate, seconds, seed) -> list[Arrival]:
    """Return Poisson arrivals at `rate` a second in [0, seconds), at doors by their weights."""
    if rate * seconds > MOST:
        raise ValueError(f"{rate:g} a second for {seconds:g} s are more than {MOST} requests.")
    random = Random(seed)
    names, weights = zip(*doors, strict=True)
    arrivals = []
    at_s = random.expovariate(rate)
    while at_s < seconds and len(arrivals) < MOST:
        door = random.choices(names, weights)[0]
        arrivals.append(Arrival(len(arrivals), at_s, door))
        at_s += random.expovariate(rate)
    return arrivals
