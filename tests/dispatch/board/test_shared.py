"""What all dispatchers of a company see is made once per change, and only for who may see it."""

import gzip
import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import Event
from dispatch.board import advice_views, quiet, shared, views
from drivers.models import Role
from drivers.rest import throttling
from tests.support import builders as make
from tests.support.builders import DAY, at

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shared(settings, monkeypatch):
    settings.BOARD_SHARED_S = 15
    monkeypatch.setattr(views.timezone, "now", lambda: at("08:00"))
    monkeypatch.setattr(throttling.OUTAGE, "until_s", 0)
    monkeypatch.setattr(shared, "_here", {})
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def company(geneva):
    driver = make.driver(geneva, "Ana")
    make.shift(driver)
    make.assignment(make.booking(geneva, "09:00"), driver)
    return geneva


@pytest.fixture
def made(monkeypatch):
    """Collect the boards that are made."""
    days, read = [], views.read_board

    def reading(company, day, **about):
        days.append(day)
        return read(company, day, **about)

    monkeypatch.setattr(views, "read_board", reading)
    return days


def logged_in(company, role=Role.DISPATCHER, **fields):
    browser = Client()
    browser.force_login(make.member(company, role, **fields))
    return browser


def board_of(browser, company, **headers):
    answer = browser.get(reverse("admin:board:fragment", args=[company.slug, DAY]), **headers)
    assert answer.status_code == 200
    return answer.content


def news_of(browser, company, after, fleet):
    asked = {"after": after, "day": DAY.isoformat(), "fleet": fleet}
    return browser.get(reverse("admin:board:news", args=[company.slug]), asked)


def changed(company):
    booking = company.bookings.first()
    return Event.objects.create(
        company=company, booking=booking, kind="booking.changed", at=at("08:00"), door="admin"
    )


def test_a_board_is_made_once_for_all_who_see_the_same(company, made):
    first, second = logged_in(company), logged_in(company)
    assert board_of(first, company) == board_of(second, company)
    assert len(made) == 1
    with CaptureQueriesContext(connection) as statements:
        board_of(second, company)
    # Session, user, companies; the latest event and plan (2 before the first plan), the fleet (3).
    assert len(statements) <= 8


def test_what_changes_is_seen_at_once(company, made, monkeypatch):
    browser = logged_in(company)
    board_of(browser, company)
    driver = company.drivers.get()

    def rename():
        driver.name = "Zoé"
        driver.save()

    def decide():
        company.alighting_min += 1
        company.save()

    changes = [
        lambda: changed(company),
        rename,
        lambda: driver.absences.create(start_at=at("10:00"), end_at=at("11:00")),
        lambda: make.run(company),  # whose reasons the queue shows
        decide,
        lambda: monkeypatch.setattr(
            views.timezone, "now", lambda: at("08:00") + timedelta(seconds=15)
        ),
    ]
    for number, change in enumerate(changes, start=2):
        change()
        board_of(browser, company)
        board_of(browser, company)
        assert len(made) == number, change


def test_who_was_told_of_an_event_needs_no_more_than_what_another_read(company, made):
    first, second = logged_in(company), logged_in(company)
    event = changed(company).pk
    board_of(first, company)
    url = reverse("admin:board:fragment", args=[company.slug, DAY])
    with CaptureQueriesContext(connection) as statements:
        assert second.get(url, {"after": event}).status_code == 200
    assert len(statements) <= 3  # session, user, companies
    later = changed(company).pk
    assert f'data-event="{later}"' in second.get(url, {"after": later}).content.decode()
    latest = changed(company).pk
    assert f'data-event="{latest}"' in board_of(second, company).decode()  # as after an own act


def test_who_may_not_write_and_who_reads_french_get_their_own(company, made):
    writes = board_of(logged_in(company), company)
    assert b"is sick" in writes
    assert b"is sick" not in board_of(logged_in(company, Role.VIEWER), company)
    french = board_of(logged_in(company), company, HTTP_ACCEPT_LANGUAGE="fr")
    assert b"malade" in french
    assert board_of(logged_in(company), company) == writes
    assert len(made) == 3


def test_another_company_never_gets_it(company, made):
    other = make.company("other")
    make.shift(make.driver(other, "Bruno"))
    make.booking(other, "09:00")
    assert b"Ana" in board_of(logged_in(company), company)
    theirs = board_of(logged_in(other), other)
    assert b"Bruno" in theirs
    assert b"Ana" not in theirs
    url = reverse("admin:board:fragment", args=[company.slug, DAY])
    assert logged_in(other).get(url).status_code == 404


def test_nothing_personal_is_shared(geneva, made):
    """The first steps have buttons with the reader's token: such a board is made for each."""
    first, second = logged_in(geneva, Role.OWNER), logged_in(geneva, Role.OWNER)
    ours, theirs = board_of(first, geneva), board_of(second, geneva)
    assert b"csrfmiddlewaretoken" in ours
    assert ours != theirs
    assert len(made) == 2


def test_it_is_sent_as_it_is_kept(company):
    browser = logged_in(company)
    url = reverse("admin:board:fragment", args=[company.slug, DAY])
    packed = browser.get(url, HTTP_ACCEPT_ENCODING="gzip, br")
    assert packed["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed["Vary"]
    plain = browser.get(url)
    assert "Content-Encoding" not in plain
    assert gzip.decompress(packed.content) == plain.content


def _silent(*about, **more):
    raise OSError("no answer")


def test_while_the_cache_fails_a_process_shares_its_own(company, made, monkeypatch):
    for name in ("get", "add", "set", "delete"):
        monkeypatch.setattr(shared.cache, name, _silent, raising=False)
    browser = logged_in(company)
    assert b"Ana" in board_of(browser, company)
    assert b"Ana" in board_of(browser, company)
    assert len(made) == 1  # by this process
    throttling.OUTAGE.is_known = False


def test_another_process_finds_it_in_the_cache(company, made, monkeypatch):
    browser = logged_in(company)
    ours = board_of(browser, company)
    monkeypatch.setattr(shared, "_here", {})
    assert board_of(browser, company) == ours
    assert len(made) == 1


def test_a_process_keeps_only_the_latest(company, monkeypatch):
    monkeypatch.setattr(shared, "KEPT_HERE", 2)
    browser = logged_in(company)
    for _number in range(4):
        changed(company)
        board_of(browser, company)
    assert len(shared._here) == 2


def test_who_comes_while_another_makes_it_waits_for_that_one(company, made, monkeypatch):
    """The other one is played by the waiting: it shares its board, or dies without."""
    browser, kept = logged_in(company), board_of(logged_in(company), company)
    keys, real = [], shared._key
    monkeypatch.setattr(shared, "_key", lambda *about: keys.append(real(*about)) or keys[-1])
    changed(company)

    def shares(seconds):
        cache.set(keys[-1], gzip.compress(b"made by another"))

    add = shared.cache.add
    monkeypatch.setattr(shared.cache, "add", lambda key, *about: add(key, *about) and False)
    monkeypatch.setattr(shared.time, "sleep", shares)
    assert board_of(browser, company) == b"made by another"
    changed(company)
    monkeypatch.setattr(shared.time, "sleep", lambda seconds: cache.delete(f"{keys[-1]}.made"))
    assert board_of(browser, company) != kept
    assert len(made) == 2


def test_the_news_of_a_day_are_read_once_for_all_who_ask(company, monkeypatch):
    monkeypatch.setattr(shared, "STAMP_KEPT_S", 60)
    first, second = logged_in(company), logged_in(company)
    event, _run, fleet = shared.read_stamp(company, DAY)
    assert news_of(first, company, event, fleet).status_code == 204
    with CaptureQueriesContext(connection) as statements:
        assert news_of(second, company, event, fleet).status_code == 204
    assert len(statements) <= 3  # session, user, companies
    later = changed(company)
    cache.clear()  # half a second later
    assert news_of(second, company, event, fleet).json()["event"] == later.pk
    assert news_of(second, company, later.pk, "another").json() == {"event": later.pk, "by": []}


class TestQuiet:
    """Who was told that there is nothing new is told so again without a statement."""

    @pytest.fixture(autouse=True)
    def _kept(self, monkeypatch):
        monkeypatch.setattr(shared, "STAMP_KEPT_S", 60)  # on a slow machine too

    def asked(self, browser, company, event, fleet):
        with CaptureQueriesContext(connection) as statements:
            answer = news_of(browser, company, event, fleet)
        return answer, len(statements)

    def test_no_statement_while_nothing_happens(self, company):
        browser = logged_in(company)
        event, _run, fleet = shared.read_stamp(company, DAY)
        assert news_of(browser, company, event, fleet).status_code == 204
        answer, statements = self.asked(browser, company, event, fleet)
        assert (answer.status_code, answer.content, statements) == (204, b"", 0)
        assert "no-store" in answer["Cache-Control"]

    def test_what_has_happened_is_told(self, company):
        browser = logged_in(company)
        event, _run, fleet = shared.read_stamp(company, DAY)
        news_of(browser, company, event, fleet)
        latest = changed(company).pk
        shared.read_stamp(company, DAY)  # as half a second later, or by who has changed it
        assert news_of(browser, company, event, fleet).json()["event"] == latest
        assert news_of(browser, company, latest, "another").status_code == 200
        assert news_of(browser, company, latest, fleet).status_code == 204

    def test_nobody_else_is_answered_by_that(self, company):
        event, _run, fleet = shared.read_stamp(company, DAY)
        news_of(logged_in(company), company, event, fleet)
        strangers = {
            Client(): 302,
            logged_in(make.company("other")): 404,
            logged_in(company, Role.DRIVER, is_staff=False): 302,
        }
        for browser, status in strangers.items():
            for _again in range(2):
                assert news_of(browser, company, event, fleet).status_code == status

    def test_a_session_or_role_that_has_ended_is_found_out(self, company, monkeypatch):
        monkeypatch.setattr(quiet, "QUIET_S", 0)  # ten seconds later
        member = make.member(company)
        browser = Client()
        browser.force_login(member)
        event, _run, fleet = shared.read_stamp(company, DAY)
        assert news_of(browser, company, event, fleet).status_code == 204
        member.memberships.get().delete()
        assert news_of(browser, company, event, fleet).status_code == 403
        browser.session.flush()
        assert news_of(browser, company, event, fleet).status_code == 302

    @pytest.mark.parametrize(
        "query", ["after=x&day=2026-06-17&fleet=a", "after=0&day=x&fleet=a", "after=-1"]
    )
    def test_nonsense_goes_to_the_view(self, company, query):
        url = reverse("admin:board:news", args=[company.slug])
        assert logged_in(company).get(f"{url}?{query}").status_code == 400


def test_advice_is_worked_out_once_for_all_who_see_the_same(company, monkeypatch):
    monkeypatch.setattr(shared, "STAMP_KEPT_S", 60)  # on a slow machine too
    make.booking(company, "10:00", status="accepted")
    worked_out, advise = [], advice_views.advise_day
    monkeypatch.setattr(
        advice_views, "advise_day", lambda *day, **at: worked_out.append(day) or advise(*day, **at)
    )
    first, second = logged_in(company), logged_in(company)
    board = board_of(first, company).decode()
    (url,) = re.findall(r'id="advice-vehicles" class="advice" hx-get="([^"]+)"', board)
    advice = first.get(url).content
    assert b"advice-" in advice
    with CaptureQueriesContext(connection) as statements:
        assert second.get(url).content == advice
    assert len(statements) <= 3  # session, user, companies
    assert len(worked_out) == 1
    # Who may not write reads the same without buttons; what has changed is worked out again.
    assert logged_in(company, Role.VIEWER).get(url).content != advice
    assert len(worked_out) == 2
    second.get(url.split("?")[0], {"after": changed(company).pk})
    assert len(worked_out) == 3
