"""A new company's first day in a browser: names and addresses, and no coordinate is ever typed.

From nothing but an address register and a list of trips to a planned day on the board. The steps
are counted, and `docs/first-day.md` says how many they are.
"""

import csv
import re
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking
from dispatch.board import run_views
from dispatch.models import Assignment
from dispatch.runs.options import RunOptions
from drivers.models import Company, Driver, Shift
from tests.bookings.places.test_address_register import OPEN_ADDRESSES, imported
from tests.support.browsing import PASSWORD, log_in

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = Path(settings.BASE_DIR) / "docs" / "first-day.md"
CLICK_S, KEY_S, THINK_S = 1.1, 0.28, 1.35  # Card, Moran and Newell, Comm. ACM 23 (1980), 396-410
HOSPITAL = "Rue Gabrielle-Perret-Gentil 4, 1205 Genève"
STATION = "Rue de Lausanne 12, 1201 Genève"
COLUMNS = [
    "reference", "client_name", "pickup_address", "dropoff_address", "scheduled_time",
    "passengers", "wheelchairs",
]  # fmt: skip
TRIPS = [
    ["A-1", "Mei Dubois", STATION, HOSPITAL, "09:00", 1, 0],
    ["A-2", "Zoé Favre", "avenue de feuillase 1, Meyrin", HOSPITAL, "10:00", 1, 0],  # misspelled
    ["A-3", "Léa Roux", "Place du Bourg-de-Four 99, 1204 Genève", STATION, "11:00", 1, 0],  # no 99
]
DRIVERS = [("Anna", "feuillase 1", "VD 8501"), ("Ben", "bourg de four 3", "VD 8502")]


@dataclass
class Hands:
    """Does what a person does, and counts it."""

    page: object
    clicks: int = 0
    typed: list = field(default_factory=list)

    def click(self, what):
        self.clicks += 1
        self.page.locator(what).first.click()

    def go(self, url):
        self.clicks += 1
        self.page.goto(url)

    def type(self, name, text):
        self.typed.append((name, text))
        self.page.locator(f"[name={name}]").first.fill("")
        self.page.locator(f"[name={name}]").first.press_sequentially(text)

    def choose(self, name, label):
        self.clicks += 2
        self.page.locator(f"[name={name}]").first.select_option(label=label)

    def search(self, name, text):
        self.type(name, text)
        self.page.locator("[role=listbox] [role=option]").first.wait_for()
        self.click("[role=listbox] [role=option]")

    def save(self):
        self.click("[name=_save]")
        self.page.wait_for_load_state()

    @property
    def minutes(self):
        keys = sum(len(text) for _name, text in self.typed)
        acts = self.clicks + len(self.typed)
        return (acts * (CLICK_S + THINK_S) + keys * KEY_S) / 60


def at(hands, url, name):
    return hands.go(f"{url}{reverse(name)}")


@pytest.fixture
def owner(tmp_path):
    imported(tmp_path, OPEN_ADDRESSES)
    return User.objects.create_superuser("ada", password=PASSWORD)


def test_from_names_and_addresses_to_a_planned_day(
    live_server, browser, owner, tmp_path, monkeypatch
):
    monkeypatch.setattr(run_views, "RunOptions", partial(RunOptions, iterations=500))
    day = timezone.localdate() + timedelta(days=1)
    page = log_in(browser, live_server, owner, reverse("admin:drivers_company_add"))
    hands = Hands(page)

    hands.type("name", "Acme")
    hands.type("slug", "acme")
    hands.search("depot_address", "lausane 12")
    hands.save()
    company = Company.objects.get()
    assert (company.depot_lat, company.depot_lon) == (46.2107, 6.1434)

    for _name, _home, plate in DRIVERS:
        at(hands, live_server.url, "admin:drivers_vehicle_add")
        hands.type("plate", plate)
        hands.save()
    for name, home, plate in DRIVERS:
        at(hands, live_server.url, "admin:drivers_driver_add")
        hands.type("name", name)
        hands.choose("vehicle", plate)
        if not page.locator("[name=home_address]").is_visible():
            hands.click("details:has([name=home_address]) summary")
        hands.search("home_address", home)
        hands.save()
    homes = set(Driver.objects.values_list("name", "home_lat"))
    assert homes == {("Anna", 46.234), ("Ben", 46.198)}
    for name in ("Anna", "Ben"):
        at(hands, live_server.url, "admin:drivers_shift_add")
        hands.choose("driver", name)
        for end, clock in (("start", "07:00"), ("end", "16:00")):
            hands.type(f"{end}_at_0", day.isoformat())
            hands.type(f"{end}_at_1", clock)
        hands.save()
    assert Shift.objects.count() == 2

    file = tmp_path / "trips.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows(
            [COLUMNS, *([*row[:4], f"{day} {row[4]}", *row[5:]] for row in TRIPS)]
        )
    at(hands, live_server.url, "admin:bookings_booking_upload")
    hands.clicks += 2
    page.set_input_files("[name=file]", str(file))
    hands.click("button:has-text('Preview')")
    page.locator(".import-places li").first.wait_for()
    assert page.locator(".import-places li.is-open").count() == 1
    select = page.locator(".import-places li.is-open select")
    hands.clicks += 2
    select.select_option(index=1)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1440, "height": 900})
    hands.click("button:has-text('Take these places')")
    hands.click("button:has-text('Import 3 bookings')")
    page.wait_for_load_state()
    assert Booking.objects.count() == 3
    assert not page.locator("text=far from the depot").count()

    hands.go(f"{live_server.url}/admin/board/acme/{day}/")
    page.wait_for_selector("#runs [data-act=plan]")
    hands.click("#runs [data-act=plan]")
    page.wait_for_selector(".run-panel[data-status=preview]")
    hands.click(".run-panel[data-status=preview] button:has-text('Apply all')")
    page.wait_for_selector(".run-panel[data-status=completed]")
    assert Assignment.objects.open().count() == 3
    assert page.errors == []

    assert not any(re.search(r"_(lat|lon)$", name) for name, _text in hands.typed)
    said = PAGE.read_text(encoding="utf-8")
    counted = f"{hands.clicks} clicks, {len(hands.typed)} fields, {hands.minutes:.0f} minutes"
    assert counted in said, counted
