"""Samples on their way from the requests into the database: bounded, and off their path.

A request only puts its sample down. A thread of its own, with its own connection, adds them up
(`perf.sampling.totals`) and writes (`perf.sampling.store`) every few seconds, when there are many,
and when the process ends. Where it cannot keep up, samples are dropped and counted.
"""

import atexit
import logging
import os
import threading
from collections import deque

from django.db import connections

from perf.recording.lock_watch import LockWatch
from perf.recording.record import running_statements
from perf.sampling.options import read_options, release
from perf.sampling.store import write
from perf.sampling.totals import Totals

logger = logging.getLogger(__name__)
MOST = 1_000  # samples that wait


class Buffer:
    def __init__(self):
        self.reset()

    def reset(self):
        """Begin anew: also in a child, which has none of its parent's threads."""
        self._waiting: deque = deque()
        self._full = threading.Event()
        self._lock = threading.Lock()
        self._thread = None
        self._ends = False
        self._totals = None
        self.dropped = 0

    def add(self, sample):
        """Put a sample down, and start the thread if there is none, or it has died."""
        if len(self._waiting) >= MOST:
            self.dropped += 1
            return
        self._waiting.append(sample)
        if self._thread is None or not self._thread.is_alive():
            self.start()
        if len(self._waiting) >= read_options().flush_samples:
            self._full.set()

    def start(self):
        """Start the thread, if there is none: from 3.12 on too late when the process ends."""
        with self._lock:
            if not self._ends and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="perf.sampling", daemon=True)
                self._thread.start()

    def _run(self):
        while not self._ends:
            with LockWatch(running_statements):  # a new one each time: it gives up on errors
                self._full.wait(read_options().flush_s)
            self._full.clear()
            self.flush()
            connections.close_all()  # of this thread alone
        self.flush()  # what came while the last was written
        connections.close_all()

    def flush(self):
        """Add up what waits and write it. What fails is logged, and tried with the next."""
        with self._lock:
            try:
                if self._totals is None:
                    self._totals = Totals(read_options(), release())
                while self._waiting:
                    self._totals.add(self._waiting.popleft())
                if self.dropped:
                    logger.warning("%d samples were dropped: there are too many.", self.dropped)
                    self.dropped = 0
                write(self._totals)
            except Exception:  # any database error, or none: the thread goes on to the next write
                logger.exception("Samples could not be written.")

    def stop(self):
        """Write what is left; the process ends."""
        if self._thread is None:
            return
        self._ends = True
        self._full.set()
        self._thread.join(timeout=5)


buffer = Buffer()
atexit.register(buffer.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=buffer.reset)
