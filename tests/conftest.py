import gc
import signal
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.utils import translation
from hypothesis import HealthCheck, settings
from xdist.scheduler.loadscope import LoadScopeScheduling

from dispatch.planner import solve
from drivers.db.constraints import AppendOnly
from tests.support import builders as make
from tests.support.template import use_template

pytest_plugins = ["perf.pytest_plugin"]

# A shell's background jobs ignore SIGINT, and so would every process that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long drawing takes depends on what else a machine does.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# What is imported and collected stays; looking through it again and again took a fifth of the time.
gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings, django_db_blocker):
    with django_db_blocker.unblock():
        use_template()


@pytest.fixture(scope="session")
def chromium():
    # Imported late: most sessions open none.
    from tests.support import browsing

    with browsing.chromium() as found:
        yield found


@pytest.fixture
def browser(chromium):
    from tests.support import browsing

    with browsing.lent(chromium) as found:
        yield found


# A test that asks for one of these is of the kind, wherever it stands. (`outcome`: of a benchmark.)
MARKS_OF = {
    "browser": ("browser", "any_database"),  # what its requests do is tested on both
    "live_server": ("process",),
    "outcome": ("slow",),
}
PLANNER = Path(__file__).parent / "dispatch" / "planner"  # which knows no database


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config, items):
    """Mark by fixture; leave out, rather than skip, the tests of the other database.

    What says the same on every database runs with SQLite alone: `make test` runs both halves. What
    is slow begins first, so that no process waits for another at the end.
    """
    for item in items:
        for fixture in MARKS_OF.keys() & set(item.fixturenames):
            for mark in MARKS_OF[fixture]:
                item.add_marker(mark)
        if PLANNER in item.path.parents:
            item.add_marker("any_database")
    others = {"sqlite": {"postgres_only"}, "postgresql": {"sqlite_only", "any_database"}}
    others = others[connection.vendor]
    gone = [item for item in items if others & {mark.name for mark in item.iter_markers()}]
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = [item for item in items if item not in gone]
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


class ABenchmarkInOneProcess(LoadScopeScheduling):
    """Tests go to whoever is free, but those that share the outcome of a benchmark together."""

    def _split_scope(self, nodeid):
        file, _, _test = nodeid.partition("::")
        return file if Path(file).name.startswith("test_benchmark_") else nodeid


def pytest_xdist_make_scheduler(config, log):
    return ABenchmarkInOneProcess(config, log)


def pytest_collection_finish():
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session):
    """A skipped test is a check that did not happen: the session fails."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def append_only_constraints():
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, AppendOnly):
                yield model, constraint


def drop_triggers():
    with connection.schema_editor() as editor:
        for model, constraint in append_only_constraints():
            editor.execute(constraint.remove_sql(model, editor))


@pytest.fixture(autouse=True)
def _as_many_steps_on_every_machine(request, monkeypatch):
    """Let a search end by iterations instead of time: as quick, and the same plan on each machine.

    The planner's own tests, and who says how long it may search, have the clock.
    """
    if PLANNER in request.path.parents:
        return

    def effort(trips, began, time_limit_s, iterations, *options):
        if time_limit_s is None and iterations is None:
            iterations = solve.brief_iterations(trips)
        return by_clock(trips, began, time_limit_s, iterations, *options)

    by_clock = solve._effort
    monkeypatch.setattr(solve, "_effort", effort)


@pytest.fixture(autouse=True)
def _english():
    """Take back the language that a request leaves active."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def _flushable_log(request):
    """Let SQLite empty the event log after a test with real transactions.

    Django empties SQLite's tables with DELETE, which the log's triggers refuse. (PostgreSQL
    is emptied with TRUNCATE, which is no row's deletion.)
    """
    marker = request.node.get_closest_marker("django_db")
    if not (marker and marker.kwargs.get("transaction") and connection.vendor == "sqlite"):
        yield
        return
    request.getfixturevalue("_django_db_helper")
    drop_triggers()
    with connection.schema_editor() as editor:
        for model, constraint in append_only_constraints():
            editor.execute(constraint.create_sql(model, editor))
    yield
    drop_triggers()  # the next test of this kind brings them back; all others ran before


@pytest.fixture
def geneva(client, db):
    """A company whose dispatcher is logged in."""
    company = make.company()
    client.force_login(make.member(company))
    return company
