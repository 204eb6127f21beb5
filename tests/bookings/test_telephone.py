"""Booking by telephone in the admin."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import Booking, Client, DriverPreference, Event, SavedPlace, Status
from drivers.models import Role
from tests.support import builders as make

URL = reverse("admin:bookings_booking_telephone")
CLIENTS = reverse("admin:bookings_booking_telephone_clients")
CLIENT = reverse("admin:bookings_booking_telephone_client")
PLACES = reverse("admin:bookings_booking_telephone_places")
DAY = date(2090, 6, 14)  # not past for a while


@pytest.fixture
def ana(geneva):
    return make.client(geneva, "Ana Blanc", phone="+41 22 555", address="Quai 3, Genève")


def call(client=None, **fields):
    """Return the form of a call: from home to the hospital, new places both."""
    return {
        "client": client.pk if client else "",
        "pickup_address": "Avenue de Feuillasse 1",
        "pickup_lat": make.HOME[0],
        "pickup_lon": make.HOME[1],
        "dropoff_address": "Hôpital",
        "dropoff_lat": make.HOSPITAL[0],
        "dropoff_lon": make.HOSPITAL[1],
        "day": DAY.isoformat(),
        "pickup_at": "09:00",
        "passengers": 1,
        "wheelchairs": 0,
        "priority": 0,
    } | fields


def errors(client, form):
    page = client.post(URL, form)
    assert page.status_code == 200
    assert not Booking.objects.exists()
    return page.context["form"].errors


def test_a_trip_is_booked_accepted_and_logged(client, geneva, ana):
    form = call(ana, appointment_at="09:45", passengers=2, wheelchairs=1, priority=1, notes="2nd")
    page = client.post(URL, form, follow=True)
    booking = Booking.objects.get()
    assert (booking.status, booking.client, booking.notes) == (Status.ACCEPTED, ana, "2nd")
    assert (booking.passengers, booking.wheelchairs, booking.priority) == (2, 1, 1)
    assert booking.scheduled_time == make.at("09:00", DAY)
    assert booking.appointment_at == make.at("09:45", DAY)
    event = Event.objects.get()
    assert (event.kind, event.booking, event.door) == ("booking.created", booking, "admin")
    assert reverse("admin:bookings_booking_change", args=[booking.pk]) in page.text
    assert f"{URL}?company=geneva&amp;client={ana.pk}" in page.text


def test_the_way_back_is_booked_with_it(client, geneva, ana):
    client.post(URL, call(ana, return_at="11:30", notes="lift"))
    there, back = Booking.objects.order_by("id")
    assert back.return_of == there
    assert back.scheduled_time == make.at("11:30", DAY)
    assert (back.pickup_address, back.dropoff_address) == ("Hôpital", "Avenue de Feuillasse 1")
    assert (back.pickup_lat, back.dropoff_lon) == (make.HOSPITAL[0], make.HOME[1])
    assert (back.client, back.notes, back.status) == (ana, "lift", Status.ACCEPTED)
    assert list(Event.objects.order_by("id").values_list("booking", flat=True)) == [
        there.pk,
        back.pk,
    ]


def test_a_new_client_is_written_down_with_their_home(client, geneva):
    new = {"new_name": "Léa Roux", "new_phone": "079 1", "new_wheelchair": "on"}
    client.post(URL, call(**new, new_at_home="on", wheelchairs=1))
    lea = Client.objects.get()
    assert (lea.company, lea.name, lea.phone, lea.wheelchair) == (
        geneva, "Léa Roux", "079 1", True,
    )  # fmt: skip
    assert (lea.address, lea.lat, lea.lon) == ("Avenue de Feuillasse 1", *make.HOME)
    assert Booking.objects.get().client == lea


def test_a_known_client_is_not_written_down_twice(client, geneva, ana):
    found = errors(client, call(new_name=ana.name, new_phone=ana.phone))
    assert "choose them above" in found["new_name"][0]
    assert "Choose a client" in errors(client, call())["client"][0]


def test_a_known_address_needs_no_coordinates(client, geneva, ana):
    nowhere = {"pickup_lat": "", "pickup_lon": "", "pickup_address": "quai 3, GENÈVE"}
    client.post(URL, call(ana, **nowhere))
    assert Booking.objects.get().pickup_lat == ana.lat


def test_an_unknown_address_needs_both_coordinates(client, geneva, ana):
    make.client(make.company("other"), address="Rue X")
    nowhere = {"pickup_address": "Rue X", "pickup_lat": "", "pickup_lon": ""}
    assert "is not known" in errors(client, call(ana, **nowhere))["pickup_address"][0]
    half = call(ana, **nowhere | {"pickup_lat": "46,2"})
    assert "both" in errors(client, half)["pickup_lon"][0]
    assert "degrees from -90" in errors(client, call(ana, dropoff_lat="946"))["dropoff_lat"][0]


@pytest.mark.parametrize(
    ("fields", "field", "right"),
    [
        ({"day": "2090-03-26", "pickup_at": "02:30"}, "pickup_at", "01:30 or 03:30"),
        ({"day": "2090-10-29", "pickup_at": "02:30"}, "pickup_at", "02:30+02:00 or"),
        ({"day": "2090-10-29", "return_at": "02:30"}, "return_at", "02:30+02:00 or"),
        ({"pickup_at": "half nine"}, "pickup_at", "such as 08:30, 8h30 or 830."),
        ({"pickup_at": "960"}, "pickup_at", "no such time"),
        ({"pickup_at": "2090-06-15T09:00"}, "pickup_at", "not on the day"),
        ({"day": "2020-06-17"}, "day", "or later"),
        ({"appointment_at": "09:00"}, "appointment_at", "after the pickup"),
        ({"appointment_at": "10:00", "return_at": "09:30"}, "return_at", "after the outbound trip"),
        ({"wheelchairs": 2}, "wheelchairs", "number of passengers"),
        ({"passengers": 0}, "passengers", "from 1 to"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be_right(
    client, geneva, ana, fields, field, right
):
    assert right in errors(client, call(ana, **fields))[field][0]


def test_a_time_that_comes_twice_is_booked_as_the_refusal_says(client, geneva, ana):
    client.post(URL, call(ana, day="2090-10-29", pickup_at="2090-10-29T02:30+01:00"))
    assert Booking.objects.get().scheduled_time == datetime(2090, 10, 29, 1, 30, tzinfo=UTC)


def test_a_preferred_driver_is_kept_once(client, geneva, ana):
    anna = make.driver(geneva)
    for clock in ("09:00", "14:00"):
        client.post(URL, call(ana, driver=anna.pk, pickup_at=clock))
    kept = DriverPreference.objects.get()
    assert (kept.client, kept.driver, kept.kind) == (ana, anna, "preferred")
    assert Booking.objects.count() == 2


def test_a_forbidden_driver_is_refused_and_nothing_is_written(client, geneva, ana):
    anna = make.driver(geneva, "Anna")
    DriverPreference.objects.create(client=ana, driver=anna, kind="forbidden")
    found = errors(client, call(ana, driver=anna.pk))
    assert found["driver"] == ["Ana Blanc must not be driven by Anna: choose another driver."]
    assert not Event.objects.exists()


def test_what_belongs_to_another_company_is_not_there(client, geneva, ana):
    other = make.company("other")
    theirs, driver = make.client(other, "Ana Other", address="Rue X"), make.driver(other)
    assert "client" in errors(client, call(theirs))
    assert "Other" not in client.post(URL, call(theirs)).text
    assert "driver" in errors(client, call(ana, driver=driver.pk))
    assert client.post(URL, call(ana, company="other")).status_code == 404
    for url in (URL, CLIENT):
        assert client.get(url, {"client": theirs.pk}).status_code == 404
    assert "Other" not in client.get(CLIENTS, {"q": "Ana"}).text
    assert "Rue X" not in client.get(PLACES, {"q": "Rue"}).text
    for url in (URL, CLIENTS, CLIENT, PLACES):
        assert client.get(url, {"company": "other"}).status_code == 404


def test_a_viewer_neither_books_nor_looks_up_nor_is_led_there(client, geneva, ana):
    client.force_login(make.member(geneva, Role.VIEWER))
    for url in (URL, CLIENTS, CLIENT, PLACES):
        assert client.get(url).status_code == 403
    assert client.post(URL, call(ana)).status_code == 403
    assert f'"{URL}"' not in client.get(reverse("admin:bookings_booking_changelist")).text


def test_who_only_looks_on_in_the_chosen_company_is_refused_there(client, geneva):
    viewer_here = make.member(geneva, Role.VIEWER)
    viewer_here.memberships.create(company=make.company("zug"), role=Role.DISPATCHER)
    client.force_login(viewer_here)
    client.post(reverse("choose_company", args=["geneva"]))
    assert client.get(URL).status_code == 403
    assert client.get(URL, {"company": "geneva"}).status_code == 404
    assert client.get(URL, {"company": "zug"}).status_code == 200


def test_clients_are_found_by_name_and_phone(client, geneva, ana):
    make.client(geneva, "Bob")
    for words in ("blanc", "22 555"):
        text = client.get(CLIENTS, {"q": words}).text
        assert "Ana Blanc" in text
        assert "Bob" not in text
    assert "No client matches “Zoé”" in client.get(CLIENTS, {"q": "Zoé"}).text
    assert client.get(CLIENTS).text.strip() == ""


def test_the_chosen_client_shows_home_and_last_places(client, geneva, ana):
    make.booking(geneva, client=ana, dropoff_address="Dialyse 7")
    forbidden = make.driver(geneva, "Never Nick")
    DriverPreference.objects.create(client=ana, driver=forbidden, kind="forbidden")
    text = client.get(CLIENT, {"client": ana.pk}).text
    for part in ("Quai 3, Genève", "Dialyse 7", "Never Nick", f'value="{ana.pk}"'):
        assert part in text
    assert text.index("Quai 3") < text.index("Dialyse 7")
    assert f'data-lat="{ana.lat}"' in text


def test_places_are_found_by_their_words_once_each(client, geneva, ana):
    for _ in range(3):
        make.booking(geneva, dropoff_address="Hôpital de La Tour")
    text = client.get(PLACES, {"q": "tour HÔP"}).text
    assert text.count('role="option"') == text.count('data-address="Hôpital de La Tour"') == 1
    assert "Quai 3" in client.get(PLACES, {"q": "quai"}).text
    assert "option" not in client.get(PLACES).text


def test_saved_places_of_any_client_are_found(client, geneva, ana):
    SavedPlace.objects.create(
        client=ana, label="dialysis", address="Clinique du Bois 7", lat=46.21, lon=6.11
    )
    lausanne = make.client(make.company("lausanne"), "Zoé")
    SavedPlace.objects.create(client=lausanne, label="x", address="Bois 9", lat=46.5, lon=6.6)
    found = client.get(PLACES, {"q": "bois"}).content.decode()
    assert "Clinique du Bois 7" in found
    assert "Bois 9" not in found


def test_a_refused_form_keeps_what_was_said(client, geneva, ana):
    text = client.post(URL, call(ana, pickup_at="late", notes="second floor")).text
    for part in ("Ana Blanc", f'name="client" value="{ana.pk}"', "second floor", "Quai 3"):
        assert part in text


def test_the_statements_are_as_many_for_one_as_for_many(client, geneva, ana):
    def statements(ask):
        with CaptureQueriesContext(connection) as seen:
            ask()
        return len(seen)

    times = iter({"pickup_at": f"{hour}:00", "return_at": f"{hour + 2}:30"} for hour in (9, 12, 15))
    client.post(URL, call(ana, **next(times)))  # the first trip of a client makes its key
    asks = [
        lambda: client.get(URL, {"client": ana.pk}),
        lambda: client.get(CLIENTS, {"q": "a"}),
        lambda: client.get(PLACES, {"q": "a"}),
        lambda: client.post(URL, call(ana, **next(times))),
    ]
    few = [statements(ask) for ask in asks]
    for number in range(10):
        make.booking(geneva, client=ana, pickup_address=f"Rue {number}")
        make.client(geneva, f"Ana {number}")
        make.driver(geneva)
    assert [statements(ask) for ask in asks] == few


def test_a_way_back_that_they_will_call_for_waits(client, geneva, ana):
    client.post(URL, call(ana, appointment_at="09:45", return_will_call="on"))
    there, back = Booking.objects.order_by("id")
    assert (there.will_call, there.status) == (False, Status.ACCEPTED)
    assert (back.will_call, back.status) == (True, Status.PENDING)
    assert back.scheduled_time == there.appointment_at  # not before
    client.post(URL, call(ana, day="2090-06-15", return_at="15:00", return_will_call="on"))
    assert Booking.objects.latest("id").scheduled_time == make.at("15:00", date(2090, 6, 15))


def test_a_second_trip_at_the_time_is_booked_with_a_tick_for_just_that_trip(client, geneva, ana):
    client.post(URL, call(ana))
    first = Booking.objects.get()
    page = client.post(URL, call(ana, pickup_at="09:10")).text
    assert "Ana Blanc is already driven from 09:00 to about 09:" in page
    assert f'name="overlap_meant" value="{first.pk}"' in page
    assert "It is for another person of that name: book it as it is." in page
    client.post(URL, call(ana, pickup_at="09:10", overlap_meant=str(first.pk + 1)))
    assert Booking.objects.count() == 1
    client.post(URL, call(ana, pickup_at="09:10", overlap_meant=str(first.pk)))
    assert list(Booking.objects.order_by("id").values_list("overlap_meant", flat=True)) == [
        False,
        True,
    ]
