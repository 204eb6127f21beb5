"""Describe where a measurement was taken: what else like-with-like means."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import django
from django.db import connection

from perf.our_code import base_folder


def describe_machine() -> dict:
    """Return the machine, the versions and the commit; nothing that names its owner."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "django": django.get_version(),
        "database": database_version(),
        "database_settings": _database_settings(),
        "commit": git("rev-parse", "--short=12", "HEAD"),
        "changed_files": len(git("status", "--porcelain", "--untracked-files=no").splitlines()),
    }


def load_average() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def database_version():
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sqlite_version()")
            return f"SQLite {cursor.fetchone()[0]}"
        cursor.execute("SHOW server_version")
        return f"PostgreSQL {cursor.fetchone()[0].split()[0]}"


def _database_settings():
    """Return the settings that decide how dear a commit and a scan are."""
    if connection.vendor == "sqlite":
        names = ("journal_mode", "synchronous", "cache_size")
        statement = "PRAGMA {}"
    else:
        names = ("fsync", "synchronous_commit", "shared_buffers", "work_mem", "jit")
        statement = "SHOW {}"
    found = {}
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(statement.format(name))
            found[name] = str(cursor.fetchone()[0])
    return found


def _processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _memory_gb():
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError):
        return None


def git(*arguments):
    """Return what git says of this checkout, or nothing where there is none."""
    program = shutil.which("git")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=base_folder(),
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
