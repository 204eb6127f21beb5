"""`rehearse_restore` restores a backup beside the database, compares, and leaves nothing."""

import io
import os
import signal
import subprocess
import threading
from datetime import timedelta
from importlib import import_module

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from bookings.events import booking_created
from bookings.models import Actor, Booking, ClientKey, Door, Event
from bookings.models.seals import new_key, wrap
from dispatch.invariants import rehearsal
from dispatch.models import DispatchRun
from drivers.db.backups import postgresql
from drivers.db.backups.kit import kit
from drivers.models import Company
from tests.support import builders as make

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
NOTHING_WRONG = "Restored as it was: all rows are there, all that must hold holds."


def rehearse(folder, **options):
    """Return what the command says, and whether it was good."""
    told = io.StringIO()
    try:
        last = call_command("rehearse_restore", folder=folder, stdout=told, stderr=told, **options)
    except CommandError as error:
        return f"{told.getvalue()}{error}", False
    return f"{told.getvalue()}{last}", True


def taken(tmp_path):
    file = tmp_path / "taken"
    kit("default").take(file, "default")
    return file


def leftovers(folder):
    """Return what a rehearsal has left: folders, and databases of the server.

    Other tests rehearse on the same server, of databases of their own.
    """
    found = [path.name for path in folder.iterdir() if path.name.startswith("rehearsal_")]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)",
                [f"{connection.settings_dict['NAME']}_rehearsal_"],
            )
            found += [name for (name,) in cursor.fetchall()]
    return found


def test_a_backup_is_restored_beside_the_database_compared_and_removed(tmp_path):
    make.driver()
    said, is_good = rehearse(tmp_path)
    assert is_good, said
    assert said.splitlines()[-1].endswith(NOTHING_WRONG)
    assert said.startswith("Backup: ")
    assert leftovers(tmp_path) == []
    assert Company.objects.count() == 1


def test_rows_are_counted_at_the_moment_of_the_backup_while_others_write(tmp_path, monkeypatch):
    make.company()
    module = import_module(f"drivers.db.backups.{connection.vendor}")

    def write():
        make.company(slug="meanwhile")
        connection.close()

    def count_rows(using):
        rows = counted(using)
        writer = threading.Thread(target=write)
        writer.start()
        writer.join()  # it does not wait for the backup
        return rows

    counted = module.count_rows
    monkeypatch.setattr(module, "count_rows", count_rows)
    done = rehearsal.rehearse(tmp_path)
    assert (done.different, done.rows["drivers_company"]) == ({}, 1)
    assert Company.objects.count() == 2


def test_a_table_whose_rows_are_not_all_there_is_named(tmp_path, monkeypatch):
    make.company()
    module = import_module(f"drivers.db.backups.{connection.vendor}")
    counted = module.count_rows
    monkeypatch.setattr(
        module, "count_rows", lambda using: {**counted(using), "drivers_company": 2, "gone": 5}
    )
    said, is_good = rehearse(tmp_path)
    assert not is_good
    assert "drivers_company: rows restored: 1; when the backup was taken: 2." in said
    assert "gone: rows restored: no table; when the backup was taken: 5." in said


def test_what_does_not_hold_in_it_is_named(tmp_path):
    booking = make.booking(make.company())
    actor = Actor(Door.COMMAND, name="test")
    Event.objects.bulk_create([booking_created(booking, actor=actor, now=make.NOW)])
    Booking.objects.update(version=7)
    said, is_good = rehearse(tmp_path)
    assert not is_good
    assert f"a booking's version counts its changes: 1: ({booking.id}, 7, 1)" in said


def test_runs_that_were_under_way_are_no_fault_unless_it_was_at_rest(tmp_path):
    make.run(make.driver().company)
    long_ago = timezone.now() - timedelta(days=1)
    DispatchRun.objects.update(status="running", finished_at=None, claim_ends_at=long_ago)
    file = taken(tmp_path)
    said, is_good = rehearse(tmp_path, backup=file)
    assert is_good, said
    assert "1 run was under way" in said
    said, is_good = rehearse(tmp_path, backup=file, at_rest=True)
    assert not is_good
    assert "no run is left under way: 1" in said


@pytest.mark.parametrize("damage", ["half", "middle", "text", "empty"])
def test_a_damaged_backup_is_refused_and_nothing_is_left(tmp_path, damage):
    for number in range(20):
        make.company(slug=f"company-{number}")
    file = taken(tmp_path)
    data = file.read_bytes()
    middle = len(data) // 2
    file.write_bytes(
        {
            "half": data[:middle],
            "middle": data[: middle - 3000] + bytes(6000) + data[middle + 3000 :],
            "text": b"no backup\n" * 1000,
            "empty": b"",
        }[damage]
    )
    said, is_good = rehearse(tmp_path, backup=file)
    assert not is_good
    assert said
    assert leftovers(tmp_path) == []
    assert Company.objects.count() == 20


def test_what_is_restored_goes_when_the_check_is_interrupted(tmp_path, monkeypatch):
    def interrupted(**_options):
        assert leftovers(tmp_path)
        raise KeyboardInterrupt

    monkeypatch.setattr(rehearsal, "find_broken", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rehearse(tmp_path)
    assert leftovers(tmp_path) == []


def test_a_backup_of_another_version_is_not_checked_with_this_code(tmp_path):
    recorder = MigrationRecorder(connection)
    newest = recorder.migration_qs.filter(app="dispatch").order_by("-name").first()
    recorder.record_unapplied("dispatch", newest.name)
    recorder.record_applied("dispatch", "9999_of_tomorrow")
    try:
        said, is_good = rehearse(tmp_path)
    finally:
        recorder.record_applied("dispatch", newest.name)
        recorder.record_unapplied("dispatch", "9999_of_tomorrow")
    assert not is_good
    assert f"2 migrations differ, the first is dispatch.{newest.name}" in said
    assert leftovers(tmp_path) == []


def test_keys_that_do_not_open_what_is_sealed_are_a_fault(tmp_path, settings):
    client = make.client(make.company())
    settings.SEALING_KEYS = ["the one of then"]
    ClientKey.objects.create(client=client, wrapped=wrap(new_key()))
    said, is_good = rehearse(tmp_path)
    assert is_good, said
    settings.SEALING_KEYS = ["another"]
    said, is_good = rehearse(tmp_path)
    assert not is_good
    assert "SEALING_KEYS" in said


@pytest.mark.parametrize("damage", ["older", "other", "cut"])
def test_a_key_of_each_master_is_opened(tmp_path, settings, damage):
    """Many of the new one do not hide one that the old one has wrapped, or that is damaged."""
    company = make.company()
    clients = [make.client(company) for _number in range(3)]
    settings.SEALING_KEYS = ["old"]
    old = wrap(new_key())
    wrapped = {"older": old, "other": f"{old[:9]}{'A' * 60}", "cut": old[:12]}[damage]
    ClientKey.objects.create(client=clients[0], wrapped=wrapped)
    settings.SEALING_KEYS = ["new", *([] if damage == "older" else ["old"])]
    for client in clients[1:]:
        ClientKey.objects.create(client=client, wrapped=wrap(new_key()))
    assert not rehearsal._opens("default")
    settings.SEALING_KEYS = ["new", "old"]
    assert rehearsal._opens("default") == (damage == "older")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_ended_leaves_nothing(tmp_path, monkeypatch, number):
    monkeypatch.setattr(rehearsal, "find_broken", lambda **_: os.kill(os.getpid(), number))
    before = signal.signal(number, lambda *_: pytest.fail("The command does not handle it."))
    try:
        with pytest.raises(SystemExit) as ended:
            rehearse(tmp_path)
    finally:
        signal.signal(number, before)
    assert ended.value.code == 128 + number
    assert leftovers(tmp_path) == []


def test_variables_are_called_as_libpq_calls_them(monkeypatch):
    given = {
        "dbname": "d", "user": "u", "connect_timeout": 5, "channel_binding": "require",
        "ssl_min_protocol_version": "TLSv1.3", "application_name": "a", "client_encoding": "UTF8",
    }  # fmt: skip
    monkeypatch.setattr(connection, "get_connection_params", lambda: given)
    assert postgresql._variables("default") == {
        "PGDATABASE": "d", "PGUSER": "u", "PGCONNECT_TIMEOUT": "5", "PGCHANNELBINDING": "require",
        "PGSSLMINPROTOCOLVERSION": "TLSv1.3", "PGAPPNAME": "a", "PGCLIENTENCODING": "UTF8",
    }  # fmt: skip


def test_files_and_folders_that_are_not_there_are_refused(tmp_path):
    assert "there is no file" in rehearse(tmp_path, backup=tmp_path / "none")[0]
    assert "there is no folder" in rehearse(tmp_path / "none")[0]


@pytest.mark.postgres_only
def test_what_is_missing_is_said_before_anything_is_done(tmp_path, monkeypatch):
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        without.setattr(postgresql, "FOLDERS", str(tmp_path / "*"))
        assert "Install pg_dump of PostgreSQL" in rehearse(tmp_path)[0]
    with monkeypatch.context() as pooled:
        pooled.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
        assert "POOLER=0" in rehearse(tmp_path)[0]
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE may_not_create")
        cursor.execute("SET ROLE may_not_create")
        try:
            said, _is_good = rehearse(tmp_path)
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP ROLE may_not_create")
    assert "may_not_create may not create databases" in said


@pytest.mark.postgres_only
def test_the_password_is_no_argument(tmp_path, monkeypatch):
    called = []

    def run(command, **options):
        called.append((command, options.get("env", {})))
        return subprocess.CompletedProcess(
            command, 0, stdout="pg_dump (PostgreSQL) 99.1", stderr=""
        )

    connection.ensure_connection()
    monkeypatch.setattr(postgresql.subprocess, "run", run)
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "a-secret")
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "host", "/a/socket")
    postgresql.take(tmp_path / "file", "default")
    command, variables = called[-1]
    assert (variables["PGPASSWORD"], variables["PGHOST"]) == ("a-secret", "/a/socket")
    assert not any("a-secret" in word for words, _env in called for word in words)
    assert any(word.startswith("--snapshot=") for word in command)


def test_values_of_rows_are_not_repeated_in_what_a_tool_says():
    said = postgresql._said(
        'pg_restore: error: COPY failed for table "bookings_client": ERROR:  invalid input syntax '
        'for type integer: "Muster"\nCONTEXT:  COPY bookings_client, line 1: "Muster"\n'
    )
    assert said == ['pg_restore: error: COPY failed for table "bookings_client"']
