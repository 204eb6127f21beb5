"""The page "Performance": for superusers alone, kind when empty, constant, and escaped."""

from datetime import timedelta

import pytest
from django.apps import AppConfig, apps
from django.conf import settings as real_settings
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from perf.models import Kind, Measurement
from perf.silk import records
from tests.perf.trends.test_releases_section import sampled
from tests.support import builders as make
from tests.support.builders import NOW

URL = "/admin/perf/measurement/"


def kept(number=1, **changes):
    fields = {
        "kind": Kind.LOAD, "commit": f"c{number:06}", "at": NOW + timedelta(hours=number),
        "engine": "SQLite", "version": "3.40.1", "size": 1000, "machine": "2 × A Processor",
        "figures": {"p95_ms": 200.0 + number, "throughput_per_s": 8.0},
    }  # fmt: skip
    return Measurement.objects.create(**fields | changes)


INDEX = {
    "name": "idx_booking_open", "table": "bookings_booking", "size_mb": 7.8, "used": 12,
    "read_ratio": [0.182, 0.134, 0.229], "write_ratio": 1.17, "verdict": "keep: reads are faster",
}  # fmt: skip


def test_a_superuser_sees_it_and_finds_it_on_the_first_page(admin_client):
    kept()
    kept()  # one measurement makes no line
    assert URL in admin_client.get(reverse("admin:index"), follow=True).content.decode()
    page = admin_client.get(URL)
    assert page.status_code == 200
    for part in ("p95_ms", "c000001", "2 × A Processor", "<svg", "1,000 bookings"):
        assert part in page.content.decode()


def test_staff_do_not(client, db):
    row = kept()
    client.force_login(make.member(role="owner"))
    assert client.get(URL).status_code == 403
    assert URL not in client.get(reverse("admin:index"), follow=True).content.decode()
    assert client.get(f"{URL}{row.pk}/change/").status_code in (302, 403)
    assert client.post(f"{URL}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Measurement.objects.exists()


def test_strangers_are_asked_to_log_in(client, db):
    answer = client.get(URL)
    assert answer.status_code == 302
    assert "login" in answer["Location"]


def test_an_empty_history_says_how_to_fill_it(admin_client):
    text = admin_client.get(URL).content.decode()
    for part in ("--record", "benchmark_indexes --record", "Silk is off", "Empty."):
        assert part in text


def test_figures_can_be_read_and_deleted_but_not_written(admin_client):
    row = kept()
    page = admin_client.get(f"{URL}{row.pk}/change/")
    assert page.status_code == 200
    assert "201.0" in page.content.decode()
    assert admin_client.post(f"{URL}{row.pk}/change/", {"commit": "x"}).status_code == 403
    assert admin_client.get(f"{URL}add/").status_code == 403
    assert admin_client.post(f"{URL}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Measurement.objects.exists()


def test_everything_is_escaped(admin_client):
    evil = "<script>alert(1)</script>"
    row = kept(
        commit=evil, machine=evil, version=evil, kind=Kind.INDEXES,
        figures={evil: 1, "x": evil, "indexes": [dict.fromkeys(INDEX, evil)]},
    )  # fmt: skip
    assert "<script>alert" not in admin_client.get(URL).content.decode()
    assert "<script>alert" not in admin_client.get(f"{URL}{row.pk}/change/").content.decode()


@pytest.mark.parametrize(
    "figures", [{}, [], {"indexes": "x"}, {"indexes": [1, {}, {"used": [1, 2]}]}, {"a": [{}]}]
)
def test_strange_figures_do_no_harm(admin_client, figures):
    kept(kind=Kind.INDEXES, figures=figures)
    assert admin_client.get(URL).status_code == 200


def test_the_latest_verdict_of_each_database_is_shown(admin_client):
    old = dict(INDEX, verdict="drop")
    kept(1, kind=Kind.INDEXES, figures={"indexes": [old]})
    kept(2, kind=Kind.INDEXES, figures={"indexes": [INDEX]})
    kept(3, kind=Kind.INDEXES, engine="PostgreSQL", figures={"indexes": [INDEX]})
    tables = admin_client.get(URL).context["indexes"]
    assert [measurement.engine for measurement, _rows in tables] == ["PostgreSQL", "SQLite"]
    for _measurement, (row,) in tables:
        assert (row.verdict, row.why) == ("keep", "reads are faster")
        assert (row.mark, row.used) == ("good", "12")
        assert (row.read, row.write) == ("× 0.18 [0.13, 0.23]", "× 1.17")


def test_a_step_names_its_commit(admin_client):
    for number in range(8):
        kept(number, figures={"p95_ms": 100 if number < 4 else 50})
    chart = admin_client.get(URL).context["groups"][0].charts[0]
    assert (chart.change, chart.better) == ("-50% since c000004", True)


def test_what_got_worse_stands_before_the_charts_with_its_commit(admin_client):
    for number in range(8):
        late = number >= 4
        kept(number, figures={"p95_ms": 150 if late else 100, "throughput_per_s": 9})
        kept(number, engine="PostgreSQL", figures={"p95_ms": 50 if late else 100})
    page = admin_client.get(URL)
    [row] = page.context["worsened"]
    assert (row.name, row.before, row.after, row.change) == ("p95_ms", "100", "150", "+50%")
    assert (row.commit, row.at) == ("c000004", NOW + timedelta(hours=4))
    text = page.content.decode()
    assert text.index("What got worse") < text.index("c000004") < text.index("Trends")


def test_that_nothing_got_worse_is_said_only_where_something_was_measured(admin_client):
    told = "No figure below took a step for the worse"
    assert told not in admin_client.get(URL).content.decode()
    kept()
    assert told in admin_client.get(URL).content.decode()


@pytest.mark.parametrize("rows", [1, 60])
def test_the_number_of_statements_is_constant(admin_client, budget, rows):
    for number in range(rows):
        kept(number, size=number)
        sampled(number)
    with budget(7):  # session, user, company, releases, the rows of both, history
        assert admin_client.get(URL).status_code == 200


@pytest.fixture
def silk(db, tmp_path, settings):
    """Silk's models and a database of their own, as PROFILING=1 sets them up.

    Added by hand: another INSTALLED_APPS would make every app ready a second time.
    """
    alias = "silk"
    settings.DATABASE_ROUTERS = ["perf.silk.router.SilkRouter"]
    config = apps.app_configs["silk"] = AppConfig.create("silk")
    config.apps = apps
    config.import_models()
    apps.clear_cache()
    new = {**connections.settings["default"], "ENGINE": "django.db.backends.sqlite3"}
    connections.settings[alias] = {**new, "NAME": str(tmp_path / "silk.sqlite3"), "OPTIONS": {}}
    connections[alias].connect()  # tests may not connect to aliases that came later
    yield connections[alias]
    connections[alias].close()
    del connections[alias]
    connections.settings.pop(alias)
    del apps.app_configs["silk"]
    apps.clear_cache()


@pytest.fixture
def silk_tables(silk):
    request, statement = apps.get_model("silk", "Request"), apps.get_model("silk", "SQLQuery")
    with silk.schema_editor() as editor:
        editor.create_model(request)
        editor.create_model(statement)
    return request.objects.using(silk.alias), statement.objects.using(silk.alias)


TRACE = f"""  File "/usr/lib/python3/silk/sql.py", line 95, in execute_sql
    tb = 1
  File "{real_settings.BASE_DIR}/bookings/admin/bookings.py", line 31, in client_name
    return booking.client.name
  File "{real_settings.BASE_DIR}/dispatchsite/wsgi.py", line 5, in application
"""


def test_tables_that_are_missing_are_told(admin_client, silk):
    assert "migrate --database silk" in admin_client.get(URL).content.decode()


def test_silk_without_records_says_so(admin_client, silk_tables):
    assert "no requests yet" in admin_client.get(URL).content.decode()


def test_slowest_endpoints_and_loops_come_out_of_silk(admin_client, silk, silk_tables):
    requests, statements = silk_tables
    for path, view, ms in (("/a/", "slow", 900.0), ("/a/", "slow", 700.0), ("/b/", "quick", 9.0)):
        row = requests.model(path=path, view_name=view, method="GET", time_taken=ms)
        row.num_sql_queries = 7
        super(requests.model, row).save(using=silk.alias)
        if view == "slow":
            statements.bulk_create(
                statements.model(
                    query=f'SELECT "c"."name" FROM "c" WHERE "c"."name" = <i>Ann {number}</i> Lee',
                    request_id=row.id,
                    time_taken=2.0,
                    traceback=TRACE,
                )
                for number in range(6)
            )
    page = admin_client.get(URL)
    records = page.context["silk"]
    slow, quick = records.endpoints
    assert (slow.view, slow.requests, slow.mean_ms, slow.max_ms) == ("slow", 2, 800.0, 900.0)
    assert quick.view == "quick"
    (loop,) = records.loops
    assert loop.statement == 'SELECT "c"."name" FROM "c" WHERE "c"."name" = ?'
    assert (loop.view, loop.requests, loop.most, loop.ms) == ("slow", 2, 6, 24.0)
    assert loop.place == "bookings/admin/bookings.py:31 client_name"
    assert "<i>Ann" not in page.content.decode()


def test_silk_is_asked_three_times_whatever_it_holds(admin_client, silk, silk_tables):
    requests, statements = silk_tables
    for number in range(20):
        row = requests.model(path="/", view_name=f"view{number}", method="GET", time_taken=5.0)
        super(requests.model, row).save(using=silk.alias)
        statements.bulk_create(
            statements.model(query="SELECT 1", request_id=row.id, traceback="") for _ in range(9)
        )
    with CaptureQueriesContext(silk) as found:
        assert len(admin_client.get(URL).context["silk"].loops) == records.SHOWN
    assert len(found) == 3


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        (
            'SELECT "a" FROM "t" WHERE ("t"."name" = Ann Lee AND "t"."at" >= 2026-06-17 08:00:00Z)',
            'SELECT "a" FROM "t" WHERE ("t"."name" = ? AND "t"."at" >= ?)',
        ),
        ('SELECT "a" FROM "t" WHERE "t"."s" IN (new, old) LIMIT 21',
         'SELECT "a" FROM "t" WHERE "t"."s" IN (?) LIMIT ?'),
        ('UPDATE "t" SET "a" = it\'s, "b" = 3 WHERE "t"."id" = 9',
         'UPDATE "t" SET "a" = ?, "b" = ? WHERE "t"."id" = ?'),
        ('SELECT "a" FROM "t" INNER JOIN "u" ON ("t"."u_id" = "u"."id") WHERE "u"."x" LIKE %Ann%',
         'SELECT "a" FROM "t" INNER JOIN "u" ON ("t"."u_id" = "u"."id") WHERE "u"."x" LIKE ?'),
        ('INSERT INTO "t" ("a", "b") VALUES (Ann (her), 2) RETURNING "t"."id"',
         'INSERT INTO "t" ("a", "b") VALUES (?) RETURNING "t"."id"'),
    ],
)  # fmt: skip
def test_values_without_quotes_are_found(sql, text):
    assert records.normal(sql) == text
