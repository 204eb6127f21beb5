"""The page of traffic: what it shows, who changes it, what it refuses."""

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Actor, Door
from drivers.fleet.traffic import TrafficRefused, restore_traffic, set_traffic
from drivers.models import Company, Role, TrafficVersion
from tests.dispatch.traffic.test_learned import drive_for_weeks
from tests.support import builders as make
from tests.support.pages import shown_fields

PAGE = "/admin/drivers/trafficversion/"
ACTOR = Actor(Door.COMMAND, name="test")
WEEK = [[1.0] * 24 for _day in range(7)]


@pytest.fixture
def geneva(db):
    return make.company("geneva")


@pytest.fixture
def owner(client, geneva):
    client.force_login(make.member(geneva, Role.OWNER, username="olga"))
    return client


def post(browser, what, **values):
    return browser.post(PAGE, {"company": "geneva", "what": what, **values}, follow=True)


def said(response):
    return [str(message) for message in response.context["messages"]]


def entered(**changes):
    week = {f"f-{d}-{h}": "1.00" for d in range(7) for h in range(24)}
    return week | changes


def test_factors_are_entered_with_point_or_comma_and_counted_from_then_on(owner):
    response = post(owner, "save", **entered(**{"f-0-8": "1,5", "f-4-17": "1.75"}))
    assert "The traffic was saved." in said(response)
    company = Company.objects.get()
    assert (company.traffic[0][8], company.traffic[4][17], company.traffic[6][3]) == (1.5, 1.75, 1)
    (version,) = TrafficVersion.objects.all()
    assert (version.user.username, version.source) == ("olga", "edited")
    assert shown_fields(owner.get(PAGE))["f-0-8"] == ["1.50"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fast", "Monday, 8:00: “fast” is no factor; enter one such as 1.25."),
        ("", "Monday, 8:00: “” is no factor; enter one such as 1.25."),
        ("9", "A traffic factor must be from 0.5 to 3.0, not “9.0”."),
        ("-1", "Monday, 8:00: “-1” is no factor; enter one such as 1.25."),
    ],
)
def test_nonsense_is_refused_and_what_was_entered_stays_on_the_page(owner, text, why):
    response = post(owner, "save", **entered(**{"f-0-8": text, "f-1-9": "1.3"}))
    assert response.status_code == 400
    assert said(response) == [why]
    shown = shown_fields(response)
    assert (shown["f-0-8"], shown["f-1-9"]) == ([text], ["1.3"])
    assert not TrafficVersion.objects.exists()


def test_an_earlier_version_is_shown_and_restored(owner, geneva):
    first = set_traffic(geneva, [[1.2] * 24] * 7, "edited", now=make.NOW, actor=ACTOR)
    set_traffic(geneva, [], "edited", now=make.NOW, actor=ACTOR)
    page = owner.get(f"{PAGE}?version={first.pk}")
    assert "An earlier version, which does not count." in page.content.decode()
    assert shown_fields(page)["f-3-3"] == ["1.20"]
    assert Company.objects.get().traffic == []
    response = post(owner, "restore", version=first.pk)
    assert "The earlier traffic counts again." in said(response)
    assert Company.objects.get().traffic == [[1.2] * 24] * 7
    assert [v.source for v in TrafficVersion.objects.order_by("id")] == [
        "edited",
        "edited",
        "restored",
    ]


def test_it_learns_from_the_page_and_shows_intervals(owner, geneva, monkeypatch):
    drive_for_weeks(geneva, np.random.default_rng(1), per_day=10)
    monkeypatch.setattr("django.utils.timezone.now", lambda: make.at("06:00"))
    assert "rides from 2026-05-20 to 2026-06-16" in said(post(owner, "learn"))[0]
    page = owner.get(PAGE).content.decode()
    assert 'class="band"' in page
    assert "rides · ± 0." in page
    assert "Learned from completed trips: " in page
    post(owner, "free")
    assert Company.objects.get().traffic == []
    assert "Free roads at every hour" in owner.get(PAGE).content.decode()


def test_too_few_rides_are_refused(owner):
    response = post(owner, "learn")
    assert response.status_code == 400
    assert "50 are needed" in said(response)[0]


def test_dispatchers_see_it_and_only_owners_change_it(client, geneva):
    client.force_login(make.member(geneva, Role.DISPATCHER))
    page = client.get(PAGE).content.decode()
    assert "f-0-8" not in page
    assert post(client, "save", **entered()).status_code == 404
    client.force_login(make.member(geneva, Role.DRIVER))
    assert client.get(PAGE).status_code == 403


def test_companies_do_not_see_each_other(client, geneva):
    secret = set_traffic(geneva, [[1.9] * 24] * 7, "edited", now=make.NOW, actor=ACTOR)
    basel = make.company("basel")
    client.force_login(make.member(basel, Role.OWNER))
    assert "1.90" not in client.get(f"{PAGE}?version={secret.pk}").content.decode()
    assert post(client, "free").status_code == 404
    response = client.post(
        PAGE, {"company": "basel", "what": "restore", "version": secret.pk}, follow=True
    )
    assert said(response) == ["The company has no such version of its traffic."]
    with pytest.raises(TrafficRefused):
        restore_traffic(basel, secret.pk, now=make.NOW, actor=ACTOR)
    assert Company.objects.get(slug="basel").traffic == []


@pytest.mark.parametrize(
    "factors", [[[1.0] * 24] * 6, [[1.0] * 23] * 7, [["x"] * 24] * 7, [[0.4] * 24] * 7]
)
def test_what_is_no_week_of_factors_is_refused(geneva, factors):
    with pytest.raises(TrafficRefused):
        set_traffic(geneva, factors, "edited", now=make.NOW, actor=ACTOR)
    assert not TrafficVersion.objects.exists()


def test_the_page_reads_the_versions_at_once(owner, geneva):
    owner.get(PAGE)
    counts = []
    for _n in range(2):
        set_traffic(geneva, WEEK, "edited", now=make.NOW, actor=ACTOR)
        with CaptureQueriesContext(connection) as sent:
            owner.get(PAGE)
        counts.append(len(sent))
        assert sum("trafficversion" in query["sql"] for query in sent) == 1
    assert counts[0] == counts[1]
