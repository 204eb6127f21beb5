"""Places of the company: recognised by their address at every door, and followed when they move."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from bookings.duplicate import duplicate
from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, CompanyPlace, Door
from bookings.own_places import save_place
from bookings.recompute import delete_places
from bookings.save import save_booking
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, BOOKED, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.ADMIN, name="Mia")
HERE = {"pickup_lat": 46.234, "pickup_lon": 6.08, "dropoff_lat": 46.1936, "dropoff_lon": 6.1487}
HUG = "Rue Gabrielle-Perret-Gentil 4, Genève"
SPELLED = "rue GABRIELLE-Perret-Gentil  4, Geneve"


@pytest.fixture
def hug():
    return make.place(address=HUG, boarding_min=12, margin_min=20)


def ends(booking):
    booking.refresh_from_db()
    return booking.pickup_place_id, booking.dropoff_place_id


def test_a_booking_belongs_to_the_place_with_its_address_however_it_is_spelled(hug):
    make.place(make.company("lausanne"), address=SPELLED)
    booking = make.booking()
    booking.dropoff_address = SPELLED
    save_booking(booking, actor=ACTOR, now=make.NOW)
    assert ends(booking) == (None, hug.pk)
    booking.dropoff_address = "Rue 9"
    save_booking(booking, actor=ACTOR, now=make.NOW)
    assert ends(booking) == (None, None)


def test_the_api_recognises_places_one_at_a_time_and_in_bulk(hug):
    owner = caller(Role.OWNER, hug.company)
    row = {
        **HERE,
        "scheduled_time": make.at("09:00", BOOKED).isoformat(),
        "dropoff_address": SPELLED,
    }
    assert owner.post(f"{API}bookings/", row).status_code == 201
    rows = [{**row, "reference": name} for name in "AB"]
    assert owner.post(f"{API}bookings/bulk/", {"bookings": rows}).status_code == 200
    assert set(Booking.objects.values_list("dropoff_place", flat=True)) == {hug.pk}


def test_an_import_recognises_places_of_new_and_of_changed_bookings(hug):
    def load(address):
        head = ("reference", *HERE, "scheduled_time", "passengers", "wheelchairs", "pickup_address")
        row = ("X", *HERE.values(), "2026-06-17T09:00", 1, 0, address)
        data = "\n".join(";".join(map(str, line)) for line in (head, row)).encode()
        result = import_bookings(hug.company, data, actor=ACTOR, now=make.NOW)
        assert not result.errors
        return ends(Booking.objects.get(reference="X"))

    assert load(SPELLED) == (hug.pk, None)
    assert load("Rue 9") == (None, None)
    assert load(HUG) == (hug.pk, None)


def test_a_place_that_moves_takes_the_coming_bookings_of_its_address(
    hug, django_assert_num_queries
):
    there = make.booking(hug.company, pickup_address=SPELLED, pickup_place=hug)
    elsewhere = make.booking(hug.company, clock="10:00", pickup_address="Quai 1")
    driven = make.booking(hug.company, clock="06:00", pickup_address="Quai 1")
    other = make.booking(make.company("lausanne"), pickup_address="Quai 1")
    hug.address = "QUAI 1"
    with django_assert_num_queries(5):  # 3, and the savepoint
        save_place(hug, now=make.at("07:00"))
    assert ends(there) == (None, None)
    assert ends(elsewhere) == (hug.pk, None)
    assert ends(driven) == ends(other) == (None, None)


def test_a_place_that_goes_leaves_its_bookings(hug):
    booking = make.booking(hug.company, pickup_address=HUG, pickup_place=hug)
    hug.delete()
    assert ends(booking) == (None, None)


def test_two_places_of_a_company_have_two_addresses(hug):
    double = CompanyPlace(company=hug.company, name="x", address=SPELLED, lat=46.1, lon=6.1)
    with pytest.raises(ValidationError) as refused:
        double.full_clean()
    assert refused.value.message_dict == {
        "address": ["Another place of the company has this address."]
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        double.save()
    make.place(make.company("lausanne"), address=SPELLED)


@pytest.mark.parametrize("name", ["boarding_min", "margin_min"])
def test_minutes_are_at_most_120_for_the_database_too(hug, name):
    setattr(hug, name, 121)
    with pytest.raises(ValidationError):
        hug.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        CompanyPlace.objects.filter(pk=hug.pk).update(**{name: 121})


def test_the_api_writes_places_and_links_their_bookings():
    company = make.company()
    booking = make.booking(company, clock="23:00", day=make.DAY.replace(year=2098))
    Booking.objects.filter(pk=booking.pk).update(pickup_address=SPELLED)
    owner = caller(Role.OWNER, company)
    body = {"name": "HUG", "address": HUG, "lat": 46.1936, "lon": 6.1487, "boarding_min": 8}
    made = owner.post(f"{API}company-places/", body)
    assert made.status_code == 201, made.content
    assert ends(booking)[0] == made.json()["id"]
    page = f"{API}company-places/{made.json()['id']}/"
    changed = owner.patch(page, {"address": "Quai 1", "entrance": "B"})
    assert changed.json()["entrance"] == "B"
    assert ends(booking)[0] is None
    refused = owner.patch(page, {"boarding_min": 200})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "boarding_min")
    assert owner.delete(page).status_code == 204
    assert caller(Role.CLIENT_API, company).get(f"{API}company-places/").status_code == 403


def test_the_search_offers_the_places_of_the_company_by_name_and_address(hug):
    from bookings.places.search import place_at, search_places

    hug.name = "Hôpital cantonal"
    hug.save()
    company = hug.company
    assert search_places(company, "hopital cantonal")[0].address == HUG
    assert place_at(company, SPELLED).lat == hug.lat
    assert not search_places(make.company("lausanne"), "hopital cantonal")


@pytest.mark.parametrize("end", ["pickup_place", "dropoff_place"])
def test_a_booking_has_no_place_of_another_company(hug, end):
    booking = make.booking(make.company("lausanne"))
    setattr(booking, end, hug)
    with pytest.raises(ValidationError) as told:
        booking.validate_constraints()
    assert told.value.message_dict == {end: ["This place belongs to another company."]}
    Booking.objects.filter(pk=booking.pk).update(**{end: hug})
    with pytest.raises(IntegrityError), transaction.atomic():
        connection.check_constraints()
    own = make.place(booking.company)
    Booking.objects.filter(pk=booking.pk).update(**{end: own})
    connection.check_constraints()


def test_copies_take_the_places_that_are_known_now(hug):
    booking = make.booking(hug.company, dropoff_address=SPELLED)
    (made,) = duplicate(booking, [make.DAY + timedelta(days=1)], actor=ACTOR, now=make.NOW)
    assert ends(made) == (None, hug.pk)


@pytest.mark.parametrize("door", ["api", "itself"])
def test_pickups_no_longer_follow_a_place_that_goes(hug, door):
    booking = Booking(
        company=hug.company, appointment_at=make.at("09:00", BOOKED), dropoff_address=HUG, **HERE
    )
    save_booking(booking, actor=ACTOR, now=make.NOW)
    early = booking.scheduled_time
    if door == "api":
        owner = caller(Role.OWNER, hug.company)
        assert owner.delete(f"{API}company-places/{hug.pk}/").status_code == 204
    else:
        delete_places([hug], actor=ACTOR, now=make.NOW)
    assert ends(booking) == (None, None)
    assert booking.scheduled_time > early
