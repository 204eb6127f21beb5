"""The index benchmark, at a tiny size: what is recorded, covered and called, never times."""

import json
import re
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from bookings.models import Booking
from perf.indexes.ablation import Bench
from perf.indexes.catalog import IndexFacts, covered_by, key_served, parts, read_indexes
from perf.measuring.scratch import scratch_database
from perf.measuring.statistics import Verdict
from perf.models import Kind, Measurement
from perf.project.benchmarks import naive
from perf.project.benchmarks.indexes import ASKED_FOR
from perf.project.doors import profiled
from perf.proving.report import markdown, notes, table
from perf.proving.verdicts import drop_in_turn, judge_index, judge_schema, refuse_too_small
from perf.recording.record import record_queries
from tests.support import builders as make

PLAIN = IndexFacts(
    name="a", table="t", columns=("x",), condition="", unique=False, constraint=False,
    declared=True, bytes=8192, sql="",
)  # fmt: skip


pytestmark = pytest.mark.django_db  # in one stretch, so that `outcome` is made once


@pytest.fixture(scope="module")
def outcome(django_db_setup, django_db_blocker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("indexes")
    out = StringIO()
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("perf.indexes.ablation.REPEATS_AT_MOST", 1)  # no test is about times
        call_command(
            "benchmark_indexes", "--bookings", "60", "--seconds", "1", "--output", str(folder),
            "--record", stdout=out, stderr=StringIO(),
        )  # fmt: skip
        kept = Measurement.objects.get(kind=Kind.INDEXES)
        Measurement.objects.all().delete()
    return json.loads((folder / "indexes.json").read_text()), folder, out.getvalue(), kept


@pytest.mark.slow
def test_every_declared_index_is_judged(outcome):
    result, _folder, _text, _kept = outcome
    judged = {entry["name"]: entry for entry in result["indexes"]}
    declared = {index.name for _model, index in naive.performance_indexes()}
    assert declared <= set(judged)
    assert set(ASKED_FOR) <= declared
    assert all(entry["verdict"] for entry in judged.values())
    assert all(entry["bytes"] > 0 for entry in judged.values())
    assert not [entry["name"] for entry in judged.values() if entry["covered_by"]]
    assert set(result["together"]["indexes"]) == declared


def test_its_figures_are_kept_when_told_to_and_shown(outcome, admin_client):
    kept = outcome[3]
    assert kept.figures["indexes"][0]["verdict"]
    Measurement.objects.bulk_create([kept])
    page = admin_client.get("/admin/perf/measurement/")
    ((_row, table),) = page.context["indexes"]
    assert "idx_booking_company_scheduled" in {index.name for index in table}


def test_what_the_owner_asked_for_stays(outcome):
    judged = {entry["name"]: entry["verdict"] for entry in outcome[0]["indexes"]}
    assert all(judged[name].startswith("keep") for name in ASKED_FOR)


def test_the_doors_are_recorded(outcome):
    found = {door["name"]: door["statements"] for door in outcome[0]["doors"]}
    assert len(found) == len(profiled.all_doors())
    assert 1 <= found["preview"] <= 4
    assert found["dispatch, rehearsed"] >= 10
    # The token's at least; but the invented company has none of these to look at.
    silent = [name for name, count in found.items() if not count]
    rare = (
        "webhook|deliver|vehicle.absence|place|series|standing|pause|traffic|invitation|message"
        "|shift.pattern|driver.preference"
    )
    assert [name for name in silent if not re.search(rare, name)] == []


def test_comparisons_keep_every_raw_value(outcome):
    compared = outcome[0]["together"]["reads"]
    assert len(compared["with_s"]) == len(compared["without_s"]) == len(compared["control_s"]) >= 6
    assert compared["verdict"] in set(Verdict)


def test_the_report_comes_from_the_json(outcome):
    result, folder, text, _kept = outcome
    assert (folder / "INDEX_REPORT.md").read_text() == markdown(result)
    assert table(result) in text


def test_what_the_schema_lacks_and_has_too_much_is_noted_at_its_line():
    ratio = {"ratio": 0.5, "low": 0.4, "high": 0.6}
    measured = {"ratio": ratio, "control": ratio, "verdict": "faster"}
    entry = {"name": "a", "table": "t", "covered_by": "b", "verdict": "drop: b covers it"}
    wanted = {"django": "Index(x)", "reason": "every row is read", "net_s": 1.5, "writes": None}
    result = {
        "schema": {"useless": ["a"], "missing": ["Index(x)"]},
        "indexes": [entry | {"declared_at": "shop/models.py:7 Book"}, entry | {"name": "c"}],
        "missing": {
            "measured": [entry | wanted | {"reads": measured, "declared_at": "shop/models.py:3 B"}]
        },
    }
    covered, missing = notes(result)
    assert (covered.kind, covered.file, covered.line) == ("redundant index", "shop/models.py", 7)
    assert str(covered) == "shop/models.py:7 Book: a: drop: b covers it. Take it out."
    assert (missing.kind, missing.file, missing.line) == ("missing index", "shop/models.py", 3)
    assert "every row is read; reads 0.500 [0.400, 0.600], writes" in missing.what
    assert missing.cure == "Add Index(x) to Meta.indexes."


def test_an_older_result_without_places_names_the_table(outcome):
    result = json.loads(json.dumps(outcome[0]))
    for entry in result["indexes"]:
        assert entry.pop("declared_at")
    result["schema"] = {"useless": [result["indexes"][0]["name"]], "missing": []}
    [told] = notes(result)
    assert (told.place, told.file) == (result["indexes"][0]["table"], "")


def test_a_wrong_number_is_refused():
    with pytest.raises(CommandError, match="--bookings must be between"):
        call_command("benchmark_indexes", "--bookings", "1")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('CREATE INDEX "i" ON "t" ("a", "b" DESC)', (("a", "-b"), "")),
        (
            "CREATE INDEX i ON public.t USING btree (a, b DESC) WHERE (is_open)",
            (("a", "-b"), "is_open"),
        ),
        ('CREATE INDEX "i" ON "t" ("a") WHERE "is_open"', (("a",), "is_open")),
        (None, ((), "")),
    ],
)
def test_columns_and_condition_are_read_from_the_definition(sql, expected):
    assert parts(sql) == expected


def test_a_longer_index_covers_a_shorter_one():
    longer = replace(PLAIN, name="b", columns=("x", "y"))
    assert covered_by(PLAIN, [PLAIN, longer]) == "b"
    assert covered_by(longer, [PLAIN, longer]) == ""
    assert covered_by(PLAIN, [PLAIN, replace(longer, columns=("y", "x"))]) == ""
    assert covered_by(PLAIN, [PLAIN, replace(longer, columns=("-x", "y"))]) == ""
    assert covered_by(PLAIN, [PLAIN, replace(longer, table="u")]) == ""


def test_a_partial_index_covers_only_its_own_rows():
    partial = replace(PLAIN, name="b", columns=("x", "y"), condition="is_open")
    assert covered_by(PLAIN, [PLAIN, partial]) == ""
    assert covered_by(replace(PLAIN, condition="is_open"), [partial]) == "b"
    # Smaller than the whole, so not a copy of it.
    assert covered_by(partial, [replace(PLAIN, columns=("x", "y"))]) == ""


def test_of_two_equal_ones_the_later_name_goes():
    twin = replace(PLAIN, name="b")
    assert (covered_by(PLAIN, [PLAIN, twin]), covered_by(twin, [PLAIN, twin])) == ("", "a")
    # The one behind a constraint stays whatever its name.
    assert covered_by(PLAIN, [replace(twin, unique=True)]) == "b"


def test_the_only_index_that_begins_with_a_foreign_key_serves_it():
    place = replace(
        PLAIN, table="bookings_booking", columns=("dropoff_place_id",),
        condition="dropoff_place_id IS NOT NULL",
    )  # fmt: skip
    assert key_served(place, [place]) == "dropoff_place_id"
    assert key_served(place, [place, replace(place, table="t", name="b")]) == "dropoff_place_id"
    longer = replace(place, name="b", columns=("dropoff_place_id", "id"))
    assert key_served(place, [place, longer]) == ""
    of_few = replace(longer, condition="status = 'open'")
    assert key_served(place, [place, of_few]) == "dropoff_place_id"
    assert key_served(of_few, [of_few]) == ""
    assert key_served(replace(place, columns=("reference",), condition=""), []) == ""


@pytest.mark.slow
def test_a_portal_reads_its_own_by_indexes_of_customers(outcome):
    result, _folder, _text, _kept = outcome
    judged = {entry["name"]: entry for entry in result["indexes"]}
    assert judged["idx_booking_dropoff_place"]["key_served"] == "dropoff_place_id"
    assert any('"customer_id" =' in text for text in judged["idx_event_customer"]["used_by"])


def entry(**fields):
    measured = {"verdict": Verdict.FASTER}
    defaults = {
        "constraint": False, "unique": False, "declared": True, "covered_by": "", "key_served": "",
        "rows": 5_000, "used_by": ["s"],
        "reads": measured, "writes": None, "net_s": 1.0,
    }  # fmt: skip
    return defaults | fields


@pytest.mark.parametrize(
    ("fields", "called"),
    [
        ({}, "keep: reads are faster with it"),
        ({"unique": True, "used_by": []}, "keep: it is a rule"),
        ({"covered_by": "b", "reads": {"verdict": Verdict.NOT_SHOWN}}, "drop: b covers it"),
        ({"covered_by": "b"}, "keep: reads are faster with it"),
        (
            {"writes": {"verdict": Verdict.SLOWER}, "net_s": -0.25},
            "undecided: reads are faster with it, but its writers lose 250 ms a day more than "
            "its readers win",
        ),
        ({"writes": {"verdict": Verdict.SLOWER}}, "keep: reads are faster with it"),
        ({"used_by": [], "reads": None}, "drop: no recorded statement uses it"),
        (
            {"used_by": [], "reads": None, "key_served": "place_id"},
            "undecided: no recorded statement uses it, and no other index begins with place_id: "
            "it is read when what that points to is deleted",
        ),
        (
            {"used_by": [], "reads": None, "declared": False},
            "undecided: no recorded statement uses it, and it comes with its field: that of a "
            "foreign key is read when what it points to is deleted",
        ),
        (
            {"used_by": [], "reads": None, "writes": {"verdict": Verdict.FASTER}},
            "keep: writes are faster with it",
        ),
        ({"reads": {"verdict": Verdict.NOT_SHOWN}}, "undecided: used, but no difference shown"),
        ({"rows": 7}, "undecided: used, and its table has only 7 rows"),
    ],
)
def test_an_index_is_judged_by_what_was_measured(fields, called):
    assert judge_index(entry(**fields)) == called


def named(name, verdict, *, table="t", covered_by="", asked_for=False):
    return entry(
        name=name, table=table, verdict=verdict, covered_by=covered_by, asked_for=asked_for
    )


def test_of_twins_one_goes_and_the_other_is_measured_again():
    # The planner uses the twin: without it the first is used.
    entries = [
        named("idx", "drop: no recorded statement uses it"),
        named("twin", "drop: idx covers it", covered_by="idx"),
        named("other", "drop: no recorded statement uses it", table="u"),
        named("guide", "drop: no recorded statement uses it", asked_for=True),
    ]
    dropped = []

    def judged_again(judged):
        assert dropped[-1] == "twin"  # on the database as it is by then
        return "keep: reads are faster with it"

    gone = drop_in_turn(entries, dropped.append, judged_again)
    assert gone == dropped == ["twin", "other"]
    assert entries[0]["verdict"] == "keep: reads are faster with it"
    assert entries[0]["judged_without"] == ["twin"]


def test_nothing_is_called_useless_below_the_reference():
    entries = [named("a", "drop: no recorded statement uses it"), named("b", "keep: it is a rule")]
    refuse_too_small({"indexes": entries}, "")
    assert entries[0]["verdict"].startswith("drop")
    refuse_too_small({"indexes": entries}, "below 1000000 bookings")
    assert entries[0]["verdict"] == (
        "undecided below 1000000 bookings (drop, no recorded statement uses it)"
    )
    assert entries[1]["verdict"] == "keep: it is a rule"


@pytest.mark.parametrize(("net_s", "missing"), [(0.3, ["Index(…)"]), (0.1, []), (-1.0, [])])
def test_an_index_is_missing_only_if_it_saves_something_in_a_day(net_s, missing):
    candidate = {"django": "Index(…)", "reads": {"verdict": Verdict.FASTER}, "net_s": net_s}
    schema = judge_schema({"indexes": [], "missing": {"measured": [candidate]}})
    assert (schema["missing"], schema["clean"]) == (missing, not missing)


def test_every_recorded_door_has_a_frequency():
    assert profiled.often("admin: bookings, one") == 50
    assert profiled.often("admin: bookings, delete one, asked") == 0.1
    assert profiled.often("dispatch, rehearsed") == 0
    assert profiled.often("export of the plan") == 10


def test_carried_columns_are_no_key():
    sql = "CREATE INDEX i ON t USING btree (a, b DESC) INCLUDE (c, d) WHERE (is_open)"
    assert parts(sql) == (("a", "-b", "+c", "+d"), "is_open")
    covering = replace(PLAIN, name="b", columns=("x", "+y"))
    assert covered_by(PLAIN, [PLAIN, covering]) == "b"
    assert covered_by(covering, [PLAIN, replace(PLAIN, name="c", columns=("x", "y"))]) == ""


@pytest.mark.slow
def test_a_replay_changes_nothing_and_sees_no_dropped_index():
    with scratch_database() as scratch:
        booking = make.booking()
        with record_queries() as q:
            Booking.objects.filter(id=booking.id).update(notes="changed")
            list(Booking.objects.filter(company=booking.company_id, scheduled_time=make.NOW))
        Booking.objects.update(notes="")
        with scratch.cloned() as copy:
            with copy.used():
                bare = copy.connection if connection.vendor == "sqlite" else None
            with scratch.used():
                bench = Bench(connection, bare)
                update, select = q.statements
                assert bench.replay(update) > 0
                assert Booking.objects.get().notes == ""
                names = {facts.name for facts in read_indexes(connection)}
                index = "idx_booking_company_scheduled"
                with bench.without([index]) as lacking, lacking() as without:
                    gone = names - {facts.name for facts in read_indexes(without)}
                    assert bench.replay(select, without) > 0
                assert gone == {index}
                assert {facts.name for facts in read_indexes(connection)} == names
                made = bench.compare([select], list(gone), budget_s=0)
    assert len(made.with_s) == 6
    assert made.as_dict()["ratio"]["pairs"] == 6
