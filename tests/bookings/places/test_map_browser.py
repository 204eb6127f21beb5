"""A position picked on the map, in a browser: by keys, by a click, with tiles and without."""

import pytest
from django.urls import reverse

from bookings.models import Booking
from drivers.models import Role
from tests.support import builders as make
from tests.support.browsing import PASSWORD, log_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dispatcher():
    company = make.company()
    make.client(company, "Mei Dubois", address="Rue de Lausanne 40")
    return make.member(company, password=PASSWORD)


def values(page, end):
    return [page.input_value(f"[name={end}_{what}]") for what in ("address", "lat", "lon")]


def opened(page, end="pickup"):
    """Open the map of a field by its button, and return the dialog."""
    page.click(f":has(> [name={end}_address]) + .place-on-map")
    dialog = page.locator("dialog.place-dialog")
    dialog.locator(".place-pin").wait_for()
    return dialog


@pytest.mark.parametrize("width", [1440, 390])
def test_a_position_is_picked_by_keys_and_written_back(live_server, browser, dispatcher, width):
    url = reverse("admin:bookings_booking_telephone")
    page = log_in(browser, live_server, dispatcher, url, width=width)
    dialog = opened(page)
    assert dialog.locator(".leaflet-control-scale").count() == 1
    assert dialog.locator("path.leaflet-interactive").count() == 1  # the place of the company
    assert dialog.locator("img.leaflet-tile").count() == 0
    company = dispatcher.memberships.get().company
    start = f"{company.depot_lat:.5f}, {company.depot_lon:.5f}"
    assert start in dialog.locator("output").inner_text()
    assert page.evaluate("document.activeElement.classList.contains('place-pin')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    said = dialog.locator("output").inner_text()
    assert start not in said
    wide = page.evaluate(
        "document.querySelector('dialog.place-dialog').getBoundingClientRect().width"
    )
    assert wide <= width
    dialog.get_by_role("button", name="Take this position").click()
    address, lat, lon = values(page, "pickup")
    assert float(lat) > company.depot_lat
    assert float(lon) > company.depot_lon
    assert said.removeprefix("Position: ") == address
    assert [float(lat), float(lon)] == pytest.approx([*map(float, address.split(", "))], abs=2e-5)
    assert "The position is that of the map" in page.locator(".place-taken").inner_text()
    assert page.evaluate("document.activeElement.classList.contains('place-on-map')")
    assert page.errors == []


def test_a_place_of_the_company_is_taken_with_its_address(live_server, browser, dispatcher):
    page = log_in(browser, live_server, dispatcher, reverse("admin:bookings_booking_add"))
    dialog = opened(page, "dropoff")
    dialog.locator("path.leaflet-interactive").dispatch_event("click")
    assert "Rue de Lausanne 40" in dialog.locator("output").inner_text()
    dialog.get_by_role("button", name="Take this position").click()
    assert values(page, "dropoff") == ["Rue de Lausanne 40", "46.234000", "6.080000"]
    assert values(page, "pickup") == ["", "", ""]
    assert page.errors == []


def test_cancel_writes_nothing_and_tiles_are_those_of_the_settings(
    live_server, browser, dispatcher, settings
):
    settings.MAP_TILES_URL = f"{live_server.url}/static/tiles/{{z}}/{{x}}/{{y}}.png"
    page = log_in(browser, live_server, dispatcher, reverse("admin:bookings_booking_add"))
    dialog = opened(page)
    dialog.locator("img.leaflet-tile").first.wait_for(state="attached")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert values(page, "pickup") == ["", "", ""]
    assert page.errors == []


def test_the_board_s_form_takes_a_position_of_the_map(live_server, browser, dispatcher):
    booking = make.booking(dropoff_address="Quai 3")
    url = reverse("admin:board:day", args=["geneva", make.DAY])
    page = log_in(browser, live_server, dispatcher, url)
    page.evaluate(
        "(url) => htmx.ajax('GET', url, {target: '#dialog-body', swap: 'innerHTML'})",
        reverse("admin:board:edit", args=["geneva", booking.pk]),
    )
    page.locator("#edit-dropoff").wait_for(state="attached")
    page.locator("label:has(#edit-dropoff) + .place-on-map").dispatch_event("click")
    dialog = page.locator("dialog.place-dialog")
    dialog.locator(".place-pin").wait_for()
    dialog.get_by_role("button", name="Take this position").click()
    company = booking.company
    assert values(page, "dropoff") == [
        "Quai 3", f"{company.depot_lat:.6f}", f"{company.depot_lon:.6f}",
    ]  # fmt: skip
    assert page.errors == []


def test_the_map_is_that_of_the_company_and_of_writers_alone(client, dispatcher):
    other = make.company("other")
    make.booking(other, pickup_address="Quai 99")
    client.force_login(dispatcher)
    url = reverse("admin:bookings_booking_telephone_map")
    shown = client.get(url).json()
    assert {name for _lat, _lon, name in shown["places"]} == {"Rue de Lausanne 40"}
    assert client.get(url, {"company": "other"}).status_code == 404
    client.force_login(make.member(make._geneva(), Role.VIEWER, username="looks"))
    assert client.get(url).status_code in (403, 404)
    assert Booking.objects.count() == 1
