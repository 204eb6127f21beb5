"""An admin form says what is taken, although the company of the row cannot be changed."""

from unittest import mock

import pytest
from django.db import IntegrityError
from django.urls import reverse

from drivers.admin import fleet
from drivers.models import Driver, Shift
from tests.support import builders as make
from tests.support.pages import save, shown_fields

pytestmark = pytest.mark.django_db


def taken(name):
    """Return two rows of one company; the second must not become what the first is."""
    company = make.company()
    if name == "reference":
        rows = make.booking(company, reference="R1"), make.booking(company, reference="R2")
    elif name == "name":
        rows = make.client(company, "Zoe"), make.client(company, "Max")
    else:
        rows = make.vehicle(company, plate="GE 1000"), make.vehicle(company, plate="GE 2000")
    return company, *rows


@pytest.fixture(params=["reference", "name", "plate"])
def rows(client, request):
    company, first, second = taken(request.param)
    client.force_login(make.member(company))
    meta = second._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[second.pk])
    return url, request.param, first, second


def test_a_name_that_is_taken_is_refused_by_the_form(client, rows):
    url, name, first, second = rows
    response = save(client, url, **{name: getattr(first, name)})
    assert response.status_code == 200
    form = response.context["adminform"].form
    ((said,),) = form.errors.values()
    assert said.startswith("Another ")
    before = getattr(second, name)
    second.refresh_from_db()
    assert getattr(second, name) == before


def test_a_name_of_another_company_is_free(client, rows):
    url, name, first, second = rows
    type(first).objects.filter(pk=first.pk).update(company=make.company("lausanne"))
    assert save(client, url, **{name: getattr(first, name)}).status_code == 302


def test_what_the_database_alone_refuses_is_said_by_the_form(client, rows):
    """As if the other row came in between the validation and the write."""
    url, name, _, second = rows
    with mock.patch.object(type(second), "save", side_effect=IntegrityError("client_once")):
        response = save(client, url, **{name: "QUITE NEW"})
    assert response.status_code == 200
    (said,) = response.context["adminform"].form.non_field_errors()
    assert "somebody else" in said
    assert b"QUITE NEW" in response.content  # what was typed is still there


@pytest.mark.parametrize(
    ("made", "first", "second"),
    [
        (make.vehicle, {"plate": "GE 1"}, {"seats": "3"}),
        (make.driver, {"phone": "1"}, {"name": "Berta"}),
        (
            lambda company: make.shift(make.driver(company)),
            {"start_at_1": "06:30"},
            {"end_at_1": "17:00"},
        ),
        (make.client, {"phone": "1"}, {"name": "Berta"}),
        (lambda company: company, {"freeze_min": "11"}, {"name": "Other"}),
    ],
    ids=["vehicle", "driver", "shift", "client", "company"],
)
def test_who_saves_an_old_form_overwrites_nobody(admin_client, made, first, second):
    row = made(make.company())
    meta = row._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    opened = shown_fields(admin_client.get(url))
    assert save(admin_client, url, **first).status_code == 302
    stored = type(row).objects.values().get(pk=row.pk)
    answer = admin_client.post(url, opened | second)
    assert "someone else has changed" in answer.content.decode()
    assert type(row).objects.values().get(pk=row.pk) == stored
    assert save(admin_client, url, **second).status_code == 302
    assert type(row).objects.values().get(pk=row.pk) != stored


def test_what_is_not_on_the_form_may_change_meanwhile(admin_client):
    """A driver's position comes in all day."""
    driver = make.driver(make.company())
    url = reverse("admin:drivers_driver_change", args=[driver.pk])
    opened = shown_fields(admin_client.get(url))
    Driver.objects.update(last_lat=46.2, last_lon=6.1, last_position_at=make.NOW)
    assert admin_client.post(url, opened | {"name": "Berta"}).status_code == 302


def test_a_change_between_check_and_save_is_seen_under_the_lock(admin_client, monkeypatch):
    shift = make.shift(make.driver(make.company()))
    url = reverse("admin:drivers_shift_change", args=[shift.pk])
    opened = shown_fields(admin_client.get(url))
    changing = fleet.changing

    def meanwhile(*args, **kwargs):
        Shift.objects.update(end_at=make.at("19:00"))
        return changing(*args, **kwargs)

    monkeypatch.setattr(fleet, "changing", meanwhile)
    answer = admin_client.post(url, opened | {"end_at_1": "17:00"})
    assert (answer.status_code, Shift.objects.get().end_at) == (409, shift.end_at)  # rolled back
    assert "someone else has changed" in answer.content.decode()
