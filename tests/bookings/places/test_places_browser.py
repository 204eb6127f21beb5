"""The search of places in a browser: typing, keys, and the forms that have it."""

import pytest
from django.core.management import call_command
from django.urls import reverse

from bookings.models import Booking
from tests.support import builders as make
from tests.support.browsing import PASSWORD, log_in

pytestmark = pytest.mark.django_db(transaction=True)
HOUSE = "Rue de Lausanne 12, 1201 Genève"


@pytest.fixture
def dispatcher(tmp_path):
    company = make.company()
    path = tmp_path / "addresses.csv"
    path.write_text(
        "lat,lon,number,street,postcode,city\n"
        "46.2107,6.1434,12,Rue de Lausanne,1201,Genève\n"
        "46.2207,6.1534,12,Rue de Lausannette,1202,Genève\n",
        encoding="utf-8",
    )
    call_command("import_addresses", str(path), verbosity=0)
    make.client(company, "Mei Dubois", address="Rue de Lausanne 40")
    return make.member(company, password=PASSWORD)


def values(page, end):
    names = [f"{end}_address", f"{end}_lat", f"{end}_lon"]
    return [page.input_value(f"[name={name}]") for name in names]


def offered(page, name, text):
    """Type into the field and return the offers, which are its listbox."""
    field = page.locator(f"[name={name}]")
    field.press_sequentially(text)
    listbox = page.locator("[role=listbox]")
    listbox.wait_for()
    assert field.get_attribute("aria-expanded") == "true"
    assert field.get_attribute("aria-controls") == listbox.get_attribute("id")
    return listbox.locator("[role=option]")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_place_is_chosen_by_keys_on_the_telephone_page(live_server, browser, dispatcher, width):
    url = reverse("admin:bookings_booking_telephone")
    page = log_in(browser, live_server, dispatcher, url, width=width)
    options = offered(page, "pickup_address", "lausane 12")
    assert HOUSE in options.first.inner_text()
    page.keyboard.press("ArrowDown")
    field = page.locator("[name=pickup_address]")
    assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    page.keyboard.press("ArrowUp")
    last = options.last.get_attribute("id")
    assert field.get_attribute("aria-activedescendant") == last
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert values(page, "pickup") == [HOUSE, "46.2107", "6.1434"]
    assert not page.locator("[role=listbox]").count()
    assert not Booking.objects.exists()  # Enter chose, it did not send the form
    field.press("End")
    field.press("Backspace")  # another address now: its position is not known
    assert values(page, "pickup") == [HOUSE[:-1], "", ""]
    page.locator("[role=listbox]").wait_for()
    page.keyboard.press("Escape")
    assert not page.locator("[role=listbox]").count()
    width_of_page = page.evaluate("document.documentElement.scrollWidth")
    assert width_of_page <= width
    assert page.errors == []


def test_a_place_is_chosen_by_mouse_in_the_form_of_a_booking(live_server, browser, dispatcher):
    page = log_in(browser, live_server, dispatcher, reverse("admin:bookings_booking_add"))
    offered(page, "dropoff_address", "rue lausanne 40").first.click()
    assert values(page, "dropoff") == ["Rue de Lausanne 40", "46.234", "6.08"]
    assert page.errors == []


def test_a_driver_s_home_is_found_by_its_address(live_server, browser, dispatcher):
    driver = make.driver()
    page = log_in(
        browser, live_server, dispatcher, reverse("admin:drivers_driver_change", args=[driver.pk])
    )
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    offered(page, "home_address", "lausanne 12").first.click()
    assert values(page, "home") == [HOUSE, "46.2107", "6.1434"]
    page.click("[name=_save]")
    page.wait_for_load_state()
    driver.refresh_from_db()
    assert (driver.home_lat, driver.home_lon) == (46.2107, 6.1434)
    assert page.errors == []
