"""The pages of reports in a real browser: nothing for axe to find, nothing beside the screen."""

import pytest
from django.utils import timezone

from dispatch.reports.refresh import refresh
from drivers.models import Role
from tests.dispatch.reports.test_count import driven
from tests.drivers.admin.test_admin_browser import axe
from tests.support import builders as make
from tests.support.browsing import PASSWORD, log_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_reports_fit_every_screen_and_axe_finds_nothing(browser, live_server):
    geneva = make.company()
    today = geneva.local(timezone.now()).date()
    clinic = make.customer(geneva, "Clinique des Grangettes, service de dialyse")
    driver = make.driver(geneva, "Anna")
    make.shift(driver, "08:00", "18:00", day=today)
    for number in range(6):
        owner = {"customer": clinic} if number % 2 else {}
        driven(geneva, driver, f"{8 + number}:00", day=today, late=number * 9, **owner)
    refresh(geneva, now=timezone.now())
    user = make.member(geneva, Role.OWNER)
    user.set_password(PASSWORD)
    user.save()
    page = log_in(browser, live_server, user, "/admin/reports/geneva/")
    for address in ("/admin/reports/geneva/", "/admin/reports/geneva/driven/"):
        for width in (360, 768, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{live_server.url}{address}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (address, width)
        assert axe(page) == []
    assert page.errors == []
