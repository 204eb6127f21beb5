"""The board in a real browser: what a dispatcher does with mouse and keys."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from bookings.models import Actor, Door, Event
from dispatch.models import Assignment, DispatchRun
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from drivers.models import Company
from perf.project.scenarios.company import seed_scenario
from tests.dispatch.board.test_board_actions import booking, driver, later
from tests.support import builders as make
from tests.support.browsing import PASSWORD, log_in


def dispatcher(name, company=None):
    user = make.member(company, username=name)
    user.set_password(PASSWORD)
    user.save()
    return user


def board_of(browser, server, user):
    path = f"/admin/board/geneva/{later('00:00').date()}/"
    page = log_in(browser, server, user, path)
    page.wait_for_selector("#runs [data-act=plan]")
    return page


def trip(page, row):
    return page.locator(f".trip[data-booking='{row.id}']")


def holder(row):
    return Assignment.objects.open().select_related("driver").get(booking=row).driver.name


def drag(page, item, row):
    start, end = item.bounding_box(), row.bounding_box()
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=6)
    page.mouse.up()


@pytest.mark.django_db(transaction=True)
def test_a_dispatchers_morning(browser, live_server):
    anna, ben = driver("Anna"), driver("Ben")
    first, second = booking("09:00"), booking("14:00", needs=["oxygen"])
    page = board_of(browser, live_server, dispatcher("nadia"))

    # Drag a booking that waits to a driver: the preview, then save.
    waiting = page.locator(f".waiting[data-booking='{first.id}']")
    drag(page, waiting, page.locator(f".row[data-driver='{anna.id}']"))
    page.wait_for_selector("#action .verdict.good")
    assert not Assignment.objects.exists()
    page.press("#action button.main", "Enter")
    trip(page, first).wait_for()
    assert holder(first) == "Anna"

    # By keys: the other driver breaks a rule, which needs a reason.
    page.locator(f".waiting[data-booking='{second.id}']").focus()
    page.keyboard.press("a")
    page.select_option("#action select[name=driver]", str(ben.id))
    page.click("#action .other button")
    page.wait_for_selector("#action [data-code=lacks_skill]")
    page.fill("#action input[name=override]", "Has a bottle of her own")
    page.keyboard.press("Enter")
    trip(page, second).wait_for()
    assert Event.objects.get(booking=second).reason == "Has a bottle of her own"

    # Two clicks: open it, click on the driver.
    trip(page, first).click()
    page.wait_for_selector(".trip-panel [data-act=assign]")
    page.click(f".row[data-driver='{ben.id}'] .driver")
    page.click("#action button.main")
    page.wait_for_selector(f".row[data-driver='{ben.id}'] .trip[data-booking='{first.id}']")
    assert holder(first) == "Ben"

    # Lock it, plan: a preview first; what is locked stays.
    page.click(".trip-panel [value=lock]")
    page.wait_for_selector(".trip-panel [value=unlock]")
    third = booking("11:00")
    page.keyboard.press("p")
    page.wait_for_selector(".run-panel[data-status=preview] .placed")
    assert not Assignment.objects.filter(booking=third).exists()
    page.click(".run-panel button.main")
    page.wait_for_selector(".run-panel[data-status=completed]")
    assert holder(third)
    assert holder(first) == "Ben"

    # And take the run back.
    trip(page, third).wait_for()  # the board has followed
    page.click(".run-panel summary")
    page.click(".run-panel button.danger")
    page.locator(f".waiting[data-booking='{third.id}']").wait_for()
    assert not Assignment.objects.open().filter(booking=third).exists()
    assert DispatchRun.objects.filter(reverts__isnull=False).count() == 1
    assert page.errors == []


@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_at_once(browser, live_server):
    row, anna = booking("09:00"), driver("Anna")
    make.assignment(row, anna)
    nadia, omar = (board_of(browser, live_server, dispatcher(n)) for n in ("nadia", "omar"))
    for page in (nadia, omar):
        trip(page, row).click()
        page.wait_for_selector(".trip-panel [value=release]")
    nadia.click(".trip-panel [value=release]")
    nadia.wait_for_selector(f".waiting[data-booking='{row.id}']")
    omar.click(".trip-panel [value=lock]")
    omar.wait_for_selector(".notice.alarm")
    alarm = omar.inner_text(".notice.alarm")
    assert "Nothing was changed. nadia changed it" in alarm
    assert "Unassigned from Anna" in alarm
    assert Event.objects.count() == 1
    omar.wait_for_selector(f".waiting[data-booking='{row.id}']")  # the board follows by itself


@pytest.mark.django_db(transaction=True)
def test_another_companys_address_is_refused(browser, live_server):
    lausanne = make.company("lausanne")
    theirs = make.booking(lausanne)
    booking("09:00")
    page = board_of(browser, live_server, dispatcher("nadia"))
    for path in ("/admin/board/lausanne/2026-06-17/", f"/admin/board/geneva/booking/{theirs.id}/"):
        assert page.goto(live_server.url + path).status == 404
    assert get_user_model().objects.count() == 1


# The trips whose label cannot be read: fewer than four of its characters (or all, if it has fewer)
# are inside it, on the screen, and not under another element.
UNREADABLE = """() => [...document.querySelectorAll(".trip")].filter((trip) => {
  trip.scrollIntoView({block: "center", inline: "nearest"});
  const label = trip.querySelector(".label"), text = label.lastChild;
  const range = document.createRange();
  const inside = label.getBoundingClientRect(), words = text.data.trim();
  const first = text.data.indexOf(words), least = Math.min(4, words.length);
  return [...Array(least).keys()].some((i) => {
    range.setStart(text, first + i);
    range.setEnd(text, first + i + 1);
    const box = range.getBoundingClientRect();
    if (box.right > inside.right + 0.5) return true;
    const under = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    return under?.closest(".trip") !== trip;
  });
}).map((trip) => trip.textContent)"""


@pytest.mark.django_db(transaction=True)
def test_a_day_of_two_hundred_trips_is_read_without_hovering(browser, live_server):
    day = later("00:00").date()
    now, actor = later("18:00", days=0), Actor(Door.ADMIN, name="tester")
    seed_scenario(
        "many", day=day, bookings=200, drivers=22, history=0, seed=1, now=now, actor=actor,
        events=False,
    )  # fmt: skip
    many = Company.objects.get(slug="many")
    run_dispatch(many, day, now=now, actor=actor, options=FIRST_PLAN)
    user = dispatcher("nadia", many)
    page = log_in(browser, live_server, user, f"/admin/board/many/{day}/")
    page.wait_for_selector("#runs [data-act=plan]")
    drawn = page.locator(".trip").count()
    assert drawn > 150
    assert len(page.evaluate(UNREADABLE)) <= drawn * 0.05
    comfortable = page.evaluate("document.querySelector('.rows').offsetHeight")

    # Compact rows: as many drivers on half the height, as readable; remembered.
    page.keyboard.press("d")
    assert page.evaluate("document.querySelector('.rows').offsetHeight") < comfortable * 0.6
    assert len(page.evaluate(UNREADABLE)) <= drawn * 0.05
    page.reload()
    page.wait_for_selector(".board.compact")
    assert page.get_attribute("[data-density]", "aria-pressed") == "true"
    assert page.errors == []


@pytest.mark.django_db(transaction=True)
def test_a_trip_is_found_by_name_reference_or_place_and_opened(browser, live_server):
    anna = driver("Anna")
    rows = [
        booking("15:00", client=make.client(name="Zoé Favre")),
        booking("09:00", client=make.client(name="Zoé Fabre")),
        booking("12:00", client=make.client(name="Max Roth"), dropoff_address="Clinique, 1227"),
    ]
    for row in rows:
        make.assignment(row, anna)
    waiting = booking("10:00", reference="LATE-7")
    page = board_of(browser, live_server, dispatcher("nadia"))

    def find(words, row):
        page.keyboard.press("/")
        page.keyboard.type(words)
        page.keyboard.press("Enter")
        page.wait_for_selector(f".trip-panel[data-booking='{row.id}']")
        assert page.locator(f".open[data-booking='{row.id}']").is_visible()

    find("zoe fa", rows[1])  # without accents, the earliest first
    assert page.inner_text(".search output") == "2 found"
    page.keyboard.press("Enter")
    page.wait_for_selector(f".trip-panel[data-booking='{rows[0].id}']")
    page.keyboard.press("Escape")  # to the trip
    assert page.evaluate("document.activeElement.dataset.booking") == str(rows[0].id)
    find("clinique", rows[2])
    page.keyboard.press("Escape")
    find("late-7", waiting)
    assert page.errors == []


def shown(page, selector):
    return [item for item in page.query_selector_all(selector) if item.is_visible()]


@pytest.mark.django_db(transaction=True)
def test_figures_filter_and_the_title_counts_what_needs_attention(
    browser, live_server, monkeypatch
):
    now = later("10:00")
    monkeypatch.setattr(timezone, "now", lambda: now)
    anna = make.driver(name="Anna", home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(anna, start_at=now - timedelta(hours=2), end_at=now + timedelta(hours=4))
    ben = make.driver(name="Ben")
    make.shift(ben, start_at=now - timedelta(hours=3), end_at=now - timedelta(hours=2, minutes=30))
    late = make.booking(scheduled_time=now - timedelta(minutes=40), client=make.client(name="Zoé"))
    make.assignment(late, anna)
    make.assignment(make.booking(scheduled_time=now - timedelta(hours=2, minutes=50)), ben,
                    status="completed")  # fmt: skip
    due = make.booking(scheduled_time=now + timedelta(minutes=20))
    make.booking(scheduled_time=now + timedelta(minutes=20), status="pending", will_call=True)
    path = f"/admin/board/geneva/{now.astimezone(make.ZONE).date()}/"
    page = log_in(browser, live_server, dispatcher("nadia"), path)
    page.wait_for_selector("#runs [data-act=plan]")
    assert page.title().startswith("(2) ")
    assert page.inner_text(".alerts b") == "2"

    def press(figure):
        page.focus(f"[data-show={figure}]")
        page.keyboard.press("Enter")
        return page.get_attribute(f"[data-show={figure}]", "aria-pressed")

    assert press("late") == "true"
    assert len(shown(page, ".row")) == 1
    assert shown(page, ".waiting") == []
    assert page.locator(".trip:not(.dim)").count() == 1
    assert press("due") == "true"  # of the queue: the timeline stays whole
    assert page.get_attribute("[data-show=late]", "aria-pressed") == "false"
    assert [item.get_attribute("data-booking") for item in shown(page, ".waiting")] == [str(due.id)]
    assert len(shown(page, ".row")) == 2
    assert page.locator(".trip.dim").count() == 0
    assert press("due") == "false"  # a second time: everything
    assert len(shown(page, ".waiting")) == 2
    assert press("on_duty") == "true"
    assert [row.inner_text() for row in shown(page, ".row strong")] == ["Anna"]
    page.reload()  # it is in the address
    page.wait_for_selector("[data-show=on_duty][aria-pressed=true]")
    page.click(".filters [type=reset]")
    page.wait_for_selector("[data-show=on_duty][aria-pressed=false]")

    # From the header to the list, from the list to the trip, which says why it is late.
    page.keyboard.press("w")
    assert page.evaluate("document.activeElement.id") == "attention"
    page.click(f".attention [data-goto='{late.id}']")
    page.wait_for_selector(f".trip-panel[data-booking='{late.id}'] .notice.alarm")
    assert "Late by 25 min" in page.inner_text(".trip-panel .notice.alarm")

    # What is new is announced, counted, and heard by who wants it.
    assert page.get_attribute("[data-sound]", "aria-pressed") == "false"
    page.evaluate("""() => {
      window.heard = 0;
      const make = AudioContext.prototype.createOscillator;
      AudioContext.prototype.createOscillator = function () { heard += 1; return make.call(this); };
    }""")
    page.click("[data-sound]")
    make.booking(scheduled_time=now + timedelta(minutes=10), client=make.client(name="Max Roth"))
    page.evaluate("document.body.dispatchEvent(new CustomEvent('board:refresh'))")
    page.wait_for_function("document.title.startsWith('(3) ')")
    assert "Max Roth" in page.inner_text(".live")
    assert page.evaluate("heard") == 2  # once to try it, once for this
    page.reload()
    page.wait_for_selector("[data-sound][aria-pressed=true]")
    assert page.errors == []
