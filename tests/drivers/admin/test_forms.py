"""An admin form says what is taken, although the company of the row cannot be changed."""

from unittest import mock

import pytest
from django.db import IntegrityError
from django.urls import reverse

from tests.support import builders as make
from tests.support.pages import save

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
    there = make.company("lausanne")
    owner = {} if name == "plate" else {"customer": there.default_customer}
    type(first).objects.filter(pk=first.pk).update(company=there, **owner)
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
