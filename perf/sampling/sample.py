"""Record a request, or work in the background, that was chosen to be sampled.

What fails here is logged, and the request goes on. Nothing is looked into before it is over: the
recording goes into the buffer, whose thread does the rest.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter_ns

from django.utils import timezone

from perf.recording.record import Recording, begin, end
from perf.sampling.buffer import buffer

logger = logging.getLogger(__name__)
MOST = 10_000  # statements of one request; of more the rest is only counted


@dataclass(frozen=True, slots=True)
class Sample:
    """One recorded request of a door, or one run of work in the background."""

    door: str
    at: datetime
    ms: float
    recording: Recording


class Sampling:
    """A context manager around what is sampled; `door()` names it when it is over."""

    __slots__ = ("_door", "_recording", "_start")

    def __init__(self, door):
        self._door = door
        self._recording = None

    def __enter__(self):
        try:
            recording = Recording(forgiving=True, most=MOST)
            begin(recording)
            self._recording = recording
        except Exception:  # sampling never breaks the request, whatever fails in it
            logger.exception("A request could not be sampled.")
        self._start = perf_counter_ns()

    def __exit__(self, *raised):
        if self._recording is None:
            return
        ms = (perf_counter_ns() - self._start) / 1e6
        try:
            end(self._recording)
            buffer.add(Sample(self._door(), timezone.now(), ms, self._recording))
        except Exception:  # nor its answer
            logger.exception("A sample was lost.")
