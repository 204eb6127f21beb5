"""The naive dispatch reads and writes what the real one does, only slower."""

from datetime import timedelta

import pytest
from django.db import connection

from bookings.models import Actor, Booking, Client, Door, DriverPreference, Event
from dispatch.day import load
from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.models import Assignment, DispatchRun
from dispatch.planner.solve import solve
from dispatch.runs.apply import applying, complete
from drivers.models import Absence, Shift
from perf.measuring.scratch import scratch_database
from perf.project.benchmarks import naive
from tests.support import builders as make

ACTOR = Actor(Door.COMMAND, name="test")
EXPLAINED = {number: {"why": number} for number in range(1, 10)}


def a_day_with_something_of_everything():
    company = make.company()
    first = make.driver(company, "Anna")
    second = make.driver(company, "Bruno", vehicle=None)
    make.driver(company, "Off duty")
    make.driver(company, "Gone", is_active=False)
    make.shift(first, "06:00", "14:00", break_min=30)
    make.shift(first, "16:00", "22:00")
    make.shift(second, "06:00", "18:00")
    Absence.objects.create(driver=second, start_at=make.at("12:00"), end_at=make.at("13:00"))
    Absence.objects.create(driver=second, start_at=make.at("15:00"), end_at=make.at("16:00"))
    client = make.client(company)
    DriverPreference.objects.create(client=client, driver=first, kind="preferred")
    make.booking(company, "08:00", client=client)
    make.booking(company, "09:30")
    make.booking(company, "10:30")
    make.booking(company, "11:00", status="pending")
    make.booking(company, "12:00", status="canceled")
    make.assignment(make.booking(company, "07:00"), first)
    make.assignment(make.booking(company, "13:15"), first, status="completed")
    night = make.booking(company, "23:00", day=make.DAY - timedelta(days=1))
    make.assignment(night, first, minutes=120)
    return company


@pytest.fixture
def company():
    return a_day_with_something_of_everything()


def as_read(company):
    start_at, end_at = company.day_bounds(make.DAY)
    night = start_at - timedelta(hours=3), end_at
    return [
        load.read_drivers(company, *company.day_bounds(make.DAY)),
        *load.read_trips(company, make.DAY, night),
        load.read_preferences(company, make.DAY),
    ]


@pytest.mark.django_db
def test_loops_read_the_same_rows(company):
    assert Client.objects.exists()
    tuned = as_read(company)
    with naive.reading_in_loops():
        assert load.read_trips is naive.read_trips
        looped = as_read(company)
    assert looped == tuned
    assert all(tuned)
    assert load.read_trips is not naive.read_trips


@pytest.mark.django_db
def test_loops_take_a_query_for_each_row(company, django_assert_num_queries, budget):
    bounds = company.day_bounds(make.DAY)
    with budget(1):
        load.read_drivers(company, *bounds)
    # 3 drivers are there: the vehicles of 2, the shifts of 3, the absences of 3; of 2 shifts the
    # vehicle, its absences, and who has it before and after.
    with django_assert_num_queries(1 + 2 + 3 + 3 + 2 + 2 + 2 * 2), naive.reading_in_loops():
        load.read_drivers(company, *bounds)
    # 7 bookings on the day: 1 has a client, 7 are asked for assignments and customers.
    # Of the days around 1 open trip is asked for its booking, client, customer and assignments.
    with django_assert_num_queries(1 + 1 + 7 + 7 + 1 + 4), naive.reading_in_loops():
        load.read_trips(company, make.DAY, company.day_bounds(make.DAY))


def written(company, write):
    """Load, plan and write; return what was written, without the ids of new rows."""
    day = load_problem(company, make.DAY, now=make.NOW, leeway=Leeway())
    plan = solve(day.problem, time_limit_s=0)
    run = make.run(company, status="running", finished_at=None)
    write(day, plan, run)
    assignments = list(
        Assignment.objects.order_by("booking_id", "status").values_list(
            "booking_id", "driver_id", "status", "is_open", "sequence", "planned_pickup_at",
            "planned_dropoff_at", "created_at", "updated_at", "confirmed", "locked", "explanation",
        )
    )  # fmt: skip
    events = [
        (event.kind, event.booking_id, event.old, event.new, event.at, event.door, event.actor)
        for event in Event.objects.order_by("booking_id", "id")
    ]
    bookings = list(Booking.objects.order_by("id").values_list("id", "status", "version"))
    shifts = list(Shift.objects.order_by("id").values_list("id", "break_at"))
    status = DispatchRun.objects.get(id=run.id).status
    return assignments, events, bookings, shifts, status


@pytest.mark.django_db
@pytest.mark.slow
def test_both_write_the_same_rows():
    def naively(day, plan, run):
        naive.write_plan(day, plan, run, now=make.NOW, actor=ACTOR, explanations=EXPLAINED)

    def tuned(day, plan, run):
        with applying(day, plan, run, now=make.NOW, actor=ACTOR, explanations=EXPLAINED) as applied:
            complete(run, applied)

    with scratch_database() as first:
        company = a_day_with_something_of_everything()
        with first.cloned() as second:
            with second.used():
                one = written(company, naively)
            with first.used():
                two = written(company, tuned)
    assert one == two
    assert [kind for kind, *_ in one[1]].count("assignment.created") == 3


@pytest.mark.django_db
@pytest.mark.slow
def test_the_baseline_has_the_indexes_of_a_stock_project():
    def indexes():
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, "dispatch_assignment")
        return {
            n: facts["columns"] for n, facts in found.items() if facts["index"] or facts["unique"]
        }

    with scratch_database():
        before = indexes()
        naive.strip_to_stock()
        assert "idx_assignment_run_status" in before.keys() - indexes().keys()
        assert "assignment_one_open_per_booking" in indexes()
        # One for each foreign key, as Django makes them unasked.
        keys = {"booking_id", "driver_id", "run_id", "company_id", "superseded_by_id"}
        assert keys <= {columns[0] for columns in indexes().values() if columns}
