"""A trip that is late stands on the board with the best action, which a click carries out."""

import pytest
from django.urls import reverse
from django.utils import timezone

from dispatch.forecast.keep import EVERY, keep_forecasts
from dispatch.models import Assignment
from dispatch.trips.undo import last_action
from drivers.models import Role
from tests.support import builders as make
from tests.support.builders import DAY, at
from tests.support.pages import forms

NOW = at("08:56")


@pytest.fixture
def late(geneva, monkeypatch):
    """Return Ana's trip of 09:00; at 08:56 her client of 08:20 has just boarded."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    ana = make.driver(geneva, "Ana")
    ben = make.driver(geneva, "Ben", home_lat=make.HOME[0], home_lon=make.HOME[1])
    for driver in (ana, ben):
        make.shift(driver)
    make.assignment(
        make.booking(geneva, "08:20"), ana, status="in_progress", actual_pickup_at=NOW, minutes=22
    )
    return make.assignment(make.booking(geneva, "09:00"), ana, minutes=22)


def advice_of(client, company):
    client.force_login(make.member(company))
    return client.get(reverse("admin:board:advice", args=[company.slug, DAY]))


def test_a_late_trip_has_a_button_for_who_is_there_sooner(client, geneva, late):
    keep_forecasts(now=NOW)
    client.force_login(make.member(geneva))
    board = client.get(reverse("admin:board:day", args=[geneva.slug, DAY]))
    place = f'id="rescue-{late.booking_id}"'
    assert place in board.text
    assert reverse("admin:board:advice", args=[geneva.slug, DAY]) in board.text
    advice = client.get(reverse("admin:board:advice", args=[geneva.slug, DAY]))
    assert place in advice.text
    (button,) = forms(advice)
    (do_it,) = forms(client.get(button.address, button.fields))
    assert client.post(do_it.address, do_it.fields).status_code == 200
    assert Assignment.objects.open().get(booking=late.booking_id).driver.name == "Ben"
    assert last_action(geneva, DAY).is_undoable
    keep_forecasts(now=NOW + EVERY)
    assert forms(advice_of(client, geneva)) == []


def test_nothing_is_advised_by_a_forecast_that_nobody_keeps(client, geneva, late):
    assert forms(advice_of(client, geneva)) == []


def test_who_only_reads_has_the_action_without_its_button(client, geneva, late):
    keep_forecasts(now=NOW)
    client.force_login(make.member(geneva, Role.VIEWER))
    advice = client.get(reverse("admin:board:advice", args=[geneva.slug, DAY]))
    assert f'id="rescue-{late.booking_id}"' in advice.text
    assert forms(advice) == []
