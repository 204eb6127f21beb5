"""The parameters of the search: of ruin and recreate, and of its annealing."""

from typing import NamedTuple


class SearchParams(NamedTuple):
    """Parameters of the search, with the paper's symbols in brackets."""

    removed: float = 10.0  # average number of trips removed by a ruin (c-bar)
    longest: float = 10.0  # longest string removed from one route (L-max)
    split: float = 0.5  # chance of a string that preserves some trips inside it (alpha)
    grow: float = 0.01  # chance to stop extending the preserved trips (beta)
    blink: float = 0.01  # chance to skip a route (gamma)
    from_absent: float = 0.2  # chance to start a ruin near an absent trip


class Annealing(NamedTuple):
    """The cooling schedule of one call: the temperature falls geometrically."""

    iterations: int
    hot: float  # temperature before the first iteration, in seconds of the objective
    cold: float  # temperature in the last iteration
