"""By hand, too, nobody is in two places at once without an override. A trip takes 24 minutes."""

from datetime import timedelta

import pytest

from bookings.models import Actor, Door
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.advice.advise import advise
from dispatch.trips.assign import RuleBroken, assign, load_trip, preview_assignment, swap
from dispatch.trips.candidates import candidates_for
from tests.support import builders as make
from tests.support.builders import at

pytestmark = pytest.mark.django_db
BY = {"actor": Actor(Door.ADMIN, name="Nadia"), "now": make.NOW}


@pytest.fixture
def cast():
    """Return (Anna's trip at nine with Ben, another of hers at quarter past, Cora)."""
    anna = make.client(name="Anna")
    ben, cora = make.driver(name="Ben"), make.driver(name="Cora")
    for driver in (ben, cora):
        make.shift(driver)
    first = make.booking(clock="09:00", reference="A-12", client=anna)
    second = make.booking(clock="09:15", reference="A-13", client=anna)
    make.assignment(first, ben, planned_pickup_at=at("09:00"))
    return first, second, cora


def codes(preview):
    return [fault.code for fault in preview.faults]


def test_an_assignment_at_the_same_time_is_refused_with_the_other_trip(cast):
    _first, second, cora = cast
    with pytest.raises(RuleBroken) as refusal:
        assign(second.company, second.id, cora.id, pickup_at=at("09:15"), **BY)
    (fault,) = refusal.value.faults
    assert fault.code == "two_places"
    assert fault.text.startswith("Anna cannot be in two places: trip A-12 lasts from 09:00 to 09:2")
    trip = assign(
        second.company, second.id, cora.id, pickup_at=at("09:15"), override="two Annas", **BY
    )
    assert trip.assignment.locked


def test_without_a_time_the_pickup_waits_for_the_other_trip(cast):
    _first, second, cora = cast
    preview = preview_assignment(second.company, second.id, cora.id, now=make.NOW)
    assert preview.fits
    assert at("09:23") < preview.pickup_at <= at("09:25")
    day, row = load_trip(second.company, second.id, make.NOW)
    assert all(one.pickup_at > at("09:23") for one in candidates_for(day, row))


def test_for_another_person_the_same_time_fits(cast):
    _first, second, cora = cast
    second.overlap_meant = True
    second.save()
    company = second.company
    preview = preview_assignment(company, second.id, cora.id, now=make.NOW, pickup_at=at("09:15"))
    assert preview.fits


def test_a_trip_that_cannot_wait_says_who_is_under_way_and_when_it_could_be(cast):
    _first, second, _cora = cast
    second.scheduled_time = at("08:50")  # the window ends at 09:05
    second.save()
    advice = advise(second.company, second.id, now=make.NOW)
    assert (advice.candidates, advice.why.reason) == ((), "two_places")
    assert advice.why.detail.startswith("Anna is still under way with Ben on trip 09:00 Anna until")
    (suggestion, *_others) = advice.suggestions
    assert suggestion.suggestion.change.wanted_at == at("09:24")


def test_a_swap_keeps_two_trips_of_one_client_apart(cast):
    first, second, cora = cast
    make.assignment(second, cora, planned_pickup_at=at("09:24"))
    swap(first.company, first.id, second.id, **BY)
    early, late = Assignment.objects.open().order_by("planned_pickup_at")
    assert (early.booking, early.driver.name, late.driver.name) == (first, "Cora", "Ben")
    assert early.planned_dropoff_at + timedelta(minutes=2) <= late.planned_pickup_at


def test_a_run_leaves_one_of_two_out_and_its_report_names_the_other(cast):
    first, second, _cora = cast
    second.scheduled_time, second.appointment_at = at("09:00"), at("09:25")
    second.save()
    first.appointment_at = at("09:25")
    first.save()
    report = run_dispatch(first.company, make.DAY, options=FIRST_PLAN, **BY)
    (row,) = report.unassigned
    assert (row.reference, row.reason) == ("A-13", "two_places")
    assert row.detail.startswith("Anna is still under way with Ben on trip A-12 until 09:2")
