"""Reports as files, over the API, and the list of what was driven in a month."""

import csv
import io
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from bookings.models import Event, Status
from dispatch.api import reports
from dispatch.models import Assignment
from dispatch.reports.driven import Driven, month_of, read_month
from dispatch.reports.refresh import refresh
from drivers.models import Role
from tests.dispatch.reports.test_count import driven, metres
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
NOW = make.at("12:00", date(2026, 7, 2))
JUNE = {"first": "2026-06-01", "last": "2026-06-30"}
ASKED = {"from": "2026-06-01", "until": "2026-07-01"}
PAGE = "/admin/reports/geneva/"
VEHICLES = {"paid_h", "empty_km", "loaded_km", "load_percent"}


@pytest.fixture(autouse=True)
def july(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def geneva():
    return make.company("geneva")


@pytest.fixture
def viewer(client, geneva):
    client.force_login(make.member(geneva, Role.VIEWER))
    return client


def rows_of(response):
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_figures_come_as_csv_by_what_is_asked(geneva, viewer):
    clinic = make.customer(geneva, "=Clinic")
    driver = make.driver(geneva)
    make.shift(driver, "08:00", "12:00")
    driven(geneva, driver, "09:00", customer=clinic)
    driven(geneva, driver, "11:00", late=20)
    by_customer = rows_of(viewer.get(f"{PAGE}figures/csv/", JUNE | {"by": "customer"}))
    assert {row["customer"]: row["done"] for row in by_customer} == {
        "'=Clinic": "1",  # no formula
        geneva.default_customer.name: "1",
    }
    days = rows_of(viewer.get(f"{PAGE}figures/csv/", JUNE))
    assert len(days) == 30
    (day,) = [row for row in days if row["done"] != "0"]
    assert (day["day"], day["done"], day["on_time_percent"]) == ("2026-06-17", "2", "50.0")
    assert (day["paid_h"], day["passengers_per_paid_h"]) == ("4.0", "0.5")
    by_hour = JUNE | {"by": "hour"}
    for asked in (JUNE | {"customer": clinic.pk}, by_hour, JUNE | {"by": "customer"}):
        rows = rows_of(viewer.get(f"{PAGE}figures/csv/", asked))
        assert not rows[0].keys() & VEHICLES, asked


def test_figures_come_as_a_workbook(geneva, viewer):
    driven(geneva, make.driver(geneva, "Anna"))
    response = viewer.get(f"{PAGE}figures/xlsx/", JUNE | {"by": "driver"})
    sheet = load_workbook(io.BytesIO(b"".join(response.streaming_content))).active
    head, row = sheet.values
    assert dict(zip(head, row, strict=True)) | {"driver": "Anna", "done": 1} == dict(
        zip(head, row, strict=True)
    )


@pytest.mark.parametrize("asked", [{"by": "mood"}, {"last": "2026-05-01"}])
def test_a_file_of_nonsense_is_refused(geneva, viewer, asked):
    assert viewer.get(f"{PAGE}figures/csv/", JUNE | asked).status_code == 400


def month(company, customer=None):
    return read_month(company, month_of(date(2026, 6, 1)), customer)


def test_a_month_lists_what_is_paid_for(geneva):
    clinic = make.customer(geneva, "Clinic")
    driver = make.driver(geneva)
    done = driven(geneva, driver, "09:00", customer=clinic, wheelchairs=1, reference="C-1")
    absent = make.booking(geneva, "10:00", customer=clinic, reference="C-2")
    make.assignment(absent, driver, status="no_show")
    for hours, clock in ((1, "11:00"), (5, "12:00")):
        canceled = make.booking(geneva, clock, customer=clinic, status=Status.CANCELED)
        make.event(
            geneva,
            booking=canceled,
            kind=Event.Kind.BOOKING_STATUS,
            at=canceled.scheduled_time - timedelta(hours=hours),
            old={"status": "assigned"},
            new={"status": "canceled"},
        )
    driven(geneva, driver, "09:00", day=date(2026, 5, 31), customer=clinic)
    rows = month(geneva).rows
    assert [(row.reference, row.status, row.canceled_late) for row in rows[:2]] == [
        ("C-1", "completed", False),
        ("C-2", "no_show", False),
    ]
    assert [row.canceled_late for row in rows[2:]] == [True]  # an hour before, not five
    km = round(metres(make.HOME, make.HOSPITAL) / 1000, 1)
    assert (rows[0].trip, rows[0].km, rows[0].wait_min) == (done.pk, km, 3)
    assert rows[0].requested_at.isoformat() == "2026-06-17T09:00:00+02:00"
    (sums,) = month(geneva).sums
    assert sums[1:] == ("Clinic", 1, km, 3, 1, 1, 1)


def canceled(company, reason="", *, minutes=60, before="accepted", **fields):
    """Return a trip of 09:00, canceled so many minutes before."""
    trip = make.booking(company, status=Status.CANCELED, cancel_reason=reason, **fields)
    make.event(
        company,
        booking=trip,
        kind=Event.Kind.BOOKING_STATUS,
        at=trip.scheduled_time - timedelta(minutes=minutes),
        old={"status": before},
        new={"status": "canceled"},
    )
    return trip


def test_a_cancellation_that_is_not_the_customers_is_not_listed(geneva):
    canceled(geneva, "our_fault: no car for Jeanne")
    canceled(geneva, "other", before="pending")  # refused, never accepted
    canceled(geneva, minutes=-5 * 60)  # a forgotten row, tidied away in the afternoon
    make.booking(geneva, status=Status.CANCELED)  # imported
    theirs = [
        canceled(geneva, "called_off: Jeanne is at home"),
        canceled(geneva, "unwell", minutes=-30, before="en_route"),  # at the door
        canceled(geneva, "in words"),
    ]
    rows = month(geneva).rows
    assert [row.trip for row in rows] == [trip.pk for trip in theirs]
    assert [row.reason for row in rows] == ["called_off", "unwell", ""]


def test_a_listed_cancellation_needs_its_reference_too(geneva):
    strict = make.customer(geneva, requires_reference=True)
    listed = canceled(geneva, reference="", customer=strict)
    canceled(geneva, "our_fault", reference="", customer=strict)
    (missing,) = month(geneva).missing
    assert (missing.what, missing.trips) == ("reference", [(listed.pk, "")])


def test_the_list_says_where_its_kilometres_come_from(geneva, viewer):
    driven(geneva, make.driver(geneva))
    assert [row.km_from for row in month(geneva).rows] == ["straight_line"]
    text = viewer.get(f"{PAGE}driven/", {"month": "2026-06"}).content.decode()
    assert "Driving times and distances are straight lines" in text


def test_what_is_missing_is_told(geneva, viewer):
    strict = make.customer(geneva, "Strict", requires_reference=True)
    driver = make.driver(geneva)
    endless = driven(geneva, driver, "09:00", reference="E")
    Assignment.objects.update(actual_dropoff_at=None)
    nameless = driven(geneva, driver, "11:00", reference="", customer=strict)
    driven(geneva, driver, "12:00", reference="")  # of a customer that needs none
    alone = make.booking(geneva, "13:00", reference="A", status=Status.COMPLETED)
    open_one = make.booking(geneva, "14:00", reference="O")
    found = {row.what: row.trips for row in month(geneva).missing}
    assert found == {
        "end": [(endless.pk, "E"), (alone.pk, "A")],
        "reference": [(nameless.pk, "")],
        "driver": [(alone.pk, "A")],
        "open": [(open_one.pk, "O")],
    }
    text = viewer.get(f"{PAGE}driven/", {"month": "2026-06"}).content.decode()
    assert "without a time of arrival at the destination" in text
    assert f"/admin/bookings/booking/{open_one.pk}/change/" in text


def test_nobody_is_named_in_the_list(geneva, viewer):
    client = make.client(geneva, "Jeanne Dubois")
    driven(geneva, make.driver(geneva, "Anna"), client=client)
    response = viewer.get(f"{PAGE}driven/csv/", {"month": "2026-06"})
    text = b"".join(response.streaming_content).decode()
    assert text.splitlines()[0].lstrip("\ufeff") == ",".join(Driven._fields)
    assert len(text.splitlines()) == 2
    assert not any(word in text for word in ("Jeanne", "Anna", "Feuillasse"))


def test_a_customers_list_has_nothing_of_others_and_other_companies_none(geneva, viewer):
    clinic, other = make.customer(geneva, "Clinic"), make.company("lausanne")
    theirs = make.customer(other, "Theirs")
    driven(geneva, make.driver(geneva), "09:00", customer=clinic)
    driven(geneva, make.driver(geneva), "09:00")
    driven(other, make.driver(other), "09:00", customer=theirs)
    assert [row.customer for row in month(geneva, clinic).rows] == ["Clinic"]
    assert viewer.get("/admin/reports/lausanne/driven/").status_code == 404
    refused = viewer.get(f"{PAGE}driven/", {"customer": theirs.pk, "month": "2026-06"})
    assert refused.status_code == 400
    assert "Theirs" not in refused.content.decode()


@pytest.mark.parametrize("text", ["June", "2026-13", "1900-01", "2026-06-01"])
def test_what_is_no_month_is_refused(viewer, text):
    assert viewer.get(f"{PAGE}driven/csv/", {"month": text}).status_code == 400


def test_a_month_costs_the_same_whatever_it_holds(geneva):
    def statements():
        with CaptureQueriesContext(connection) as sent:
            month(geneva)
        return len(sent)

    driver = make.driver(geneva)
    make.booking(geneva, "15:00", status=Status.CANCELED)
    driven(geneva, driver, "09:00")
    few = statements()
    for clock in ("10:00", "11:00", "12:00"):
        driven(geneva, driver, clock, customer=make.customer(geneva))
        make.booking(geneva, clock, status=Status.CANCELED)
    assert statements() == few == 3


def test_the_api_tells_the_same_figures(geneva):
    driver = make.driver(geneva, "Anna")
    driven(geneva, driver, "09:00", passengers=2)
    owner = caller(Role.OWNER, geneva)
    (day,) = owner.get(f"{API}reports/", ASKED).json()["results"]
    assert (day["key"], day["figures"]["passengers"]) == ("2026-06-17", 2)
    (row,) = owner.get(f"{API}reports/", ASKED | {"by": "driver"}).json()["results"]
    assert (row["key"], row["name"]) == (str(driver.pk), "Anna")


def test_the_api_has_no_zeros_for_vehicles_where_it_knows_nothing_of_them(geneva):
    driver = make.driver(geneva)
    make.shift(driver)
    driven(geneva, driver, "09:00")
    viewer = caller(Role.VIEWER, geneva)

    def told(**asked):
        (row,) = viewer.get(f"{API}reports/", ASKED | asked).json()["results"]
        return row["figures"].keys() & VEHICLES

    for by in ("day", "week", "month", "weekday", "driver"):
        assert told(by=by) == VEHICLES
    assert told(by="hour") == told(by="customer") == set()
    assert told(customer=str(geneva.default_customer.pk)) == set()


def test_the_api_tells_how_many_days_of_the_period_are_not_counted(geneva, monkeypatch):
    make.booking(geneva, day=date(2026, 5, 20))
    # Of 20 May to 2 July one step counts the last 31 days: from 2 June.
    refresh(geneva, now=NOW, steps=1)
    monkeypatch.setattr(reports, "refresh", lambda *told, **options: None)  # somebody else does
    viewer = caller(Role.VIEWER, geneva)
    for first, left in (("2026-05-01", 13), ("2026-06-01", 1), ("2026-06-02", 0)):
        answer = viewer.get(f"{API}reports/", ASKED | {"from": first}).json()
        assert answer["days_left"] == left


def test_a_client_system_reads_its_own_figures_and_none_of_vehicles(geneva):
    clinic, other = make.customer(geneva, "Clinic"), make.customer(geneva, "Other")
    driver = make.driver(geneva)
    make.shift(driver)
    driven(geneva, driver, "09:00", customer=clinic)
    driven(geneva, driver, "11:00", customer=other)
    portal = caller(Role.CLIENT_API, geneva, customer=clinic)
    for by in ("day", "week", "month", "weekday", "hour"):
        (row,) = portal.get(f"{API}reports/", ASKED | {"by": by}).json()["results"]
        assert row["figures"]["done"] == 1
        assert not row["figures"].keys() & VEHICLES
    for by in ("customer", "driver"):
        assert portal.get(f"{API}reports/", ASKED | {"by": by}).status_code == 400
    refused = portal.get(f"{API}reports/", ASKED | {"customer": other.pk})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "customer")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"until": "2026-07-01"}, "from"),
        ({"from": "2026-06-01"}, "until"),
        ({"from": "2026-07-01", "until": "2026-07-01"}, "until"),
        ({"from": "2020-07-01", "until": "2026-07-01"}, "until"),
        ({"from": "soon", "until": "2026-07-01"}, "from"),
        (ASKED | {"by": "mood"}, "by"),
        (ASKED | {"customer": "999"}, "customer"),
    ],
)
def test_the_api_names_the_parameter_that_is_wrong(geneva, asked, field):
    response = caller(Role.VIEWER, geneva).get(f"{API}reports/", asked)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == field


def test_drivers_read_no_reports(geneva):
    assert caller(Role.DRIVER, geneva).get(f"{API}reports/", ASKED).status_code == 403
