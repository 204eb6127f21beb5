"""The page of reports: figures beside those before, charts with their tables, who sees it."""

import re
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dispatch.reports.read import Figures, Period, read_report
from dispatch.reports.refresh import refresh
from drivers.admin.charts import bars, nice, shares
from drivers.models import Role
from tests.dispatch.reports.test_count import driven
from tests.support import builders as make

pytestmark = pytest.mark.django_db
PAGE = "/admin/reports/geneva/"
JUNE = {"first": "2026-06-01", "last": "2026-06-30"}
NOW = make.at("23:00", date(2026, 6, 30))


@pytest.fixture(autouse=True)
def the_last_of_june(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def geneva():
    return make.company("geneva")


@pytest.fixture
def browser_of(client, geneva):
    def of(role, company=geneva):
        client.force_login(make.member(company, role))
        return client

    return of


def page(browser, **asked):
    return browser.get(PAGE, JUNE | asked)


def said(response):
    return {told.name: (told.value, told.change) for told in response.context["said"]}


def test_the_figures_stand_beside_those_of_the_month_before(geneva, browser_of):
    driver = make.driver(geneva)
    make.shift(driver, "08:00", "18:00", break_min=0)
    driven(geneva, driver, "09:00", passengers=3)
    driven(geneva, driver, "11:00", late=40)
    driven(geneva, driver, "09:00", day=date(2026, 5, 20))
    make.booking(geneva, "15:00", status="canceled")
    refresh(geneva, now=NOW)
    told = said(page(browser_of(Role.VIEWER)))
    assert told["trips done"] == ("2", "+100 %")
    assert told["on time"] == ("50.0 %", "−50.0 points")
    assert told["canceled"] == ("33.3 %", "+33.3 points")
    assert told["passengers per paid hour"] == ("0.40", "")  # 4 in 10 hours; none before
    assert told["paid hours"][0] == "10"


def test_every_chart_has_a_name_a_description_and_its_numbers(geneva, browser_of):
    driven(geneva, make.driver(geneva))
    response = page(browser_of(Role.DISPATCHER))
    text = response.content.decode()
    charts = response.context["charts"]
    assert len(charts) == 8
    assert text.count("<svg") == text.count('role="img"') == len(charts)
    for chart in charts:
        assert re.search(f'<title id="{chart.slug}-title">[^<]+</title>', text)
        assert re.search(f'<desc id="{chart.slug}-desc">[^<]+</desc>', text)
        assert len(chart.head) == len(chart.rows[0])
    minutes = next(chart for chart in charts if chart.slug == "minutes")
    assert [row[1] for row in minutes.rows] == ["0", "0", "1", "0", "0", "0", "0", "0"]


def test_tables_name_customers_and_drivers_most_trips_first(geneva, browser_of):
    strict = make.customer(geneva, "Clinic")
    anna, ben = make.driver(geneva, "Anna"), make.driver(geneva, "Ben")
    driven(geneva, anna, "09:00")
    for clock in ("09:00", "11:00"):
        driven(geneva, ben, clock, customer=strict)
    customers, drivers = page(browser_of(Role.OWNER)).context["tables"]
    assert [row[0] for row in customers.rows] == ["Clinic", geneva.default_customer.name]
    assert [(row[0], row[2][0]) for row in drivers.rows] == [("Ben", "2"), ("Anna", "1")]


def test_of_a_customer_nothing_is_told_of_others_or_of_vehicles(geneva, browser_of):
    clinic = make.customer(geneva, "Clinic")
    driver = make.driver(geneva)
    driven(geneva, driver, "09:00")
    driven(geneva, driver, "11:00", customer=clinic, late=20)
    response = page(browser_of(Role.OWNER), customer=clinic.pk)
    told = said(response)
    assert (told["trips done"][0], told["on time"][0]) == ("1", "0.0 %")
    assert "paid hours" not in told
    assert response.context["tables"] == []
    hours = next(chart for chart in response.context["charts"] if chart.slug == "hours")
    assert [row[0] for row in hours.rows] == ["11:00"]


def test_another_companys_reports_and_customers_do_not_exist(geneva, browser_of):
    other = make.company("lausanne")
    theirs = make.customer(other, "Theirs")
    driven(other, make.driver(other), customer=theirs)
    browser = browser_of(Role.OWNER)
    assert browser.get("/admin/reports/lausanne/").status_code == 404
    refused = page(browser, customer=theirs.pk)
    assert refused.status_code == 400
    assert refused.context["customer"] is None
    assert "Theirs" not in refused.content.decode()


def test_drivers_and_client_systems_have_no_reports(geneva, browser_of):
    for role in (Role.DRIVER, Role.CLIENT_API):
        assert page(browser_of(role)).status_code == 403


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"first": "2026-06-30", "last": "2026-06-01"}, "The last day must not be before"),
        ({"first": "2020-01-01"}, "A report covers at most 1100 days."),
        ({"first": "soon"}, "Enter a valid date."),
    ],
)
def test_nonsense_is_refused_and_the_usual_period_shown(geneva, browser_of, asked, why):
    response = page(browser_of(Role.OWNER), **asked)
    assert response.status_code == 400
    assert why in response.content.decode()
    assert response.context["period"] == Period(date(2026, 6, 1), date(2026, 6, 30))


def test_what_happened_a_moment_ago_is_in_it(geneva, browser_of):
    browser = browser_of(Role.DISPATCHER)
    empty = page(browser)
    assert empty.context["is_empty"]
    assert "/admin/reports/geneva/driven/" in empty.content.decode()
    make.event(geneva, booking=driven(geneva, make.driver(geneva)))
    assert said(page(browser))["trips done"][0] == "1"


def test_statements_are_constant_however_long_the_period(geneva, browser_of):
    drivers = [make.driver(geneva) for _number in range(4)]
    for number in range(8):
        driven(geneva, drivers[number % 4], f"{8 + number}:00", customer=make.customer(geneva))
    browser = browser_of(Role.OWNER)
    page(browser)

    def statements(**asked):
        with CaptureQueriesContext(connection) as sent:
            assert page(browser, **asked).status_code == 200
        return len(sent)

    day = {"first": "2026-06-17", "last": "2026-06-17"}
    assert statements(**day) == statements(first="2024-01-01") <= 20


def test_the_navigation_leads_to_the_reports_of_ones_company(browser_of):
    browser = browser_of(Role.VIEWER)
    assert browser.get("/admin/reports/").url == PAGE
    assert 'href="/admin/reports/"' in browser.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("period", "before"),
    [
        (("2026-06-01", "2026-06-30"), ("2026-05-01", "2026-05-31")),
        (("2026-03-01", "2026-04-30"), ("2026-01-01", "2026-02-28")),
        (("2025-01-01", "2025-12-31"), ("2024-01-01", "2024-12-31")),
        (("2026-06-02", "2026-06-08"), ("2026-05-26", "2026-06-01")),
        (("2026-06-01", "2026-06-17"), ("2026-05-15", "2026-05-31")),
    ],
)
def test_whole_months_stand_beside_whole_months(period, before):
    days = [date.fromisoformat(text) for text in (*period, *before)]
    assert Period(*days[:2]).before() == Period(*days[2:])


@pytest.mark.parametrize(
    ("first", "step", "parts"),
    [
        ("2026-06-01", "day", 30),
        ("2026-01-01", "week", 27),  # from that Thursday's to that of 30 June
        ("2025-07-01", "month", 12),
    ],
)
def test_long_periods_are_shown_by_larger_steps(geneva, first, step, parts):
    driven(geneva, make.driver(geneva))
    refresh(geneva, now=NOW)
    report = read_report(geneva, Period(date.fromisoformat(first), date(2026, 6, 30)))
    assert (report.step, len(report.trend)) == (step, parts)
    assert sum(group.figures["done"] for group in report.trend) == report.whole["done"] == 1


@pytest.mark.parametrize(
    ("first", "last", "trips"),
    [
        ("2026-04-10", "2026-06-20", 4),  # a part of April, May, a part of June
        ("2026-05-01", "2026-05-31", 2),
        ("2026-05-02", "2026-05-31", 1),
        ("2026-04-10", "2026-05-01", 2),
        ("2026-06-17", "2026-06-17", 1),
        ("2026-04-01", "2026-06-30", 4),
    ],
)
def test_drivers_add_up_over_whole_and_parts_of_months(geneva, first, last, trips):
    driver = make.driver(geneva, "Anna")
    for day in ((2026, 4, 10), (2026, 5, 1), (2026, 5, 31), (2026, 6, 17)):
        driven(geneva, driver, day=date(*day))
    refresh(geneva, now=NOW)
    report = read_report(geneva, Period(date.fromisoformat(first), date.fromisoformat(last)))
    assert [group.figures["done"] for group in report.drivers] == [trips]
    assert report.whole["done"] == trips


def test_shares_of_nothing_are_none():
    nothing = Figures({})
    assert nothing.on_time_share is nothing.load is nothing.empty_share is None


@pytest.mark.parametrize(("value", "next_one"), [(0, 1), (3, 4), (11, 20), (45, 50), (100, 100)])
def test_axes_end_at_numbers_that_read_well(value, next_one):
    assert nice(value) == next_one


def test_bars_are_as_high_as_their_values_and_lie_on_each_other():
    chart = bars(
        "x", "X", "", names=["a", "b"], first="n",
        series=[("main", "on time", [3, 4]), ("warn", "late", [1, 0])], before=("before", [2]),
    )  # fmt: skip
    first, second = chart.bars
    assert [part.high for part in first.parts] == [82.5, 27.5]  # of 110: 3 and 1 of 4
    assert [part.y for part in first.parts] == [27.5, 0]
    assert (first.mark, second.mark) == (55, None)
    assert chart.rows == [["a", "3", "1", "2"], ["b", "4", "0", "–"]]


def test_a_line_leaves_out_what_is_not_known():
    chart = shares(
        "x", "X", "", names=["a", "b", "c"], first="n",
        now=("now", [1, None, 0.5]), before=("before", []),
    )  # fmt: skip
    assert (chart.line, chart.line_before) == ("0.0,0.0 300.0,110.0", "")
