"""The page of a trip tells its client what they need, and shows nobody else anything."""

from datetime import timedelta
from unittest import mock

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from bookings.models import Booking, Door, Event, MessageKind, Status
from dispatch.messages.page_keys import address_of, key_of
from dispatch.messages.texts import render
from dispatch.models import Assignment, ExpectedTrip, ForecastState
from tests.support import builders as make
from tests.support.browsing import WAIT_MS

pytestmark = pytest.mark.django_db
PAGE = "/trip/"


@pytest.fixture(autouse=True)
def clock(settings):
    """It is eight; the trips of the builders are at nine."""
    cache.clear()
    settings.PUBLIC_URL = "https://dispatch.example.org"
    with mock.patch.object(timezone, "now", return_value=make.at("08:00")) as now:
        yield now


@pytest.fixture
def geneva():
    company = make.company(name="Geneva Cars")
    make.message_policy(company, has_pages=True)
    return company


@pytest.fixture
def booking(geneva):
    ada = make.client(geneva, "Adelheid Secret")
    return make.booking(
        geneva, "09:00", client=ada, pickup_address="Hidden street 1", notes="private"
    )


def url(booking):
    return f"{PAGE}?k={key_of(booking)}"


def text_of(booking, status=200, browser=None):
    answer = (browser or Browser()).get(url(booking))
    assert answer.status_code == status, answer.content
    return " ".join(answer.content.decode().split())


def send(booking, **form):
    return Browser().post(url(booking), {"version": booking.version} | form)


def driven(booking, status="planned", **fields):
    driver = make.driver(booking.company, **fields)
    make.assignment(booking, driver, minutes=30, status=status)
    booking.refresh_from_db()
    return driver


def foresee(booking, at):
    """Let the car be expected at a time."""
    row = Assignment.objects.get(booking=booking)
    times = {"pickup_at": make.at(at), "dropoff_at": make.at(at) + timedelta(minutes=20)}
    ExpectedTrip.objects.filter(booking=booking).delete()
    ExpectedTrip.objects.create(company=row.company, booking=booking, assignment=row, **times)
    kept = {"kept_at": make.at("08:00")}
    ForecastState.objects.update_or_create(company=row.company, defaults=kept)


# What is shown


def test_a_booked_trip_is_shown_without_names_and_places(booking, django_assert_num_queries):
    with django_assert_num_queries(3):
        text = text_of(booking)
    assert "The trip is booked." in text
    assert "09:00" in text
    assert "Geneva Cars" in text
    for secret in ("Adelheid", "Secret", "Hidden", "private", booking.client.phone):
        assert secret not in text


def test_from_the_evening_before_the_planned_time_and_the_plate_are_shown(booking, clock):
    driver = driven(booking)
    Assignment.objects.update(planned_pickup_at=make.at("08:52"))
    text = text_of(booking)
    assert "The car comes." in text
    assert "08:52" in text
    assert driver.vehicle.plate in text
    assert driver.name not in text
    clock.return_value = make.at("11:00", make.DAY - timedelta(days=1))
    text = text_of(booking)
    assert "09:00" in text
    assert driver.vehicle.plate not in text


def test_a_car_on_the_way_is_shown_on_the_map_with_when_it_arrives(booking, clock, settings):
    settings.MAP_TILES_URL = "https://tile.example.org/{z}/{x}/{y}.png"
    driver = driven(booking, status="en_route")
    text = text_of(booking)
    assert "The car is on the way." in text
    assert "09:00" in text
    assert "about" not in text  # nobody knows where it is
    assert 'id="car"' not in text
    seen_at = make.at("07:58")
    type(driver).objects.update(last_position_at=seen_at, last_lat=46.21, last_lon=6.15)
    text = text_of(booking)
    assert 'data-lat="46.21" data-lon="6.15"' in text
    assert 'http-equiv="refresh"' in text
    foresee(booking, "09:17")
    assert "about 09:17" in text_of(booking)
    Assignment.objects.update(stretch=1)
    assert 'id="car"' not in text_of(booking)  # it may stand at the door of somebody else
    Assignment.objects.update(stretch=None)
    type(driver).objects.update(last_position_at=make.at("07:00"))
    assert 'id="car"' not in text_of(booking)
    Assignment.objects.update(arrived_at=seen_at)
    text = text_of(booking)
    assert "The car is there." in text
    assert "about" not in text


def test_a_time_that_follows_from_straight_lines_is_said_to(booking, settings):
    straight = "Driving times are estimated by straight line, without a road map."
    assert straight not in text_of(booking)  # the booked time is what was asked for
    type(booking).objects.update(appointment_at=make.at("09:30"), pickup_computed=True)
    assert straight in text_of(booking)
    type(booking).objects.update(pickup_computed=False)
    driven(booking)
    assert straight in text_of(booking)
    foresee(booking, "09:17")
    assert straight in text_of(booking)
    settings.ROADS_URL = "http://127.0.0.1:9"
    assert straight not in text_of(booking)


def test_a_car_that_will_be_late_is_expected_later_before_it_sets_off(booking, clock):
    driven(booking)
    foresee(booking, "09:17")
    text = text_of(booking)
    assert "about 09:17" in text
    assert "I do not need this trip" in text
    ExpectedTrip.objects.update(is_silent=True)
    assert "about" not in text_of(booking)  # nobody knows
    foresee(booking, "09:05")
    assert "about" not in text_of(booking)


def test_a_car_of_which_nobody_knows_is_not_said_to_be_there_now(booking, clock):
    driven(booking, status="en_route")
    clock.return_value = make.at("09:10")
    text = text_of(booking)
    assert "The car is on the way." in text
    assert "09:" not in text


def test_a_client_whose_car_has_not_come_is_told_to_call(booking, clock):
    clock.return_value = make.at("09:00")
    text = text_of(booking)
    assert "The car may be there at any moment: call us." in text
    assert send(booking, do="cancel").status_code == 409
    clock.return_value = make.at("09:11")
    assert "The car should have come. Call us." in text_of(booking)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("pending", "not confirmed yet"),
        ("canceled", "The trip is canceled."),
        ("no_show", "The trip did not take place."),
        ("completed", "The trip is over."),
    ],
)
def test_what_became_of_a_trip_is_said(booking, status, said):
    Booking.objects.update(status=status)
    text = text_of(booking)
    assert said in text
    assert ("I do not need this trip" in text) == (status == "pending")


def test_the_page_is_french_for_who_reads_french(booking):
    answer = Browser().get(url(booking), headers={"Accept-Language": "fr"})
    assert "La course est réservée." in answer.content.decode()


def test_the_address_stays_with_the_client(booking):
    answer = Browser().get(url(booking))
    assert answer["Referrer-Policy"] == "strict-origin"  # the key is in no referrer
    assert "noindex" in answer["X-Robots-Tag"]
    assert "no-store" in answer["Cache-Control"]


# Who sees it


def test_nobody_guesses_a_page(booking):
    key = key_of(booking)
    number, _dash, mac = key.partition("-")
    assert len(mac) == 27  # 160 bits
    other = make.booking(booking.company, "10:00", client=booking.client)
    for wrong in (
        "", number, f"{number}-", f"{number}-{mac[:-1]}", f"{other.pk}-{mac}", f"{key}x",
        f"{2**63}-{mac}", f"-{mac}", f"²-{mac}", f"{number}-{mac}\0",
    ):  # fmt: skip
        assert Browser().get(PAGE, {"k": wrong}).status_code == 404, wrong


def test_many_wrong_keys_are_stopped_and_a_right_one_is_not_slowed(booking, monkeypatch):
    rates = django_settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    monkeypatch.setitem(rates, "wrong_pages", "3/hour")
    for _time in range(5):
        text_of(booking)
    answers = [Browser().get(PAGE, {"k": "1-x"}).status_code for _time in range(4)]
    assert answers == [404, 404, 404, 429]
    text_of(booking)


def test_another_client_and_a_forgotten_one_have_no_page_of_it(booking):
    old = url(booking)
    Booking.objects.update(client=make.client(booking.company, "Bea"))
    assert Browser().get(old).status_code == 404
    Booking.objects.update(client=None)
    assert Browser().get(old).status_code == 404
    booking.refresh_from_db()
    assert Browser().get(url(booking)).status_code == 404  # nobody's


@pytest.mark.parametrize("policy", [{"has_pages": False}, {"is_on": False}])
def test_a_company_that_shows_no_pages_shows_none(booking, policy):
    type(booking.company.message_policy).objects.update(**policy)
    text_of(booking, 404)


def test_the_page_closes_twelve_hours_after_the_trip(booking, clock):
    driven(booking, status="completed")
    ended = Assignment.objects.get().planned_dropoff_at
    clock.return_value = ended + timedelta(hours=12)
    text_of(booking)
    clock.return_value += timedelta(seconds=1)
    text_of(booking, 410)


def test_a_closed_page_does_nothing(booking, clock):
    clock.return_value = make.at("08:00", make.DAY + timedelta(days=60))
    for will_call, form in ((False, {"do": "cancel"}), (True, {"do": "ready", "minutes": 0})):
        Booking.objects.update(will_call=will_call, status=Status.PENDING)
        assert send(booking, **form).status_code == 410
    assert Event.objects.count() == 0


# What the client does


def test_the_client_cancels_and_the_log_says_where(booking):
    driven(booking)
    answer = send(booking, do="cancel")
    assert (answer.status_code, answer["Location"]) == (302, url(booking))
    booking.refresh_from_db()
    assert (booking.status, booking.cancel_reason) == (Status.CANCELED, "called_off")
    assert Assignment.objects.get().status == "canceled"
    event = Event.objects.get(booking=booking)
    assert (event.door, event.actor) == (Door.TRIP_PAGE, "client")
    assert "The trip is canceled." in text_of(booking)


def test_what_has_changed_meanwhile_is_looked_at_first(booking):
    answer = send(booking, do="cancel", version=booking.version + 1)
    assert answer.status_code == 409
    booking.refresh_from_db()
    assert booking.status == Status.ACCEPTED


def test_once_the_car_is_on_the_way_only_the_desk_cancels(booking):
    driven(booking, status="en_route")
    assert "I do not need this trip" not in text_of(booking)
    answer = send(booking, do="cancel")
    assert answer.status_code == 409
    assert "call us" in answer.content.decode()
    booking.refresh_from_db()
    assert booking.status == Status.EN_ROUTE


def test_a_client_is_held_to_what_the_customer_agreed(booking):
    type(booking.customer).objects.filter(pk=booking.customer_id).update(book_ahead_min=61)
    text = text_of(booking)
    assert "at least 61 minutes before" in text
    assert "I do not need this trip" not in text
    assert send(booking, do="cancel").status_code == 409
    assert Booking.objects.get().status == Status.ACCEPTED


def test_a_client_on_call_says_when_they_are_ready(booking):
    Booking.objects.update(will_call=True, status=Status.PENDING)
    assert "Tell us when you are ready" in text_of(booking)
    assert send(booking, do="ready", minutes=20).status_code == 302
    booking.refresh_from_db()
    assert (booking.status, booking.will_call) == (Status.ACCEPTED, False)
    assert booking.scheduled_time == make.at("08:20")


def test_the_page_of_the_way_there_leads_to_the_way_back(booking):
    there = {"return_of": booking, "client": booking.client, "reference": "Ms Secret, oncology"}
    back = make.booking(booking.company, "11:00", will_call=True, status="pending", **there)
    assert f'href="?k={key_of(back)}"' in text_of(booking)
    driven(booking, status="in_progress")
    assert f'href="?k={key_of(back)}"' in text_of(booking)
    booking.reference = "Ms Secret's way there"
    booking.save()
    answer = send(back, do="ready", minutes=0)
    assert answer.status_code == 409
    assert "The way there is not over yet" in answer.content.decode()
    assert "Secret" not in answer.content.decode()
    Booking.objects.filter(pk=back.pk).update(client=make.client(booking.company, "Bea"))
    assert "The way back" not in text_of(booking)


@pytest.mark.parametrize(
    "form",
    [{}, {"do": "cancel", "version": "x"}, {"do": "ready", "minutes": "7"}, {"do": "ready"},
     {"do": "delete"}],
)  # fmt: skip
def test_what_the_page_does_not_send_changes_nothing(booking, form):
    assert send(booking, **form).status_code == 400
    assert Event.objects.count() == 0


def test_forms_are_sent_from_the_page_alone(booking):
    strict = Browser(enforce_csrf_checks=True)
    answer = strict.post(url(booking), {"version": booking.version, "do": "cancel"})
    assert answer.status_code == 403
    assert Booking.objects.get().status == Status.ACCEPTED


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_browser_sends_the_form(browser, live_server, booking):
    page = browser.new_page(viewport={"width": 360, "height": 640})
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{live_server.url}{url(booking)}")
    page.click("summary")
    page.click("button.danger")
    page.wait_for_selector("text=The trip is canceled.")
    assert Booking.objects.get().status == Status.CANCELED
    assert Axe().run(page).response["violations"] == []


# In messages


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (None, "The trip on 17 June at 09:00 is booked. Geneva Cars https://x"),
        ("{link} at {clock}", "https://x at 09:00"),
    ],
)
def test_a_message_has_the_address_where_it_says_so_or_last(geneva, own, said):
    given = {"language": "en", "company": geneva, "at": make.at("09:00"), "plate": "", "minutes": 0}
    assert render(MessageKind.BOOKED, own, **given, link="https://x") == said
    without = said.replace("https://x", "").strip()
    assert render(MessageKind.BOOKED, own, **given) == without


def test_the_address_is_short_and_absolute(booking, settings):
    address = address_of(booking)
    assert address == f"https://dispatch.example.org{reverse('trip_page')}?k={key_of(booking)}"
    assert len(key_of(booking)) <= 28 + len(str(booking.pk))
    settings.PUBLIC_URL = ""
    assert address_of(booking) == ""


def test_pages_need_the_address_of_the_server(geneva, settings):
    geneva.message_policy.full_clean()
    settings.PUBLIC_URL = ""
    with override("en"), pytest.raises(ValidationError, match="PUBLIC_URL"):
        geneva.message_policy.full_clean()
