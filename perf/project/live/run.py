"""A live day on a server and a scratch database of its own, from which nothing is left."""

import asyncio
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from bookings.models import Event
from drivers.models import Driver
from perf.measuring.scratch import scratch_database
from perf.project.live.client import live
from perf.project.live.company import make_live
from perf.project.live.people import People
from perf.project.live.processor import database_server, processes, processor_s
from perf.project.live.result import LiveDay, lost_positions, seen_after
from perf.project.load.server import running_server

THREADS = 8  # of a process, as in deploy/gunicorn.conf.py


class Used:
    """The seconds of a processor that server, database and this process use between two moments."""

    def __init__(self, server, database):
        self.server, self.database = server, database
        self.began_at = None
        self.before = self.after = (None, None, 0.0)

    def begin(self):
        self.began_at = datetime.now(UTC)
        self.before = self._read()

    def end(self):
        self.after = self._read()

    def seconds(self):
        return tuple(
            None if before is None or after is None else after - before
            for before, after in zip(self.before, self.after, strict=True)
        )

    def _read(self):
        found = processes()
        roots = (self.server, self.database)
        return (*(root and processor_s(root, found) for root in roots), time.process_time())


def live_day(people: People, *, bookings, seconds, workers, cache, seed, now) -> LiveDay:
    """Write a day, serve it, let everybody work, and count what stands. Raises ServerDied.

    Without a `cache` the processes of the server share one in files.
    """
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_database())
        made = make_live(people, bookings=bookings, now=now, seed=seed)
        if not cache:
            folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            cache = f"file://{Path(folder) / 'cache'}"
        server = stack.enter_context(
            running_server(scratch.settings, workers=workers, threads=THREADS, cache=cache)
        )
        used = Used(server.process.pid, database_server())
        boards, others, samples = asyncio.run(
            live(
                server.url,
                made,
                people.schedule(seconds=seconds, seed=seed),
                seconds=seconds,
                seed=seed,
                began=used.begin,
                ended=used.end,
            )
        )
        changes = list(
            Event.objects.filter(company=made.company, at__gte=used.began_at)
            .order_by("id")
            .values_list("id", "at")
        )
        seen_s, never = seen_after(changes, [board.looks for board in boards])
        rows = {
            pk: (at, lat, lon)
            for pk, at, lat, lon in Driver.objects.values_list(
                "id", "last_position_at", "last_lat", "last_lon"
            )
        }
        server_s, database_s, client_s = used.seconds()
        return LiveDay(
            people,
            bookings,
            seconds,
            tuple(samples),
            tuple(seen_s),
            never,
            len(changes),
            len(others.answered),
            tuple(lost_positions(others.answered, rows)),
            server_s,
            database_s,
            client_s,
            server.said(),
        )
