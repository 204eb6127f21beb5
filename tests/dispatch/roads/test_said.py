"""Whatever shows driving times says where they come from, unless they are those of the road."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import translation

from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Door
from dispatch.forecast.keep import keep_forecasts
from dispatch.runs.options import RunOptions
from dispatch.runs.previews import plan_preview
from dispatch.runs.run import run_dispatch
from drivers.models import Role
from perf.project.profile_dispatch import _described
from tests.bookings.test_telephone import DAY as CALLED
from tests.bookings.test_telephone import call
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller

pytestmark = [pytest.mark.django_db, pytest.mark.process]

ACTOR = Actor(Door.COMMAND, name="test")
OPTIONS = RunOptions(time_limit_s=0)
STRAIGHT = "are straight lines: no road server is set."
MIXED = "by the straight line. The road server 127.0.0.1:"
KNOWN = "as they were last known. The road server 127.0.0.1:"
FILE = "\n".join(
    (
        "reference;pickup_lat;pickup_lon;dropoff_lat;dropoff_lon;scheduled_time;appointment_at;"
        "passengers;wheelchairs",
        "NEW-1;46.2340;6.0800;46.1936;6.1487;;2026-06-17 11:00;1;0",
    )
).encode()


@pytest.fixture
def company(roads, settings):
    """A trip, and a driver on two days; runs may do without the road server."""
    settings.ROADS_WAIT_S = 2
    company = make.company(plan_without_roads=True)
    anna = make.driver(company, name="Anna")
    make.shift(anna)
    make.shift(anna, day=CALLED)
    make.booking(company, pickup_lat=46.25)
    return company


def plan(company):
    return run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=OPTIONS)


def printed(command, **options):
    out, err = io.StringIO(), io.StringIO()
    call_command(command, company="geneva", stdout=out, stderr=err, **options)
    return out.getvalue() + err.getvalue()


def everything(company, client):
    """Return what each door says of a planned day: {door: text}, and the codes for machines."""
    report = plan(company)
    client.force_login(make.member(company, Role.OWNER))
    preview = plan_preview(company, make.DAY, now=make.NOW, actor=ACTOR, options=OPTIONS)
    trip = Booking.objects.order_by("id").first()

    def page(name, *args, **query):
        return client.get(reverse(f"admin:{name}", args=args), query).content.decode()

    def board(name, *args, **query):
        return page(f"board:{name}", "geneva", *args, **query)

    def file(address, column, **query):
        """Return what each row of a CSV file says in a column."""
        text = b"".join(client.get(address, query).streaming_content).decode("utf-8-sig")
        (said,) = {row[column] for row in csv.DictReader(io.StringIO(text))}
        return said

    api = caller(company=company)
    user = make.member(company, Role.DRIVER, is_staff=False)
    company.drivers.update(user=user)
    phone = caller(Role.DRIVER, company, user=user)
    keep_forecasts(now=make.at("08:30"))
    expected = api.get(f"{API}bookings/{trip.id}/?expand=assignment").json()
    manifest = json.loads(printed("export_plan", day=make.DAY, format="json"))
    texts = {
        "board": board("day", make.DAY),
        "board, again": board("fragment", make.DAY),
        "candidates": board("candidates", trip.id),
        "preview": board("run", preview.run),
        "panel of the plan": board("run", report.run),
        "page of the run": page("dispatch_dispatchrun_change", report.run),
        "manifests to print": board("manifests", make.DAY),
        "export of the plan": printed("export_plan", day=make.DAY),
        "telephone, times": page("bookings_booking_telephone_times", **call()),
        "dispatch_day": printed("dispatch_day", day=make.DAY, preview=True, time_limit=0),
        "profile of a dispatch": str(_described(report)),
        "traffic": page("drivers_trafficversion_changelist"),
    }
    codes = {
        "run": api.get(f"{API}dispatch-runs/{report.run}/").json()["metrics"]["driving"]["by"],
        "quote": api.post(f"{API}quotes/", booking_values(), "json").json()["driving"],
        "candidates": api.get(f"{API}bookings/{trip.id}/candidates/").json()["driving"],
        "manifest": manifest["driving"],
        "manifest, file": file(
            reverse("admin:dispatch_assignment_manifest_csv", args=["geneva", make.DAY]), "driving"
        ),
        "export of the plan, file": next(
            csv.DictReader(io.StringIO(printed("export_plan", day=make.DAY)))
        )["driving"],
        "driver's day": phone.get(f"{API}me/day/?day={make.DAY}").json()["driving"],
        "advice": api.get(f"{API}bookings/{trip.id}/advice/").json()["driving"],
    }
    day = str(make.DAY)
    codes_of_now = {
        "driver's day without a trip": phone.get(f"{API}me/day/?day={CALLED}").json()["driving"],
        "expected": expected["assignment"]["expected"]["driving"],
        "reports": api.get(f"{API}reports/?from={day}&until={make.DAY + timedelta(days=1)}").json()[
            "driving"
        ],
        "figures, file": file("/admin/reports/geneva/figures/csv/", "km_from", first=day, last=day),
    }
    return texts, codes, codes_of_now


def test_without_a_road_server_everything_says_straight_lines(company, client, settings):
    settings.ROADS_URL = ""
    texts, codes, codes_of_now = everything(company, client)
    texts["driver's phone"] = client.get(reverse("drive:page")).content.decode()
    texts["reports"] = client.get("/admin/reports/geneva/").content.decode()
    assert [door for door, text in texts.items() if STRAIGHT not in text] == []
    assert set((codes | codes_of_now).values()) == {"straight_line"}
    imported = import_bookings(
        company, FILE, filename="a.csv", dry_run=True, now=make.NOW, actor=ACTOR
    )
    computed = {
        "import": imported.summary(),
        "recompute_pickups": printed("recompute_pickups"),
        "booking": client.get(reverse("admin:bookings_booking_add")).content.decode(),
        "telephone": client.get(reverse("admin:bookings_booking_telephone")).content.decode(),
    }
    assert [door for door, text in computed.items() if STRAIGHT not in text] == []
    runs = client.get(reverse("admin:dispatch_dispatchrun_changelist")).content.decode()
    assert ", straight line" in runs
    with translation.override("fr"):
        assert "à vol d’oiseau : aucun serveur routier n’est configuré." in plan(company).summary()


def test_with_a_road_server_nothing_says_straight_lines(company, client):
    texts, codes, codes_of_now = everything(company, client)
    texts["recompute_pickups"] = printed("recompute_pickups")
    texts["driver's phone"] = client.get(reverse("drive:page")).content.decode()
    texts["reports"] = client.get("/admin/reports/geneva/").content.decode()
    texts.pop("traffic")  # explains itself with both
    assert [door for door, text in texts.items() if "traight line" in text] == []
    assert set((codes | codes_of_now).values()) == {"roads"}


def test_where_the_server_failed_the_plan_and_what_shows_it_name_it(company, roads, client):
    roads.fails = lambda number: "500"
    texts, codes, _codes_of_now = everything(company, client)
    asked_anew = {"traffic"}  # compares nothing before it is asked to learn
    assert [door for door in texts.keys() - asked_anew if MIXED not in texts[door]] == []
    assert set(codes.values()) == {"mixed"}


def test_a_plan_of_last_known_legs_says_so_wherever_it_is_shown(company, roads, client):
    plan(company)
    roads.fails = lambda number: "500"
    texts, codes, _codes_of_now = everything(company, client)
    of_the_plan = {
        "preview", "panel of the plan", "page of the run", "manifests to print",
        "export of the plan", "dispatch_day", "profile of a dispatch",
    }  # fmt: skip
    assert [door for door in of_the_plan if KNOWN not in texts[door]] == []
    assert {
        codes[door]
        for door in (
            "run",
            "manifest",
            "manifest, file",
            "export of the plan, file",
            "driver's day",
        )
    } == {"last_known"}
