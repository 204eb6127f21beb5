"""A new company is led to its first plan, step by step."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dispatch.board.first_steps import is_ready, read_steps
from drivers.models import Role
from tests.support import builders as make
from tests.support.builders import DAY

TITLES = ["Depot", "Vehicles", "Drivers", "Shifts on this day", "Bookings on this day"]


@pytest.fixture
def company(db):
    return make.company()


def missing(company):
    return [step.title for step in read_steps(company, DAY) if not step.done]


def open_board(client, company, name="day"):
    return client.get(reverse(f"admin:board:{name}", args=[company.slug, DAY]))


def test_steps_are_done_one_after_the_other(company, django_assert_num_queries):
    make.shift(make.driver(make.company("elsewhere")))
    make.booking(make.company("nowhere"))
    assert [step.title for step in read_steps(company, DAY)] == TITLES
    assert missing(company) == TITLES[1:]
    vehicle = make.vehicle(company)
    assert missing(company) == TITLES[2:]
    driver = make.driver(company, vehicle=None)
    assert missing(company) == TITLES[2:]
    driver.vehicle = vehicle
    driver.save()
    make.shift(driver, day=make.DAY.replace(day=DAY.day - 2))
    make.booking(company, status="canceled")
    assert missing(company) == TITLES[3:]
    make.shift(driver)
    assert missing(company) == TITLES[4:]
    make.booking(company)
    with django_assert_num_queries(1):
        steps = read_steps(company, DAY)
    assert is_ready(steps)


def test_an_empty_board_shows_them_instead_of_zeros(client, company):
    client.force_login(make.member(company, Role.DISPATCHER))
    for name in ("day", "fragment"):
        page = open_board(client, company, name).content.decode()
        assert 'class="first-steps"' in page
        assert re.search(r'<div class="figures"[^>]* hidden>', page)
        for text in ("Add a vehicle", "Add a driver", "Fill weeks", "New booking", "Import a file"):
            assert f">{text}</button>" in page
        assert page.count('class="done"') == 1


def test_a_day_with_bookings_keeps_its_figures(client, company):
    make.booking(company)
    client.force_login(make.member(company, Role.DISPATCHER))
    page = open_board(client, company).content.decode()
    assert 'class="first-steps"' in page
    assert not re.search(r'<div class="figures"[^>]* hidden>', page)


def test_a_full_day_shows_no_steps_and_asks_nothing_for_them(client, company):
    client.force_login(make.member(company, Role.DISPATCHER))
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as statements:
            page = open_board(client, company).content.decode()
        counts.append(len(statements))
        if len(counts) == 1:
            driver = make.driver(company)
            make.shift(driver)
            make.assignment(make.booking(company), driver)  # of one that waits the board reads why
    assert 'class="first-steps"' not in page
    assert counts[1] == counts[0] - 1 <= 12


def test_a_viewer_sees_what_is_missing_without_buttons(client, company):
    client.force_login(make.member(company, Role.VIEWER))
    page = open_board(client, company).content.decode()
    assert "Shifts on this day" in page
    assert "Fill weeks" not in page[page.index('class="first-steps"') :]


def test_a_step_leads_to_the_page_of_this_company(client, company):
    other = make.company("zoo")
    member = make.member(company, Role.DISPATCHER)
    make.Membership.objects.create(user=member, company=other, role=Role.DISPATCHER)
    client.force_login(member)
    add = reverse("admin:drivers_vehicle_add")
    page = open_board(client, other).content.decode()
    found = re.search(
        rf'action="([^"]+)">[^>]*>?<input type="hidden" name="next" value="{add}"', page
    )
    led = client.post(found[1], {"next": add})
    assert led.url == add
    assert client.get(add).wsgi_request.company == other


def test_a_new_booking_and_the_roster_begin_with_the_day(client, company):
    client.force_login(make.member(company, Role.DISPATCHER))
    pages = {page.text: page.address for step in read_steps(company, DAY) for page in step.pages}
    telephone = client.get(pages["New booking"])
    assert telephone.context["form"].initial["day"] == DAY
    assert DAY in client.get(pages["Roster"]).context["roster"].days
