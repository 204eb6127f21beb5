"""From a list to the board in a real browser, and back."""

import pytest

from tests.dispatch.board.test_board_actions import booking, driver, later
from tests.dispatch.board.test_board_browser import dispatcher
from tests.support import builders as make
from tests.support.browsing import log_in


@pytest.mark.django_db(transaction=True)
def test_a_booking_of_the_list_opens_its_trip_on_the_board(browser, live_server):
    day = later("00:00").date()
    row = booking("09:00", client=make.client(name="Mme Blanc"))
    make.assignment(row, driver("Anna"))
    board = f"/admin/board/geneva/{day}/"
    page = log_in(browser, live_server, dispatcher("nadia"), board)
    page.click("a[href*='bookings/booking']:has-text('Bookings of the day')")
    page.click(f"a[href$='{board}?trip={row.id}']")
    page.wait_for_selector(f".trip-panel[data-booking='{row.id}']")
    assert page.errors == []


@pytest.mark.django_db(transaction=True)
def test_an_address_that_somebody_made_up_asks_for_nothing_else(browser, live_server):
    row, day = booking("09:00"), later("00:00").date()
    make.assignment(row, driver("Anna"))
    board = f"/admin/board/geneva/{day}/"
    page = log_in(browser, live_server, dispatcher("nadia"), board)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    made_up = "?trip=../../../logout&show=x%22&length=9&item=1&status=x&driver=x&text=Anna"
    address = f"{live_server.url}{board}{made_up}"
    page.goto(address)
    page.wait_for_selector("#runs [data-act=plan]")
    assert page.is_hidden("#panel")
    assert [url for url in asked if "logout" in url] == [address]  # the page before may ask too
    assert page.evaluate("location.search") == "?text=Anna"
    assert page.errors == []
    page.goto(f"{live_server.url}{board}?show=assigned&trip={row.id}")
    page.wait_for_selector(f".trip-panel[data-booking='{row.id}']")
    assert page.get_attribute("[data-show=assigned]", "aria-pressed") == "true"
