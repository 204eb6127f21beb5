"""The board in a real browser, by keys alone."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from dispatch.models import Assignment, DispatchRun
from tests.dispatch.board.test_board_actions import booking, driver, later, url
from tests.dispatch.board.test_board_browser import board_of, dispatcher, holder, trip
from tests.support import builders as make
from tests.support.browsing import log_in

# Whether an element shows that it has the focus: it looks different without.
LOOK = """() => {
  const it = document.activeElement, look = () => {
    const style = getComputedStyle(it), label = it.closest("label, .material-symbols-outlined");
    return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor,
      style.backgroundColor, style.opacity, label && getComputedStyle(label).outlineStyle].join();
  };
  if (it === document.body || it.walked && it !== window.last) return null;
  it.walked = true;
  window.last = it;
  // The button inside a date has the focus, and the browser's own ring.
  const inside = !it.matches(":focus");
  const focused = look();
  let without = "none"; // a date has three stops, and loses count when it loses the focus
  if (!it.matches("[type=date], [type=time]")) {
    it.blur();
    without = look();
    it.focus({preventScroll: true});
  }
  const name = it.getAttribute("aria-label") || it.title || it.placeholder || it.innerText
    || it.labels?.[0]?.innerText || it.textContent;
  const seen = inside || (focused !== without && !focused.startsWith(without));
  const [trip, waiting] = [it.matches(".trip"), it.matches(".waiting")];
  return {name: name.trim(), seen, trip, waiting};
}"""


def walk(page, steps):
    """Press Tab so often, and return what had the focus each time."""
    found = []
    for _step in range(steps):
        page.keyboard.press("Tab")
        found.append(page.evaluate(LOOK))
        if found[-1] is None:
            break
    return found


def tab_to(page, selector, at_most=40):
    for _step in range(at_most):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}.")


def press_to(page, key, name, at_most=40):
    """Press the key until something of this class has the focus."""
    for _step in range(at_most):
        if name in page.evaluate("document.activeElement.className"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} leads to no {name}.")


@pytest.mark.django_db(transaction=True)
def test_every_control_of_the_board_is_reached_by_tab_and_shows_it(browser, live_server):
    anna = driver("Anna")
    booking("10:00")
    for clock in ("09:00", "12:00"):
        make.assignment(booking(clock), anna)
    page = board_of(browser, live_server, dispatcher("nadia"))
    stops = walk(page, 80)
    assert stops[-1] is None  # all the way round: nothing keeps the focus
    stops = stops[:-1]
    assert [stop for stop in stops if not stop["name"]] == []
    assert [stop for stop in stops if not stop["seen"]] == []
    names = " ".join(stop["name"] for stop in stops)
    for control in (
        "Previous day", "Next day", "Plan", "Zoom in", "Map", "Print manifests",
        "Keyboard shortcuts", "Compact rows", "Find a trip", "Driver", "Status", "Wheelchair",
    ):  # fmt: skip
        assert control in names
    assert [stop["trip"] for stop in stops].count(True) == 1  # the arrows lead to the others
    assert [stop["waiting"] for stop in stops].count(True) == 1


@pytest.mark.django_db(transaction=True)
def test_the_days_work_is_done_without_a_mouse(browser, live_server):
    anna = driver("Anna")
    early, late = booking("09:00"), booking("12:00")
    for row in (early, late):
        make.assignment(row, anna)
    open_one = booking("10:30")
    page = board_of(browser, live_server, dispatcher("nadia"))

    # To the trips, to the second one, its details, lock it, and back.
    tab_to(page, ".trip", 60)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector(".trip-panel [value=lock]")
    tab_to(page, "[value=lock]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".trip-panel [value=unlock]")
    assert Assignment.objects.get(booking=late).locked
    tab_to(page, "[data-act=assign]")  # the focus stayed in the panel
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel", state="hidden")
    assert page.evaluate("document.activeElement.dataset.booking") == str(late.id)

    # From the queue to a driver: who could, what would follow, saved.
    page.keyboard.press("q")
    assert page.evaluate("document.activeElement.dataset.booking") == str(open_one.id)
    page.keyboard.press("a")
    page.wait_for_selector("#action .place")
    page.keyboard.press("Enter")
    page.wait_for_selector("#action .verdict.good")
    page.keyboard.press("Enter")
    trip(page, open_one).wait_for()
    assert holder(open_one) == "Anna"

    # Plan, look at the preview, apply.
    another = booking("15:00")
    page.keyboard.press("p")
    page.wait_for_selector(".run-panel[data-status=preview] .placed")
    tab_to(page, ".run-panel button.main")
    page.keyboard.press("Enter")
    page.wait_for_selector(".run-panel[data-status=completed]")
    assert holder(another) == "Anna"
    assert page.evaluate("document.activeElement.id") == "panel"
    page.keyboard.press("Escape")
    assert page.evaluate("!!document.activeElement.closest('#runs')")
    assert page.errors == []


@pytest.mark.django_db(transaction=True)
def test_the_key_plans_as_the_button_does_and_a_new_board_keeps_the_options(browser, live_server):
    driver("Anna")
    booking("09:00")
    page = board_of(browser, live_server, dispatcher("nadia"))
    page.click("#plan-options summary")
    page.check("#plan-options [value=place]")
    page.check("#plan-options [name=move_confirmed]")
    page.evaluate("window.old = document.querySelector('#runs [data-act=plan]')")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('board:refresh'))")
    page.wait_for_function("!old.isConnected && document.querySelector('#runs [data-act=plan]')")
    assert page.is_checked("#plan-options [value=place]")
    page.keyboard.press("Escape")
    page.locator(".waiting").focus()
    page.keyboard.press("p")
    page.wait_for_selector(".run-panel[data-status=preview] .placed")
    settings = DispatchRun.objects.get().settings
    assert (settings["mode"], settings["move_confirmed"]) == ("place", True)
    assert page.evaluate("document.activeElement.id") == "panel"
    assert page.errors == []


@pytest.mark.django_db(transaction=True)
def test_queue_advice_and_attention_are_worked_by_keys(browser, live_server, monkeypatch):
    now = later("10:00")
    monkeypatch.setattr(timezone, "now", lambda: now)
    anna = make.driver(name="Anna", phone="+41 1")
    make.shift(anna, start_at=now - timedelta(hours=2), end_at=now + timedelta(hours=2))
    silent = make.booking(scheduled_time=now - timedelta(minutes=40))
    make.assignment(silent, anna)
    due = make.booking(scheduled_time=now + timedelta(minutes=20), client=make.client(name="Zoé"))
    # Anna's shift ends before these: it could end later.
    for hours in (2, 4):
        make.booking(scheduled_time=now + timedelta(hours=hours))
    page = log_in(browser, live_server, dispatcher("nadia"),
                  f"/admin/board/geneva/{now.astimezone(make.ZONE).date()}/")  # fmt: skip
    page.wait_for_selector("#runs [data-act=plan]")
    page.wait_for_selector(".queue button.suggestion")

    def every(key, first):
        """Press the key from here on, and return what had the focus until nothing changes."""
        found = [first]
        while True:
            page.keyboard.press(key)
            if page.evaluate("document.activeElement === window.last"):
                return found
            found.append(page.evaluate("(window.last = document.activeElement).className"))

    # The queue with its suggestions: one stop of Tab, arrows lead through all of it.
    page.keyboard.press("q")
    through = every("ArrowDown", "waiting")
    shown = page.locator(".queue .waiting, .queue button.suggestion").count()
    assert through.count("suggestion") == page.locator(".queue button.suggestion").count() > 0
    assert len(through) == shown
    assert page.locator(".queue [tabindex='0']").count() == 1
    press_to(page, "ArrowUp", "suggestion")
    page.keyboard.press("Enter")
    page.wait_for_selector("#action .consequences")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className") == "suggestion"

    # What needs attention: lines down, what each offers to the right.
    page.keyboard.press("w")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.goto") == str(due.id)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("#action .places, #action .other")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.href") == "tel:+411"
    page.evaluate("document.body.dispatchEvent(new CustomEvent('board:refresh'))")
    page.wait_for_function("!last.isConnected && document.activeElement.href === 'tel:+411'")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".trip-panel[data-booking='{silent.id}']")
    assert page.locator(".attention [tabindex='0']").count() == 1

    # In the panel a suggestion is a stop of Tab.
    page.wait_for_selector(".queue button.suggestion")  # the new board has its advice
    page.keyboard.press("q")
    press_to(page, "ArrowDown", "suggestion")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel .candidates button.suggestion")
    tab_to(page, "#panel button.suggestion")
    assert page.errors == []


@pytest.mark.django_db(transaction=True)
def test_enter_saves_in_the_edit_dialog_and_agrees_to_nothing(browser, live_server):
    anna, row = driver("Anna"), booking("09:00")
    standing = make.assignment(row, anna, minutes=22)
    page = board_of(browser, live_server, dispatcher("nadia"))
    trip(page, row).click()
    page.click(".trip-panel button:has-text('Edit')")
    page.wait_for_selector("#action form.edit")
    page.fill("#action [name=clock]", "15:00")
    page.keyboard.press("Enter")
    page.wait_for_selector("#action .alarm")
    page.evaluate("window.asked = document.querySelector('#action .alarm')")
    page.press("#action [name=clock]", "Enter")
    page.wait_for_function("!asked.isConnected && document.querySelector('#action .alarm')")
    assert Assignment.objects.open().get() == standing
    page.fill("#action [name=clock]", "09:05")
    page.press("#action [name=clock]", "Enter")
    page.wait_for_selector("#action", state="hidden")
    row.refresh_from_db()
    assert row.scheduled_time == later("09:05")
    assert page.errors == []


@pytest.mark.django_db(transaction=True)
def test_a_new_board_leaves_the_focus_where_it_was(browser, live_server, monkeypatch):
    now = later("10:00")
    monkeypatch.setattr(timezone, "now", lambda: now)
    anna = make.driver(name="Anna", phone="+41 1")
    make.shift(anna, start_at=now - timedelta(hours=2), end_at=now + timedelta(hours=2))
    standing = make.assignment(make.booking(scheduled_time=now + timedelta(minutes=5)), anna)
    make.booking(scheduled_time=now + timedelta(hours=2))  # she could work longer
    page = log_in(browser, live_server, dispatcher("nadia"),
                  f"/admin/board/geneva/{now.astimezone(make.ZONE).date()}/")  # fmt: skip
    refresh = "document.body.dispatchEvent(new CustomEvent('board:refresh'))"
    page.wait_for_selector("#runs [data-act=plan]")
    mine = f".trip[data-booking='{standing.booking_id}']"
    for selector in (
        ".figures [data-show=assigned]", ".row .sick", mine, ".waiting", ".queue button.suggestion",
    ):  # fmt: skip
        page.wait_for_selector(selector)
        page.evaluate("s => (window.last = document.querySelector(s)).focus()", selector)
        page.evaluate(refresh)
        page.wait_for_function(
            "s => !last.isConnected && document.activeElement.matches(s)", arg=selector
        )
    # In the toolbar, too: on the last button, not on the first.
    me = Client()
    me.force_login(get_user_model().objects.get(username="nadia"))
    change = {"version": standing.booking.version, "assignment": standing.id, "action": "lock"}
    me.post(url("change", standing.booking_id), change)
    page.wait_for_selector("#runs [data-act=undo]")
    page.evaluate("(window.last = document.querySelector('#runs [data-act=undo]')).focus()")
    page.evaluate(refresh)
    page.wait_for_function("!last.isConnected && document.activeElement.dataset.act === 'undo'")
    assert page.errors == []


@pytest.mark.django_db(transaction=True)
def test_escape_in_the_help_closes_the_help_only(browser, live_server):
    row = booking("09:00")
    make.assignment(row, driver("Anna"))
    page = board_of(browser, live_server, dispatcher("nadia"))
    trip(page, row).click()
    for key, dialog in (("?", "#keys"), ("a", "#action")):
        page.wait_for_selector(".trip-panel [data-act=assign]")
        page.keyboard.press(key)
        page.wait_for_selector(f"{dialog}[open]")
        page.keyboard.press("Escape")
        page.wait_for_selector(f"{dialog}[open]", state="detached")
        assert page.is_visible(".trip-panel")
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel", state="hidden")
    assert page.errors == []
