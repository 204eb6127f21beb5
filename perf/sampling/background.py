"""Sample work that is no request: a block, a function, the tasks of Celery, whole commands.

    with sampled("nightly import"):
        ...

    @sampled("nightly import")
    def run(): ...

The commands of manage.py that are such work are named in `PERF["COMMANDS"]`.
"""

import atexit
import sys
from contextlib import ContextDecorator
from random import random

from perf.sampling.buffer import buffer
from perf.sampling.options import read_options
from perf.sampling.sample import Sampling


class sampled(ContextDecorator):  # noqa: N801 - reads as a word where it is used
    """Sample the block, in `PERF["SAMPLE_WORK"]` of all times, under this name."""

    def __init__(self, name: str):
        self.name = name[:200]
        self._sampling: Sampling | None = None

    def __enter__(self):
        if random() < read_options().sample_work:
            self._sampling = Sampling(lambda: self.name)
            self._sampling.__enter__()

    def __exit__(self, *raised):
        if self._sampling is not None:
            self._sampling.__exit__(*raised)

    def _recreate_cm(self):  # of a decorated function: one for each call
        return type(self)(self.name)


def follow_command():
    """Sample this process from here to its end, if it runs one of `PERF["COMMANDS"]`."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in read_options().commands:
        process = sampled(f"command {name}")
        process.__enter__()
        buffer.start()
        atexit.register(process.__exit__)


_tasks: dict[str, sampled] = {}


def follow_celery():
    """Sample the tasks of this process's Celery, by their names; where there is no Celery, none."""
    try:
        from celery import signals  # optional
    except ImportError:
        return
    signals.task_prerun.connect(_task_begins, dispatch_uid="perf.sampling")
    signals.task_postrun.connect(_task_ends, dispatch_uid="perf.sampling")
    # A worker's process ends without Python's own way out.
    signals.worker_process_shutdown.connect(_process_ends, dispatch_uid="perf.sampling")


def _task_begins(task_id, task, **kwargs):
    _tasks[task_id] = sampled(f"task {task.name}")
    _tasks[task_id].__enter__()


def _task_ends(task_id, **kwargs):
    begun = _tasks.pop(task_id, None)
    if begun is not None:
        begun.__exit__(None, None, None)


def _process_ends(**kwargs):
    buffer.stop()
