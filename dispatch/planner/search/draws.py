"""Random numbers in kernels: from a state that every search thread has for itself."""

import numpy as np
import numpy.typing as npt

from dispatch.planner.search.compiled import kernel

RandomState = npt.NDArray[np.uint64]  # (1,), not 0


@kernel(forceinline=True)
def random_share(rng: RandomState) -> float:
    """Return a random number in [0, 1): xorshift64*, Vigna 2016, doi:10.1145/2845077."""
    x = rng[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    rng[0] = x
    high = (x * np.uint64(2685821657736338717)) >> np.uint64(11)
    return float(high * (1.0 / 9007199254740992.0))


@kernel(forceinline=True)
def random_below(rng: RandomState, bound: float) -> int:
    """Return a random whole number in [0, bound)."""
    return int(random_share(rng) * bound)
