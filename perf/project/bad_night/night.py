"""The rounds of a bad night: companies plan, something happens, and it is counted what was lost.

In each round every second company runs its day and the others ask for previews, in the background;
half of them before it happens, half while it does. When all have ended, previews are applied, each
day is planned once more (it must be free), and the invariants are checked.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg2  # type: ignore[import-untyped]  # it comes without types
from django.db import DatabaseError, InterfaceError, connection
from django.urls import reverse

from dispatch.invariants.find import find_broken
from dispatch.models import DispatchRun, StoredPlan
from perf.project.bad_night.machines import WORKERS, Machines
from perf.project.bad_night.visitors import Seen, Visitors
from perf.project.doors.addresses import API_APPLY, API_RUNS

AWAY_S = 10.0
HALF_LATER_S = 2.0  # the other half ask while it happens
ENDS_WITHIN_S = (
    60  # after what happened is over; and by how much a round may be longer than a quiet one
)
GIVES_UP_S = 240
PHASE_WITHIN_S = 30
LONGEST_REQUEST_S = 5.0


class NotRehearsed(Exception):
    """What should have happened did not; the round proves nothing."""


@dataclass(frozen=True)
class Outcome:
    """What became of a round; `late_s` is from the end of what happened to that of the last run."""

    name: str
    asked: int
    accepted: int
    ended: Counter[str]
    begun_again: int
    late_s: float
    lost_previews: int
    busy_days: int
    slowest_s: float
    slowest: str
    answers: Counter[int]
    broken: dict[str, list[Any]]
    not_rehearsed: str  # why, or ""

    def faults(self, quiet_s: float) -> list[str]:
        """Return what must not be; `quiet_s` is how long a round takes in which nothing happens."""
        under_way = sum(self.ended[status] for status in DispatchRun.UNDER_WAY)
        return [
            text
            for is_wrong, text in (
                (self.not_rehearsed, f"not rehearsed: {self.not_rehearsed}"),
                (self.accepted < self.asked, f"{self.asked - self.accepted} never accepted"),
                (under_way, f"{under_way} never ended"),
                (self.ended["failed"], f"{self.ended['failed']} failed"),
                (self.late_s > quiet_s + ENDS_WITHIN_S, f"ended after {self.late_s:.0f} s"),
                (self.lost_previews, f"{self.lost_previews} previews lost"),
                (self.busy_days, f"{self.busy_days} days not free"),
                (
                    self.slowest_s > LONGEST_REQUEST_S,
                    f"{self.slowest} after {self.slowest_s:.1f} s",
                ),
                (self.broken, f"broken: {', '.join(self.broken)}"),
            )
            if is_wrong
        ]


class Night:
    def __init__(
        self, machines: Machines, visitors: Visitors, days: dict[str, date], search_s: int
    ) -> None:
        self.machines, self.visitors, self.days, self.search_s = machines, visitors, days, search_s

    def play(self, name: str, happen: Callable[["Night"], None], companies: int) -> Outcome:
        """Play one round with the first so many companies."""
        self.visitors.seen = Seen()
        slugs = list(self.days)[:companies]
        first_id = self.last_run()
        half = len(slugs) // 2
        with ThreadPoolExecutor(8) as pool, ThreadPoolExecutor(1) as fate:
            answers = list(pool.map(self._ask_for_plan, slugs[:half], range(half)))
            accident = fate.submit(self._let, happen)
            time.sleep(HALF_LATER_S)
            answers += pool.map(self._ask_for_plan, slugs[half:], range(half, len(slugs)))
        over_at = time.monotonic()
        accepted = [body["id"] for status, body in answers if status == 202]
        runs = self._wait(first_id, accepted)
        late_s = time.monotonic() - over_at
        previews = [slug for number, slug in enumerate(slugs) if number % 2]
        with ThreadPoolExecutor(4) as pool:
            lost = sum(pool.map(lambda slug: self._is_lost(slug, first_id), previews))
            busy = sum(pool.map(self._is_busy, slugs))
        seen = self.visitors.seen
        return Outcome(
            name,
            asked=len(slugs),
            accepted=len(accepted),
            ended=Counter(status for status, _attempts in runs),
            begun_again=sum(attempts > 1 for _status, attempts in runs),
            late_s=late_s,
            lost_previews=lost,
            busy_days=busy,
            slowest_s=seen.slowest_s,
            slowest=seen.slowest,
            answers=seen.answers,
            broken=find_broken(),
            not_rehearsed=accident.result(),
        )

    def _let(self, happen: Callable[["Night"], None]) -> str:
        """Let it happen; return why it did not, or ""."""
        try:
            happen(self)
        except NotRehearsed as why:
            return str(why)
        return ""

    def _ask_for_plan(self, slug: str, number: int) -> Any:
        body = {
            "day": self.days[slug].isoformat(),
            "background": True,
            "preview": bool(number % 2),
            "mode": "improve",
            "time_limit_s": self.search_s,
        }
        return self.visitors.insist(reverse(API_RUNS), slug, body)

    def last_run(self) -> int:
        return self.read(
            lambda: DispatchRun.objects.order_by("-id").values_list("id", flat=True).first() or 0
        )

    def _wait(self, first_id: int, accepted: list[int]) -> list[tuple[str, int]]:
        """Wait until no run is under way; return (status, attempts) of those that were accepted.

        The others were refused with 503, and asked for again.
        """
        ends = time.monotonic() + GIVES_UP_S
        rows = DispatchRun.objects.filter(id__gt=first_id)
        while time.monotonic() < ends and self.read(
            rows.filter(status__in=DispatchRun.UNDER_WAY).exists
        ):
            time.sleep(0.2)
        of_these = rows.filter(id__any_of=accepted).values_list("status", "attempts")
        return self.read(lambda: list(of_these.all()))

    def _is_lost(self, slug: str, first_id: int) -> bool:
        """Apply the company's preview of this round; say whether there is none."""
        runs = DispatchRun.objects.filter(id__gt=first_id, company__slug=slug)
        row = self.read(
            lambda: runs.filter(id__in=StoredPlan.objects.values("run")).order_by("-id").first()
        )
        if row is None:
            return True
        path = reverse(API_APPLY, args=[row.pk])
        status, _body = self.visitors.insist(path, slug, {}, is_over=lambda status: True)
        return status != 200

    def _is_busy(self, slug: str) -> bool:
        body = {"day": self.days[slug].isoformat(), "time_limit_s": 0, "mode": "place"}
        status, _body = self.visitors.ask("POST", reverse(API_RUNS), slug, body)
        return bool(status != 201)

    def read(self, query: Callable[[], Any]) -> Any:
        """Ask the database past the pooler, until it answers."""
        ends = time.monotonic() + GIVES_UP_S
        while True:
            try:
                return query()
            except (DatabaseError, InterfaceError):
                connection.close()
                if time.monotonic() > ends:
                    raise
                time.sleep(0.2)

    def wait_for_phase(self, phase: str) -> None:
        """Wait until some run is in the phase. Raises NotRehearsed where none is in time."""
        ends = time.monotonic() + PHASE_WITHIN_S
        rows = DispatchRun.objects.filter(status__in=DispatchRun.UNDER_WAY, progress__phase=phase)
        while not self.read(rows.exists):
            if time.monotonic() > ends:
                raise NotRehearsed(f"no run in the phase “{phase}” within {PHASE_WITHIN_S} s")
            time.sleep(0.01)


@contextmanager
def locked(night: Night, table: str) -> Iterator[None]:
    """Let everybody who writes the table, or locks rows of it, wait: a phase lasts that long."""
    line = psycopg2.connect(night.machines.url(pooled=False))
    try:
        with line.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield
    finally:
        line.close()


def nothing(night: Night) -> None:
    pass


def kill_queued(night: Night) -> None:
    night.wait_for_phase("queued")
    night.machines.kill(*WORKERS)


def kill_planning(night: Night) -> None:
    night.wait_for_phase("plan")
    night.machines.kill("worker1")


def kill_all_planning(night: Night) -> None:
    night.wait_for_phase("plan")
    time.sleep(1)
    night.machines.kill(*WORKERS)


def kill_applying(night: Night) -> None:
    """Kill the workers while they write: the drivers' rows that they need are locked."""
    with locked(night, "drivers_driver"):
        night.wait_for_phase("apply")
        night.machines.kill(*WORKERS)
        time.sleep(1)


def kill_web(night: Night) -> None:
    night.wait_for_phase("plan")
    night.machines.kill("web1")


def stop_gone(*names: str) -> Callable[[Night], None]:
    def happen(night: Night) -> None:
        night.wait_for_phase("plan")
        night.machines.stop(*names)
        time.sleep(AWAY_S)
        night.machines.start(*names)

    return happen


def restart(*names: str) -> Callable[[Night], None]:
    def happen(night: Night) -> None:
        night.wait_for_phase("plan")
        night.machines.stop(*names)
        night.machines.start(*names)

    return happen


def silent(*names: str) -> Callable[[Night], None]:
    def happen(night: Night) -> None:
        night.wait_for_phase("plan")
        night.machines.kill(*names, number=signal.SIGSTOP)
        time.sleep(AWAY_S)
        night.machines.kill(*names, number=signal.SIGCONT)

    return happen


def exhaust_connections(night: Night) -> None:
    """Take every connection that PostgreSQL gives, and close those that the pooler had."""
    night.wait_for_phase("plan")
    taken = []
    with suppress(psycopg2.OperationalError):
        while True:
            taken.append(psycopg2.connect(night.machines.url(pooled=False)))
    if taken:
        taken[0].autocommit = True
        with taken[0].cursor() as cursor:
            for _turn in range(3):  # what the pooler opens instead meanwhile is taken too
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND NOT pid = ANY(%s) AND datname IS NOT NULL",
                    [[line.info.backend_pid for line in taken]],
                )
                with suppress(psycopg2.OperationalError):
                    while True:
                        taken.append(psycopg2.connect(night.machines.url(pooled=False)))
    time.sleep(AWAY_S)
    for line in taken:
        line.close()


def fill_disk(night: Night) -> None:
    """Fill the database's disk to the last byte, for a while."""
    if not night.machines.has_small_disk:
        raise NotRehearsed("no small disk could be mounted (that needs root)")
    night.wait_for_phase("plan")
    full = night.machines.disk / "full"
    with suppress(OSError), full.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    time.sleep(AWAY_S)
    full.unlink()


ROUNDS: dict[str, Callable[[Night], None]] = {
    "nothing": nothing,
    "three workers killed, runs queued": kill_queued,
    "a worker killed, planning": kill_planning,
    "three workers killed, planning": kill_all_planning,
    "three workers killed, writing": kill_applying,
    "a web server killed": kill_web,
    "broker away 10 s": stop_gone("broker"),
    "broker restarted, empty": restart("broker"),
    "broker silent 10 s": silent("broker"),
    "cache away 10 s": stop_gone("cache"),
    "cache silent 10 s": silent("cache"),
    "pooler restarted": restart("pooler"),
    "database stopped 10 s": stop_gone("db"),
    "connections exhausted 10 s": exhaust_connections,
    "disk of the database full 10 s": fill_disk,
}
