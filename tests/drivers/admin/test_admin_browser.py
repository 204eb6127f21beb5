"""The pages around the board in a real browser: the telephone, an import, and who cannot see."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking, SavedPlace
from tests.dispatch.board.test_board_actions import booking, driver, later
from tests.dispatch.board.test_board_browser import dispatcher
from tests.support import builders as make
from tests.support.browsing import log_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_trip_and_its_way_back_are_booked_by_keys(browser, live_server):
    zoe = make.client(name="Zoé Favre", phone="+41 22 111 22 33", wheelchair=True)
    for name, place in (("Chemin du Champ 1", make.HOME), ("Rue du Lac 4", make.HOSPITAL)):
        SavedPlace.objects.create(client=zoe, label=name, address=name, lat=place[0], lon=place[1])
    path = reverse("admin:bookings_booking_telephone")
    page = log_in(browser, live_server, dispatcher("nadia"), path)

    page.locator("#client-search").press_sequentially("zoé")
    page.wait_for_selector("#client-found button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".places")
    assert page.input_value("[name=wheelchairs]") == "1"  # as she usually travels
    page.click("[data-address='Chemin du Champ 1'] [data-to=pickup]")
    page.click("[data-address='Rue du Lac 4'] [data-to=dropoff]")
    page.fill("[name=day]", str(later("00:00").date()))
    page.fill("[name=pickup_at]", "14:00")
    page.fill("[name=return_at]", "13:00")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")  # back before there: nothing is booked
    assert not Booking.objects.exists()
    page.fill("[name=return_at]", "15:30")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Booked for Zoé Favre")
    there, back = Booking.objects.order_by("scheduled_time")
    assert (there.client, there.wheelchairs, back.return_of) == (zoe, 1, there)
    assert [make.at("14:00", later("00:00").date()), later("15:30")] == [
        there.scheduled_time,
        back.scheduled_time,
    ]
    assert (back.pickup_address, back.dropoff_address) == ("Rue du Lac 4", "Chemin du Champ 1")
    assert page.errors == []


def test_a_file_with_errors_is_shown_before_its_good_rows_are_written(browser, live_server):
    day = later("00:00").date()
    rows = [
        "reference,scheduled_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,"
        "passengers,wheelchairs",
        f"A-1,{day}T09:00,46.2336,6.08,46.1936,6.1487,1,0",
        f"A-2,{day}T25:00,46.2336,6.08,46.1936,6.1487,1,0",
        f"A-3,{day}T10:00,96.2,6.08,46.1936,6.1487,1,0",
    ]
    make.company()
    path = "/admin/bookings/booking/import/"
    page = log_in(browser, live_server, dispatcher("nadia"), path)
    page.set_input_files(
        "input[type=file]",
        {"name": "day.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode()},
    )
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector("text=2 rows have errors")
    said = page.inner_text("#content, main")
    assert "T25:00" in said
    assert "write degrees from -90 to 90" in said
    assert not Booking.objects.exists()
    page.click("text=Import 1 valid booking")
    page.wait_for_url(lambda url: "/import/" not in url)
    assert list(Booking.objects.values_list("reference", flat=True)) == ["A-1"]
    assert page.errors == []


AXE = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


def test_the_pages_of_a_dispatchers_day_break_no_rule_of_wcag(browser, live_server, monkeypatch):
    anna, _ben = driver("Anna"), driver("Ben")
    waiting = booking("11:00", client=make.client(name="Zoé"))
    make.assignment(booking("09:00", client=make.client(name="Ali")), anna)
    now = later("08:00")  # of the day of the trips
    monkeypatch.setattr(timezone, "now", lambda: now)
    page = log_in(browser, live_server, dispatcher("nadia"), f"/admin/board/geneva/{now:%Y-%m-%d}/")
    page.click(".trip")
    page.wait_for_selector(".trip-panel")
    broken = {"board": axe(page)}
    page.keyboard.press("a")
    page.wait_for_selector("#action .place")
    broken["who drives"] = axe(page)
    page.click("#action button.place")
    page.wait_for_selector("#action .verdict")
    broken["what would follow"] = axe(page)
    page.keyboard.press("Escape")
    page.click(".trip-panel .link")
    page.wait_for_selector("#action form")
    broken["sick"] = axe(page)
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    page.wait_for_selector(".run-panel[data-status=preview] .placed")
    broken["preview"] = axe(page)
    page.keyboard.press("?")
    broken["keys"] = axe(page)
    page.keyboard.press("Escape")
    page.click("[data-toggle=map]")
    page.wait_for_selector("#map .map-note")
    broken["map"] = axe(page)
    for name, path in (
        ("bookings", reverse("admin:bookings_booking_changelist")),
        ("booking", reverse("admin:bookings_booking_change", args=[waiting.pk])),
        ("telephone", reverse("admin:bookings_booking_telephone")),
        ("cancel", reverse("admin:bookings_booking_cancel", args=[waiting.pk])),
        ("duplicate", reverse("admin:bookings_booking_duplicate", args=[waiting.pk])),
        ("history", reverse("admin:bookings_booking_history", args=[waiting.pk])),
        ("client", reverse("admin:bookings_client_change", args=[waiting.client_id])),
        ("driver", reverse("admin:drivers_driver_change", args=[anna.pk])),
        ("company", reverse("admin:drivers_company_change", args=[anna.company_id])),
        ("shifts", reverse("admin:drivers_shift_changelist")),
        ("roster", f"{reverse('admin:drivers_shift_roster')}?week={later('00:00').date()}"),
        ("empty day", "/admin/board/geneva/2030-06-17/"),
        ("manifests", f"/admin/board/geneva/{later('00:00').date()}/manifests/"),
        ("import", "/admin/bookings/booking/import/"),
        ("drivers", reverse("admin:drivers_driver_changelist")),
        ("runs", reverse("admin:dispatch_dispatchrun_changelist")),
    ):
        page.goto(live_server.url + path)
        broken[name] = axe(page)
    assert {name: lines for name, lines in broken.items() if lines} == {}
    page.set_content("<img src='x.png'>")
    assert "image-alt" in str(axe(page))  # it does find what is wrong


def axe(page):
    """Return a line for each rule that the page breaks, with the first elements that do."""
    found = Axe().run(page, options=AXE).response["violations"]
    return [
        f"{rule['id']} × {len(rule['nodes'])}: "
        + " | ".join(node["html"][:160] for node in rule["nodes"][:3])
        for rule in found
    ]


def test_the_search_of_the_sidebar_is_used_by_keys(browser, live_server):
    zoe = make.client(name="Zoé Favre")
    make.client(name="Zoé Blanc")
    page = log_in(browser, live_server, dispatcher("nadia"), "/admin/drivers/vehicle/")
    page.keyboard.press("t")
    page.keyboard.type("zoe")
    page.wait_for_selector("#search-results li:nth-child(2)")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/bookings/client/{zoe.pk}/change/")
    page.fill("#nav-filter", "zzz")
    page.keyboard.press("End")
    page.wait_for_selector("text=Nothing found for “zzz”.")
    assert page.errors == []


def test_the_telephone_offers_times_while_the_caller_waits(browser, live_server):
    zoe = make.client(name="Zoé Favre", phone="+41 22 111 22 33")
    for name, place in (("Chemin du Champ 1", make.HOME), ("Rue du Lac 4", make.HOSPITAL)):
        SavedPlace.objects.create(client=zoe, label=name, address=name, lat=place[0], lon=place[1])
    day = later("00:00").date()
    make.shift(make.driver(name="Anna"), day=day)
    path = reverse("admin:bookings_booking_telephone")
    page = log_in(browser, live_server, dispatcher("nadia"), path)
    page.goto(f"{live_server.url}{path}?client={zoe.pk}&day={day}")
    page.click("[data-address='Chemin du Champ 1'] [data-to=pickup]")
    page.fill("[name=appointment_at]", "11:00")
    page.click("[data-address='Rue du Lac 4'] [data-to=dropoff]")
    page.wait_for_selector("#times [data-time]")
    shown = page.locator("#times [data-time]").all_inner_texts()
    assert len(shown) == 3
    assert all("Anna" in text for text in shown)
    chosen = page.locator("#times [data-time]").nth(1)
    wanted = chosen.get_attribute("data-time")
    chosen.click()
    assert page.input_value("[name=pickup_at]") == wanted
    page.get_by_role("button", name="Book", exact=True).click()
    page.wait_for_selector("text=Booked for Zoé Favre")
    booked = Booking.objects.get()
    assert booked.scheduled_time == make.at(wanted, day)
    assert page.errors == []
