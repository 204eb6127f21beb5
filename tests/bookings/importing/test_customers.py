"""Rows that name their customers."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.import_series import import_series
from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Client, Door, Series
from tests.bookings.importing.test_import_bookings import csv_of
from tests.support import builders as make

ACTOR = Actor(Door.COMMAND, name="import_bookings")
pytestmark = pytest.mark.django_db


@pytest.fixture
def geneva():
    return make.company()


@pytest.fixture
def clinic(geneva):
    return make.customer(geneva, "Clinique Élan")


def load(company, *rows, **options):
    return import_bookings(company, csv_of(*rows), actor=ACTOR, now=make.NOW, **options)


def owned():
    return sorted(Booking.objects.values_list("customer__name", "reference", "client__name"))


def test_each_row_belongs_to_the_customer_that_it_names(geneva, clinic):
    rows = [
        {"customer": "Clinique Élan", "client_name": "Rosa"},
        {"customer": "", "client_name": "Rosa"},
        {"customer": "clinique  elan", "reference": "R-2", "client_name": "ROSA"},
        {"customer": "-", "reference": "R-3", "return_of": "R-1"},
    ]
    dry = load(geneva, *rows, dry_run=True)
    default = geneva.default_customer.name
    assert dry.customers == {clinic.name: 2, default: 2}
    assert f"Of customers: {clinic.name} (2), {default} (2)." in dry.summary()
    assert not Booking.objects.exists()
    assert load(geneva, *rows).as_dict() == dry.as_dict() | {"dry_run": False}
    assert owned() == sorted(
        [
            (clinic.name, "R-1", "Rosa"),
            (clinic.name, "R-2", "Rosa"),
            (default, "R-1", "Rosa"),
            (default, "R-3", None),
        ]
    )
    # A person is one client of each customer, and a return trip goes back from the same customer's.
    assert Client.objects.count() == 2
    back = Booking.objects.get(reference="R-3")
    assert back.return_of.customer == geneva.default_customer
    assert load(geneva, *rows).unchanged == 4
    changed = load(geneva, rows[0] | {"passengers": "2"}, rows[1])
    assert (changed.updated, changed.unchanged) == (1, 1)
    assert Booking.objects.get(passengers=2).customer == clinic


def test_an_unknown_customer_is_an_error_of_its_line_and_names_nobody(geneva, clinic):
    make.customer(make.company("Vevey"), "Hôpital Riviera")
    make.customer(geneva, "elan")
    make.customer(geneva, "Elan")
    rows = [{"customer": name, "reference": name} for name in ("Hôpital Riviera", "ÉLAN", "elan")]
    result = load(geneva, *rows, dry_run=True)
    assert [(error.line, error.column, error.value) for error in result.errors] == [
        (2, "customer", "Hôpital Riviera"),
        (3, "customer", "ÉLAN"),
    ]
    assert {error.message for error in result.errors} == {
        "write the name of a customer of the company, as on its page"
    }
    assert (result.created, result.customers) == (0, {})
    assert load(geneva, *rows, skip_invalid=True).customers == {"elan": 1}


def test_a_file_of_one_customer_names_no_other(geneva, clinic):
    make.customer(geneva, "Home")
    rows = [
        {"customer": "clinique elan"},
        {"customer": "", "reference": "R-2"},
        {"customer": "Home", "reference": "R-3"},
        {"customer": "Nobody", "reference": "R-4"},
    ]
    result = load(geneva, *rows, customer=clinic, skip_invalid=True)
    assert {name for name, _reference, _client in owned()} == {clinic.name}
    first, second = result.errors
    assert (first.line, second.line) == (4, 5)
    # The same words whether there is such a customer or not.
    assert first.message == second.message
    assert "Home" not in first.message


def test_a_return_trip_does_not_find_the_outbound_trip_of_another_customer(geneva, clinic):
    load(geneva, {"customer": clinic.name})
    result = load(geneva, {"customer": "", "reference": "R-9", "return_of": "R-1"})
    (error,) = result.errors
    assert (error.column, error.message) == (
        "return_of",
        "no booking and no valid row of the file has this reference",
    )


def test_an_overlap_is_asked_about_within_a_customer_only(geneva, clinic):
    load(geneva, {"customer": clinic.name, "client_name": "Rosa"})
    rows = [
        {"customer": "", "reference": "R-2", "client_name": "Rosa"},
        {"customer": clinic.name, "reference": "R-3", "client_name": "Rosa"},
    ]
    (asked,) = load(geneva, *rows, dry_run=True).overlapping
    assert asked.reference == "R-3"


def test_statements_do_not_grow_with_the_customers(geneva):
    counts = []
    assert geneva.default_customer
    for many in (2, 12):
        names = [make.customer(geneva, f"Home {many} {i}").name for i in range(many)]
        rows = [{"customer": name, "reference": f"{many}", "client_name": "Rosa"} for name in names]
        with CaptureQueriesContext(
            connection,
        ) as sent:
            assert load(geneva, *rows).created == many
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_orders_of_a_file_name_their_customers_too(geneva, clinic):
    head = (
        "customer,client_name,weekdays,first_day,pickup_time,"
        "pickup_lat,pickup_lon,dropoff_lat,dropoff_lon"
    )
    rows = [f"{name},Rosa,wed,2026-06-17,08:00,46.2,6.14,46.21,6.15" for name in (clinic.name, "")]
    data = "\n".join([head, *rows]).encode()
    by = {"actor": ACTOR, "now": make.NOW}
    assert import_series(geneva, data, **by).made == 2
    assert {order.customer for order in Series.objects.select_related("customer")} == {
        clinic,
        geneva.default_customer,
    }
    assert import_series(geneva, data, **by).known == 2
    (error,) = import_series(
        geneva, "\n".join([head, rows[0].replace("Élan", "X")]).encode(), **by
    ).errors
    assert (error.line, error.column) == (2, "customer")
