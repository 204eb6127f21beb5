"""Without a broker: at most as many planning processes on this machine as it has processors.

A slot is a locked file. The system frees it when its process ends, however that ends.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

logger = logging.getLogger(__name__)


def slots() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def slot() -> Iterator[bool]:
    """Hold a slot while the block runs; yield whether there was one."""
    folder = settings.PLANNING_SLOTS
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        logger.error("Planning processes are not limited: %s", error)
        yield True
        return
    for number in range(slots()):
        with (folder / str(number)).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield True
            return
    yield False
