"""Missing indexes are found in plans, tried, and advised only when they help."""

from dataclasses import replace

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Lower

from bookings.models import Booking, Client
from dispatch.models import Assignment
from perf.indexes.ablation import Comparison
from perf.indexes.candidates import Candidate, _serves, propose
from perf.indexes.explain import PlanNode, QueryPlan, distinct, explain_top
from perf.indexes.missing import Attempt, Outcome, Trial, advise, try_all
from perf.indexes.predicates import table_uses
from perf.indexes.try_index import Laboratory, laboratory
from perf.measuring.statistics import Verdict
from perf.recording.record import record_queries
from tests.perf.planted.models import Visit
from tests.support import builders as make

pytestmark = pytest.mark.slow


@pytest.fixture
def many_clients(transactional_db):
    company = make.company()
    Client.objects.bulk_create(
        [
            Client(company=company, name=f"Client {i}", address=f"Street {i % 500}")
            for i in range(5_000)
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return company


def proposed(q):
    plans = explain_top(q)
    groups = distinct(q)
    return propose([(groups[text][0], plan) for text, plan in plans.items()], connection), groups


def clearly_faster(attempt):
    """Return the attempt with times without doubt: how fast this machine is now is no test."""
    times = trial(0.100, 0.010).comparison
    trials = (replace(made, comparison=times if made.used else None) for made in attempt.trials)
    return replace(attempt, trials=tuple(trials))


def indexes():
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, "bookings_client"))


def test_a_missing_index_is_found_tried_and_leaves_nothing(many_clients):
    before = indexes()
    with record_queries() as q:
        for street in range(3):
            list(Client.objects.filter(address=f"Street {street}"))
    candidates, groups = proposed(q)
    assert [(c.table, c.columns) for c in candidates] == [("bookings_client", ("address",))]
    with laboratory(may_build=True) as place:
        [attempt] = try_all(candidates, groups, place)
    [advice] = advise([clearly_faster(attempt)])
    assert advice.priority == 1
    [trial] = advice.trials
    assert trial.before.full_scans == ("bookings_client",)
    assert trial.after.full_scans == ()
    assert trial.used
    assert trial.count == 3
    assert advice.candidate.django() == (
        'Index(fields=["address"], name="idx_bookings_client_address")'
    )
    assert indexes() == before


def test_an_index_that_the_planner_leaves_alone_is_not_advised(many_clients):
    with record_queries() as q:
        list(Client.objects.filter(wheelchair=False, address__startswith="Street"))
    groups = distinct(q)
    candidates = [Candidate("bookings_client", ("phone",), fingerprints=tuple(groups))]
    with laboratory(may_build=True) as place:
        attempts = try_all(candidates, groups, place)
    assert advise(attempts) == []
    assert [a.outcome for a in attempts] == [Outcome.NOT_USED]


def test_a_small_table_needs_no_index(transactional_db):
    make.client()
    with record_queries() as q:
        list(Client.objects.filter(address="x"))
    candidates, groups = proposed(q)
    assert candidates
    with laboratory(may_build=True) as place:
        attempts = try_all(candidates, groups, place)
    assert advise(attempts) == []
    assert {a.outcome for a in attempts} == {Outcome.SMALL_TABLE}


def test_an_index_that_is_there_is_not_proposed(many_clients):
    with record_queries() as q:
        owner = many_clients.default_customer
        list(Client.objects.filter(customer=owner, folded_name="client 7"))
        list(Booking.objects.filter(company=many_clients, scheduled_time__gte=make.NOW))
    candidates, _groups = proposed(q)
    assert candidates == []


@pytest.mark.parametrize(
    "search",
    [
        lambda: Client.objects.annotate(low=Lower("address")).filter(low="street 7"),
        lambda: Client.objects.filter(Q(address="Street 7") | Q(phone="7")),
        lambda: Client.objects.filter(address="Street 7").values_list("address", "phone"),
    ],
    ids=["expression", "or", "covering"],
)
def test_special_indexes_are_tried_and_measured_with_reads_and_writes(
    many_clients, search, monkeypatch
):
    monkeypatch.setattr(Laboratory, "seems_faster", lambda *_args: True)  # however busy it is
    with record_queries() as q:
        for _time in range(5):
            list(search())
        Client.objects.filter(pk__lte=100).update(address="elsewhere")
    candidates, groups = proposed(q)
    with laboratory(may_build=True) as place:
        attempts = try_all(candidates, groups, place)
    attempt = next(attempt for attempt in attempts if any(t.comparison for t in attempt.trials))
    [trial] = [trial for trial in attempt.trials if trial.used]
    assert trial.comparison.ratio.pairs >= 6
    assert attempt.writes.ratio.pairs >= 6
    [advice] = advise([clearly_faster(attempt)])
    assert "writes × " in advice.cost


@pytest.mark.postgres_only
def test_what_cannot_be_built_says_why(many_clients):
    with record_queries() as q:
        list(Client.objects.filter(address="Street 7"))
    groups = distinct(q)
    candidate = Candidate("bookings_client", (), expression="NOW()", fingerprints=tuple(groups))
    with laboratory(may_build=True) as place:
        [attempt] = try_all([candidate], groups, place)
    assert attempt.outcome is Outcome.NOT_BUILT
    assert "IMMUTABLE" in attempt.error


def plan(*nodes):
    return QueryPlan(nodes=nodes)


SCAN = PlanNode("Scan", table="bookings_client", full_scan=True)


def proposed_for(queryset, shown):
    with record_queries() as q:
        list(queryset)
    return propose([(q.statements[0], shown)], connection)


@pytest.mark.django_db
@pytest.mark.parametrize("order", [("id",), ("-id",), ("pk",), ("-pk", "name")])
def test_a_second_primary_key_is_never_proposed(order):
    assert proposed_for(Client.objects.order_by(*order)[:50], plan(SCAN)) == []


@pytest.mark.django_db
def test_an_index_is_read_in_both_directions_and_its_equal_columns_in_any_order():
    index = (("company_id", "status", "scheduled_time", "-id"), "")
    for columns, free, serves in (
        (("status", "company_id", "scheduled_time"), 2, True),
        (("company_id", "status", "-scheduled_time", "id"), 2, True),
        (("company_id", "status", "-scheduled_time", "-id"), 2, False),
        (("company_id", "scheduled_time"), 1, False),
        (("status", "company_id"), 0, False),
    ):
        candidate = Candidate("bookings_booking", columns, free=free)
        assert _serves(index, candidate) is serves, columns
    assert not _serves(index, Candidate("b", ("company_id",), free=1, carried=("notes",)))
    assert not _serves((("a",), "x"), Candidate("b", ("a",), free=1))


@pytest.mark.django_db
def test_a_range_before_an_equal_column_is_the_wrong_order():
    late = PlanNode(
        "Index Scan",
        table="planted_visit",
        index="visit_at_library",
        condition="((at >= ?) AND (library_id = ?))",
    )
    [candidate] = proposed_for(Visit.objects.filter(library=1, at__gte=make.NOW), plan(late))
    assert candidate.columns == ("library_id", "at")
    assert "begins with a range of at" in candidate.reason
    assert proposed_for(Visit.objects.filter(library=1, at=make.NOW), plan(late)) == []


def trial(before_s, after_s, *, count=1, noise=0.01):
    """Return a trial of ten pairs that wobble by `noise`."""
    wobble = [1 + noise * (-1) ** n for n in range(10)]
    compared = Comparison(
        with_s=[after_s * w for w in wobble],
        without_s=[before_s * w for w in reversed(wobble)],
        control_s=[after_s * w for w in wobble],
    )
    return Trial("s", count, plan(SCAN), plan(), used=True, comparison=compared)


CLIENTS = Candidate("bookings_client", ("phone",))


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (trial(0.100, 0.010), Outcome.PAYS),
        (trial(0.000_68, 0.000_54), Outcome.TOO_LITTLE),
        (trial(0.000_68, 0.000_54, count=20), Outcome.PAYS),
        (trial(0.100, 0.095), Outcome.NOT_FASTER),
        (trial(0.100, 0.070, noise=0.5), Outcome.NOT_FASTER),
        (replace(trial(0.1, 0.01), used=False, comparison=None), Outcome.NOT_USED),
    ],
)
def test_advice_needs_an_interval_and_some_milliseconds(made, outcome):
    attempt = Attempt(CLIENTS, (made,), rows=5_000)
    assert attempt.outcome is outcome
    assert bool(advise([attempt])) == (outcome is Outcome.PAYS)


def test_trials_are_judged_together():
    """One of many that looks faster by chance is no advice."""
    ratios = [0.5, 0.55, 0.6, 0.65, 0.7, 0.72, 0.75, 0.95, 1.05, 1.2]
    weak = Comparison(with_s=[r / 10 for r in ratios], without_s=[0.1] * 10, control_s=[0.07] * 10)
    weak.control_s = [s * (1 + 0.01 * (-1) ** n) for n, s in enumerate(weak.with_s)]
    assert weak.judgement.verdict is Verdict.FASTER

    class Place:
        def rows(self, table):
            return 5_000

        def try_index(self, candidate, statements):
            return Attempt(candidate, (replace(trial(1, 1), comparison=replace(weak)),), 5_000)

    few = try_all([CLIENTS], {}, Place())
    many = try_all([CLIENTS] * 60, {}, Place())
    assert [a.outcome for a in few] == [Outcome.PAYS]
    assert {a.outcome for a in many} == {Outcome.NOT_FASTER}


def test_what_was_not_tried_is_called_so():
    assert Attempt(CLIENTS, rows=7).outcome is Outcome.SMALL_TABLE
    assert Attempt(CLIENTS).outcome is Outcome.NOT_TRIED
    assert Attempt(CLIENTS, rows=5_000, error="no").outcome is Outcome.NOT_BUILT


@pytest.mark.postgres_only  # SQLite tries on a copy
def test_without_leave_nothing_is_built_on_postgresql(many_clients):
    with laboratory() as place:
        assert place is None


@pytest.mark.sqlite_only
def test_inside_a_transaction_what_it_has_written_is_on_the_copies(many_clients):
    with transaction.atomic():
        Client.objects.create(company=many_clients, name="only here")
        with laboratory() as place, place.connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM bookings_client WHERE name = 'only here'")
            assert cursor.fetchone() == (1,)
            cursor.execute("CREATE INDEX tried ON bookings_client (address)")
        assert "tried" not in indexes()
        transaction.set_rollback(True)
    assert not Client.objects.filter(name="only here").exists()


def test_a_condition_without_values_makes_a_partial_index(many_clients):
    make.assignment(make.booking(company=many_clients), make.driver(many_clients))
    with record_queries() as q:
        list(Assignment.objects.open().filter(sequence=7, confirmed=False))
    candidates, _groups = proposed(q)
    first = candidates[0]
    assert first.columns == ("sequence",)
    assert set(first.condition.split(" AND ")) == {'"is_open"', 'NOT "confirmed"'}
    assert "condition=Q(is_open=True) & Q(confirmed=False)" in first.django() or (
        "condition=Q(confirmed=False) & Q(is_open=True)" in first.django()
    )


@pytest.mark.django_db
def test_the_uses_of_tables_are_read_from_real_statements():
    company = make.company()
    with record_queries() as q:
        list(
            Booking.objects.open()
            .filter(company=company, scheduled_time__gte=make.NOW, client__name="x")
            .order_by("-scheduled_time", "id")
        )
        Booking.objects.filter(id__any_of=[1, 2], status="x").update(notes="y")
    read, write = (s.fingerprint for s in q)
    uses = {use.table: use for use in table_uses(read, connection.vendor)}
    booking = uses["bookings_booking"]
    assert booking.equal == ("company_id", "client_id") or set(booking.equal) == {
        "company_id",
        "client_id",
    }
    assert booking.ranged == ("scheduled_time",)
    assert booking.ordered == ("-scheduled_time", "id")
    assert booking.conditions == ('"is_open"',)
    assert "name" in uses["bookings_client"].equal
    [use] = [u for u in table_uses(write, connection.vendor) if u.table == "bookings_booking"]
    assert (use.equal, use.listed) == (("status",), ("id",))


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_what_cannot_be_parsed_has_no_uses(vendor):
    assert table_uses("SELECT FROM WHERE", vendor) == ()
