"""What is printed, in a real browser: the pages of the manifests, all drivers of the board."""

import re

import pytest

from tests.dispatch.board.test_board_actions import booking, driver, later
from tests.dispatch.board.test_board_browser import dispatcher
from tests.support import builders as make
from tests.support.browsing import log_in

DRIVERS = 30
TRIPS = 12


# How many drivers and bookings have no place on the page, or one that a box around them cuts off.
CLIPPED = """() => [...document.querySelectorAll(".row .driver, .waiting")].filter((item) => {
  const box = item.getBoundingClientRect();
  if (!box.height) return true;
  for (let out = item.parentElement; out !== document.body; out = out.parentElement) {
    const cuts = getComputedStyle(out).overflowY !== "visible";
    if (cuts && box.bottom > out.getBoundingClientRect().bottom + 1) return true;
  }
  return false;
}).length"""


def pages(page, **paper):
    """Return how many pages the PDF has."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(**paper)))


def busy_driver(name):
    """Return a driver with a full day and a break."""
    row = driver(name)
    for number in range(TRIPS):
        person = make.client(name=f"Marie-Antoinette de la Rochefoucauld {number} {name}")
        trip = booking(
            f"{7 + number:02}:00",
            client=person,
            wheelchairs=1,
            appointment_at=later(f"{7 + number:02}:50"),
            notes="Ring twice, third floor, the lift is on the left",
        )
        make.assignment(trip, row, minutes=30)
    return row


@pytest.mark.django_db(transaction=True)
def test_each_drivers_day_is_one_page_of_a4(browser, live_server):
    for name in ("Anna", "Ben"):
        busy_driver(name)
    page = log_in(
        browser, live_server, dispatcher("nadia"),
        f"/admin/board/geneva/{later('00:00').date()}/manifests/",
    )  # fmt: skip
    assert page.locator(".driver tbody tr").count() == 2 * 2 * TRIPS
    assert pages(page, format="A4") == 2


@pytest.mark.django_db(transaction=True)
def test_the_printed_board_has_every_driver(browser, live_server):
    for number in range(DRIVERS):
        make.assignment(booking(f"{7 + number % 12:02}:00"), driver(f"Driver {number:02}"))
    for _ in range(10):
        booking("09:00", notes="waits")
    page = log_in(
        browser, live_server, dispatcher("nadia"), f"/admin/board/geneva/{later('00:00').date()}/"
    )
    page.wait_for_selector("#runs [data-act=plan]")
    page.emulate_media(media="print")
    assert page.locator(".row").count() == DRIVERS
    assert page.evaluate(CLIPPED) == 0
    assert not page.locator("#toolbar .actions").is_visible()
    assert page.locator(".waiting").last.is_visible()
    assert pages(page, format="A3", landscape=True) <= 2
    assert pages(page, format="A4", landscape=True) <= 4
    assert page.errors == []
