"""Clients and bookings say whether they ride with others and how long: kept by every door."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Client, Door
from bookings.telephone import way_back
from drivers.models import Company, Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
BY = {"actor": Actor(Door.COMMAND, name="test"), "now": make.NOW}
HEADER = (
    "reference,scheduled_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,passengers,wheelchairs"
)


def test_the_api_keeps_the_wishes_of_clients_and_bookings_and_says_what_is_wrong():
    api = caller(Role.DISPATCHER)
    person = api.post(f"{API}clients/", {"name": "Ana", "may_share": False, "max_ride_min": 45})
    assert (person.json()["may_share"], person.json()["max_ride_min"]) == (False, 45)
    booking = make.booking(Company.objects.get())
    page = f"{API}bookings/{booking.id}/"
    assert (api.get(page).json()["may_share"], api.get(page).json()["max_ride_min"]) == (True, None)
    for wrong in (0, 721):
        answer = api.patch(page, {"max_ride_min": wrong})
        assert [error["field"] for error in answer.json()["errors"]] == ["max_ride_min"]
    kept = api.patch(page, {"max_ride_min": 30, "may_share": False}).json()
    assert (kept["may_share"], kept["max_ride_min"]) == (False, 30)
    event = booking.events.latest("id")
    assert event.old == {"may_share": True, "max_ride_min": None}


def test_a_file_has_columns_for_both_and_a_blank_cell_of_a_new_booking_means_yes():
    company = make.company()
    rows = [("X", "no,45"), ("Y", ","), ("Z", "yes,")]
    lines = [f"{ref},2026-06-17 09:00,46.2,6.1,46.3,6.2,1,0,{cells}" for ref, cells in rows]
    file = "\n".join([f"{HEADER},may_share,max_ride_min", *lines])
    import_bookings(company, file.encode(), **BY)
    stored = list(Booking.objects.order_by("reference").values_list("may_share", "max_ride_min"))
    assert stored == [(False, 45), (True, None), (True, None)]
    changed = import_bookings(company, file.replace("no,45", "-,-").encode(), **BY)
    assert changed.updated == 1
    found = Booking.objects.get(reference="X")
    assert (found.may_share, found.max_ride_min) == (True, None)
    wrong = import_bookings(company, file.replace("no,45", "no,0").encode(), dry_run=True, **BY)
    (error,) = wrong.errors
    assert (error.column, error.message) == (
        "max_ride_min",
        "write minutes from 1 to 720, such as 45",
    )


def test_the_way_back_is_ridden_as_the_way_there():
    there = make.booking(may_share=False, max_ride_min=30)
    back = way_back(there, make.at("12:00"))
    assert (back.may_share, back.max_ride_min) == (False, 30)


def test_a_standing_order_books_its_dates_as_its_client_rides():
    api = caller(Role.DISPATCHER)
    first_day = str(timezone.localdate() + timedelta(days=1))
    order = {
        "weekdays": list(range(7)), "first_day": first_day, "count": 1, "pickup_time": "08:00",
        "return_time": "12:00", "pickup_lat": 46.2, "pickup_lon": 6.1,
        "dropoff_lat": 46.21, "dropoff_lon": 6.12, "may_share": False, "max_ride_min": 30,
    }  # fmt: skip
    made = api.post(f"{API}series/", order)
    assert (made.status_code, made.json()["may_share"], made.json()["max_ride_min"]) == (
        201, False, 30,
    )  # fmt: skip
    booked = Booking.objects.order_by("id").values_list("may_share", "max_ride_min")
    assert list(booked) == [(False, 30)] * 2


def test_a_trip_that_is_repeated_as_a_standing_order_keeps_its_wishes(client):
    booking = make.booking(may_share=False, max_ride_min=30)
    client.force_login(make.member(booking.company))
    page = client.get(reverse("admin:bookings_series_add"), {"booking": booking.pk})
    form = page.context["adminform"].form
    assert form.get_initial_for_field(form.fields["may_share"], "may_share") is False
    assert form.get_initial_for_field(form.fields["max_ride_min"], "max_ride_min") == 30


@pytest.mark.parametrize("model", [Booking, Client])
def test_no_ride_is_limited_to_nothing_or_for_ever(model):
    row = make.booking() if model is Booking else make.client()
    for minutes in (0, 721):
        row.max_ride_min = minutes
        with pytest.raises(ValidationError, match="max_ride_min"):
            row.full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.filter(pk=row.pk).update(max_ride_min=minutes)


def test_the_limits_of_a_company_are_kept_within_reason():
    company = make.company()
    for name, value in (("ride_factor", 0.9), ("ride_longest_min", 0), ("ride_cost_percent", 1001)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Company.objects.update(**{name: value})
    assert (company.shares_rides, company.ride_added_min) == (False, 15)
