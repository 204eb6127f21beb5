"""The search of the sidebar finds rows of the company across all days, a few of each kind."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from drivers.models import Membership, Role
from tests.support import builders as make

URL = "/admin/search/"


@pytest.fixture
def geneva(db):
    return make.company("geneva")


@pytest.fixture
def desk(client, geneva):
    """A dispatcher's browser."""
    client.force_login(make.member(geneva, Role.DISPATCHER))
    return client


def found(browser, words):
    """Return {group: [title]} of what the search shows."""
    groups = browser.get(URL, {"s": words}).context["groups"]
    return {group.title: [row.title for _number, row in rows] for group, rows in groups}


def days(number):
    return timezone.now().astimezone(make.ZONE).date() + timedelta(days=number)


def test_a_client_is_found_as_people_write_them_with_the_next_trips(desk, geneva):
    chloe = make.client(geneva, "Chloé Khan", phone="+41 22 700 11 22")
    for day in (-40, 3, 60):
        make.booking(geneva, "09:10", client=chloe, day=days(day))
    make.booking(geneva, "08:00", client=chloe, day=days(2), status="canceled")
    for words in ("chloe khan", "KHAN", "khan chloé", "700 11 22"):
        assert found(desk, words) == {
            "Clients": ["Chloé Khan"],
            "Trips": [f"{days(3)} 09:10", f"{days(60)} 09:10"],
        }


def test_a_booking_is_found_by_its_reference_on_any_day(desk, geneva):
    old = make.booking(geneva, "07:00", day=days(-300), reference="G3-31", client=None)
    unnamed = make.booking(geneva, "08:00", day=days(200), reference="", client=None)
    for words, row in (("g3-31", old), ("G3-31", old), (f"#{unnamed.pk}", unnamed)):
        response = desk.get(URL, {"s": words})
        assert f'href="{reverse("admin:bookings_booking_change", args=[row.pk])}"' in response.text
        assert list(found(desk, words)) == ["Trips"]
    assert found(desk, "G3-3") == {}


def test_drivers_places_and_pages_are_found(desk, geneva):
    make.driver(geneva, "André Haddad", vehicle=make.vehicle(geneva, plate="GE 77"))
    make.client(geneva, "Zoé", address="Quai du Rhône 3, Genève", lat=46.2, lon=6.1)
    assert found(desk, "andre") == {"Drivers": ["André Haddad"]}
    assert "GE 77" in desk.get(URL, {"s": "andre"}).text
    assert found(desk, "rhone quai") == {
        "Clients": ["Zoé"],
        "Places": ["Quai du Rhône 3, Genève"],
    }
    assert found(desk, "vehic") == {"Pages": ["Vehicles", "Vehicle absences"]}


def test_the_link_of_a_place_lists_its_trips(desk, geneva):
    address = "Quai du Rhône 3, Genève"
    near = make.booking(geneva, day=days(1), dropoff_address=address)
    make.booking(geneva, day=days(100), dropoff_address=address)
    make.booking(geneva, day=days(1), dropoff_address="Quai 3, Lausanne")
    ((_group, ((_number, place),)),) = desk.get(URL, {"s": "rhone"}).context["groups"]
    listed = desk.get(place.address).context["cl"].queryset
    assert list(listed) == [near]


def test_only_a_few_of_each_kind_are_shown(desk, geneva):
    for number in range(7):
        make.client(geneva, f"Ana {number}")
        make.driver(geneva, f"Ana {number}")
    assert {kind: len(rows) for kind, rows in found(desk, "ana").items()} == {
        "Clients": 5,
        "Drivers": 5,
    }


def test_nothing_found_is_said(desk):
    assert "Nothing found for “&lt;b&gt; zzz”." in desk.get(URL, {"s": " <b>  zzz "}).text
    assert desk.get(URL, {"s": "  "}).content == b""
    assert desk.get(URL).content == b""


def test_another_company_is_searched_once_it_is_chosen(desk, geneva):
    zoo = make.company("zoo")
    theirs = make.client(zoo, "Chloé Khan")
    trip = make.booking(zoo, client=theirs, reference="Z-1", day=days(1))
    make.driver(zoo, "Chloé")
    assert [found(desk, words) for words in ("chloe", "Z-1", f"#{trip.pk}")] == [{}, {}, {}]
    member = Membership.objects.get(company=geneva).user
    Membership.objects.create(user=member, company=zoo, role=Role.VIEWER)
    desk.post(reverse("choose_company", args=["zoo"]))
    assert list(found(desk, "chloe")) == ["Clients", "Trips", "Drivers"]


def test_who_has_no_company_finds_nothing_of_any(client, geneva):
    make.client(geneva, "Chloé Khan")
    client.force_login(make.member(geneva, Role.DRIVER, is_staff=True))
    assert found(client, "chloe") == {}


@pytest.mark.parametrize("many", [1, 30])
def test_statements_do_not_grow(desk, geneva, many, django_assert_num_queries):
    for number in range(many):
        ana = make.client(geneva, f"Ana {number}", address=f"Ana street {number}", lat=46, lon=6)
        make.booking(geneva, client=ana, day=days(number))
        make.driver(geneva, f"Ana {number}")
    # session, user, companies, permissions; clients, trips, drivers and places
    with django_assert_num_queries(5 + 9):
        desk.get(URL, {"s": "ana"})
