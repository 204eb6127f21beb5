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
