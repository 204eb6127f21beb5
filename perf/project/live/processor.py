"""How long processes have had a processor: one with all that it started, ended ones too.

Read from /proc, so on Linux alone. Unlike response times it is hardly disturbed by what else the
machine does.
"""

import os
from pathlib import Path
from typing import NamedTuple

from django.db import connection

PROC = Path("/proc")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    name: str
    parent: int
    own_s: float
    ended_s: float  # of children that have ended and were waited for


def read_stat(text: str) -> Stat:
    """Return what /proc/PID/stat says; the name stands in parentheses and may have any."""
    before, _end, after = text.rpartition(")")
    fields = after.split()
    user, system, ended_user, ended_system = (int(field) * TICK_S for field in fields[11:15])
    return Stat(before.partition("(")[2], int(fields[1]), user + system, ended_user + ended_system)


def processes() -> dict[int, Stat]:
    """Return all processes of this machine by number; none where there is no /proc."""
    found = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            found[int(folder.name)] = read_stat((folder / "stat").read_text())
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
    return found


def processor_s(root: int, all_of: dict[int, Stat]) -> float | None:
    """Return the seconds of a process and of all that stem from it, or None if it is not there."""
    if root not in all_of:
        return None
    total_s, family = 0.0, [root]
    while family:
        pid = family.pop()
        total_s += all_of[pid].own_s + all_of[pid].ended_s
        family += [child for child, stat in all_of.items() if stat.parent == pid]
    return total_s


def database_server() -> int | None:
    """Return the process of PostgreSQL's server if it runs on this machine: 1 statement."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = processes().get(cursor.fetchone()[0])
    return backend.parent if backend and backend.name.startswith("postgres") else None
