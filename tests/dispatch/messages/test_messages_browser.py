"""Pages of messages, of wards and of “what if” in a real browser: nothing for axe to find."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import MessageText
from dispatch.messages.ward_pages import make_ward_page
from dispatch.runs import background
from dispatch.runs.background import start_comparison
from dispatch.runs.changes import Changes
from dispatch.runs.worker import take_over, work
from drivers.companies.actors import Actor, Door
from drivers.models import Role
from tests.drivers.admin.test_admin_browser import axe
from tests.support import builders as make
from tests.support.browsing import PASSWORD, log_in

pytestmark = pytest.mark.django_db(transaction=True)
WIDTHS = (360, 768, 1440)


@pytest.fixture
def geneva():
    company = make.company(name="Geneva Cars")
    policy = make.message_policy(company)
    MessageText.objects.create(policy=policy, kind="booked", language="en", text="{clock}")
    return company


def owner(browser, live_server, company):
    user = make.member(company, Role.OWNER)
    user.set_password(PASSWORD)
    user.save()
    return log_in(browser, live_server, user, "/admin/reports/geneva/")


def faults(page, address):
    """Return what axe finds at each width, and the widths that are too narrow for the page."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(address)
        wide = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{wide} > {width}"] if wide > width else []
        found += axe(page)
    return found


def test_the_pages_of_messages_have_no_faults(browser, live_server, geneva):
    booking = make.booking(geneva, client=make.client(geneva, "Ada"))
    make.message(booking, kind="booked", channel="sms", text="09:00", status="sent")
    page = owner(browser, live_server, geneva)
    policy = f"messagepolicy/{geneva.message_policy.pk}/change"
    for address in ("message", policy):
        assert faults(page, f"{live_server.url}/admin/bookings/{address}/") == [], address
    assert page.errors == []


def test_the_pages_of_wards_have_no_faults(browser, live_server, geneva):
    clinic, now = make.customer(geneva, "Clinique des Grangettes"), timezone.now()
    place = make.place(geneva, name="Dialysis")
    for hours, name in ((1, "Ada Lovelace"), (2, "Bea Brown")):
        make.booking(
            geneva, client=make.client(geneva, name, customer=clinic), customer=clinic,
            dropoff_place=place, scheduled_time=now + timedelta(hours=hours),
        )  # fmt: skip
    maker = make.member(geneva, Role.DISPATCHER)
    about = {"shows_names": True, "days": 9, "user_id": maker.pk, "now": now}
    _page, key = make_ward_page(clinic, place, **about)
    page = owner(browser, live_server, geneva)
    for address in (f"admin/drivers/customer/{clinic.pk}/wards/", f"ward/?k={key}"):
        assert faults(page, f"{live_server.url}/{address}") == [], address
    page.clock.install()
    page.goto(f"{live_server.url}/ward/?k={key}")
    assert page.inner_text(".who") == "Ada Lovelace"
    with page.expect_navigation():
        page.clock.run_for(61_000)
    assert page.errors == []


def test_the_pages_of_what_if_have_no_faults(browser, live_server, geneva, monkeypatch):
    monkeypatch.setattr(background, "send", lambda run: None)  # it is worked on here
    driver = make.driver(geneva, "Anna")
    make.shift(driver)
    make.booking(geneva)
    run = start_comparison(
        geneva,
        make.DAY,
        until=make.DAY + timedelta(days=1),
        changes=Changes({"pickup_late_min": 30}, more_like=(driver.vehicle_id,)),
        now=timezone.now(),
        actor=Actor(Door.API),
        time_limit_s=0,
    )
    work(take_over(run.pk, now=timezone.now()))
    page = owner(browser, live_server, geneva)
    for address in (f"compare/{geneva.slug}", f"{run.pk}/change"):
        found = faults(page, f"{live_server.url}/admin/dispatch/dispatchrun/{address}/")
        assert found == [], address
    assert page.errors == []
