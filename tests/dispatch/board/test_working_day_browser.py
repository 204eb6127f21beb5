"""A dispatcher's working day in a real browser, from planning it to the end of the morning.

What once sent people back to paper, in the order of a day: a plan that shuffles for nothing,
statuses that cannot be taken back, advice that cannot be carried out, a trip that cannot be read.
"""

import re
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from bookings.models import Actor, Booking, Door, Event, Status
from dispatch.board import run_views
from dispatch.models import Assignment
from dispatch.runs.options import RunOptions
from drivers.models import Company, Shift
from perf.project.scenarios.company import seed_scenario
from tests.dispatch.board.test_board_actions import later
from tests.dispatch.board.test_board_browser import dispatcher, drag, trip
from tests.support import builders as make
from tests.support.browsing import log_in

BOOKINGS, DRIVERS, ITERATIONS = 60, 6, 2_000
WORDS_OF_DEVELOPERS = re.compile(r"\bprice\b|Run #|Run \d|SQL|\bseed\b|superseded|\{\"", re.I)
PLANNED = ".run-panel[data-status=completed]"
PREVIEW = ".run-panel[data-status=preview]"


class Desk:
    """A dispatcher at the board of a day; the clock on the wall stands where it is put."""

    def __init__(self, browser, server, monkeypatch):
        self.day = later("00:00").date()
        self.now = make.at("17:00", self.day - timedelta(days=1))
        monkeypatch.setattr(timezone, "now", self.tick)
        # As many steps on every machine, so that the day is the same on each.
        monkeypatch.setattr(run_views, "RunOptions", partial(RunOptions, iterations=ITERATIONS))
        actor = Actor(Door.COMMAND, name="tester")
        seed_scenario(
            "geneva", day=self.day, bookings=BOOKINGS, drivers=DRIVERS, history=0, seed=3,
            now=self.now, actor=actor, events=True,
        )  # fmt: skip
        self.company = Company.objects.get(slug="geneva")
        self.board = f"/admin/board/geneva/{self.day}/"
        user = dispatcher("nadia", self.company)
        self.page = log_in(browser, server, user, self.board)
        self.url = server.url
        self.ready()

    def tick(self):
        self.now += timedelta(milliseconds=1)
        return self.now

    def at(self, clock):
        self.page.goto("about:blank")  # the board that is open asks nothing more
        self.now = make.at(clock, self.day)
        self.page.goto(self.url + self.board)
        self.ready()

    def ready(self):
        self.page.wait_for_selector("#runs [data-act=plan]")

    def open(self, row):
        self.page.locator(f"#board [data-booking='{row.id}']").first.focus()
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(f".trip-panel[data-booking='{row.id}']")

    def says(self, selector):
        return self.page.inner_text(selector)

    def act(self, action, status):
        """Press the button of the open trip and wait for its status."""
        self.page.click(f".trip-panel [name=action][value={action}]")
        self.page.wait_for_selector(f".trip-panel[data-status={status}]")

    def plan(self):
        self.page.keyboard.press("p")
        self.page.wait_for_selector(PREVIEW)

    def apply(self, button="Apply all"):
        self.page.click(f"{PREVIEW} button:has-text('{button}')")
        self.page.wait_for_selector(PLANNED)


def planned(company):
    """Return (driver, pickup, confirmed) of every trip, by booking."""
    rows = Assignment.objects.open().filter(company=company)
    return {row.booking_id: (row.driver_id, row.planned_pickup_at, row.confirmed) for row in rows}


def trips(company, **fields):
    rows = Assignment.objects.open().filter(company=company, **fields)
    return list(rows.select_related("booking", "driver").order_by("planned_pickup_at"))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_working_day(browser, live_server, monkeypatch):
    desk = Desk(browser, live_server, monkeypatch)
    page, company = desk.page, desk.company

    # The evening before: a plan, and a second one that has nothing to change.
    desk.plan()
    desk.apply()
    before = planned(company)
    assert len(before) > BOOKINGS * 0.8
    desk.now += timedelta(minutes=10)
    desk.plan()
    assert "Nothing would change." in desk.says(PREVIEW)
    assert page.locator(f"{PREVIEW} button:has-text('Apply')").count() == 0
    page.click(f"{PREVIEW} button:has-text('Discard')")
    page.wait_for_selector(".run-panel:not([data-status=preview])")

    # Who could drive names nobody as better than who does.
    better = page.evaluate(
        """(ids) => Promise.all(ids.map(async (id) => {
          const got = await fetch(`/admin/board/geneva/booking/${id}/candidates/`,
            {headers: {"HX-Request": "true"}});
          return got.status !== 200 || /<span class="badge">better/.test(await got.text());
        }))""",
        list(before),
    )
    assert not any(better)

    # Everybody was told; then somebody calls. What was confirmed stays, without being asked.
    Assignment.objects.open().filter(company=company).update(confirmed=True)
    before = planned(company)
    new = make.booking(
        company,
        scheduled_time=make.at("12:30", desk.day),
        client=make.client(company, name="Zoé Rochat", phone="022 345 67 89"),
    )
    desk.at("00:05")
    desk.now = make.at("17:30", desk.day - timedelta(days=1))
    desk.plan()
    calls = page.locator(".calls").all_inner_texts()
    assert not any("was confirmed" in text for text in calls)
    desk.apply()
    after = planned(company)
    assert {i: row for i, row in after.items() if i in before} == before
    assert new.id in after

    # A trip of tomorrow cannot have happened today.
    first = trips(company)[0].booking
    desk.open(first)
    page.click(".trip-panel [name=action][value=en_route]")
    page.wait_for_selector(".trip-panel .notice.alarm")
    assert "Nothing was changed." in desk.says(".trip-panel .notice.alarm")
    first.refresh_from_db()
    assert first.status == Status.ASSIGNED
    page.keyboard.press("Escape")

    # A lock is kept by hand, too: the person is asked.
    moved = Assignment.objects.open().get(booking=new)
    desk.open(new)
    page.click(".trip-panel [value=lock]")
    page.wait_for_selector(".trip-panel [value=unlock]")
    page.keyboard.press("Escape")
    trip(page, new).locator("text=lock").wait_for(state="attached")  # the board has followed
    other = company.drivers.exclude(pk=moved.driver_id).first()
    drag(page, trip(page, new), page.locator(f".row[data-driver='{other.id}']"))
    page.wait_for_selector("#action .verdict")
    assert "locked" in desk.says("#action")
    page.click("#action [data-close]")

    # The morning. Half of the drivers report, one does not, one is sick.
    desk.at("08:05")
    rows = trips(company)
    silent = rows[0].driver_id
    for row in rows:
        if row.planned_pickup_at < desk.now and row.driver_id != silent:
            over = row.planned_dropoff_at <= desk.now
            status = Status.COMPLETED if over else Status.IN_PROGRESS
            Assignment.objects.filter(pk=row.pk).update(
                status=Assignment.Status.COMPLETED if over else Assignment.Status.IN_PROGRESS,
                actual_pickup_at=row.planned_pickup_at,
                actual_dropoff_at=row.planned_dropoff_at if over else None,
            )
            Booking.objects.filter(pk=row.booking_id).update(status=status)
    desk.at("08:06")
    assert page.title().startswith("(")
    assert "no report" in desk.says(".attention")
    on_duty = int(desk.says("[data-show=on_duty] b").split()[0].split("of")[0])

    # A wrong click is taken back with a reason.
    riding = trips(company, status=Assignment.Status.IN_PROGRESS)[0].booking
    desk.open(riding)
    desk.act("completed", "completed")
    page.click(".trip-panel summary:has-text('Take back')")
    page.fill(".trip-panel details[open] [name=note]", "Wrong line")
    page.press(".trip-panel details[open] [name=note]", "Enter")
    page.wait_for_selector(".trip-panel[data-status=in_progress]")
    assert "Wrong line" in desk.says(".history")
    page.keyboard.press("Escape")

    # A driver is sick: who waits now, why, and what would help.
    to_come = [row for row in trips(company, status="planned") if row.driver_id != silent]
    busiest = max({row.driver_id for row in to_come}, key=[r.driver_id for r in to_come].count)
    name = next(row.driver.name for row in to_come if row.driver_id == busiest)
    lost = [row.booking_id for row in to_come if row.driver_id == busiest]
    now_on_duty = Shift.objects.filter(driver=busiest, start_at__lte=desk.now).exists()
    page.click(f".row[data-driver='{busiest}'] .sick")
    page.click("#action button.danger")
    page.wait_for_selector("#action :text('released')")
    page.click("#action [data-close]")
    page.wait_for_selector(f".waiting[data-booking='{lost[-1]}']")
    for booking in lost:
        page.wait_for_selector(f"#why-{booking} :text('{name}')")
        assert "sick" in desk.says(f"#why-{booking}")
    left = int(desk.says("[data-show=on_duty] b").split()[0].split("of")[0])
    assert left == on_duty - now_on_duty

    # The first suggestion is a button: it does what it says, and is taken back like a run.
    before = planned(company)
    button = page.locator(".queue button.suggestion[data-kind]").first
    waits = button.locator("xpath=ancestor::li").locator(".waiting")
    asked = int(waits.get_attribute("data-booking"))
    button.click()
    page.wait_for_selector("#action .consequences")
    chosen = int(page.get_attribute("#action input[name=driver_id]", "value"))
    pickup_at = page.get_attribute("#action input[name=pickup_at]", "value")
    page.click("#action button.main")
    trip(page, Booking(pk=asked)).wait_for()
    taken = Assignment.objects.open().get(booking_id=asked)
    assert taken.driver_id == chosen
    assert taken.planned_pickup_at.isoformat() == pickup_at
    page.click(f"#runs [name=action][value='{Event.objects.latest('id').id}']")
    page.locator(f".waiting[data-booking='{asked}']").wait_for()
    assert planned(company) == before

    # Planned again around what stands; who has to be called is named with a telephone number.
    desk.at("08:10")
    desk.plan()
    called = [row for row in page.locator(".calls li").all_inner_texts() if "was confirmed" in row]
    desk.apply()
    after = planned(company)
    changed = [i for i, row in after.items() if i in before and row[:2] != before[i][:2]]
    unconfirmed = [i for i in changed if before[i][2]]
    assert len(unconfirmed) == len(called)

    # From the panel to the booking and the client, and back to the open trip.
    row = trips(company, status="planned")[-1].booking
    desk.open(row)
    page.click(".trip-panel .under a[href*='bookings/client']")
    page.wait_for_url("**/bookings/client/**")
    page.go_back()
    page.wait_for_selector(f".trip-panel[data-booking='{row.id}']")
    page.click(".trip-panel .under a[href*='bookings/booking']")
    page.wait_for_url("**/bookings/booking/**")
    driver = Assignment.objects.open().get(booking=row).driver.name
    assert driver in desk.says("#content")
    page.go_back()
    page.wait_for_selector(f".trip-panel[data-booking='{row.id}']")

    # Times are typed as people do.
    wanted = row.scheduled_time.astimezone(make.ZONE)
    page.click(".trip-panel button:has-text('Edit')")
    page.fill("#action [name=clock]", f"{wanted:%Hh%M}")
    page.fill("#action [name=notes]", "Ring twice")
    page.click("#action button.main")
    page.wait_for_selector(".trip-panel dd:has-text('Ring twice')")

    # Paper and lists speak of trips and people, in words.
    for path, expected in (
        (f"{desk.board}manifests/", "by "),
        ("/admin/bookings/event/", name),
        ("/admin/dispatch/assignment/", driver),
        ("/admin/dispatch/dispatchrun/", "Plan"),
        (f"/admin/bookings/booking/?from={desk.day}&to={desk.day}", driver),
    ):
        page.goto(desk.url + path)
        text = desk.says("body")
        assert expected in text, path
        assert not WORDS_OF_DEVELOPERS.search(text), (path, WORDS_OF_DEVELOPERS.search(text))
    assert page.errors == []
