"""The driver's phone in a real browser, as a phone: network that comes and goes, restarts."""

import shutil
import time
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.cache import cache
from django.utils import timezone

from bookings.models import Booking, Event
from dispatch.models import Assignment, Tap
from drivers.companies.devices import make_link
from tests.dispatch.drive.test_phone import foresee
from tests.support import builders as make
from tests.support.browsing import WAIT_MS

STEPS = ("en_route", "arrived", "on_board", "done")
STAGE = {"en_route": "en_route", "arrived": "arrived", "on_board": "in_progress"}
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
AHEAD = timedelta(minutes=7)  # of the phone's clock
# The phone's clock: that of the test, and wrong. `skip` lets time pass.
CLOCK = """
  const Real = Date; let shift = %d;
  globalThis.skip = (ms) => { shift += ms; };
  globalThis.Date = class extends Real {
    constructor(...values) { if (values.length) super(...values); else super(Real.now() + shift); }
    static now() { return Real.now() + shift; }
  };
"""


class Day:
    """A driver's day on the server: its clock stands where the test puts it."""

    def __init__(self, monkeypatch, trips):
        cache.clear()
        self.start, self.real, self.skipped = make.at("08:00"), time.time(), timedelta(0)
        monkeypatch.setattr(timezone, "now", self.now)
        self.driver = make.driver(name="Claire")
        make.shift(self.driver, "07:00", "20:00")
        self.trips = []
        for number in range(trips):
            clock = f"{8 + number // 2:02d}:{30 * (number % 2):02d}"
            client = make.client(self.driver.company, f"Client {number}")
            booking = make.booking(self.driver.company, clock, client=client)
            make.assignment(booking, self.driver, minutes=20)
            self.trips.append(booking)

    def now(self):
        return self.start + self.skipped + timedelta(seconds=time.time() - self.real)

    def link(self, server):
        _device, secret = make_link(self.driver, user_id=None, now=self.now())
        return f"{server.url}/drive/link/{secret}/"


class Phone:
    """A phone with a browser that can be closed and opened; it keeps what browsers keep."""

    def __init__(self, browser, server, day, folder):
        self.browser, self.server, self.day, self.folder = browser, server, day, folder
        self.requests, self.errors, self.is_offline = 0, [], False
        self.open()

    def open(self):
        self.context = self.browser.browser_type.launch_persistent_context(
            self.folder, executable_path=shutil.which("chromium"), args=["--no-sandbox"], **PHONE
        )
        shift_s = (self.day.now() + AHEAD).timestamp() - time.time()
        self.context.add_init_script(CLOCK % (shift_s * 1000))
        self.context.on("request", self._count)
        self.page = self.context.pages[0]
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("pageerror", lambda error: self.errors.append(error))

    def _count(self, request):
        self.requests += request.url.endswith("/drive/sync/")

    def connect(self):
        self.page.goto(self.day.link(self.server))
        self.page.click("button")
        self.page.wait_for_selector(".next")
        self.page.evaluate("navigator.serviceWorker.ready.then(() => 1)")

    def restart(self):
        self.context.close()
        self.open()
        self.context.set_offline(self.is_offline)
        self.page.goto(f"{self.server.url}/drive/")
        self.page.wait_for_selector(".next")

    def offline(self, is_offline):
        self.is_offline = is_offline
        self.context.set_offline(is_offline)

    def skip(self, minutes):
        if not self.is_offline:
            self.sent()  # what is under way would leave before, and arrive after
        self.day.skipped += timedelta(minutes=minutes)
        self.page.evaluate(f"skip({minutes * 60000})")

    def sent(self):
        self.page.wait_for_function("document.getElementById('state').textContent === 'All sent'")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_day_of_twelve_trips_with_little_network_and_three_restarts(
    browser, live_server, monkeypatch, tmp_path
):
    day = Day(monkeypatch, trips=12)
    phone = Phone(browser, live_server, day, tmp_path / "phone")
    phone.connect()
    tapped = []
    for number, booking in enumerate(day.trips):
        phone.offline(number in (2, 3, 6, 7, 11))  # 5 of 12 trips: 42 % of the taps
        for step in STEPS:
            card = f".next[data-booking='{booking.pk}']"
            phone.page.click(f"{card} .primary[data-tap={step}]")
            tapped.append((booking.pk, step, day.now()))
            if step in STAGE:
                phone.page.wait_for_selector(f"{card}[data-stage={STAGE[step]}]")
            else:
                phone.page.wait_for_selector(card, state="detached")
            if (number, step) in ((3, "arrived"), (5, "done"), (11, "on_board")):
                phone.restart()
            phone.skip(5)
    assert Tap.objects.count() < 48  # the last trip waits on the phone
    phone.offline(False)
    phone.sent()
    taps = list(Tap.objects.order_by("id").values_list("booking_id", "kind", "at", "outcome"))
    assert [(pk, kind) for pk, kind, _at, _outcome in taps] == [row[:2] for row in tapped]
    assert {outcome for *_rest, outcome in taps} == {"done"}
    late = [
        abs(at - told) for (_pk, _kind, at, _o), (*_tap, told) in zip(taps, tapped, strict=True)
    ]
    assert max(late) < timedelta(seconds=30)  # of five minutes between two, seven that it is wrong
    assert set(Booking.objects.values_list("status", flat=True)) == {"completed"}
    assert phone.errors == []
    phone.context.close()


@pytest.mark.django_db(transaction=True)
def test_a_wrong_tap_a_conflict_and_a_phone_that_is_shut_out(
    browser, live_server, monkeypatch, tmp_path
):
    day = Day(monkeypatch, trips=2)
    first, second = day.trips
    phone = Phone(browser, live_server, day, tmp_path / "phone")
    phone.connect()
    page = phone.page

    # Nothing to complain about for those who read otherwise, with everything unfolded.
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(row["id"], row["nodes"][0]["html"]) for row in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360

    # A wrong tap, without network, is taken back.
    phone.offline(True)
    page.click(".next [data-tap=en_route]")
    page.click("#undo button")
    page.wait_for_selector(f".next[data-booking='{first.pk}'][data-stage=assigned]")
    phone.offline(False)
    phone.sent()
    kinds = Event.objects.filter(booking=first).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["booking.status", "trip.undone"]
    assert Assignment.objects.get(booking=first).status == "planned"

    # The desk gives the trip to somebody else while the phone has no network.
    phone.offline(True)
    page.click(".next [data-tap=en_route]")
    Assignment.objects.filter(booking=first).update(driver=make.driver(day.driver.company))
    phone.offline(False)
    page.wait_for_selector(".alarm")
    assert "given to somebody else" in page.inner_text(".alarm")
    page.click(".alarm button")
    page.click("[data-news] button")
    page.wait_for_selector(f".next[data-booking='{second.pk}']")

    # A no-show with its reason, and a message.
    page.click(".next [data-tap=no_show]")
    page.click("#ask-yes")
    page.fill("#text", "The lift is out of order.")
    page.click("#message button")
    phone.sent()
    reasons = Event.objects.exclude(reason="").order_by("id").values_list("reason", flat=True)
    assert list(reasons) == ["not_there", "The lift is out of order."]

    # Shut out: what it knew is gone, also from what it keeps.
    day.driver.devices.update(revoked_at=day.now())
    page.reload()
    page.wait_for_selector(".alarm")
    assert "Client" not in page.inner_text("main")
    kept = "(async () => (await (await idb.openDB('drive')).getAll('kept')).length)()"
    assert page.evaluate(kept) == 0
    assert phone.errors == []
    phone.context.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_changes_of_today_is_listed_until_it_is_understood(
    browser, live_server, monkeypatch, tmp_path
):
    day = Day(monkeypatch, trips=4)
    phone = Phone(browser, live_server, day, str(tmp_path))
    phone.connect()
    assert phone.page.locator("[data-news]").count() == 0
    stays, gone, moved, elsewhere = day.trips
    Assignment.objects.filter(booking=gone).update(status="canceled")
    for trip, minutes in ((moved, 5), (stays, 4)):
        at = trip.scheduled_time + timedelta(minutes=minutes)
        Assignment.objects.filter(booking=trip).update(planned_pickup_at=at)
    Booking.objects.filter(pk=elsewhere.pk).update(dropoff_address="Elsewhere 1")
    new = make.booking(day.driver.company, "12:00", client=make.client(day.driver.company, "Nora"))
    make.assignment(new, day.driver, minutes=20)
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.page.wait_for_selector("[data-news]")
    assert phone.page.locator("[data-news] li").all_inner_texts() == [
        "08:30 Client 1: no longer yours",
        "09:05 Client 2: was at 09:00",
        "09:30 Client 3: other address",
        "12:00 Nora: new",
    ]
    phone.restart()
    phone.page.click("[data-news] button")
    phone.page.wait_for_selector("[data-news]", state="detached")
    phone.restart()
    assert phone.page.locator("[data-news]").count() == 0
    assert phone.errors == []
    phone.context.close()


@pytest.mark.django_db(transaction=True)
def test_a_stop_that_is_expected_later_says_so(browser, live_server, monkeypatch, tmp_path):
    day = Day(monkeypatch, 2)
    foresee(day.trips[0], kept_at=day.now(), minutes=12)
    phone = Phone(browser, live_server, day, tmp_path)
    phone.connect()
    assert phone.page.inner_text(".next .expected") == "expected at about 08:12"
    # Of the pickup and the drop-off in the list too, and of no other trip.
    assert phone.page.locator("li .expected").all_inner_texts() == [
        "expected at about 08:12", "expected at about 08:32"
    ]  # fmt: skip
    assert Axe().run(phone.page).response["violations"] == []
    assert phone.errors == []
    phone.context.close()


@pytest.mark.django_db(transaction=True)
def test_the_phone_leads_to_where_the_car_is_handed_over(
    browser, live_server, monkeypatch, tmp_path
):
    day = Day(monkeypatch, 1)
    shift = day.driver.shifts.get()
    other = make.driver(day.driver.company)
    make.Shift.objects.create(
        driver=other,
        vehicle=day.driver.vehicle,
        start_at=shift.end_at,
        end_at=shift.end_at + timedelta(hours=6),
    )
    phone = Phone(browser, live_server, day, tmp_path)
    phone.connect()
    plate = day.driver.vehicle.plate
    assert phone.page.inner_text(".turns") == (
        f"You hand {plate} over to a colleague at the end. Navigate"
    )
    to = phone.page.get_attribute(".turns a", "href")
    assert to.startswith(f"geo:{make.DEPOT[0]},{make.DEPOT[1]}?")
    assert Axe().run(phone.page).response["violations"] == []
    assert phone.errors == []
    phone.context.close()


@pytest.mark.django_db(transaction=True)
def test_at_most_one_request_a_minute_when_nothing_happens(browser, live_server, monkeypatch):
    day = Day(monkeypatch, trips=1)
    page = browser.new_context(**PHONE).new_page()
    page.set_default_timeout(WAIT_MS)
    page.clock.install(time=day.now())
    page.goto(day.link(live_server))
    with page.expect_response("**/drive/sync/"):
        page.click("button")
    page.wait_for_selector(".next")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    began_ms = page.evaluate("Date.now()")
    for _minute in range(5):
        # Its clock also goes on by itself, while a slow machine does something else.
        with page.expect_response("**/drive/sync/") as answer:
            page.clock.run_for(60_500)
        answer.value.finished()
        page.wait_for_function("document.getElementById('state').textContent === 'All sent'")
    minutes = (page.evaluate("Date.now()") - began_ms) / 60_000
    assert 5 <= len([url for url in asked if url.endswith("/sync/")]) < minutes + 1
    page.context.close()
