"""Where one driver hands a vehicle over to the next: the shift before ends there, this one begins.

A vehicle that two drivers have one after the other, in shifts that were read together, is handed
over between the two, at the vehicle's own place or at the depot. All other shifts begin and end at
home. No query.
"""

from collections.abc import Iterable
from itertools import pairwise
from operator import itemgetter

# (vehicle, start, shift, driver); any values of which those of one kind can be compared
Turn = tuple[int, object, int, int]


def handed_over(turns: Iterable[Turn]) -> tuple[set[int], set[int]]:
    """Return the shifts that take a vehicle over from another driver, and those that hand it on."""
    taken, handed = set(), set()
    in_order = sorted(turns, key=itemgetter(0, 1, 2))
    for (car, _at, before, first), (next_car, _next_at, after, second) in pairwise(in_order):
        if car == next_car and first != second:
            taken.add(after)
            handed.add(before)
    return taken, handed
