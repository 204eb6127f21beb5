"""What if: days planned as they are and with changes, of which only the figures are kept.

Ana and Bea both wait at home at 09:00, and go to the hospital. Alone the only driver, who lives
there too, can take one of them: 18:44 there, as long back, and a pickup is at most 15 minutes late.
"""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import Actor, Booking, Door, DriverPreference
from dispatch.api.what_if_serializers import PolicySerializer
from dispatch.board import run_views
from dispatch.day.load import from_the_beginning, load_problem
from dispatch.models import Assignment, DispatchRun, StoredPlan
from dispatch.runs.background import start_comparison, start_dispatch
from dispatch.runs.changes import LIMITS, Changes, QuestionRefused
from dispatch.runs.changes import POLICY as POLICY_FIELDS
from dispatch.runs.comparison import FIGURES, _stood, keep_comparison
from dispatch.runs.meter import Meter
from dispatch.runs.options import FIRST_PLAN, THOROUGH
from dispatch.runs.previews import NoPreview, apply_preview
from dispatch.runs.worker import take_over, work
from drivers.models import Absence, Company, Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.API, name="test")
POLICY = dict(zip(LIMITS, (None, 15, None, 10), strict=True))
# 7.2 km there, as in tests/dispatch/day/test_load.py, and as much back.
RIDE_KM = 9.4


@pytest.fixture
def company():
    company = make.company(shares_rides=False)
    driver = make.driver(company, "Anna", home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(driver, "08:00", "12:00")
    for name in ("Ana", "Bea"):
        make.booking(company, client=make.client(company, name=name))
    return company


def start(company, until=None, **limits):
    return ask(company, Changes({"shares_rides": True, **POLICY, **limits}), until=until)


def ask(company, changes, **about):
    return start_comparison(
        company,
        make.DAY,
        now=make.NOW,
        actor=ACTOR,
        changes=changes,
        time_limit_s=0,
        **about,
    )


def worked(run, now=make.NOW):
    return work(take_over(run.id, now=now)).as_dict()


def compared(company, now=make.NOW, **limits):
    return worked(start(company, **limits), now)["whole"]


def placed(figures):
    ways = ("again", "changed")
    rows = {way: figures[way] for way in ways}
    return {way: (row["placed"], row["left_out"], row["shared"]) for way, row in rows.items()}


def test_both_ways_are_side_by_side_and_nothing_is_written(company):
    found = worked(start(company))
    figures = found["whole"]
    assert placed(figures) == {"again": (1, 1, 0), "changed": (2, 0, 2)}
    assert figures["stood"] is None
    alone, shared = figures["again"], figures["changed"]
    assert (alone["paid_h"], alone["placed_per_h"], shared["placed_per_h"]) == (4.0, 0.25, 0.5)
    assert (alone["vehicles"], shared["vehicles"]) == (1, 1)
    # There with passengers and back without, once in both ways.
    assert alone["driven_km"] == shared["driven_km"] == pytest.approx(2 * RIDE_KM, abs=0.2)
    assert alone["empty_km"] == shared["empty_km"] == pytest.approx(RIDE_KM, abs=0.1)
    assert (alone["longer_min"], alone["longest_min"]) == (0, 0)
    run = DispatchRun.objects.get()
    assert found["days"] == [{"day": make.DAY.isoformat(), **figures}]
    assert (run.status, run.outcome) == ("compared", {"comparison": found})
    assert not Assignment.objects.exists()
    assert not StoredPlan.objects.exists()
    company.refresh_from_db()
    assert not company.shares_rides


def test_the_limits_are_those_that_were_asked_for(company):
    Booking.objects.filter(client__name="Bea").update(
        pickup_lat=make.DEPOT[0], pickup_lon=make.DEPOT[1]
    )
    assert placed(compared(company))["changed"] == (2, 0, 2)
    assert placed(compared(company, ride_added_min=1))["changed"] == (1, 1, 0)


def test_a_day_that_is_over_is_driven_again(company):
    driver = company.drivers.get()
    for number, booking in enumerate(Booking.objects.order_by("id")):
        make.assignment(booking, driver, status=("completed", "no_show")[number])
    make.booking(company, status="canceled")
    make.booking(company, status="pending")
    client = Booking.objects.filter(client__name="Bea").get().client
    figures = compared(company, now=make.at("12:00", make.DAY.replace(month=7)))
    assert placed(figures) == {"again": (1, 1, 0), "changed": (2, 0, 2)}
    DriverPreference.objects.create(client=client, driver=driver, kind="forbidden")
    assert placed(compared(company)) == {"again": (1, 1, 0), "changed": (1, 1, 0)}


def test_who_is_not_available_any_more_drives_on_a_past_day_only(company):
    company.drivers.update(is_available=False)
    after = make.DAY + timedelta(days=1)
    assert placed(compared(company, now=make.at("12:00", after)))["again"] == (1, 1, 0)
    assert placed(compared(company))["again"] == (0, 2, 0)


def test_statements_are_as_many_at_any_size(company):
    seen = []
    for count in (1, 20):
        for number in range(count):
            make.booking(company, f"{9 + number % 2}:30", client=make.client(company))
        run = take_over(start(company).id, now=make.NOW)
        with CaptureQueriesContext(connection) as queries:
            keep_comparison(run, Meter())
        seen.append(len(queries))
    assert seen == [5, 5]
    days = take_over(start(company, until=make.DAY + timedelta(days=2)).id, now=make.NOW)
    with CaptureQueriesContext(connection) as queries:
        keep_comparison(days, Meter())
    assert len(queries) == 4 * 3 + 1


def test_a_comparison_replaces_no_preview_that_waits_nor_is_it_one(company):
    about = {"now": make.NOW, "actor": ACTOR}
    preview = start_dispatch(company, make.DAY, options=FIRST_PLAN, preview=True, **about)
    first, second = start(company), start(company)
    found = {run.pk: run.status for run in DispatchRun.objects.all()}
    assert found == {preview.pk: "planning", first.pk: "failed", second.pk: "planning"}
    work(take_over(second.pk, now=make.NOW))
    second.refresh_from_db()
    with pytest.raises(NoPreview):
        apply_preview(second, **about)


def test_the_board_of_the_day_offers_no_comparison(client, company):
    compared(company)
    start(company)
    client.force_login(make.member(company))
    page = client.get(reverse("admin:board:runs", args=[company.slug, make.DAY]))
    assert "Planning…" not in page.content.decode()


def test_the_board_offers_a_preview_from_before_many_comparisons(client, company, monkeypatch):
    monkeypatch.setattr(run_views, "NEWEST", 1)
    preview = make.run(company, status="preview")
    compared(company)
    start(company)
    client.force_login(make.member(company))
    page = client.get(reverse("admin:board:runs", args=[company.slug, make.DAY]))
    assert page.context["preview"] == preview


def test_a_vehicle_less_takes_its_shift_and_driver_along(company):
    driver = company.drivers.get()
    other = make.driver(company, "Bert", home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(other, "08:00", "12:00")
    run = ask(company, Changes(without=(driver.vehicle_id,)))
    assert placed(worked(run)["whole"]) == {"again": (2, 0, 0), "changed": (1, 1, 0)}
    assert run.settings["what_if"]["plates"] == {str(driver.vehicle_id): driver.vehicle.plate}


def test_a_vehicle_more_drives_in_the_same_shifts(company):
    found = worked(ask(company, Changes(more_like=(company.drivers.get().vehicle_id,))))["whole"]
    assert placed(found) == {"again": (1, 1, 0), "changed": (2, 0, 0)}
    assert (found["again"]["vehicles"], found["changed"]["vehicles"]) == (1, 2)
    assert (found["again"]["paid_h"], found["changed"]["paid_h"]) == (4.0, 8.0)


def test_a_vehicle_more_is_away_with_nobody(company):
    driver = company.drivers.get()
    Absence.objects.create(driver=driver, start_at=make.at("00:00"), end_at=make.at("23:00"))
    found = worked(ask(company, Changes(more_like=(driver.vehicle_id,))))["whole"]
    assert placed(found) == {"again": (0, 2, 0), "changed": (1, 1, 0)}


def test_another_window_places_who_may_wait_longer(company):
    """The second trip begins 18:44 there, the change, and 18:44 back after the first."""
    found = worked(ask(company, Changes({"pickup_late_min": 60})))["whole"]
    assert placed(found) == {"again": (1, 1, 0), "changed": (2, 0, 0)}
    # More than 15 minutes after 09:00 is late; which of both it is says the plan.
    assert (found["again"]["late"], found["changed"]["late"]) == (0, 1)
    assert found["changed"]["late_min"] > 15


def test_beside_both_stands_what_was_planned_then(company):
    driver = company.drivers.get()
    pickup_at = make.at("09:20")
    booking = Booking.objects.order_by("id")[0]
    make.assignment(booking, driver, planned_pickup_at=pickup_at, status="completed")
    stood = worked(ask(company, Changes({"pickup_late_min": 60})))["whole"]["stood"]
    assert (stood["placed"], stood["left_out"]) == (1, 1)
    assert (stood["late"], stood["late_min"]) == (1, 20)
    assert (stood["paid_h"], stood["vehicles"]) == (4.0, 1)
    assert stood["empty_km"] == pytest.approx(RIDE_KM, abs=0.1)


def test_days_stand_by_themselves_and_together(company):
    tomorrow = make.DAY + timedelta(days=1)
    make.shift(company.drivers.get(), "08:00", "12:00", day=tomorrow)
    make.booking(company, "09:00", day=tomorrow, client=make.client(company, name="Cem"))
    found = worked(start(company, until=tomorrow))
    assert [day["day"] for day in found["days"]] == [make.DAY.isoformat(), tomorrow.isoformat()]
    assert [day["changed"]["placed"] for day in found["days"]] == [2, 1]
    whole = found["whole"]["changed"]
    assert (whole["placed"], whole["paid_h"], whole["vehicles"]) == (3, 8.0, 1)
    assert whole["placed_per_h"] == 0.38  # 3 / 8
    assert whole.keys() == FIGURES.keys()


def test_a_day_without_trips_does_not_hide_how_the_others_stood(company):
    """A week has its Sunday: nobody had a driver then, for nobody was to be driven."""
    about = {"now": make.NOW, "leeway": THOROUGH.leeway}
    sunday = load_problem(company, make.DAY + timedelta(days=1), **about)
    stood = _stood(sunday, from_the_beginning(sunday, company, sunday.drivers, frozenset()))
    assert stood is not None
    assert (stood.placed, stood.left_out) == (0, 0)
    read = load_problem(company, make.DAY, **about)
    assert _stood(read, from_the_beginning(read, company, read.drivers, frozenset())) is None


def test_of_all_days_is_said_where_the_least_certain_drives_come_from(company, monkeypatch):
    said = iter([{"by": "mixed", "guessed": 3, "why": ""}, {"by": "roads"}])
    monkeypatch.setattr("dispatch.runs.comparison.driving", lambda travel: next(said))
    worked(start(company, until=make.DAY + timedelta(days=1)))
    assert DispatchRun.objects.get().metrics["driving"]["by"] == "mixed"


def test_another_question_replaces_none_that_waits(company):
    vehicle = company.drivers.get().vehicle_id
    first, second = ask(company, Changes(without=(vehicle,))), start(company)
    longer = start(company, until=make.DAY + timedelta(days=1))
    again = start(company)
    found = {run.pk: run.status for run in DispatchRun.objects.all()}
    failed = {second.pk: "failed"}
    assert found == dict.fromkeys((first.pk, longer.pk, again.pk), "planning") | failed


@pytest.mark.parametrize(
    ("changes", "days", "field"),
    [
        (Changes(), 0, "policy"),
        (Changes({"pickup_late_min": 20}), 14, "until"),
        (Changes({"pickup_late_min": 20}), -1, "until"),
        (Changes(without=(1,), more_like=(1,)), 0, "more_like"),
        (Changes(without=(10**9,)), 0, "without"),
    ],
)
def test_what_cannot_be_asked_is_refused(company, changes, days, field):
    with pytest.raises(QuestionRefused) as caught:
        ask(company, changes, until=make.DAY + timedelta(days=days))
    assert caught.value.field == field
    assert not DispatchRun.objects.exists()


def test_no_vehicle_of_another_company_can_be_named(company):
    foreign = make.driver(make.company("basel"), "Carla").vehicle_id
    with pytest.raises(QuestionRefused):
        ask(company, Changes(more_like=(foreign,)))


def test_an_owner_asks_with_the_policy_in_the_form_and_sees_both(client, company):
    client.force_login(make.member(company, Role.OWNER))
    policy = reverse("admin:drivers_company_change", args=[company.pk])
    page = reverse("admin:dispatch_dispatchrun_compare", args=[company.slug])
    assert f'formaction="{page}"' in client.get(policy).content.decode()
    asked = client.post(page, {"ride_factor": "1.5", "ride_added_min": "", "shares_rides": "on"})
    shown = asked.context["form"]
    assert shown["ride_factor"].value() == "1.5"
    assert shown["ride_added_min"].value() == ""
    assert shown["shares_rides"].value() is True
    sent = {name: getattr(company, name) for name in POLICY_FIELDS}
    sent = {name: "" if value is None else value for name, value in sent.items()}
    sent |= {"day": make.DAY.isoformat(), "until": make.DAY.isoformat()}
    del sent["shares_rides"]  # as a browser sends it
    wrong = client.post(page, sent | {"ride_factor": "0.5"})
    assert list(wrong.context["form"].errors) == ["ride_factor"]
    same = client.post(page, sent)
    assert same.status_code == 400
    assert "Say what is to be different." in same.content.decode()
    vehicle = company.drivers.get().vehicle
    changed = {"ride_factor": "2", "shares_rides": "on", "more_like": vehicle.pk}
    answer = client.post(page, sent | changed)
    run = DispatchRun.objects.get()
    assert answer.url == reverse("admin:dispatch_dispatchrun_change", args=[run.pk])
    assert run.settings["what_if"]["policy"] == {"shares_rides": True, "ride_factor": 2.0}
    assert run.settings["what_if"]["more_like"] == [vehicle.pk]
    assert 'http-equiv="refresh"' in client.get(answer.url).content.decode()
    work(take_over(run.pk, now=make.NOW))
    ready = client.get(answer.url).content.decode()
    assert 'http-equiv="refresh"' not in ready
    row = '<th scope="row">Trips with a driver</th><td>–</td><td>1</td><td>2</td><td>+1</td>'
    assert row in ready
    assert f"<dd>{vehicle.plate}</dd>" in ready
    company.refresh_from_db()
    assert company.ride_factor is None


def test_several_days_are_shown_by_day_and_drawn(client, company):
    run = start(company, until=make.DAY + timedelta(days=1))
    work(take_over(run.pk, now=make.NOW))
    client.force_login(make.member(company))
    page = client.get(reverse("admin:dispatch_dispatchrun_change", args=[run.pk]))
    text = page.content.decode()
    assert "<td>1 → 2</td>" in text
    assert text.count("<figure") == len(page.context["charts"]) == 3


def test_the_api_compares_in_the_background(company):
    planner = caller(company=company)
    policy = {"shares_rides": True, "ride_longest_min": 40}
    body = {"day": make.DAY.isoformat(), "time_limit_s": 0, "what_if": {"policy": policy}}
    asked = planner.post(f"{API}dispatch-runs/", body)
    assert asked.status_code == 202
    run = DispatchRun.objects.get()
    assert run.settings["what_if"]["policy"] == policy
    work(take_over(run.pk, now=make.NOW))
    shown = planner.get(asked["Location"]).json()
    assert shown["status"] == "compared"
    assert placed(shown["comparison"]["whole"]) == {"again": (1, 1, 0), "changed": (2, 0, 2)}
    assert [day["day"] for day in shown["comparison"]["days"]] == [make.DAY.isoformat()]
    wrong = planner.post(f"{API}dispatch-runs/", body | {"what_if": {"policy": {"x": 1}}})
    assert wrong.status_code == 400
    nothing = planner.post(f"{API}dispatch-runs/", body | {"what_if": {}})
    assert nothing.status_code == 400
    assert [row["field"] for row in nothing.json()["errors"]] == ["policy"]


def test_the_bounds_of_the_api_are_those_of_the_company():
    for name, field in PolicySerializer().fields.items():
        column = Company._meta.get_field(name)
        bounds = {type(rule).__name__: rule.limit_value for rule in column.validators}
        assert getattr(field, "max_value", None) == bounds.get("MaxValueValidator"), name
        least = bounds.get("MinValueValidator", None if name == "shares_rides" else 0)
        assert getattr(field, "min_value", None) == least, name
        assert getattr(field, "allow_null", False) == column.null, name


def test_the_api_refuses_what_a_comparison_does_not_heed(company):
    planner, body = caller(company=company), {"day": make.DAY.isoformat(), "what_if": {}}
    unheeded = {"preview": True, "mode": "improve", "move_confirmed": True}
    answer = planner.post(f"{API}dispatch-runs/", body | unheeded)
    assert answer.status_code == 400
    assert {row["field"] for row in answer.json()["errors"]} == unheeded.keys()
    assert not DispatchRun.objects.exists()


def test_who_may_plan_may_ask_and_owners_from_the_policy(client, company):
    client.force_login(make.member(company, Role.DISPATCHER))
    policy = client.get(reverse("admin:drivers_company_change", args=[company.pk]))
    assert "formaction" not in policy.content.decode().partition("company_form")[2]
    page = reverse("admin:dispatch_dispatchrun_compare", args=[company.slug])
    report = client.get(reverse("admin:reports:report", args=[company.slug]))
    assert page in report.content.decode()
    assert client.get(page).status_code == 200
    client.force_login(make.member(company, Role.VIEWER))
    assert client.get(page).status_code == 404
    report = client.get(reverse("admin:reports:report", args=[company.slug]))
    assert page not in report.content.decode()


def test_comparisons_of_before_become_questions_and_back(company):
    module = import_module("dispatch.migrations.0019_ask_what_if")
    way = {"placed": 1, "left_out": 1}
    before = {
        "settings": {"sharing": POLICY, "time_limit_s": None, "seed": 0},
        "outcome": {"comparison": {"alone": way, "shared": way}},
        "status": "compared",
    }
    old = make.run(company, **before)
    module.ask_what_if(apps, None)
    old.refresh_from_db()
    assert old.is_comparison
    assert old.settings["what_if"]["policy"] == {"shares_rides": True, **POLICY}
    assert old.outcome["comparison"]["whole"]["again"] == {
        **way, "late": None, "late_min": None, "empty_percent": None
    }  # fmt: skip
    new = start(company, until=make.DAY + timedelta(days=1))
    work(take_over(new.pk, now=make.NOW))
    waiting = start(company, until=make.DAY + timedelta(days=2))
    module.compare_sharing(apps, None)
    for run in (old, new, waiting):
        run.refresh_from_db()
    assert {name: getattr(old, name) for name in before} == before
    assert (new.status, waiting.status) == ("discarded", "failed")
    assert not new.outcome
