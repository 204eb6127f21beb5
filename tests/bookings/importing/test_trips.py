"""An import guards the trips that stand, as every door does, but row by row and all at once."""

import io
import json
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from bookings.importing.import_bookings import ImportConflictError, import_bookings
from bookings.models import Actor, Booking, Door, DriverPreference, Event
from dispatch import ledger
from dispatch.day.load import load_days
from dispatch.models import Assignment
from dispatch.planner.solve import solve
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips import bulk_changes, insertion
from drivers.models import Driver, Role
from tests.bookings.importing.test_import_bookings import csv_of
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.invariants import broken, violations_of_plan

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="import_bookings")
ZURICH = {"dropoff_lat": "47.3769", "dropoff_lon": "8.5417"}  # 225 km away
TO_NYON = {"dropoff_lat": "46.3833", "dropoff_lon": "6.2396"}  # some 55 min from Geneva
FROM_NYON = {"pickup_lat": "46.3833", "pickup_lon": "6.2396"}
DEPOT = {"dropoff_lat": "46.1700", "dropoff_lon": "6.1235"}


def tomorrow():
    return timezone.localdate() + timedelta(days=1)


def clock(text):
    return make.at(text, tomorrow()).isoformat()


@pytest.fixture
def anna():
    """Anna drives WHEELS, in a wheelchair, at 9:00 and LATER at 13:00, each home to hospital."""
    anna = make.driver(name="Anna", skills=["stretcher"])
    make.shift(anna, day=tomorrow())
    make.booking(clock="09:00", day=tomorrow(), reference="WHEELS", wheelchairs=1)
    make.booking(clock="13:00", day=tomorrow(), reference="LATER")
    plan(anna.company)
    return anna


def plan(company):
    report = run_dispatch(company, tomorrow(), now=timezone.now(), actor=ACTOR, options=FIRST_PLAN)
    assert not report.unassigned


WHEELS = {"reference": "WHEELS", "wheelchairs": "1"}
LATER = {"reference": "LATER"}
NEXT = {"reference": "NEXT"}
AT = {"WHEELS": "09:00", "NEXT": "10:15", "LATER": "13:00"}


def rows_of(*rows):
    return csv_of(
        *({"scheduled_time": clock(AT.get(row["reference"], "09:00"))} | row for row in rows)
    )


def load(company, *rows, **options):
    """Import the rows, after a dry run that writes nothing and says the same."""
    stored = list(Booking.objects.order_by("id").values()), standing()

    def say(*, dry_run):
        return import_bookings(
            company,
            rows_of(*rows),
            actor=ACTOR,
            now=timezone.now(),
            filename="day.csv",
            dry_run=dry_run,
            **options,
        )

    dry = say(dry_run=True)
    assert (list(Booking.objects.order_by("id").values()), standing()) == stored
    done = say(dry_run=False)
    assert dry.as_dict() | {"dry_run": False} == done.as_dict()
    sound(company)
    return done


def standing():
    rows = Assignment.objects.open().order_by("planned_pickup_at")
    return {row.booking.reference: row.id for row in rows.select_related("booking")}


def trip(reference):
    return Assignment.objects.open().get(booking__reference=reference)


def sound(company):
    assert violations_of_plan(company, tomorrow(), timezone.now()) == ()
    assert broken(company) == {}


def lines(rows):
    return [row.line for row in rows]


@pytest.mark.parametrize(("change", "solved"), [({"passengers": "60"}, 1), ({"needs": "x"}, 1)])
def test_what_no_plan_can_keep_is_not_searched_for(anna, monkeypatch, change, solved):
    solves = []

    def counted(problem, **options):
        solves.append(problem)
        return solve(problem, **options)

    monkeypatch.setattr(insertion, "solve", counted)
    loads = []
    monkeypatch.setattr(
        bulk_changes, "load_days", lambda *a, **o: loads.append(a) or load_days(*a, **o)
    )
    import_bookings(
        anna.company,
        rows_of(WHEELS | change, LATER | change),
        actor=ACTOR,
        now=timezone.now(),
        filename="day.csv",
        dry_run=True,
    )
    assert (len(solves), len(loads)) == (2 * solved, 1)  # where each breaks the fewest rules


BREAKING = {
    "too many passengers": {"passengers": "60"},
    "too many wheelchairs": {"passengers": "2", "wheelchairs": "2"},
    "equipment that is not there": {"needs": "oxygen"},
    "another town": ZURICH,
    "another hour": {"scheduled_time": "15:00"},
    "another day": {"scheduled_time": "33:00"},
    "an appointment before the arrival": {"appointment_at": "09:10"},
}


def cells(case):
    times = ("scheduled_time", "appointment_at")
    return {name: clock(v) if name in times else v for name, v in BREAKING[case].items()}


@pytest.mark.parametrize("case", BREAKING)
def test_a_row_that_breaks_its_trip_is_left_out_with_the_sentence_of_the_api(anna, case):
    booking, before = Booking.objects.get(reference="WHEELS"), standing()
    body = cells(case)
    for name in body.keys() & {"passengers", "wheelchairs", "dropoff_lat", "dropoff_lon"}:
        body[name] = float(body[name]) if "_" in name else int(body[name])
    if "needs" in body:
        body["needs"] = [body["needs"]]
    api = caller(Role.DISPATCHER, anna.company)
    refused = api.patch(f"{API}bookings/{booking.id}/", body, format="json").json()["trips"][0]

    result = load(anna.company, WHEELS | cells(case), {"reference": "NEW"})

    (row,) = result.broken
    assert (row.line, row.reference, row.trip.driver) == (2, "WHEELS", "Anna")
    # Local in a result of an import, in UTC in the API.
    at = [datetime.fromisoformat(said["pickup_at"]) for said in (row.as_dict(), refused)]
    assert at[0] == at[1]
    assert row.trip.why == refused["why"]
    assert (result.created, result.updated, result.errors) == (1, 0, ())
    assert standing() == before
    assert Booking.objects.get(reference="WHEELS").version == booking.version
    assert "1 row would break a trip that has a driver (line 2)" in result.summary()
    assert f"line 2, trip WHEELS of Anna at {tomorrow()} 0" in str(row)


@pytest.mark.parametrize("case", BREAKING)
def test_agreeing_releases_exactly_the_trips_that_break(anna, case):
    released = standing()["WHEELS"]
    later = LATER | {"passengers": "2"}
    result = load(anna.company, WHEELS | cells(case), later, release_broken=True)
    assert (lines(result.released), result.broken, result.updated) == ([2], (), 2)
    assert list(standing()) == ["LATER"]
    assert Booking.objects.get(reference="WHEELS").status == "accepted"
    told = Event.objects.filter(booking__reference="WHEELS").order_by("-id")
    assert [event.kind for event in told[:2]] == [Event.Kind.RELEASED, Event.Kind.BOOKING_CHANGED]
    assert told[0].assignment_id == released
    assert "1 trip was released" in result.summary()


def test_agreeing_to_other_trips_is_no_agreement(anna):
    ids = standing()
    rows = (WHEELS | {"passengers": "60"}, LATER | {"passengers": "60"})
    result = load(anna.company, *rows, release_broken={ids["LATER"]})
    assert (lines(result.broken), lines(result.released)) == ([2], [3])
    assert list(standing()) == ["WHEELS"]


def test_what_still_fits_keeps_its_driver_and_gets_its_new_dropoff(anna):
    before = trip("WHEELS")
    result = load(anna.company, WHEELS | DEPOT, LATER | {"passengers": "3"})
    after = trip("WHEELS")
    assert (result.updated, result.broken, result.released) == (2, (), ())
    assert (after.driver_id, after.planned_pickup_at) == (anna.id, before.planned_pickup_at)
    assert after.planned_dropoff_at != before.planned_dropoff_at
    assert trip("LATER").id == standing()["LATER"]


@pytest.fixture
def close(anna):
    """After WHEELS, Anna drives NEXT at 10:15: from the hospital, Nyon is out of reach by then."""
    make.booking(clock="10:15", day=tomorrow(), reference="NEXT")
    plan(anna.company)
    return anna


def test_trips_that_fit_together_are_changed_together(close):
    result = load(close.company, WHEELS | TO_NYON, NEXT | FROM_NYON)
    assert (result.updated, result.broken) == (2, ())
    assert trip("NEXT").planned_pickup_at == make.at("10:15", tomorrow())


def test_either_alone_breaks_its_trip(close):
    assert lines(load(close.company, WHEELS | TO_NYON).broken) == [2]
    assert lines(load(close.company, NEXT | FROM_NYON).broken) == [2]


def test_without_a_row_that_breaks_the_others_are_checked_again(close):
    rows = (NEXT | FROM_NYON, WHEELS | TO_NYON | {"passengers": "60"})
    assert lines(load(close.company, *rows).broken) == [2, 3]


def test_what_fits_without_the_released_trips_keeps_its_driver(close):
    rows = (NEXT | FROM_NYON, WHEELS | TO_NYON | {"passengers": "60"})
    result = load(close.company, *rows, release_broken=True)
    assert (result.broken, lines(result.released)) == ((), [3])
    assert sorted(standing()) == ["LATER", "NEXT"]


def test_a_return_trip_is_skipped_if_its_outbound_trip_cannot_move_before_it(anna):
    back = {"reference": "NEW", "return_of": "LATER", "scheduled_time": clock("10:00")}
    result = load(anna.company, back, LATER | {"scheduled_time": clock("08:00")})
    assert (lines(result.broken), lines(result.skipped), result.errors) == ([3], [2], ())
    assert "after the outbound trip LATER" in result.skipped[0].reason
    assert not Booking.objects.filter(reference="NEW").exists()


def test_of_two_trips_the_one_whose_row_breaks_them_is_left_out(anna):
    """WHEELS would end in Zurich, from where LATER is out of reach: that is not LATER's fault."""
    later = LATER | {"passengers": "2", "notes": "blue door"}
    result = load(anna.company, later, WHEELS | ZURICH)
    assert lines(result.broken) == [3]
    assert Booking.objects.get(reference="LATER").passengers == 2


def test_a_client_who_must_not_be_driven_by_the_driver_breaks_the_trip(anna):
    marc = make.client(anna.company, "Marc Rochat")
    DriverPreference.objects.create(client=marc, driver=anna, kind="forbidden")
    row = WHEELS | {"client_name": marc.name, "client_phone": marc.phone}
    result = load(anna.company, row, LATER | {"client_name": "Nobody Known", "client_phone": ""})
    assert lines(result.broken) == [2]
    assert Booking.objects.get(reference="LATER").client.name == "Nobody Known"


def test_a_rule_that_was_overridden_before_does_not_stand_in_the_way(anna):
    Booking.objects.filter(reference="LATER").update(needs=["stretcher"])
    Driver.objects.filter(id=anna.id).update(skills=[])  # as if assigned against the rule
    data = rows_of(LATER | {"passengers": "2"})
    result = import_bookings(anna.company, data, actor=ACTOR, now=timezone.now())
    assert (result.updated, result.broken) == (1, ())


def test_a_trip_under_way_is_skipped_as_before(anna):
    Booking.objects.filter(reference="WHEELS").update(status="en_route")
    Assignment.objects.filter(id=standing()["WHEELS"]).update(status="en_route")
    data = rows_of(WHEELS | {"passengers": "60"})
    result = import_bookings(anna.company, data, actor=ACTOR, now=timezone.now())
    assert (lines(result.skipped), result.broken) == ([2], ())


def test_what_does_not_matter_to_trips_asks_no_guard(anna, django_assert_num_queries):
    # default customer, company, what is there, lock, update, whose they are, events; a savepoint
    with django_assert_num_queries(7 + 2):
        import_bookings(
            anna.company,
            rows_of(WHEELS | {"notes": "ring twice"}),
            actor=ACTOR,
            now=timezone.now(),
        )


@pytest.mark.parametrize("count", [2, 8])
def test_the_statements_of_the_guard_do_not_grow_with_the_rows(count, django_assert_num_queries):
    company = make.company()
    for i in range(count):
        driver = make.driver(company, skills=["oxygen"])
        make.shift(driver, day=tomorrow())
        make.booking(company, day=tomorrow(), reference=f"T-{i}")
    plan(company)
    rows = [{"reference": f"T-{i}", "passengers": "2"} for i in range(count)]
    # company, what is there, lock, update, events; a savepoint; drivers, their lock, the trips;
    # the day's drivers, trips and preferences
    with django_assert_num_queries(5 + 2 + 3 + 3):
        import_bookings(company, rows_of(*rows), actor=ACTOR, now=timezone.now())
    rows = [row | DEPOT for row in rows]
    # and a lock, assignments ended and made, the log; and whose the bookings are
    with django_assert_num_queries(5 + 2 + 3 + 3 + 4 + 1):
        import_bookings(company, rows_of(*rows), actor=ACTOR, now=timezone.now())
    rows = [row | {"passengers": "60"} for row in rows]
    # and a savepoint, the drivers, bookings and trips, both ended, the log
    with django_assert_num_queries(5 + 2 + 3 + 3 + 8):
        result = import_bookings(
            company, rows_of(*rows), actor=ACTOR, now=timezone.now(), release_broken=True
        )
    assert len(result.released) == count
    sound(company)


def run_command(company, tmp_path, *options):
    file, printed = tmp_path / "day.csv", io.StringIO()
    file.write_bytes(rows_of(WHEELS | {"passengers": "60"}))
    call_command("import_bookings", str(file), *options, company=company.slug, stdout=printed)
    return printed.getvalue()


def test_the_command_lists_what_breaks_and_releases_on_demand(anna, tmp_path):
    printed = run_command(anna.company, tmp_path)
    assert "Rows left out, which would break trips:\n  line 2, trip WHEELS of Anna" in printed
    assert "WHEELS" in standing()
    printed = run_command(anna.company, tmp_path, "--release-broken", "--json")
    (row,) = json.loads(printed)["released"]
    assert (row["line"], row["reference"], row["driver"]) == (2, "WHEELS", "Anna")
    assert "WHEELS" not in standing()


def test_a_trip_that_is_given_to_another_driver_meanwhile_stops_the_import(anna, monkeypatch):
    """Between the reading of the driver and their lock, another one may get the trip."""
    bea = make.driver(anna.company, name="Bea")
    make.shift(bea, day=tomorrow())
    lock_drivers = ledger.lock_drivers

    def lock_and_be_overtaken(*args):
        Assignment.objects.filter(id=standing()["WHEELS"]).update(driver=bea)
        return lock_drivers(*args)

    monkeypatch.setattr(ledger, "lock_drivers", lock_and_be_overtaken)
    with pytest.raises(ImportConflictError):
        import_bookings(
            anna.company,
            rows_of(WHEELS | {"passengers": "2"}),
            actor=ACTOR,
            now=timezone.now(),
        )
    assert Booking.objects.get(reference="WHEELS").passengers == 1
