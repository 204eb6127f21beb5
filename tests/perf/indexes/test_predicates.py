"""What an index would have to hold is read from real statements of both databases."""

import pytest
from django.db import connection
from django.db.models import IntegerField, Q
from django.db.models.functions import Cast, Lower

from bookings.models import Booking, Client
from perf.indexes.candidates import Candidate, propose
from perf.indexes.explain import PlanNode, QueryPlan
from perf.indexes.predicates import Unserved, table_uses
from perf.indexes.rewriting import rewritings
from perf.recording.record import record_queries
from tests.support import builders as make

pytestmark = pytest.mark.django_db


def recorded(queryset):
    with record_queries() as q:
        list(queryset.all())  # a queryset of the module is asked anew
    return q.statements[0]


def read_whole(table):
    return QueryPlan(nodes=(PlanNode("Scan", table=table, full_scan=True),))


def use_of(queryset):
    [use] = table_uses(recorded(queryset).fingerprint, connection.vendor)
    return use


BOOKINGS, CLIENTS = Booking.objects.all(), Client.objects.all()
UNSERVED = [
    (BOOKINGS.filter(scheduled_time__date=make.DAY), Unserved.DATE, "scheduled_time__gte=start"),
    (BOOKINGS.filter(scheduled_time__hour=3), Unserved.DATE, "scheduled_time__lt=end"),
    (
        CLIENTS.annotate(low=Lower("phone")).filter(low="x"),
        Unserved.FUNCTION,
        "an index on this expression",
    ),
    (CLIENTS.filter(phone__contains="x"), Unserved.CONTAINS, "wildcard in front"),
    (CLIENTS.filter(phone__icontains="x"), Unserved.CONTAINS, "wildcard in front"),
    (BOOKINGS.exclude(status="completed"), Unserved.NEGATION, "status__in=[…]"),
    (CLIENTS.filter(Q(phone="x") | Q(address="y")), Unserved.OR, "phone, address"),
    (
        CLIENTS.annotate(number=Cast("phone", IntegerField())).filter(number=1),
        Unserved.CAST,
        "phone is cast",
    ),
]


@pytest.mark.parametrize(("queryset", "kind", "said"), UNSERVED, ids=range(len(UNSERVED)))
def test_what_bare_columns_do_not_serve_is_known_and_rewritten(queryset, kind, said):
    [term] = use_of(queryset).unserved
    assert term.kind is kind
    statement = recorded(queryset)
    [sentence] = rewritings(statement, read_whole(queryset.model._meta.db_table))
    assert said in sentence
    assert rewritings(statement, QueryPlan()) == ()  # nothing to be mended


@pytest.mark.parametrize(
    "queryset",
    [
        BOOKINGS.filter(status="x", notes__in=["a", "b"], scheduled_time__gte=make.NOW),
        BOOKINGS.filter(client__isnull=False),
        BOOKINGS.exclude(will_call=True),
    ],
    ids=range(3),
)
def test_what_bare_columns_serve_needs_no_rewriting(queryset):
    assert use_of(queryset).unserved == ()


def test_not_null_is_told_from_null():
    assert use_of(BOOKINGS.filter(client__isnull=False)).conditions == ('"client_id" IS NOT NULL',)
    assert use_of(BOOKINGS.filter(client__isnull=True)).conditions == ('"client_id" IS NULL',)


def test_an_order_by_place_is_an_order_of_columns():
    ordered = BOOKINGS.order_by("notes", "-id").values("notes", "id")
    assert use_of(ordered).ordered == ("notes", "-id")


def proposed(queryset):
    statement = recorded(queryset)
    return propose([(statement, read_whole(queryset.model._meta.db_table))], connection)


def test_an_expression_gets_an_index_of_its_own():
    company = make.company()
    searched = CLIENTS.annotate(low=Lower("phone")).filter(low="x", company=company)
    special = [c for c in proposed(searched) if c.expression]
    assert [c.columns for c in special] == [("company_id",)]
    assert 'Index(F("company"), Lower("phone"), name=' in special[0].django()


def test_an_or_gets_an_index_for_each_side():
    [candidate] = proposed(CLIENTS.filter(Q(phone="x") | Q(address="y")))
    assert (candidate.columns, candidate.beside.columns) == (("phone",), ("address",))
    assert candidate.django().count("Index(") == 2


def test_few_columns_may_be_carried():
    candidates = proposed(CLIENTS.filter(phone="x").values_list("phone", "address"))
    carrying = [c for c in candidates if c.carried]
    assert [(c.columns, c.carried) for c in carrying] == [(("phone",), ("address",))]
    assert 'include=["address"]' in carrying[0].django()
    assert 'INCLUDE ("address")' in carrying[0].sql("i")
    assert '("phone", "address")' in carrying[0].sql("i", "sqlite")
    assert not [c for c in proposed(CLIENTS.filter(phone="x")) if c.carried]


@pytest.mark.postgres_only  # SQLite cannot prove it of a value that is bound
def test_a_negated_choice_gets_a_conditional_index_and_a_name_does_not():
    [candidate] = proposed(BOOKINGS.exclude(status="completed"))
    assert candidate.condition == "NOT (\"status\" = 'completed')"
    assert "condition=~Q(status='completed')" in candidate.django()
    assert proposed(BOOKINGS.exclude(notes="Ada Lovelace")) == []


@pytest.mark.postgres_only
@pytest.mark.parametrize("there", [True, False])
def test_words_get_trigrams_where_the_extension_is(there, monkeypatch):
    monkeypatch.setattr("perf.indexes.candidates._has_trigrams", lambda connection: there)
    found = proposed(CLIENTS.filter(phone__icontains="x"))
    assert [c.operators for c in found] == ["gin_trgm_ops"] * there
    if there:
        assert found[0].sql("i") == (
            'CREATE INDEX "i" ON "bookings_client" USING gin '
            '((UPPER(CAST("phone" AS TEXT))) gin_trgm_ops)'
        )
        assert found[0].django().startswith('GinIndex(OpClass(Upper("phone"), name=')
    [beginning] = proposed(CLIENTS.filter(phone__startswith="x"))
    assert beginning.operators == "text_pattern_ops"
    assert beginning.django().startswith(
        'Index(OpClass(F("phone"), name="text_pattern_ops"), name='
    )


def test_a_second_index_is_made_beside_the_first():
    pair = Candidate("t", ("a",), beside=Candidate("t", ("b",)))
    assert list(pair.all_sql("i", "sqlite").values()) == [
        'CREATE INDEX "i" ON "t" ("a")',
        'CREATE INDEX "i_2" ON "t" ("b")',
    ]
