"""What pages may load and run is told to browsers, and they find nothing that breaks it."""

from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse

from dispatchsite import env
from tests.dispatch.board.test_board_actions import booking, driver, later
from tests.dispatch.board.test_board_browser import dispatcher
from tests.support import builders as make
from tests.support.browsing import log_in

OPEN = ["/admin/login/", "/admin/login/forgotten/", "/api/v1/docs/", "/api/v1/redoc/"]


class Scripts(HTMLParser):
    """Finds scripts inside the page without a nonce, handlers in attributes, and javascript:."""

    def __init__(self, html):
        super().__init__()
        self.wrong = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        is_data = values.get("type") in ("application/json", "importmap")
        if tag == "script" and not (is_data or values.get("src") or values.get("nonce")):
            self.wrong.append(self.get_starttag_text())
        handlers = [name for name in values if name.startswith("on")]
        if handlers or any((v or "").strip().startswith("javascript:") for v in values.values()):
            self.wrong.append(self.get_starttag_text())


def test_what_breaks_it_is_found():
    page = "<script>x</script><a onclick=x href='javascript:x'><script nonce=y>x</script>"
    assert len(Scripts(page).wrong) == 2


def addresses():
    """Yield the list and the form of every model of the admin, and the pages of their own."""
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        yield reverse(f"{name}_add")
        row = model._default_manager.order_by("pk").first()
        if row is not None:
            yield reverse(f"{name}_change", args=[row.pk])
            yield reverse(f"{name}_history", args=[row.pk])
    for name in ("account", "password_change", "app_list", "bookings_booking_telephone"):
        yield reverse(f"admin:{name}", args=["drivers"] if name == "app_list" else [])
    for name in ("day", "manifests"):
        yield reverse(f"admin:board:{name}", args=["geneva", make.DAY])
    yield reverse("admin:drivers_shift_roster")
    yield from OPEN


@pytest.mark.slow
@pytest.mark.any_database
@pytest.mark.django_db
def test_every_page_says_what_it_may_run_and_runs_nothing_else(client):
    client.force_login(User.objects.create_superuser("root"))
    company = make.company("geneva")
    make.assignment(make.booking(company), make.driver(company))
    pages = 0
    for where in addresses():
        response = client.get(where)
        policy = response.headers.get("Content-Security-Policy", "")
        assert "default-src 'self'" in policy, where
        scripts = policy.split("script-src ")[1].split(";")[0]
        assert "unsafe-inline" not in scripts, where
        assert "camera=()" in response.headers["Permissions-Policy"], where
        if response.status_code == 200:
            assert Scripts(response.content.decode()).wrong == [], where
            pages += 1
    assert pages > 40


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("", []),
        ("https://tile.example.org/{z}/{x}/{y}.png", ["https://tile.example.org"]),
        ("https://{s}.example.org:8443/{z}/{x}/{y}.png", ["https://*.example.org:8443"]),
    ],
)
def test_the_maps_tiles_are_allowed(url, hosts):
    assert env.hosts_of_tiles(url) == hosts


@pytest.mark.django_db(transaction=True)
def test_browsers_find_nothing_that_breaks_it(browser, live_server):
    day = later("00:00").date()
    make.assignment(booking("09:00", client=make.client(name="Mme Blanc")), driver("Anna"))
    board = f"/admin/board/geneva/{day}/"
    page = log_in(browser, live_server, dispatcher("nadia"), board)
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.reload()
    page.wait_for_selector("#runs [data-act=plan]")
    page.click("[data-toggle=map]")
    page.wait_for_selector("#map .leaflet-pane", state="attached")
    for where, shown in (
        (reverse("admin:bookings_booking_telephone"), "form"),
        (reverse("admin:bookings_booking_changelist"), "#changelist"),
        (reverse("admin:account"), "form"),
        ("/api/v1/docs/", ".swagger-ui .info"),
        ("/api/v1/redoc/", "redoc h1"),
    ):
        page.goto(live_server.url + where)
        page.wait_for_selector(shown, state="attached", timeout=60_000)  # drawing the API is slow
    # Redoc's own logo, of another server, is what the policy is for: it is not loaded.
    broken = [text for text in said if "Content Security Policy" in text]
    assert [text for text in broken if "cdn.redoc.ly/redoc/logo-mini.svg" not in text] == []
    assert page.errors == []
