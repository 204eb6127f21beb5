"""One person is one client: by every spelling, at every door, and by a merge that is confirmed."""

from datetime import timedelta

import pytest
from django.urls import reverse

from bookings.doubles import Same, probable_doubles
from bookings.importing.import_bookings import import_bookings
from bookings.merge import CannotMerge, merge_clients, preview_merge
from bookings.models import Actor, Booking, Client, Door, DriverPreference, Event
from dispatch.trips.fleet_changes import TripsBroken
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
NUMBER = "+41 79 000 00 02"
HEADER = (
    "reference,scheduled_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,passengers,wheelchairs,"
    "client_name,client_phone\n"
)
FORBIDDEN, PREFERRED = DriverPreference.Kind.FORBIDDEN, DriverPreference.Kind.PREFERRED


def load(company, *people):
    rows = [
        f"R{i},2026-06-17T{9 + i:02d}:00,46.2,6.14,46.21,6.15,1,0,{name},{phone}\n"
        for i, (name, phone) in enumerate(people)
    ]
    data = (HEADER + "".join(rows)).encode()
    return import_bookings(company, data, actor=ACTOR, now=make.NOW)


def test_a_file_finds_the_person_by_any_spelling():
    company = make.company()
    load(company, ("Élodie Müller", NUMBER))
    stored = Client.objects.get()
    again = load(company, ("ELODIE MULLER", "0041790000002"), ("elodie muller", "079 000 00 02"))
    assert (again.unchanged, again.created) == (1, 1)
    assert {row.client for row in Booking.objects.all()} == {stored}
    assert stored.name == "Élodie Müller"  # as it was written first


def test_new_people_of_one_file_are_one_in_any_spelling():
    company = make.company()
    load(company, ("Ida", NUMBER), ("IDA", "0041790000002"), ("Ida", "+41 79 000 00 03"))
    assert list(Client.objects.order_by("phone").values_list("phone", flat=True)) == [
        NUMBER, "+41 79 000 00 03",
    ]  # fmt: skip


def test_of_old_doubles_a_file_finds_the_one_who_forbids_a_driver():
    company = make.company()
    make.client(company, "Ida", phone=NUMBER)
    second = make.client(company, "Ida", phone="0790000002")
    DriverPreference.objects.create(client=second, driver=make.driver(company), kind=FORBIDDEN)
    load(company, ("ida", "0041 79 000 00 02"))
    assert Booking.objects.get().client == second


def test_the_key_follows_the_number_however_it_is_saved():
    client = make.client(phone=NUMBER)
    client.phone = "022 372 33 11"
    client.save(update_fields=["phone"])
    client.refresh_from_db()
    assert client.phone_key == "+41223723311"


def test_the_api_knows_the_person_by_any_spelling():
    portal = caller(Role.CLIENT_API)
    first = portal.post(f"{API}clients/", {"name": "Ida Test", "phone": NUMBER})
    again = portal.post(f"{API}clients/", {"name": "IDA  TEST", "phone": "0790000002"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


def test_doubles_are_of_one_customer_and_not_told_apart_by_it():
    company = make.company()
    hospital = make.customer(company)
    ida, other = make.client(company, "Ida", phone="1"), make.client(company, "IDA", phone="2")
    same = make.client(company, "Jo", phone="022 372 33 11")
    wed = make.client(company, "Jo Doe", phone="+41 22 372 33 11")
    make.client(company, "Ida", phone="3", customer=hospital)
    for number in (1, 2):  # whom the hospital tells apart
        make.client(company, "Max", phone="", customer=hospital, external_id=f"P-{number}")
    found = [(one.same, one.clients) for one in probable_doubles(company)]
    assert found == [(Same.NAME, (ida, other)), (Same.PHONE, (same, wed))]


@pytest.fixture
def doubles():
    company = make.company()
    kept = make.client(company, "Ida", phone=NUMBER, notes="Rings")
    gone = make.client(company, "Ida T.", phone="0790000002", notes="Deaf", external_id="P-1")
    return kept, gone


def merge(kept, gone, **options):
    seen = options.pop("seen", None) or preview_merge(kept, gone).seen
    return merge_clients(kept.pk, gone.pk, actor=ACTOR, now=make.NOW, seen=seen, **options)


def test_a_merge_keeps_trips_prohibitions_places_and_log(doubles, django_assert_max_num_queries):
    kept, gone = doubles
    company = kept.company
    anna, bea, cleo = (make.driver(company, name) for name in ("Anna", "Bea", "Cleo"))
    DriverPreference.objects.create(client=kept, driver=anna, kind=PREFERRED)
    DriverPreference.objects.create(client=gone, driver=anna, kind=FORBIDDEN)
    DriverPreference.objects.create(client=gone, driver=bea, kind=PREFERRED)
    DriverPreference.objects.create(client=kept, driver=cleo, kind=FORBIDDEN)
    for client in doubles:
        client.places.create(label="gym", address="Gym 1", lat=46.2, lon=6.1, is_usual=True)
    trips = [make.booking(company, client=gone) for _ in range(20)]
    told = preview_merge(kept, gone)
    assert (told.trips, told.forbidden, told.preferred) == (20, ("Anna",), ("Bea",))
    assert (told.taken, told.lost) == (
        {"external_id": "P-1"}, {"name": "Ida T.", "phone": "0790000002"},
    )  # fmt: skip
    with django_assert_max_num_queries(57):
        merge(kept, gone)
    stored = Client.objects.get()
    assert (stored.external_id, stored.notes) == ("P-1", "Rings\nDeaf")
    kinds = dict(stored.driver_preferences.values_list("driver__name", "kind"))
    assert kinds == {"Anna": FORBIDDEN, "Bea": PREFERRED, "Cleo": FORBIDDEN}
    assert sorted(stored.places.values_list("label", "is_usual"))[0] == ("gym", True)
    assert stored.places.filter(is_usual=True).count() == 1
    assert {row.client_id for row in Booking.objects.all()} == {stored.pk}
    assert {row.version for row in Booking.objects.all()} == {2}
    events = Event.objects.filter(booking__in=trips)
    assert {(e.old["client"], e.new["client"]) for e in events} == {(gone.pk, kept.pk)}
    assert events.count() == 20


def test_a_merge_that_takes_a_driver_away_asks_first(doubles):
    kept, gone = doubles
    driver = make.driver(kept.company)
    DriverPreference.objects.create(client=kept, driver=driver, kind=FORBIDDEN)
    trip = make.assignment(make.booking(kept.company, client=gone), driver)
    with pytest.raises(TripsBroken):
        merge(kept, gone)
    assert Client.objects.count() == 2
    merge(kept, gone, agreed=[trip.pk])
    assert Booking.objects.get().status == "accepted"


def test_what_changed_since_it_was_shown_is_not_merged(doubles):
    kept, gone = doubles
    seen = preview_merge(kept, gone).seen
    make.booking(kept.company, client=gone)
    with pytest.raises(CannotMerge, match="changed meanwhile"):
        merge(kept, gone, seen=seen)
    assert Client.objects.count() == 2


def test_people_of_two_customers_are_not_merged(doubles):
    kept, _gone = doubles
    other = make.client(kept.company, "Ida", customer=make.customer(kept.company))
    with pytest.raises(CannotMerge, match="one customer"):
        preview_merge(kept, other)


def test_the_pages_offer_and_merge(client, doubles):
    kept, gone = doubles
    client.force_login(make.member(kept.company))
    page = client.get(reverse("admin:bookings_client_doubles"))
    address = reverse("admin:bookings_client_merge", args=[kept.pk, gone.pk])
    assert address in page.text
    assert address in client.get(reverse("admin:bookings_client_change", args=[kept.pk])).text
    shown = client.get(address)
    assert "This cannot be undone" in shown.text
    done = client.post(address, {"seen": shown.context["merge"].seen})
    assert done.status_code == 302
    assert Client.objects.get() == kept


def test_the_pages_show_nobody_of_another_company(client, doubles):
    kept, gone = doubles
    client.force_login(make.member(make.company("lausanne")))
    assert "Ida" not in client.get(reverse("admin:bookings_client_doubles")).text
    address = reverse("admin:bookings_client_merge", args=[kept.pk, gone.pk])
    assert client.get(address).status_code == 404


def test_a_viewer_merges_nothing(client, doubles):
    kept, gone = doubles
    client.force_login(make.member(kept.company, Role.VIEWER))
    address = reverse("admin:bookings_client_merge", args=[kept.pk, gone.pk])
    assert client.post(address, {"seen": preview_merge(kept, gone).seen}).status_code == 404
    assert Client.objects.count() == 2


def test_the_telephone_page_asks_whether_it_is_another_person(client):
    company = make.company()
    make.client(company, "Élodie Müller", phone=NUMBER)
    client.force_login(make.member(company))
    url = reverse("admin:bookings_booking_telephone")
    day = (make.NOW + timedelta(days=20_000)).date().isoformat()
    call = {
        "company": company.slug, "new_name": "Elodie Muller", "new_phone": "022 372 33 11",
        "pickup_address": "A", "pickup_lat": "46.2", "pickup_lon": "6.1", "dropoff_address": "B",
        "dropoff_lat": "46.21", "dropoff_lon": "6.12", "day": day, "pickup_at": "0900",
        "passengers": "1", "wheelchairs": "0", "priority": "0",
    }  # fmt: skip
    asked = client.post(url, call)
    assert "This may be Élodie Müller" in asked.text
    assert "another_person" in asked.text
    assert not Booking.objects.exists()
    same = client.post(url, call | {"new_phone": "0041790000002", "another_person": "on"})
    assert "already exists" in same.text
    assert client.post(url, call | {"another_person": "on"}).status_code == 302
    assert Client.objects.count() == 2
