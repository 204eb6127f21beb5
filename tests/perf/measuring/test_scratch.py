"""Scratch databases: the user's stays as it is, and nothing is left, however a process ends."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from django.db import connection, connections

from drivers.models import Company
from perf.measuring import scratch
from tests import PROJECT
from tests.support import builders as make

WORK = """
import os, sys, time
import django
django.setup()
from perf.measuring import scratch
scratch._migrate = lambda: None  # how it ends does not depend on what is in it
with scratch.scratch_database() as made:
    print(made.name, flush=True)
    {then}
"""


def scratch_names():
    if connection.vendor == "sqlite":
        return {path.name for path in Path(tempfile.gettempdir()).glob(f"{scratch.MARK}_*")}
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor.fetchall() if name.startswith(scratch.MARK)}


def names_of(pid):
    return {name for name in scratch_names() if f"_{pid}_" in name}


def made_beside(name):
    """Return what this process has made, but for the database of this name, which it copies."""
    return {made for made in names_of(os.getpid()) if not re.match(rf"{name}(_|$)", made)}


def started(then):
    """Start a process that works on a scratch database; return it once the database is there."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK.format(then=then)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        text=True,
    )
    assert process.stdout.readline().startswith(scratch.MARK)
    assert names_of(process.pid)
    return process


def eventually(condition):
    """Wait for another process, at most 20 seconds."""
    for _attempt in range(400):
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.django_db
@pytest.mark.slow
def test_inside_everything_happens_elsewhere(migrated):
    make.company("mine")
    with scratch.scratch_database() as made:
        assert not Company.objects.exists()
        make.company("theirs")
        assert Company.objects.get().slug == "theirs"
        assert made_beside(migrated)
        assert made.name.startswith(scratch.MARK)
    assert Company.objects.get().slug == "mine"
    assert not made_beside(migrated)


@pytest.mark.django_db
@pytest.mark.slow
def test_the_users_open_transaction_goes_on():
    user = connections["default"]
    make.company("mine")
    with scratch.scratch_database():
        assert connections["default"] is not user
        assert not connections["default"].in_atomic_block
    assert connections["default"] is user
    assert user.in_atomic_block
    assert Company.objects.filter(slug="mine").exists()


@pytest.mark.django_db
@pytest.mark.slow
def test_a_clone_holds_the_same_and_is_another(migrated):
    with scratch.scratch_database() as first:
        make.company("both")
        with first.cloned() as second:
            with second.used():
                assert Company.objects.get().slug == "both"
                make.company("only in the clone")
            with first.used():
                assert Company.objects.count() == 1
            with second.used():
                assert Company.objects.count() == 2
    assert not made_beside(migrated)


@pytest.mark.django_db
@pytest.mark.slow
def test_an_exception_leaves_nothing(migrated):
    with pytest.raises(ZeroDivisionError), scratch.scratch_database():
        raise ZeroDivisionError
    assert not made_beside(migrated)


@pytest.mark.django_db
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.process
def test_a_signal_leaves_nothing(number):
    process = started("time.sleep(60)")
    process.send_signal(number)
    process.wait(20)
    assert eventually(lambda: not names_of(process.pid))


@pytest.mark.django_db
@pytest.mark.process
def test_the_next_start_removes_what_a_killed_process_and_its_guardian_left():
    process = started("print(made._guardian.pid, flush=True); time.sleep(60)")
    os.kill(int(process.stdout.readline()), signal.SIGKILL)
    process.kill()
    process.wait(20)
    left = names_of(process.pid)
    assert left
    removed = scratch.remove_leftovers(connection.settings_dict)
    assert left <= set(removed)
    assert not names_of(process.pid)


@pytest.mark.django_db
@pytest.mark.process
def test_what_a_living_process_works_on_stays():
    process = started("time.sleep(60)")
    try:
        assert not set(scratch.remove_leftovers(connection.settings_dict)) & names_of(process.pid)
        assert names_of(process.pid)
    finally:
        process.terminate()
        process.wait(20)
    assert eventually(lambda: not names_of(process.pid))
