"""What sharing would bring: a day planned alone and shared, of which only the figures are kept.

Ana and Bea both wait at home at 09:00, and go to the hospital. Alone the only driver, who lives
there too, can take one of them: 18:44 there, as long back, and a pickup is at most 15 minutes late.
"""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import Actor, Booking, Door, DriverPreference
from dispatch.board import run_views
from dispatch.models import Assignment, DispatchRun, StoredPlan
from dispatch.runs.background import start_comparison, start_dispatch
from dispatch.runs.comparison import LIMITS, keep_comparison
from dispatch.runs.meter import Meter
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.previews import NoPreview, apply_preview
from dispatch.runs.worker import take_over, work
from drivers.models import Role
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


def start(company, **sharing):
    return start_comparison(
        company, make.DAY, now=make.NOW, actor=ACTOR, sharing=POLICY | sharing, time_limit_s=0
    )


def compared(company, now=make.NOW, **sharing):
    return work(take_over(start(company, **sharing).id, now=now)).as_dict()


def placed(figures):
    return {way: (row["placed"], row["left_out"], row["shared"]) for way, row in figures.items()}


def test_both_ways_are_side_by_side_and_nothing_is_written(company):
    figures = compared(company)
    assert placed(figures) == {"alone": (1, 1, 0), "shared": (2, 0, 2)}
    alone, shared = figures["alone"], figures["shared"]
    assert (alone["paid_h"], alone["placed_per_h"], shared["placed_per_h"]) == (4.0, 0.25, 0.5)
    assert (alone["vehicles"], shared["vehicles"]) == (1, 1)
    # There with passengers and back without, once in both ways.
    assert alone["driven_km"] == shared["driven_km"] == pytest.approx(2 * RIDE_KM, abs=0.2)
    assert alone["empty_km"] == shared["empty_km"] == pytest.approx(RIDE_KM, abs=0.1)
    assert (alone["longer_min"], alone["longest_min"]) == (0, 0)
    run = DispatchRun.objects.get()
    assert (run.status, run.outcome) == ("compared", {"comparison": figures})
    assert not Assignment.objects.exists()
    assert not StoredPlan.objects.exists()
    company.refresh_from_db()
    assert not company.shares_rides


def test_the_limits_are_those_that_were_asked_for(company):
    Booking.objects.filter(client__name="Bea").update(
        pickup_lat=make.DEPOT[0], pickup_lon=make.DEPOT[1]
    )
    assert placed(compared(company))["shared"] == (2, 0, 2)
    assert placed(compared(company, ride_added_min=1))["shared"] == (1, 1, 0)


def test_a_day_that_is_over_is_driven_again(company):
    driver = company.drivers.get()
    for number, booking in enumerate(Booking.objects.order_by("id")):
        make.assignment(booking, driver, status=("completed", "no_show")[number])
    make.booking(company, status="canceled")
    make.booking(company, status="pending")
    client = Booking.objects.filter(client__name="Bea").get().client
    figures = compared(company, now=make.at("12:00", make.DAY.replace(month=7)))
    assert placed(figures) == {"alone": (1, 1, 0), "shared": (2, 0, 2)}
    DriverPreference.objects.create(client=client, driver=driver, kind="forbidden")
    assert placed(compared(company)) == {"alone": (1, 1, 0), "shared": (1, 1, 0)}


def test_who_is_not_available_any_more_drives_on_a_past_day_only(company):
    company.drivers.update(is_available=False)
    after = make.DAY + timedelta(days=1)
    assert placed(compared(company, now=make.at("12:00", after)))["alone"] == (1, 1, 0)
    assert placed(compared(company))["alone"] == (0, 2, 0)


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


def test_an_owner_asks_with_the_policy_in_the_form_and_sees_both(client, company):
    client.force_login(make.member(company, Role.OWNER))
    policy = reverse("admin:drivers_company_change", args=[company.pk])
    page = reverse("admin:dispatch_dispatchrun_compare", args=[company.slug])
    assert f'formaction="{page}"' in client.get(policy).content.decode()
    asked = client.post(page, {"ride_factor": "1.5", "ride_added_min": "", "shares_rides": "on"})
    shown = asked.context["form"]
    assert shown["ride_factor"].value() == "1.5"
    assert shown["ride_added_min"].value() == ""
    sent = {"day": make.DAY.isoformat(), "ride_factor": "0.5", "ride_cost_percent": "10"}
    wrong = client.post(page, sent)
    assert list(wrong.context["form"].errors) == ["ride_factor"]
    answer = client.post(page, sent | {"ride_factor": "2"})
    run = DispatchRun.objects.get()
    assert answer.url == reverse("admin:dispatch_dispatchrun_change", args=[run.pk])
    assert run.settings["sharing"] == {
        "ride_factor": 2.0, "ride_added_min": None, "ride_longest_min": None,
        "ride_cost_percent": 10,
    }  # fmt: skip
    assert 'http-equiv="refresh"' in client.get(answer.url).content.decode()
    work(take_over(run.pk, now=make.NOW))
    ready = client.get(answer.url).content.decode()
    assert 'http-equiv="refresh"' not in ready
    row = '<th scope="row">Trips with a driver</th><td>1</td><td>2</td><td>+1</td>'
    assert row in ready
    company.refresh_from_db()
    assert company.ride_factor is None


def test_the_api_compares_in_the_background(company):
    planner = caller(company=company)
    body = {"day": make.DAY.isoformat(), "time_limit_s": 0, "sharing": {"ride_longest_min": 40}}
    asked = planner.post(f"{API}dispatch-runs/", body)
    assert asked.status_code == 202
    run = DispatchRun.objects.get()
    limits = {"ride_factor": None, "ride_added_min": None, "ride_cost_percent": 10}
    assert run.settings["sharing"] == limits | {"ride_longest_min": 40}
    work(take_over(run.pk, now=make.NOW))
    shown = planner.get(asked["Location"]).json()
    assert shown["status"] == "compared"
    assert placed(shown["comparison"]) == {"alone": (1, 1, 0), "shared": (2, 0, 2)}
    wrong = planner.post(f"{API}dispatch-runs/", body | {"sharing": {"ride_factor": 0.5}})
    assert wrong.status_code == 400


def test_the_api_refuses_what_a_comparison_does_not_heed(company):
    planner, body = caller(company=company), {"day": make.DAY.isoformat(), "sharing": {}}
    unheeded = {"preview": True, "mode": "improve", "move_confirmed": True}
    answer = planner.post(f"{API}dispatch-runs/", body | unheeded)
    assert answer.status_code == 400
    assert {row["field"] for row in answer.json()["errors"]} == unheeded.keys()
    assert not DispatchRun.objects.exists()


def test_only_owners_ask_on_the_page(client, company):
    client.force_login(make.member(company, Role.DISPATCHER))
    policy = client.get(reverse("admin:drivers_company_change", args=[company.pk]))
    assert "formaction" not in policy.content.decode().partition("company_form")[2]
    page = reverse("admin:dispatch_dispatchrun_compare", args=[company.slug])
    assert client.post(page, {"day": make.DAY}).status_code == 404
