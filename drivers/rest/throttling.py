"""Limit the requests of each caller per period, counted in the cache shared by all workers.

Two counters, of this period and the previous one, form a sliding window. Incrementing a counter
is atomic in every cache (CACHE_URL) except the one in memory, so that concurrent workers do not
exceed the limit.

A cache that fails stops no request: requests pass uncounted until it answers again.
"""

import ipaddress
import logging
import math
import time
from dataclasses import dataclass
from typing import NamedTuple

from rest_framework.throttling import SimpleRateThrottle

from drivers.rest.access import caller_id

logger = logging.getLogger(__name__)
RESTS_S = 5  # before a cache that failed is asked again
SAID_EVERY_S = 60


class CacheSilent(Exception):
    """The cache could not count, in time or at all."""


class Rate(NamedTuple):
    """What a caller may do, what is left of it, and the seconds until a new period begins."""

    limit: int
    remaining: int
    reset_s: int
    period_s: int


@dataclass
class Outage:
    """Whether the cache fails: it is logged once a minute, and asked every `RESTS_S` seconds."""

    until_s: float = 0
    is_known: bool = False
    said_s: float = 0

    def ask(self, call, now_s=time.monotonic):
        """Return what `call` does, or None while the cache fails."""
        if now_s() < self.until_s:
            return None
        try:
            answer = call()
        except Exception as error:  # noqa: BLE001 - cache backends share no exception for a cache that fails
            self.until_s = now_s() + RESTS_S
            if not self.is_known or now_s() - self.said_s >= SAID_EVERY_S:
                self.is_known = True
                self.said_s = now_s()
                logger.error("The cache fails (%s); requests pass uncounted.", error)
            return None
        if self.is_known:
            self.is_known = False
            logger.warning("The cache answers again; requests are counted.")
        return answer


OUTAGE = Outage()


def network_of(ident):
    """Return an address as it is counted: of IPv6 its /64 network, as who has one has them all.

    None for what is no address, as behind a socket without a proxy.
    """
    try:
        address = ipaddress.ip_address(ident or "")
    except ValueError:
        return None
    if address.version == 6:
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False).network_address)
    return str(address)


class CallerThrottle(SimpleRateThrottle):
    """Count requests by token, by user of a session, or by address if anonymous.

    Rejected requests are not counted. What is answered 401 or 403 counts for the address
    (`note_refused`), and an address that is over the limit is not asked who it is.
    """

    duration: int  # both are set by the base class
    num_requests: int

    scope = "caller"
    free_s = None

    def get_ident(self, request):
        ident = super().get_ident(request)
        return network_of(ident) or ident

    def get_cache_key(self, request, view):
        return self._key(caller_id(request) or self.get_ident(request))

    def _key(self, ident):
        return self.cache_format % {"scope": self.scope, "ident": ident}

    def allow_request(self, request, view):
        counted = OUTAGE.ask(lambda: self._count(self.get_cache_key(request, view)))
        if counted is None:
            return True
        before, here, into_s = counted
        self.free_s = self._wait(before, here, into_s)
        # On Django's request, where ApiMiddleware finds it.
        getattr(request, "_request", request).rate = self._rate(before, here, into_s)
        return self.free_s is None

    def address_rate(self, request):
        """Return the rate of the address without counting, and the seconds it has to wait.

        (None, None) while the cache fails.
        """
        key = self._key(self.get_ident(request))
        seen = OUTAGE.ask(lambda: self._look(key))
        if seen is None:
            return None, None
        before, here, into_s = seen
        return self._rate(before, here, into_s), self._wait(before, here + 1, into_s)

    def note_refused(self, request):
        """Count one for the address."""
        counter, _earlier, _into_s = self._window(self._key(self.get_ident(request)))
        OUTAGE.ask(lambda: self._add(counter))

    def _window(self, key):
        """Return the names of the counters of this period and the one before, and its age."""
        number, into_s = divmod(self.timer(), self.duration)
        return f"{key}.{int(number)}", f"{key}.{int(number) - 1}", into_s

    def _add(self, counter):
        self.cache.add(counter, 0, timeout=2 * self.duration)
        try:
            here = self.cache.incr(counter)
        except ValueError:  # the cache was emptied at this very moment
            return 1
        if here is None:
            raise CacheSilent("it is too slow")
        return here

    def _look(self, key):
        counter, earlier, into_s = self._window(key)
        found = self.cache.get_many([counter, earlier])
        return found.get(earlier, 0), found.get(counter, 0), into_s

    def _count(self, key):
        """Return (requests of the period before, of this one with this request, its age)."""
        counter, earlier, into_s = self._window(key)
        here = self._add(counter)
        before = self.cache.get(earlier, 0)
        if self._wait(before, here, into_s) is not None:
            self.cache.decr(counter)
        return before, here, into_s

    def _rate(self, before, here, into_s):
        used = before * (1 - into_s / self.duration) + here
        left = max(0, math.floor(self.num_requests - used))
        reset_s = math.ceil(self.duration - into_s)
        return Rate(self.num_requests, left, reset_s, int(self.duration))

    def _wait(self, before, here, into_s):
        """Return the seconds until one more fits, or None if this one does."""
        left = 1 - into_s / self.duration
        if before * left + here <= self.num_requests:
            return None
        rest_s = self.duration * left
        room = self.num_requests - here
        if room < 0 or not before:
            return math.ceil(rest_s)
        return math.ceil(rest_s - self.duration * room / before)

    def wait(self):
        return self.free_s
