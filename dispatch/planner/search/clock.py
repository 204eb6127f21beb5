"""The clock of one search: it starts with it, and every phase looks at the same one.

Units: seconds of a monotonic clock.
"""

import time
from dataclasses import dataclass, replace
from math import inf
from typing import Self


@dataclass(frozen=True, slots=True)
class Clock:
    """A time limit, counted from a moment of the monotonic clock."""

    began: float
    limit_s: float = inf

    @classmethod
    def start(cls, limit_s: float) -> Self:
        return cls(time.monotonic(), limit_s)

    def left_s(self) -> float:
        return self.began + self.limit_s - time.monotonic()

    def is_over(self) -> bool:
        return self.left_s() <= 0

    def first(self, share: float) -> Self:
        """Return a clock that ends after this share of the limit."""
        return replace(self, limit_s=self.limit_s * share)

    def later(self, seconds: float) -> Self:
        """Return a clock that has started so much later."""
        return replace(self, began=self.began + seconds)

    def sooner(self, seconds: float) -> Self:
        """Return a clock that ends so much earlier."""
        return replace(self, limit_s=max(0.0, self.limit_s - seconds))


ENDLESS = Clock(0.0)
