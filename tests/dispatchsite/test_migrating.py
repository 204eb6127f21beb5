"""A migration of a large table stops nobody: it waits briefly, and builds indexes meanwhile."""

import psycopg2
import pytest
from django.apps import apps
from django.db import NotSupportedError, OperationalError, connection
from django.db.migrations import (
    AddField,
    AddIndex,
    RemoveIndex,
)
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models import Index

from bookings.models import Booking
from dispatchsite import command_line
from drivers.db import lock_timeout
from drivers.db.indexes import AddIndexConcurrently
from tests.support import builders as make

# Those up to 0.2.0 came with a stop; upgrades from then on come without.
FIRST_WITHOUT_STOP = {"drivers": 45, "bookings": 45, "dispatch": 20}
LARGE = {("bookings", "booking"), ("bookings", "event"), ("bookings", "delivery"),
         ("dispatch", "assignment")}  # fmt: skip
INDEX = Index(fields=["notes"], name="idx_of_a_test")


def stops(app, migration):
    """Return what the migration does that lets writers of a large table wait for long."""
    found = []
    for operation in migration.operations:
        where = (app, getattr(operation, "model_name", "").lower())
        if where in LARGE:
            if isinstance(operation, AddIndex) and not isinstance(operation, AddIndexConcurrently):
                found.append(operation.describe())
            if isinstance(operation, AddIndexConcurrently) and migration.atomic:
                found.append(f"{operation.describe()}: needs atomic = False")
            field = getattr(operation, "field", None)
            if isinstance(operation, AddField) and field.db_index and not field.many_to_many:
                found.append(f"{operation.describe()}: its index; use db_index=False")
    return found


@pytest.mark.any_database
def test_no_migration_stops_the_writers_of_a_large_table():
    loader = MigrationLoader(None, ignore_no_migrations=True)
    found = {
        f"{app}.{name}": stops(app, migration)
        for (app, name), migration in loader.disk_migrations.items()
        if app in FIRST_WITHOUT_STOP and int(name[:4]) >= FIRST_WITHOUT_STOP[app]
    }
    assert {name: what for name, what in found.items() if what} == {}
    before = loader.disk_migrations["dispatch", "0009_list_assignments_of_a_status"]
    assert len(stops("dispatch", before)) == 1  # it would be found


def table(operation, way="forwards", *, atomic=False):
    """Let the operation change the table of bookings."""
    state = ProjectState.from_apps(apps)
    after = state.clone()
    operation.state_forwards("bookings", after)
    states = (state, after) if way == "forwards" else (after, state)
    with connection.schema_editor(atomic=atomic) as editor:
        getattr(operation, f"database_{way}")("bookings", editor, *states)


def indexes():
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, Booking._meta.db_table)


@pytest.mark.django_db(transaction=True)
def test_an_index_is_built_beside_writers_and_taken_away():
    operation = AddIndexConcurrently("booking", INDEX)
    table(operation)
    try:
        assert indexes()[INDEX.name]["columns"] == ["notes"]
        if connection.vendor == "postgresql":
            table(operation)  # as after an attempt that was cut
            with pytest.raises(NotSupportedError, match="atomic = False"):
                table(operation, atomic=True)
    finally:
        table(operation, "backwards")
    assert INDEX.name not in indexes()


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_in_use_is_not_waited_for(monkeypatch, capsys):
    make.booking()
    monkeypatch.setattr(lock_timeout, "WITHIN_MS", 50)
    reader = psycopg2.connect(**connection.get_connection_params())
    reader.cursor().execute("SELECT 1 FROM bookings_booking")  # in a transaction that goes on
    lock_timeout.begin("default")
    lock_timeout.begin("default")
    try:
        with pytest.raises(OperationalError) as caught:
            table(RemoveIndex("booking", "idx_booking_company_scheduled"), atomic=True)
    finally:
        lock_timeout.end("default")
        reader.close()
    assert lock_timeout.bounded not in connection.execute_wrappers
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)  # the connection keeps nothing of it

    def fail(arguments):
        raise caught.value

    monkeypatch.setattr(command_line, "execute_from_command_line", fail)
    with pytest.raises(SystemExit):
        command_line.run(["manage.py", "migrate"])
    assert "run manage.py migrate again" in capsys.readouterr().err
