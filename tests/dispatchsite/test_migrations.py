"""Migrations go down and up again, and leave the indexes and guards they promise."""

from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from bookings.models import Booking, Client, Event
from bookings.search import find_clients
from drivers.db.folding import fold, fold_stored
from drivers.models import Driver, Shift
from perf.measuring.scratch import scratch_database
from tests.support import builders as make

APPS = ["drivers", "bookings", "dispatch"]
FIRST = {
    "drivers": "0001_fleet",
    "bookings": "0001_bookings_and_events",
    "dispatch": "0001_runs_and_assignments",
}
# name: (table, columns, partial)
PERFORMANCE_INDEXES = {
    "idx_figures_customer_day": (
        "dispatch_dayfigures",
        ["company_id", "kind", "customer_id", "day"],
        False,
    ),
    "idx_tap_received": ("dispatch_tap", ["received_at"], False),
    "idx_pause_company_last_day": ("bookings_pause", ["company_id", "last_day"], False),
    "idx_assignment_booking_created": ("dispatch_assignment", ["booking_id", "created_at"], False),
    "idx_assignment_run_status": ("dispatch_assignment", ["run_id", "status"], False),
    "idx_assignment_company_pickup": (
        "dispatch_assignment",
        ["company_id", "planned_pickup_at", "id"],
        False,
    ),
    "idx_assignment_company_status": (
        "dispatch_assignment",
        ["company_id", "status", "planned_pickup_at", "id"],
        False,
    ),
    "idx_assignment_driver_pickup": (
        "dispatch_assignment",
        ["driver_id", "planned_pickup_at"],
        False,
    ),
    "idx_assignment_superseded_by": ("dispatch_assignment", ["superseded_by_id"], True),
    "idx_run_company_day": ("dispatch_dispatchrun", ["company_id", "day", "id"], False),
    "idx_booking_status_scheduled_company": (
        "bookings_booking",
        ["status", "scheduled_time", "company_id"],
        False,
    ),
    "idx_booking_company_scheduled": ("bookings_booking", ["company_id", "scheduled_time"], False),
    "idx_booking_company_priority": (
        "bookings_booking",
        ["company_id", "priority", "scheduled_time"],
        False,
    ),
    "idx_booking_pickup_place": ("bookings_booking", ["pickup_place_id"], True),
    "idx_booking_dropoff_place": ("bookings_booking", ["dropoff_place_id"], True),
    "idx_booking_company_updated": ("bookings_booking", ["company_id", "updated_at"], False),
    "idx_event_company": ("bookings_event", ["company_id", "id"], False),
    "idx_event_company_at": ("bookings_event", ["company_id", "at", "id"], False),
    "idx_event_company_kind": ("bookings_event", ["company_id", "kind", "at", "id"], False),
    "idx_event_booking": ("bookings_event", ["booking_id", "id"], False),
    "idx_driver_company_available": ("drivers_driver", ["company_id"], True),
    "idx_driver_company_name": ("drivers_driver", ["company_id", "name"], False),
    "idx_shift_driver_end": ("drivers_shift", ["driver_id", "end_at"], False),
    "idx_shift_vehicle_end": ("drivers_shift", ["vehicle_id", "end_at"], False),
    "idx_vehicle_absence_end": ("drivers_vehicleabsence", ["vehicle_id", "end_at"], False),
    "idx_absence_driver_end": ("drivers_absence", ["driver_id", "end_at"], False),
}
OF_ONE_ENGINE = {
    "sqlite": {
        "idx_assignment_open_driver": (
            "dispatch_assignment",
            ["driver_id", "planned_pickup_at"],
            True,
        ),
        "idx_client_company_searched": (
            "bookings_client",
            ["company_id", "folded_name", "searched"],
            False,
        ),
    },
    "postgresql": {
        "idx_shift_start": ("drivers_shift", ["start_at"], False),
        "idx_client_company_folded": ("bookings_client", ["company_id", "folded_name"], False),
    },
}
PERFORMANCE_INDEXES |= OF_ONE_ENGINE[connection.vendor]
OF_THE_GUIDE = {
    "idx_assignment_booking_created",
    "idx_booking_status_scheduled_company",
    "idx_driver_company_available",
    "idx_booking_company_scheduled",
    "idx_assignment_run_status",
}
GUARDS_SQLITE = {
    "shift_vehicle_no_overlap_insert",
    "shift_vehicle_no_overlap_update",
    "shift_no_overlap_insert",
    "shift_no_overlap_update",
    "assignment_no_double_booking_insert",
    "assignment_no_double_booking_update",
    "event_append_only_update",
    "event_append_only_delete",
    "client_folds_name_insert",
    "company_place_folds_address_insert",
    "company_place_folds_address_update",
    "client_folds_name_update",
    "client_folds_searched_insert",
    "client_folds_searched_update",
    "client_parts_insert",
    "client_parts_update",
    "client_parts_delete",
    "driver_folds_name_insert",
    "driver_folds_name_update",
}
GUARDS_POSTGRESQL = {
    "shift_no_overlap",
    "shift_vehicle_no_overlap",
    "assignment_no_double_booking",
    "event_append_only",
    "client_folds_name",
    "company_place_folds_address",
    "client_folds_searched",
    "driver_folds_name",
}


class OneByOne(MigrationLoader):
    """Loads the migrations that a squashed one stands for in new databases, in its place."""

    def load_disk(self):
        super().load_disk()
        squashed = {key: one for key, one in self.disk_migrations.items() if one.replaces}
        for key in squashed:
            del self.disk_migrations[key]
        for one in self.disk_migrations.values():
            one.dependencies = [
                squashed[key].replaces[-1] if key in squashed else key for key in one.dependencies
            ]


def migrate(app=None, prefix=""):
    """Migrate up to all there is, or an app to one migration ("zero": to none)."""
    executor = MigrationExecutor(connection)
    executor.loader = OneByOne(connection)
    targets = executor.loader.graph.leaf_nodes()
    if app:
        found = prefix != "zero" and executor.loader.get_migration_by_prefix(app, prefix).name
        targets = [(app, found or None)]
    executor.migrate(targets)


def rows(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def definitions():
    """Return {name: SQL} of the indexes in the database."""
    if connection.vendor == "sqlite":
        return dict(rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''"))
    return dict(rows("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"))


def guards():
    if connection.vendor == "sqlite":
        return {name for (name,) in rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    return {name for (name,) in rows("SELECT conname FROM pg_constraint WHERE contype = 'x'")} | {
        name for (name,) in rows("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
    }


def tables():
    return set(connection.introspection.table_names())


def our_tables():
    return {model._meta.db_table for app in APPS for model in apps.get_app_config(app).get_models()}


def columns(table):
    with connection.cursor() as cursor:
        return {
            column.name for column in connection.introspection.get_table_description(cursor, table)
        }


def assert_guarded():
    expected = GUARDS_SQLITE if connection.vendor == "sqlite" else GUARDS_POSTGRESQL
    assert expected <= guards()
    driver = make.driver()
    make.assignment(make.booking(clock="09:00"), driver)
    with pytest.raises(IntegrityError), transaction.atomic():
        make.assignment(make.booking(clock="09:10"), driver)
    booking = make.booking()
    Event.objects.create(
        company=booking.company, booking=booking, kind="booking.created", at=make.NOW
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.update(reason="rewritten")


# What migrations make of the rows of before. Each makes rows, yields the migration before which it
# looks at them, goes on there to its second `yield`, and then says what they are after all.


def shifts_get_the_drivers_vehicle_and_no_vehicle_two_shifts_at_once():
    anna, clara = make.driver(), make.driver()
    bruno = make.driver(vehicle=anna.vehicle)
    nobody = make.driver(vehicle=None)
    rows = [
        make.shift(driver, start, end, vehicle=None)
        for driver, start, end in (
            (anna, "06:00", "12:00"),
            (bruno, "11:00", "15:00"),  # at the same time
            (anna, "13:00", "18:00"),  # which does not overlap the one that keeps it
            (bruno, "18:00", "20:00"),
            (clara, "06:00", "18:00"),
            (nobody, "06:00", "18:00"),
        )
    ]
    yield "drivers", "0017"
    assert "vehicle_id" not in columns("drivers_shift")
    yield
    cars = dict(Shift.objects.values_list("id", "vehicle_id"))
    shared, own = anna.vehicle_id, clara.vehicle_id
    assert [cars[row.pk] for row in rows] == [shared, None, shared, shared, own, None]


def clients_are_found_by_parts_and_those_deleted_meanwhile_are_not():
    gone, stays = make.client(name="Zoé", address="Rue 1"), make.client(name="Ève", address="Rue 2")
    yield "bookings", "0015"
    assert "searched" not in columns("bookings_client")
    with connection.cursor() as cursor:
        assert not any("client_parts" in name for name in tables())
        cursor.execute("DELETE FROM bookings_client WHERE id = %s", [gone.pk])
        cursor.execute("UPDATE bookings_client SET address = 'Quai 3' WHERE id = %s", [stays.pk])
    yield
    assert list(find_clients(stays.company, "eve quai")) == [stays]
    assert not find_clients(stays.company, "rue").exists()


def names_are_folded_in_batches():
    names = ["Zoë", "Eve", "Noël", "Anna", "Chloé"]
    made = [(make.client(name=name).pk, make.driver(name=name).pk) for name in names]
    yield "bookings", "0011"
    assert "folded_name" not in columns("bookings_client")
    yield
    for model, keys in zip((Client, Driver), zip(*made, strict=True), strict=True):
        stored = model.objects.filter(pk__in=keys).order_by("id").values_list("name", "folded_name")
        assert list(stored) == [(name, fold(name)) for name in names]


# From the newest to the oldest, as they are met on the way down.
OF_BEFORE = (
    shifts_get_the_drivers_vehicle_and_no_vehicle_two_shifts_at_once,
    clients_are_found_by_parts_and_those_deleted_meanwhile_are_not,
    names_are_folded_in_batches,
)


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_migrations_go_down_and_up_again_with_the_data_in_place(monkeypatch):
    """One way down and one up, which each take half a minute, for all that is to be seen."""
    monkeypatch.setitem(fold_stored.__kwdefaults__, "batch", 2)
    make.assignment(make.booking(), make.driver())
    booking = make.booking()
    with_them, kept_by = definitions(), guards()  # those of the squashed migrations
    assert with_them.keys() >= PERFORMANCE_INDEXES.keys()
    others = [
        indexes.keys() for name, indexes in OF_ONE_ENGINE.items() if name != connection.vendor
    ]
    assert not with_them.keys() & others[0]
    matters = [matter() for matter in OF_BEFORE]
    stops = [next(matter) for matter in matters]
    try:
        for stop, matter in zip(stops, matters, strict=True):
            migrate(*stop)
            next(matter)
        for app in reversed(APPS):
            migrate(app, FIRST[app])
        without = definitions()
        assert not without.keys() & PERFORMANCE_INDEXES.keys()
        assert with_them.keys() - without.keys() >= PERFORMANCE_INDEXES.keys()
    finally:
        migrate()
    assert (definitions(), guards()) == (with_them, kept_by)
    booking.refresh_from_db()
    assert booking.status == "accepted"
    for matter in matters:
        assert next(matter, "all said") == "all said"
    assert_guarded()


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_a_booking_of_before_keeps_its_own_place_and_loses_one_of_another_company():
    """A short way of its own: further down there are no places."""
    booking = make.booking()
    own, other = make.place(booking.company), make.place(make.company("lausanne"))
    try:
        migrate("bookings", "0031")
        Booking.objects.filter(pk=booking.pk).update(pickup_place=own, dropoff_place=other)
    finally:
        migrate()
    booking.refresh_from_db()
    assert (booking.pickup_place, booking.dropoff_place) == (own, None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Booking.objects.update(dropoff_place=other)
    other.delete()
    own.delete()
    booking.refresh_from_db()
    assert booking.pickup_place is None


@pytest.mark.django_db
@pytest.mark.slow
def test_the_first_migrations_leave_nothing_behind():
    """In a database of its own, which is brought no further than them."""
    with scratch_database(migrated=False):
        for app in APPS:
            migrate(app, FIRST[app])
        assert tables() & our_tables()
        for app in reversed(APPS):
            migrate(app, "zero")
        assert not our_tables() & tables()
        assert not guards() & (GUARDS_SQLITE | GUARDS_POSTGRESQL)


@pytest.mark.django_db
def test_the_indexes_of_the_guide_are_in_the_database():
    assert definitions().keys() >= OF_THE_GUIDE
    assert PERFORMANCE_INDEXES.keys() >= OF_THE_GUIDE
    descending = definitions()["idx_assignment_booking_created"]
    assert descending.replace('"', "").rstrip(")").endswith("created_at DESC")


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(PERFORMANCE_INDEXES))
def test_an_index_has_its_columns_and_is_partial_where_it_says_so(name):
    table, columns, partial = PERFORMANCE_INDEXES[name]
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    assert found[name]["columns"] == columns
    assert (" WHERE " in definitions()[name]) is partial


@pytest.mark.django_db
def test_the_index_behind_sqlites_guard_is_only_there():
    assert ("idx_assignment_open_driver" in definitions()) is (connection.vendor == "sqlite")


@pytest.mark.django_db
def test_no_index_only_repeats_another_one():
    # An index that begins like another, of the same rows, is never needed beside it; Django's
    # own indexes of foreign keys included. (PostgreSQL's primary keys are among them.)
    redundant = []
    for table in our_tables():
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, table)
        indexes = {
            name: (index["columns"], predicate(name))
            for name, index in found.items()
            if index["index"] or index["unique"] or index["primary_key"]
        }
        for name, (columns, condition) in indexes.items():
            if found[name]["unique"] or found[name]["primary_key"] or not columns:
                continue
            redundant += [
                (name, other)
                for other, (longer, its_condition) in indexes.items()
                if other != name
                and its_condition == condition
                and longer[: len(columns)] == columns
                and (len(longer) > len(columns) or found[other]["unique"] or other < name)
            ]
    assert redundant == []


def predicate(name):
    return definitions().get(name, "").partition(" WHERE ")[2]


@pytest.mark.postgres_only
@pytest.mark.django_db
def test_postgresql_itself_finds_no_redundant_index():
    # Compares what get_constraints does not show: operator classes and collations. The last
    # line finds the twins that Django makes for LIKE.
    found = rows("""
        select i.indexrelid::regclass::text, j.indexrelid::regclass::text
        from pg_index i
        join pg_index j on i.indrelid = j.indrelid and i.indexrelid <> j.indexrelid
        join pg_class ci on ci.oid = i.indexrelid
        join pg_class cj on cj.oid = j.indexrelid and cj.relam = ci.relam
        where not i.indisunique and i.indisvalid and j.indisvalid and i.indexprs is null
        and i.indpred::text is not distinct from j.indpred::text
        and (j.indkey::text || ' ') like (i.indkey::text || ' %')
        and (j.indclass::text || ' ') like (i.indclass::text || ' %')
        and (j.indcollation::text || ' ') like (i.indcollation::text || ' %')
        and (i.indkey::text <> j.indkey::text or i.indexrelid > j.indexrelid)
        union select indexname, 'a LIKE twin' from pg_indexes where indexname like '%\\_like'
    """)
    ours = [(name, other) for name, other in found if name.split("_")[0] in [*APPS, "idx"]]
    assert ours == []


@pytest.mark.django_db
def test_no_migration_is_missing():
    out = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out, verbosity=1)
    assert "No changes detected" in out.getvalue()
