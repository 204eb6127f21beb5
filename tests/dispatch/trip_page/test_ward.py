"""The page of a ward tells who comes and who leaves, and only whoever has its address."""

from datetime import timedelta
from unittest import mock

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bookings.models import Door, Reading, WardPage
from dispatch.messages.ward_pages import make_ward_page, revoke_ward_pages
from dispatch.models import Assignment
from dispatch.trip_page.ward import initials
from drivers.models import Role
from tests.dispatch.trip_page.test_trip_page import foresee
from tests.support import builders as make

pytestmark = pytest.mark.django_db
TOMORROW = make.DAY + timedelta(days=1)


@pytest.fixture(autouse=True)
def clock():
    """It is eight; the trips of the builders are at nine."""
    cache.clear()
    with mock.patch.object(timezone, "now", return_value=make.at("08:00")) as now:
        yield now


@pytest.fixture
def clinic():
    company = make.company(name="Geneva Cars")
    make.message_policy(company, is_on=False)
    return make.customer(company, "Clinique des Grangettes")


@pytest.fixture
def dialysis(clinic):
    return make.place(clinic.company, name="Dialysis")


def arrives(clinic, place, clock="09:00", name="Ada Lovelace", **fields):
    client = make.client(clinic.company, name, customer=clinic)
    trip = {"pickup_address": "Hidden street 1", "notes": "private", "dropoff_place": place}
    return make.booking(clinic.company, clock, client=client, customer=clinic, **trip | fields)


def leaves(clinic, place, clock="12:00", name="Bea Brown", **fields):
    ends = {"pickup_place": place, "dropoff_place": None}
    return arrives(clinic, place, clock, name, **ends | fields)


def made(clinic, place, shows_names=False, days=9, user=None):
    user = user or make.member(clinic.company, Role.DISPATCHER)
    now = make.at("07:00")
    return make_ward_page(
        clinic, place, shows_names=shows_names, days=days, user_id=user.pk, now=now
    )[1]


def opened(key, status=200):
    answer = Browser().get(f"/ward/?k={key}")
    assert answer.status_code == status
    return answer


def lines(answer, number=0):
    """Return (time, who, state) of the arrivals and of the departures of today, or tomorrow."""
    day = answer.context["days"][number]
    return tuple(
        [(f"{timezone.localtime(row.at, make.ZONE):%H:%M}", row.who, row.state) for row in rows]
        for rows in (day.arrivals, day.departures)
    )


def test_arrivals_and_departures_of_today_and_tomorrow_with_initials(clinic, dialysis):
    arrives(clinic, dialysis, appointment_at=make.at("09:30"))
    leaves(clinic, dialysis)
    leaves(clinic, dialysis, "12:30", "Cem", status="canceled")
    arrives(clinic, dialysis, name="Dora", day=TOMORROW)
    arrives(clinic, dialysis, name="Late", day=TOMORROW + timedelta(days=1))
    answer = opened(made(clinic, dialysis))
    assert lines(answer) == (
        [("09:30", "A. L.", "booked")],
        [("12:00", "B. B.", "booked"), ("12:30", "C.", "canceled")],
    )
    assert lines(answer, 1) == ([("09:00", "D.", "booked")], [])
    text = answer.content.decode()
    assert "Dialysis" in text
    for secret in ("Ada", "Lovelace", "Hidden street", "private", "+41"):
        assert secret not in text
    assert not Reading.objects.exists()


@pytest.mark.parametrize(
    ("left", "status"),
    [
        (lambda user: user.memberships.all().delete(), 404),
        (lambda user: user.memberships.update(role=Role.VIEWER), 404),
        (lambda user: user.memberships.update(company=make.company("basel")), 404),
        (lambda user: type(user).objects.filter(pk=user.pk).update(is_active=False), 404),
        (lambda user: user.delete(), 404),
        (lambda user: user.memberships.update(role=Role.OWNER), 200),
    ],
    ids=["left", "viewer", "elsewhere", "inactive", "deleted", "owner"],
)
def test_it_ends_when_who_made_it_may_make_no_more(clinic, dialysis, client, left, status):
    maker = make.member(clinic.company, Role.DISPATCHER)
    key = made(clinic, dialysis, user=maker)
    opened(key)
    left(maker)
    opened(key, status)
    client.force_login(make.member(clinic.company, Role.DISPATCHER))
    page = client.get(reverse("admin:drivers_customer_wards", args=[clinic.pk])).content.decode()
    assert ("who made it may not any more" in page) == (status == 404)
    assert ('name="revoke"' in page) == (status == 200)


def test_a_page_that_who_runs_the_server_made_stays(clinic, dialysis, admin_user):
    opened(made(clinic, dialysis, user=admin_user))


def test_it_says_where_drives_are_straight_lines(clinic, dialysis, settings):
    key, straight = made(clinic, dialysis), "estimated by straight line, without a road map."
    assert straight in opened(key).content.decode()
    settings.ROADS_URL = "http://127.0.0.1:9"
    assert straight not in opened(key).content.decode()


def test_nobody_else_is_shown(clinic, dialysis):
    other = make.customer(clinic.company, "Other")
    arrives(other, dialysis)
    arrives(clinic, make.place(clinic.company, name="Ward 2", address="Elsewhere 2"))
    basel = make.company("basel")
    arrives(make.customer(basel, "Clinic"), make.place(basel))
    assert lines(opened(made(clinic, dialysis))) == ([], [])


def test_names_are_shown_where_that_was_chosen_and_noted_once_a_day(clinic, dialysis, clock):
    ada = arrives(clinic, dialysis).client
    key = made(clinic, dialysis, shows_names=True)
    assert lines(opened(key))[0] == [("09:00", "Ada Lovelace", "booked")]
    clock.return_value = make.at("08:20")
    opened(key)
    reading = Reading.objects.get()
    assert (reading.client_id, reading.door, reading.what) == (ada.pk, Door.WARD_PAGE, "ward")
    assert reading.actor == "Clinique des Grangettes, Dialysis"
    clock.return_value = make.at("08:20", TOMORROW)
    arrives(clinic, dialysis, day=TOMORROW, name="Bea")
    opened(key)
    assert Reading.objects.count() == 2


def test_the_car_and_when_it_is_there_are_told_from_the_evening_before(clinic, dialysis, clock):
    here = arrives(clinic, dialysis)
    gone = leaves(clinic, dialysis, "10:00")
    driver = make.driver(clinic.company)
    make.assignment(here, driver, planned_pickup_at=make.at("08:50"), minutes=20)
    make.assignment(gone, driver)
    answer = opened(made(clinic, dialysis))
    assert lines(answer) == (
        [("09:10", "A. L.", "planned")],
        [("10:00", "B. B.", "planned")],
    )
    assert driver.vehicle.plate in answer.content.decode()
    assert driver.name not in answer.content.decode()
    foresee(here, "09:05")  # a quarter late: there at 09:25
    assert lines(opened(made(clinic, dialysis)))[0][0][0] == "09:25"
    clock.return_value = make.at("11:00", make.DAY - timedelta(days=1))
    answer = opened(made(clinic, dialysis))
    assert lines(answer, 1)[0] == [("09:00", "A. L.", "booked")]
    assert driver.vehicle.plate not in answer.content.decode()


@pytest.mark.parametrize(
    ("status", "coming", "leaving"),
    [
        ("en_route", "the car is on the way to the client", "the car is on the way"),
        ("in_progress", "on the way here", "has left"),
        ("completed", "has arrived", "has arrived elsewhere"),
        ("no_show", "did not take place", "did not take place"),
    ],
)
def test_states_are_told_from_the_wards_side(clinic, dialysis, status, coming, leaving):
    for booking in (arrives(clinic, dialysis), leaves(clinic, dialysis)):
        make.assignment(booking, make.driver(clinic.company), status=status)
    arrived, left = lines(opened(made(clinic, dialysis)))
    assert (arrived[0][2], left[0][2]) == (coming, leaving)
    Assignment.objects.update(arrived_at=make.at("12:01"))
    if status == "en_route":
        assert lines(opened(made(clinic, dialysis)))[1][0][2] == "the car is there"


def test_a_page_costs_three_statements_at_any_size(clinic, dialysis, django_assert_num_queries):
    key = made(clinic, dialysis)
    opened(key)  # notes that it was opened
    for count in (1, 10):
        for number in range(count):
            arrives(clinic, dialysis, name=f"Client {count} {number}")
        with django_assert_num_queries(3):
            opened(key)


def test_it_opens_nothing_once_it_ends_or_is_closed_nor_with_another_key(clinic, dialysis, clock):
    key = made(clinic, dialysis)
    answer = opened(key)
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "strict-origin"
    assert answer["X-Robots-Tag"] == "noindex"
    assert Browser().post(f"/ward/?k={key}").status_code == 405
    opened(key[:-1], 404)
    opened("", 404)
    assert not WardPage.objects.filter(digest=key).exists()
    WardPage.objects.update(revoked_at=make.at("08:00"))
    opened(key, 404)
    WardPage.objects.update(revoked_at=None)
    clock.return_value = make.at("07:00") + timedelta(days=9)
    opened(key, 404)


def test_many_wrong_keys_are_stopped_and_a_right_one_is_not(clinic, dialysis, monkeypatch):
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    monkeypatch.setitem(rates, "wrong_pages", "3/hour")
    answers = [Browser().get(f"/ward/?k={number}").status_code for number in range(4)]
    assert answers == [404, 404, 404, 429]
    opened(made(clinic, dialysis))


# Made on the customer's page


def wards(customer):
    return reverse("admin:drivers_customer_wards", args=[customer.pk])


@pytest.mark.parametrize("role", [Role.OWNER, Role.DISPATCHER])
def test_who_may_plan_makes_a_page_sees_its_address_once_and_closes_it(
    client, clinic, dialysis, role
):
    user = make.member(clinic.company, role)
    client.force_login(user)
    change = client.get(reverse("admin:drivers_customer_change", args=[clinic.pk]))
    assert wards(clinic) in change.content.decode()
    answer = client.post(wards(clinic), {"place": dialysis.pk, "days": "30"})
    address = answer.context["address"]
    page = WardPage.objects.get()
    assert (page.shows_names, page.made_by, page.ends_at - page.made_at) == (
        False, user, timedelta(days=30),
    )  # fmt: skip
    opened(address.partition("?k=")[2])
    listed = client.get(wards(clinic)).content.decode()
    assert "Dialysis" in listed
    assert address.partition("?k=")[2] not in listed
    client.post(wards(clinic), {"revoke": page.pk})
    opened(address.partition("?k=")[2], 404)


def test_a_form_with_faults_makes_nothing(client, clinic, dialysis):
    client.force_login(make.member(clinic.company))
    foreign = make.place(make.company("basel"), name="Basel")
    for wrong in ({"days": "0"}, {"days": "367"}, {"place": foreign.pk}, {"place": ""}):
        sent = {"place": dialysis.pk, "days": "9"} | wrong
        assert client.post(wards(clinic), sent).status_code == 400
    assert not WardPage.objects.exists()


def test_viewers_and_other_companies_make_and_close_none(client, clinic, dialysis):
    made(clinic, dialysis)
    page = WardPage.objects.get()
    basel = make.company("basel")
    for user in (make.member(clinic.company, Role.VIEWER), make.member(basel, Role.OWNER)):
        client.force_login(user)
        for form in ({"place": dialysis.pk, "days": "9"}, {"revoke": page.pk}):
            assert client.post(wards(clinic), form).status_code in (403, 404)
        assert client.get(wards(clinic)).status_code in (403, 404)
    other = make.customer(clinic.company, "Other")
    client.force_login(make.member(clinic.company, Role.OWNER))
    client.post(wards(other), {"revoke": page.pk})
    page.refresh_from_db()
    assert (WardPage.objects.count(), page.revoked_at) == (1, None)


def test_a_page_that_is_open_stays_in_sight_however_many_were_made_since(
    client, clinic, dialysis, monkeypatch
):
    monkeypatch.setattr("dispatch.admin.customers.SHOWN", 2)
    made(clinic, dialysis)
    first = WardPage.objects.get()
    for _number in range(3):
        made(clinic, dialysis)
    closed = WardPage.objects.exclude(pk=first.pk)
    revoke_ward_pages(closed, now=make.at("07:30"))
    client.force_login(make.member(clinic.company))
    shown = client.get(wards(clinic)).context["pages"]
    newest = closed.order_by("-id").values_list("id", flat=True)[:2]
    assert [page.pk for page in shown] == [*newest, first.pk]


@pytest.mark.parametrize(
    ("name", "short"),
    [("Ada Lovelace", "A. L."), ("  élodie (Lili) d'Arc ", "É. L. D."), ("", ""), ("-", "")],
)
def test_initials(name, short):
    assert initials(name) == short
