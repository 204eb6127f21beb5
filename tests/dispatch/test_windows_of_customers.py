"""A customer's own pickup window, wherever a window matters."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from bookings.models import Actor, Booking, Door
from dispatch.board.day import read_board
from dispatch.board.detail import read_detail
from dispatch.day.keeping import BY_HAND, Leeway
from dispatch.day.load import load_problem
from dispatch.day.trips import pickup_window
from dispatch.manifest import read_manifest
from dispatch.models import DispatchRun
from dispatch.runs.apply import StalePlan
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.parts import ALL
from dispatch.runs.previews import apply_preview, plan_preview
from dispatch.trips.advice.advise import imagined
from dispatch.trips.candidates import candidates_for
from drivers.models import Customer, Role
from tests.support import builders as make
from tests.support.builders import at
from tests.support.callers import API, caller

ACTOR = Actor(Door.COMMAND, name="test")
pytestmark = pytest.mark.django_db


@pytest.fixture
def geneva():
    return make.company(pickup_early_min=10, pickup_late_min=15, return_late_min=30)


@pytest.fixture
def hospital(geneva):
    return make.customer(geneva, "HUG", pickup_early_min=0, pickup_late_min=40, return_late_min=5)


def windows(company):
    """Return {booking: its window in minutes around the wanted pickup}, as the planner has it."""
    day = load_problem(company, make.DAY, now=make.NOW, leeway=BY_HAND)
    return {
        trip.id: ((trip.earliest_s - trip.wanted_s) // 60, (trip.latest_s - trip.wanted_s) // 60)
        for trip in day.problem.trips
    }


def test_the_planner_keeps_the_window_of_each_customer_else_the_companys(geneva, hospital):
    ward = make.customer(geneva, "Ward", pickup_late_min=0)
    theirs, others, mixed = (
        make.booking(geneva, customer=owner, clock="09:00")
        for owner in (hospital, geneva.default_customer, ward)
    )
    back = make.booking(geneva, customer=hospital, clock="14:00", return_of=theirs)
    home = make.booking(geneva, clock="14:00", return_of=others)
    assert windows(geneva) == {
        theirs.pk: (0, 40),
        others.pk: (-10, 15),
        mixed.pk: (-10, 0),
        back.pk: (0, 5),
        home.pk: (0, 30),
    }


def test_board_manifest_and_advice_say_the_same_window(geneva, hospital):
    driver = make.driver(geneva)
    make.shift(driver)
    booking = make.booking(geneva, customer=hospital, clock="09:00")
    waits = make.booking(geneva, customer=hospital, clock="12:00")
    make.assignment(booking, driver)
    found = read_detail(geneva, booking.pk)
    assert (found.earliest_at, found.latest_at) == (at("09:00"), at("09:40"))
    (stop, *_rest) = read_manifest(geneva, make.DAY).drivers[0].stops
    assert (stop.earliest_at, stop.latest_at) == (at("09:00"), at("09:40"))
    day = load_problem(geneva, make.DAY, now=make.NOW, leeway=BY_HAND)
    assert pickup_window(geneva, day.bookings[booking.pk]) == (at("09:00"), at("09:40"))
    board = read_board(geneva, make.DAY, now=make.NOW)
    assert [one.latest_at for one in board.waiting if one.row.id == waits.pk] == [at("12:40")]


def test_a_standing_order_and_a_file_need_nothing_of_their_own(geneva, hospital):
    """The window is the customer's, whatever made the booking."""
    order = make.series(geneva, client=make.client(geneva, customer=hospital), customer=hospital)
    booking = make.booking(
        geneva, customer=hospital, client=order.client, series=order, series_day=make.DAY,
        series_leg=0, clock="08:00",
    )  # fmt: skip
    assert windows(geneva) == {booking.pk: (0, 40)}


def test_a_change_of_the_window_makes_a_preview_stale(geneva, hospital):
    make.shift(make.driver(geneva))
    make.booking(geneva, customer=hospital, clock="09:00")
    report = plan_preview(geneva, make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    run = DispatchRun.objects.select_related("company").get(id=report.run)
    Customer.objects.filter(pk=hospital.pk).update(pickup_late_min=5)
    with pytest.raises(StalePlan):
        apply_preview(run, now=make.NOW, actor=ACTOR, choice=ALL)
    assert not Booking.objects.filter(status="assigned").exists()


def test_a_trip_whose_window_is_over_is_left_out_by_its_own_customers(geneva, hospital):
    booking = make.booking(geneva, customer=hospital, clock="09:00")
    other = make.booking(geneva, clock="09:00")
    now = at("09:00") + timedelta(minutes=20)
    day = load_problem(geneva, make.DAY, now=now, leeway=Leeway())
    assert other.pk in day.left_out
    assert booking.pk not in day.left_out


def test_an_imagined_booking_has_the_window_of_its_customer(geneva, hospital):
    anna = make.driver(geneva)
    make.shift(anna, start="09:10")
    wanted = {"pickup_lat": make.HOSPITAL[0], "pickup_lon": make.HOSPITAL[1]}
    wanted |= {"dropoff_lat": make.HOME[0], "dropoff_lon": make.HOME[1]}
    for owner, come in ((hospital, [anna.pk]), (geneva.default_customer, [])):
        booking = Booking(company=geneva, customer=owner, scheduled_time=at("08:40"), **wanted)
        day, row = imagined(geneva, booking, now=make.NOW)
        assert row.own_window == owner.own_window
        assert [one.driver_id for one in candidates_for(day, row)] == come


def test_the_api_sets_and_clears_the_window_within_bounds(geneva, hospital):
    page = f"{API}customers/{hospital.pk}/"
    owner = caller(Role.DISPATCHER, geneva)
    shown = owner.patch(page, {"pickup_late_min": None, "return_late_min": 12}).json()
    assert (shown["pickup_early_min"], shown["pickup_late_min"], shown["return_late_min"]) == (
        0,
        None,
        12,
    )
    for wrong in (-1, 721, "10"):
        assert owner.patch(page, {"pickup_early_min": wrong}).status_code == 400
    # Customers are the company's own: a client system does not even learn its window.
    assert caller(Role.CLIENT_API, geneva, customer=hospital).get(page).status_code == 403


@pytest.mark.parametrize("name", ["pickup_early_min", "pickup_late_min", "return_late_min"])
def test_the_database_keeps_the_bounds(hospital, name):
    setattr(hospital, name, 721)
    with pytest.raises(ValidationError):
        hospital.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        Customer.objects.filter(pk=hospital.pk).update(**{name: 721})
