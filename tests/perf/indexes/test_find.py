"""The cure of a missing index names what it makes useless; what is not known is not told."""

from dataclasses import replace

import pytest

from perf.indexes.candidates import Candidate
from perf.indexes.catalog import IndexFacts
from perf.indexes.explain import PlanNode, QueryPlan
from perf.indexes.find import _index, find_in_plans
from perf.recording.record import record_queries
from tests.perf.planted.models import Library

pytestmark = pytest.mark.any_database

ONE = IndexFacts(
    name="one",
    table="planted_loan",
    columns=("library_id",),
    condition="",
    unique=False,
    constraint=False,
    declared=True,
    bytes=0,
    sql="",
)


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (ONE, True),  # the new one begins with it
        (replace(ONE, columns=("due_at", "library_id")), True),
        (replace(ONE, columns=("due_at", "library_id"), unique=True), False),
        (replace(ONE, columns=("due_at", "library_id"), condition="x"), False),
        (replace(ONE, columns=("due_at",)), False),
        (replace(ONE, table="planted_visit"), False),
    ],
)
def test_a_new_index_stands_in_for_what_it_covers_or_reorders(there, told):
    cure = _index(Candidate("planted_loan", ("library_id", "due_at")), [there])
    assert cure.startswith('Add Index(fields=["library", "due_at"], ')
    assert ("It stands in for one: take that out" in cure) is told


SCAN = PlanNode("Seq Scan", table="planted_library", full_scan=True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("node", "found"),
    [
        (replace(SCAN, rows=10, removed=5_000), 1),
        (replace(SCAN, rows=2_000, removed=5_000), 0),  # most of it is wanted
        (SCAN, 0),  # nobody knows what is thrown away, and the table is small
    ],
)
def test_a_negation_is_told_where_it_throws_much_away(node, found):
    with record_queries() as q:
        list(Library.objects.exclude(name="x"))
    text = q.statements[0].fingerprint
    findings = find_in_plans({text: q.statements}, {text: QueryPlan(nodes=(node,))}, ())
    assert len(findings) == found
