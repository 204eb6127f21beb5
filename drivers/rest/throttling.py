"""Limit the requests of each caller per period, counted in the cache shared by all workers.

Two counters, of this period and the previous one, form a sliding window. Incrementing a counter
is atomic in every cache (CACHE_URL) except the one in memory, so that concurrent workers do not
exceed the limit.
"""

import math

from rest_framework.throttling import SimpleRateThrottle

from drivers.rest.access import caller_id


class CallerThrottle(SimpleRateThrottle):
    """Count requests by token, by user of a session, or by address if anonymous.

    Rejected requests are not counted.
    """

    scope = "caller"

    def get_cache_key(self, request, view):
        ident = caller_id(request) or self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}

    def allow_request(self, request, view):
        key = self.get_cache_key(request, view)
        window, self.into_s = divmod(self.timer(), self.duration)
        counter = f"{key}.{int(window)}"
        self.cache.add(counter, 0, timeout=2 * self.duration)
        try:
            here = self.cache.incr(counter)
        except ValueError:  # the cache was emptied at this very moment
            return True
        before = self.cache.get(f"{key}.{int(window) - 1}", 0)
        self.free_s = self._wait(before, here)
        if self.free_s is None:
            return True
        self.cache.decr(counter)
        return False

    def _wait(self, before, here):
        """Return the seconds until one more fits, or None if this one does."""
        left = 1 - self.into_s / self.duration
        if before * left + here <= self.num_requests:
            return None
        rest_s = self.duration * left
        room = self.num_requests - here
        if room < 0 or not before:
            return math.ceil(rest_s)
        return math.ceil(rest_s - self.duration * room / before)

    def wait(self):
        return self.free_s
