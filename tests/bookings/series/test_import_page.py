"""Standing orders from a file in the admin: looked at first, then all of it or nothing."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from bookings.models import Booking, Client, Event, ImportFile, Series
from drivers.models import Role
from tests.support import builders as make

UPLOAD, LIST = "admin:bookings_series_upload", "admin:bookings_series_changelist"
HEAD = (
    "customer,client_name,weekdays,first_day,pickup_time,return_time,"
    "pickup_lat,pickup_lon,dropoff_lat,dropoff_lon"
)
PLACES = "46.2,6.14,46.21,6.15"
pytestmark = pytest.mark.django_db


@pytest.fixture
def geneva():
    return make.company()


@pytest.fixture
def user(client, geneva):
    user = make.member(geneva)
    client.force_login(user)
    return user


def file_of(*rows):
    return "\n".join([HEAD, *rows]).encode()


def upload(client, data, company, **form):
    file = SimpleUploadedFile("orders.csv", data)
    return client.post(reverse(UPLOAD), {"company": company.pk, "file": file, **form})


ROW = f",Rosa,mon wed,2099-06-17,08:00,12:30,{PLACES}"


def test_orders_are_made_once_they_were_looked_at(client, user, geneva):
    sent = upload(client, file_of(ROW), geneva)
    assert sent.status_code == 302, sent.context["form"].errors
    shown = client.get(sent.url)
    assert "1 standing orders would be made; 0 are known already." in shown.content.decode()
    assert [model.objects.count() for model in (Series, Client, Event)] == [0, 0, 0]
    done = client.post(sent.url, {"confirm": "1"})
    assert (done.status_code, done.url) == (302, reverse(LIST))
    assert Series.objects.get().client.name == "Rosa"
    assert not ImportFile.objects.exists()
    again = upload(client, file_of(ROW), geneva)
    page = client.get(again.url).content.decode()
    assert "0 standing orders would be made; 1 are known already." in page
    assert 'name="confirm"' not in page
    assert client.post(again.url, {"discard": "1"}).url == reverse(LIST)
    assert (Series.objects.count(), ImportFile.objects.count()) == (1, 0)


def test_a_row_in_error_is_named_and_nothing_can_be_confirmed(client, user, geneva):
    hospital = make.customer(geneva, "HUG")
    sent = upload(client, file_of(ROW, f"Clinic,Eve,mon,2099-06-17,8h,,{PLACES}"), geneva)
    page = client.get(sent.url)
    text = page.content.decode()
    assert [row[:3] for row in page.context["errors"]["rows"]] == [[3, "customer", "Clinic"]]
    assert "While a row is in error, none is imported" in text
    assert 'name="confirm"' not in text
    posted = client.post(sent.url, {"confirm": "1"})
    assert posted.status_code == 200
    assert [model.objects.count() for model in (Series, Booking)] == [0, 0]
    own = file_of(f"HUG,Eve,mon,2099-06-17,08:00,,{PLACES}")
    assert client.post(upload(client, own, geneva).url, {"confirm": "1"}).status_code == 302
    assert Series.objects.get().customer == hospital


def test_a_file_that_is_no_list_of_orders_is_refused_with_a_sentence(client, user, geneva):
    page = client.get(upload(client, b"a,b\n1,2", geneva).url)
    assert page.status_code == 400
    assert "weekdays" in page.content.decode()


def test_the_form_asks_for_company_customer_and_file(client, user, geneva):
    form = client.get(reverse(UPLOAD)).context["form"]
    assert list(form.fields) == ["company", "customer", "file"]
    other = make.customer(make.company("lausanne"), "Elsewhere")
    assert upload(client, file_of(ROW), geneva, customer=other.pk).status_code == 200
    assert not ImportFile.objects.exists()


def test_nobody_sees_the_file_of_another_or_without_the_role(client, user, geneva):
    url = upload(client, file_of(ROW), geneva).url
    client.force_login(make.member(geneva))
    assert client.get(url).status_code == 404
    assert client.post(url, {"confirm": "1"}).status_code == 404
    client.force_login(make.member(geneva, Role.VIEWER))
    assert client.get(reverse(UPLOAD)).status_code == 403
    assert client.get(url).status_code in (403, 404)
    assert not Series.objects.exists()
