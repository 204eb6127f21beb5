"""Links of phones, who they let in, and what a phone is told and may report."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking, Event
from dispatch.models import Assignment, ExpectedTrip, ForecastState, Tap
from dispatch.trips import taps
from dispatch.trips.taps import clear_taps
from drivers.companies.devices import LinkRefused, connect, make_link, revoke_devices
from drivers.models import Device, Driver
from tests.support import builders as make
from tests.support.together import together

pytestmark = pytest.mark.django_db
NOW = make.at("08:00")


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    cache.clear()
    monkeypatch.setattr(timezone, "now", lambda: Phone.now)
    Phone.now = NOW


class Phone:
    """A driver's phone whose clock is `ahead` of the server's."""

    now = NOW

    def __init__(self, driver, ahead=timedelta(0)):
        self.driver, self.ahead, self.client = driver, ahead, Client()
        self.device, secret = make_link(driver, user_id=None, now=self.now)
        assert self.client.post(f"/drive/link/{secret}/").status_code == 302

    def tap(self, kind, booking=None, *, at=None, key=None, **values):
        key = key or f"k{Tap.objects.count()}-{kind}-{booking and booking.pk}"
        at = (at or self.now) + self.ahead
        body = {"key": key, "kind": kind, "at": at.isoformat(), **values}
        return body | ({"booking": booking.pk} if booking else {})

    def sync(self, *taps, status=200, **body):
        body = {"sent_at": (self.now + self.ahead).isoformat(), "positions": [], **body}
        text = json.dumps({"taps": taps, **body})
        answer = self.client.post("/drive/sync/", text, content_type="application/json")
        assert answer.status_code == status, answer.content
        return answer.json()

    def outcomes(self, *taps, **body):
        return [one["outcome"] for one in self.sync(*taps, **body)["taps"]]

    def says(self, *taps):
        [answer] = self.sync(*taps)["taps"]
        assert answer["outcome"] == "refused"
        return answer["said"]


def trip(driver, clock="09:00", **fields):
    booking = make.booking(driver.company, clock, **fields)
    make.assignment(booking, driver)
    return booking


def stored(booking):
    row = Assignment.objects.filter(booking=booking).order_by("-id").first()
    return Booking.objects.get(pk=booking.pk).status, row


# Links ---------------------------------------------------------------------------------------


def test_a_link_lets_one_phone_in_once():
    device, secret = make_link(make.driver(), user_id=None, now=NOW)
    first, second = Client(), Client()
    page = first.get(f"/drive/link/{secret}/")
    assert page.status_code == 200
    assert device.driver.name in page.content.decode()
    assert Device.objects.get().paired_at is None  # who only looks uses nothing up
    answer = first.post(f"/drive/link/{secret}/")
    cookie = answer.cookies["drive"]
    assert (answer.status_code, answer["Location"]) == (302, "/drive/")
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/drive/")
    device.refresh_from_db()
    assert cookie.value not in (device.digest, device.link_digest)
    assert second.post(f"/drive/link/{secret}/").status_code == 410
    assert second.get(f"/drive/link/{secret}/").status_code == 410
    with pytest.raises(LinkRefused):
        connect(secret, name="", now=NOW)


def test_a_link_ends_after_a_day_and_when_a_newer_one_is_made():
    driver = make.driver()
    _old, old = make_link(driver, user_id=None, now=NOW)
    _new, new = make_link(driver, user_id=None, now=NOW)
    with pytest.raises(LinkRefused):
        connect(old, name="", now=NOW)
    with pytest.raises(LinkRefused):
        connect(new, name="", now=NOW + timedelta(hours=24))
    assert connect(new, name="", now=NOW + timedelta(hours=23))


def test_guessing_links_is_braked_by_address(monkeypatch):
    monkeypatch.setitem(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "wrong_links", "3/hour")
    _device, secret = make_link(make.driver(), user_id=None, now=NOW)
    found = [Client().get(f"/drive/link/guess{i}/").status_code for i in range(4)]
    assert found == [410, 410, 410, 429]
    assert Client().post(f"/drive/link/{secret}/").status_code == 429


def test_a_phone_is_shut_out_at_once():
    phone = Phone(make.driver())
    phone.sync()
    revoke_devices(Device.objects.filter(pk=phone.device.pk), now=NOW)
    phone.sync(status=401)


@pytest.mark.parametrize("change", ["left", "unused", "stranger"])
def test_no_phone_is_let_in_that_should_not_be(change):
    phone = Phone(make.driver())
    if change == "left":
        Driver.objects.update(is_active=False)
    elif change == "unused":
        Phone.now = NOW + timedelta(days=91)
    else:
        phone.client.cookies["drive"] = "something else"
    phone.sync(status=401)


def test_the_page_of_phones_makes_links_and_shuts_out(client, geneva, django_assert_num_queries):
    driver, elsewhere = make.driver(geneva), make.driver(make.company("berne"))
    url = reverse("admin:drivers_driver_phones", args=[driver.pk])
    shown = client.post(url).content.decode()
    secret = shown.split("/drive/link/")[1].split("/")[0]
    assert "<svg" in shown
    assert secret not in client.get(url).content.decode()
    device, _key = connect(secret, name="Android · Chrome", now=NOW)
    assert device.made_by is not None
    assert "Android · Chrome" in client.get(url).content.decode()
    with django_assert_num_queries(7):  # 5 of any page, the driver, the phones
        client.get(url)
    client.post(url, {"revoke": device.pk})
    device.refresh_from_db()
    assert device.revoked_at == NOW
    other = reverse("admin:drivers_driver_phones", args=[elsewhere.pk])
    assert (client.get(other).status_code, client.post(other).status_code) == (404, 404)
    assert Device.objects.filter(driver=elsewhere).count() == 0


def test_a_phone_of_another_driver_is_not_shut_out_by_mistake(client, geneva):
    anna, ben = make.driver(geneva), make.driver(geneva)
    phone = Phone(ben)
    url = reverse("admin:drivers_driver_phones", args=[anna.pk])
    client.post(url, {"revoke": phone.device.pk})
    phone.sync()


# The day -------------------------------------------------------------------------------------


def test_a_phone_sees_the_drivers_own_today_and_tomorrow():
    driver = make.driver()
    make.shift(driver, "06:00", "18:00")
    client = make.client(driver.company, "Léa Favre")
    mine = trip(driver, "09:00", client=client)
    tomorrow = trip(driver, "09:00", day=make.DAY + timedelta(days=1), client=client)
    trip(driver, "09:00", day=make.DAY + timedelta(days=2), client=client)
    trip(driver, "09:00", day=make.DAY - timedelta(days=1), client=client)
    trip(make.driver(driver.company), "09:00", client=client)
    trip(make.driver(make.company("berne")), "09:00")
    day = Phone(driver).sync()["day"]
    assert [(row["booking"], row["today"]) for row in day["trips"]] == [
        (mine.pk, True),
        (tomorrow.pk, False),
    ]
    assert [row["phone"] for row in day["trips"]] == [client.phone, ""]  # only on the day
    assert day["forget_at"] == "2026-06-17T23:00:00Z"  # 01:00 of the next day in Zurich
    assert [row["vehicle"] for row in day["shifts"]] == [driver.vehicle.plate]


def test_a_phone_says_where_the_car_is_handed_over_without_a_statement_more():
    driver = make.driver()
    shift = make.shift(driver, "06:00", "24:00")
    make.shift(make.driver(driver.company), "24:00", "32:00", vehicle=driver.vehicle)

    def turn():
        (row,) = Phone(driver).sync()["day"]["shifts"]
        return row["taken_over"], row["handed_over"], row["handover"]

    assert turn() == (False, True, [*make.DEPOT])
    type(driver.vehicle).objects.update(handover_lat=46.21, handover_lon=6.11)
    assert turn() == (False, True, [46.21, 6.11])
    make.Shift.objects.exclude(pk=shift.pk).delete()
    assert turn() == (False, False, None)


def test_what_is_told_of_a_client_ends_with_the_trip():
    driver = make.driver()
    booking = trip(driver, client=make.client(driver.company, "Léa Favre"), notes="second floor")
    phone = Phone(driver)
    [before] = phone.sync()["day"]["trips"]
    assert (before["phone"], before["notes"]) == (booking.client.phone, "second floor")
    phone.sync(*(phone.tap(kind, booking) for kind in ("en_route", "on_board", "done")))
    [after] = phone.sync()["day"]["trips"]
    assert (after["status"], after["phone"], after["notes"]) == ("completed", "", "")


def test_a_trip_under_way_after_midnight_is_still_shown():
    driver = make.driver()
    booking = trip(driver, "23:50")
    phone = Phone(driver)
    Phone.now = make.at("23:40")
    phone.sync(phone.tap("en_route", booking))
    Phone.now = make.at("24:05")
    assert [row["booking"] for row in phone.sync()["day"]["trips"]] == [booking.pk]


@pytest.mark.parametrize("status", ["completed", "no_show"])
def test_a_trip_that_ends_after_midnight_is_not_taken_for_one_that_was_taken_away(status):
    driver = make.driver()
    booking, before = trip(driver, "23:50"), trip(driver, "23:20")
    phone = Phone(driver)
    Phone.now = make.at("23:40")
    phone.sync(*(phone.tap(kind, before) for kind in ("en_route", "on_board", "done")))
    phone.sync(phone.tap("en_route", booking))
    Phone.now = make.at("24:10")
    ends = [phone.tap(kind, booking) for kind in ("on_board", "done")]
    if status == "no_show":
        ends = [phone.tap("no_show", booking, code="not_there")]
    [row] = phone.sync(*ends)["day"]["trips"]
    assert (row["booking"], row["today"], row["status"]) == (booking.pk, True, status)


def foresee(booking, kept_at=NOW, **about):
    """Let the trip be expected so much later than planned."""
    row = Assignment.objects.get(booking=booking)
    late = timedelta(**about)
    times = {f"{end}_at": getattr(row, f"planned_{end}_at") + late for end in ("pickup", "dropoff")}
    ExpectedTrip.objects.create(
        company=booking.company, booking=booking, assignment=row, is_silent=False, **times
    )
    ForecastState.objects.update_or_create(
        company=booking.company, defaults={"kept_at": kept_at}
    )  # fmt: skip


def expected(phone):
    rows = phone.sync()["day"]["trips"]
    return [(row["pickup_expected_at"], row["dropoff_expected_at"]) for row in rows]


def test_a_stop_that_is_expected_at_another_time_says_so_in_whole_minutes():
    driver = make.driver()
    late, soon = trip(driver, "09:00"), trip(driver, "10:00")
    phone = Phone(driver)
    assert expected(phone) == [(None, None)] * 2
    foresee(late, minutes=12, seconds=20)
    foresee(soon, minutes=4, seconds=59)
    told = ("2026-06-17T07:12:00Z", "2026-06-17T07:32:00Z")  # planned at 09:00 in Zurich, 20 long
    assert expected(phone) == [told, (None, None)]
    Assignment.objects.filter(booking=late).update(arrived_at=NOW)
    assert expected(phone)[0] == (None, told[1])


@pytest.mark.parametrize("change", [{"is_silent": True}, {"kept_at": NOW - timedelta(minutes=3)}])
def test_nothing_is_expected_where_nobody_knows(change):
    driver = make.driver()
    foresee(trip(driver), minutes=12)
    for model in (ExpectedTrip, ForecastState):
        names = {field.name for field in model._meta.fields}
        if change.keys() <= names:
            model.objects.update(**change)
    assert expected(Phone(driver)) == [(None, None)]


def test_the_day_is_told_once_until_it_changes():
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)
    tag = phone.sync()["tag"]
    assert phone.sync(seen=tag)["day"] is None
    assert phone.sync(phone.tap("confirm", booking), seen=tag)["day"] is not None


def test_statements_of_a_request(django_assert_num_queries):
    driver = make.driver()
    make.shift(driver, "06:00", "18:00")
    trip(driver)
    phone = Phone(driver)
    position = {"at": NOW.isoformat(), "lat": 46.2, "lon": 6.1}
    with django_assert_num_queries(3):  # the phone, its trips, its shifts
        phone.sync()
    for clock in ("10:00", "11:00", "12:00"):
        trip(driver, clock)
    with django_assert_num_queries(4):  # and the position
        phone.sync(positions=[position] * 20)


# Taps ----------------------------------------------------------------------------------------


def test_a_trip_is_reported_with_the_times_of_the_taps():
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)
    Phone.now = make.at("09:40")  # all at once, after an hour without network
    clocks = {"en_route": "08:40", "arrived": "08:55", "on_board": "09:02", "done": "09:25"}
    sent = [phone.tap(kind, booking, at=make.at(clock)) for kind, clock in clocks.items()]
    assert phone.outcomes(*sent) == ["done"] * 4
    status, row = stored(booking)
    assert (status, row.status) == ("completed", "completed")
    assert [row.arrived_at, row.actual_pickup_at, row.actual_dropoff_at] == [
        make.at("08:55"),
        make.at("09:02"),
        make.at("09:25"),
    ]
    events = Event.objects.filter(booking=booking).order_by("id")
    assert {(event.door, event.actor) for event in events} == {("phone", driver.name)}


@pytest.mark.parametrize("minutes", [-7, 7, 24 * 60])
def test_a_clock_that_is_wrong_is_put_right(minutes):
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver, ahead=timedelta(minutes=minutes))
    Phone.now = make.at("09:00")
    phone.sync(phone.tap("en_route", booking, at=make.at("08:40")))
    phone.sync(phone.tap("arrived", booking, at=make.at("08:55")))
    assert stored(booking)[1].arrived_at == make.at("08:55")


def test_what_is_sent_again_is_recorded_once_and_answered_as_before():
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)
    sent = [phone.tap("en_route", booking, key="a"), phone.tap("arrived", booking, key="b")]
    first = phone.sync(*sent)["taps"]
    events = Event.objects.count()
    assert phone.sync(*sent, phone.tap("message", key="c", text="x"))["taps"][:2] == first
    assert (Tap.objects.count(), Event.objects.count()) == (3, events + 1)


def test_two_phones_of_one_driver_report_one_trip():
    driver = make.driver()
    booking = trip(driver)
    one, other = Phone(driver), Phone(driver)
    assert (
        one.outcomes(*(one.tap(k, booking) for k in ("en_route", "arrived", "on_board")))
        == ["done"] * 3
    )
    late = [other.tap(k, booking, key=f"o{k}") for k in ("en_route", "arrived", "on_board")]
    assert other.outcomes(*late) == ["same"] * 3
    [seen] = other.sync()["day"]["trips"]
    assert seen["status"] == "in_progress"
    assert other.outcomes(other.tap("done", booking, key="d")) == ["done"]
    assert "cannot change" in one.says(one.tap("no_show", booking, code="not_there", key="n"))


def test_a_trip_that_was_taken_away_is_told_in_words_and_stops_no_other():
    driver = make.driver()
    lost, kept = trip(driver, "09:00"), trip(driver, "11:00")
    Assignment.objects.filter(booking=lost).update(driver=make.driver(driver.company))
    phone = Phone(driver)
    answers = phone.sync(phone.tap("en_route", lost), phone.tap("en_route", kept))["taps"]
    assert [one["outcome"] for one in answers] == ["refused", "done"]
    assert "given to somebody else" in answers[0]["said"]
    assert "08:00" in answers[0]["said"]
    assert stored(lost)[0] == "assigned"


def test_nobody_reports_a_trip_of_another_company():
    theirs = trip(make.driver(make.company("berne")))
    phone = Phone(make.driver())
    assert "given to somebody else" in phone.says(phone.tap("en_route", theirs))
    assert stored(theirs)[0] == "assigned"


def test_a_no_show_has_its_reason():
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)
    phone.sync(phone.tap("en_route", booking))
    assert phone.says(phone.tap("no_show", booking)).startswith("code:")
    assert phone.outcomes(phone.tap("no_show", booking, code="not_there", text="rang twice")) == [
        "done"
    ]
    event = Event.objects.filter(booking=booking).order_by("-id").first()
    assert (stored(booking)[0], event.reason) == ("no_show", "not_there: rang twice")


def test_a_declined_trip_waits_for_another_driver_with_the_reason():
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)
    assert phone.outcomes(phone.tap("decline", booking, text="I am not free then")) == ["done"]
    event = Event.objects.filter(booking=booking).order_by("-id").first()
    assert (stored(booking)[0], event.reason) == ("accepted", "declined: I am not free then")
    assert phone.sync()["day"]["trips"] == []


def test_a_message_reaches_the_desk_and_no_customer():
    phone = Phone(make.driver())
    phone.sync(phone.tap("message", text="The lift is out of order."), phone.tap("break_begins"))
    rows = Event.objects.filter(kind="driver.reported").order_by("id")
    assert [(row.reason, row.new["report"], row.booking_id, row.customer_id) for row in rows] == [
        ("The lift is out of order.", "message", None, None),
        ("", "break_begins", None, None),
    ]


# Taking back ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "before"),
    [
        (["confirm"], ("assigned", False, None)),
        (["en_route"], ("assigned", False, None)),
        (["en_route", "arrived"], ("en_route", False, None)),
        (["en_route", "arrived", "on_board"], ("en_route", False, NOW)),
        (["en_route", "arrived", "on_board", "done"], ("in_progress", False, NOW)),
        (["en_route", "arrived", "no_show"], ("en_route", False, NOW)),
        (["decline"], ("assigned", False, None)),
    ],
)
def test_a_wrong_tap_is_taken_back_within_a_minute(kinds, before):
    driver = make.driver()
    make.shift(driver, "06:00", "18:00")
    booking = trip(driver)
    phone = Phone(driver)
    more = {"no_show": {"code": "not_there"}, "decline": {"text": "x"}}
    phone.sync(*(phone.tap(kind, booking, key=kind, **more.get(kind, {})) for kind in kinds))
    Phone.now = NOW + timedelta(seconds=50)
    assert phone.outcomes(phone.tap("take_back", booking, of=kinds[-1])) == ["done"]
    status, row = stored(booking)
    assert (status, row.confirmed, row.arrived_at) == before
    assert row.driver_id == driver.pk


def test_after_a_minute_or_after_somebody_else_nothing_is_taken_back():
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)
    phone.sync(phone.tap("en_route", booking, key="a"))
    Phone.now = NOW + timedelta(seconds=70)
    assert "More than a minute" in phone.says(phone.tap("take_back", booking, of="a"))
    phone.sync(phone.tap("arrived", booking, key="b"))
    make.event(driver.company, booking=booking, kind="booking.changed")
    assert "Somebody has changed" in phone.says(phone.tap("take_back", booking, of="b", key="t"))
    assert stored(booking)[0] == "en_route"


def test_only_the_last_tap_of_a_trip_is_taken_back():
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)
    phone.sync(phone.tap("en_route", booking, key="a"), phone.tap("arrived", booking, key="b"))
    assert "Somebody has changed" in phone.says(phone.tap("take_back", booking, of="a"))
    assert stored(booking)[0] == "en_route"


def test_a_phone_takes_back_its_own_taps_only():
    driver = make.driver()
    booking = trip(driver)
    one, other = Phone(driver), Phone(driver)
    one.sync(one.tap("en_route", booking, key="a"))
    assert "Nothing was recorded" in other.says(other.tap("take_back", booking, of="a"))


# What is sent --------------------------------------------------------------------------------


def test_the_newest_position_counts_by_the_servers_clock():
    phone = Phone(make.driver(), ahead=timedelta(minutes=7))
    rows = [(46.1, -10), (46.3, -1), (46.2, -5)]
    positions = [
        {"at": (NOW + phone.ahead + timedelta(minutes=m)).isoformat(), "lat": lat, "lon": 6.1}
        for lat, m in rows
    ]
    phone.sync(positions=positions)
    driver = Driver.objects.get()
    assert (driver.last_lat, driver.last_position_at) == (46.3, NOW - timedelta(minutes=1))


def test_a_tap_that_cannot_be_read_stops_no_other():
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)
    bad = phone.tap("fly", booking, key="bad")
    answers = {
        one["key"]: one for one in phone.sync(bad, phone.tap("confirm", booking, key="ok"))["taps"]
    }
    assert answers["bad"]["said"].startswith("kind:")
    assert answers["ok"]["outcome"] == "done"


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{", '{"taps": []}',
     '{"taps": 1, "positions": [], "sent_at": "2026-06-17T08:00:00Z"}',
     '{"taps": [], "positions": [{"lat": 99}], "sent_at": "2026-06-17T08:00:00Z"}'],
)  # fmt: skip
def test_a_body_that_no_page_sends_is_refused(body):
    phone = Phone(make.driver())
    answer = phone.client.post("/drive/sync/", body, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])


def test_one_phone_cannot_ask_without_end(monkeypatch):
    monkeypatch.setitem(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "phone", "2/minute")
    driver = make.driver()
    phone, other = Phone(driver), Phone(driver)
    phone.sync(), phone.sync(), phone.sync(status=429)
    other.sync()


def test_another_site_cannot_report(client):
    phone = Phone(make.driver())
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = phone.client.cookies
    answer = strict.post("/drive/sync/", "{}", content_type="application/json")
    assert answer.status_code == 403


# The page ------------------------------------------------------------------------------------


def test_the_page_and_its_files_show_nobodys_data(client, django_assert_num_queries):
    make.client(make.driver().company, "Léa Favre")
    with django_assert_num_queries(0):
        page = client.get("/drive/")
        worker, manifest = client.get("/drive/worker.js"), client.get("/drive/manifest.webmanifest")
    assert "Léa" not in page.content.decode()
    assert "csrftoken" in page.cookies
    assert "geolocation=(self)" in page["Permissions-Policy"]
    assert page["Drive-Version"] in worker.content.decode()
    assert worker["Content-Type"].startswith("text/javascript")
    assert {icon["sizes"] for icon in manifest.json()["icons"]} == {"192x192", "512x512"}
    french = client.get("/drive/", headers={"Accept-Language": "fr"}).content.decode()
    assert '<html lang="fr">' in french


def test_taps_of_long_ago_are_cleared():
    phone = Phone(make.driver())
    phone.sync(phone.tap("message", text="x"))
    assert clear_taps(now=NOW + timedelta(days=30)) == 0
    assert clear_taps(now=NOW + timedelta(days=31)) == 1


def test_a_fault_of_ours_stops_no_other_tap(monkeypatch, caplog):
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)

    def fail(*_args, **_values):
        raise LookupError("a fault")

    monkeypatch.setattr(taps, "confirm", fail)
    answers = phone.sync(phone.tap("confirm", booking), phone.tap("en_route", booking))["taps"]
    assert [one["outcome"] for one in answers] == ["refused", "done"]
    assert "could not be recorded" in answers[0]["said"]
    assert "a fault" in caplog.text


def test_a_database_that_is_away_refuses_nothing(monkeypatch):
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)
    phone.client.raise_request_exception = False

    def fail(*_args, **_values):
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patched:
        patched.setattr(taps, "confirm", fail)
        body = json.dumps({"taps": [phone.tap("confirm", booking, key="a")], "positions": [],
                           "sent_at": NOW.isoformat()})  # fmt: skip
        answer = phone.client.post("/drive/sync/", body, content_type="application/json")
    assert (answer.status_code, Tap.objects.count()) == (500, 0)
    assert phone.outcomes(phone.tap("confirm", booking, key="a")) == ["done"]


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_what_is_sent_twice_at_once_is_recorded_once():
    driver = make.driver()
    booking = trip(driver)
    phone = Phone(driver)
    tapped = [
        taps.Tapped(f"k{i}", kind, NOW, booking.pk)
        for i, kind in enumerate((Tap.Kind.EN_ROUTE, Tap.Kind.ARRIVED, Tap.Kind.ON_BOARD))
    ]

    def send():
        device = Device.objects.select_related("driver__company").get(pk=phone.device.pk)
        return taps.take_in(device, tapped, sent_at=NOW, now=NOW)

    one, other = together(send, send)
    assert one == other
    assert [answer.outcome for answer in one] == ["done"] * 3
    assert (Tap.objects.count(), Event.objects.filter(booking=booking).count()) == (3, 3)


def test_the_desk_reads_messages_on_the_board_of_today(client, geneva):
    make.member(make.company("berne"), username="bea")
    phone = Phone(make.driver(geneva, "Claire"))
    phone.sync(phone.tap("message", text="The lift is out of order."), phone.tap("break_begins"))
    today, tomorrow = (
        client.get(f"/admin/board/geneva/{day}/board/").content.decode()
        for day in (make.DAY, make.DAY + timedelta(days=1))
    )
    assert "The lift is out of order." in today
    assert "The lift is out of order." not in tomorrow
    client.force_login(get_user_model().objects.get(username="bea"))
    there = client.get(f"/admin/board/berne/{make.DAY}/board/").content.decode()
    assert "The lift is out of order." not in there
