"""The papers of who is on duty, and of what they drive, beside what needs attention."""

from datetime import timedelta

import pytest
from django.urls import reverse

from dispatch.board.day import read_board
from drivers.models import Absence
from tests.support import builders as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna():
    """Anna is on duty with a car of her own shift; papers warn 30 days before."""
    company = make.company(expiry_days=30)
    car = make.vehicle(company, plate="GE 7", inspection_until=make.DAY + timedelta(days=10))
    anna = make.driver(company, name="Anna", licence_until=make.DAY - timedelta(days=1))
    make.shift(anna, vehicle=car)
    away = make.driver(company, name="Away", licence_until=make.DAY)
    make.shift(away, day=make.DAY + timedelta(days=2))
    return anna


def papers(anna, day=make.DAY):
    return read_board(anna.company, day, now=make.NOW).papers


def test_those_of_drivers_on_duty_and_of_their_shifts_vehicles_are_listed(anna, client):
    expired, soon = papers(anna)
    assert expired.startswith("Anna: licence expired on ")
    assert soon.startswith("GE 7: inspection until ")
    client.force_login(make.member(anna.company))
    page = client.get(reverse("admin:board:day", args=["geneva", make.DAY])).text
    assert '<section class="papers"' in page
    assert expired in page


def test_of_a_driver_who_is_absent_or_papers_that_hold_nothing_is_said(anna):
    Absence.objects.create(
        driver=anna, start_at=make.at("00:00"), end_at=make.at("23:00"), reason="sick"
    )
    assert papers(anna) == ()
    Absence.objects.all().delete()
    anna.licence_until = make.DAY + timedelta(days=60)
    anna.save()
    make.Vehicle.objects.update(inspection_until=None)
    assert papers(anna) == ()
