"""How long boarding takes, by person and place: one rule in plans, by hand, on the board."""

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from bookings.guards import Agreed
from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Door
from bookings.save import save_booking
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_problem
from dispatch.day.travel_times import travel_times
from dispatch.manifest import read_manifest
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.traffic.learn import read_rides
from dispatch.trips.assign import assign
from dispatch.trips.fleet_changes import TripsBroken
from drivers.models import Company, Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.ADMIN, name="Mia")
MINUTE = timedelta(minutes=1)
ENDS = {
    "pickup_lat": make.HOME[0],
    "pickup_lon": make.HOME[1],
    "dropoff_lat": make.HOSPITAL[0],
    "dropoff_lon": make.HOSPITAL[1],
}


def company(**fields):
    found = make.company()
    Company.objects.filter(pk=found.pk).update(boarding_min=3, **fields)
    found.refresh_from_db()
    return found


@pytest.mark.parametrize(
    ("passengers", "wheelchairs", "needs", "at_place", "minutes"),
    [
        (1, 0, [], None, 3),
        (1, 1, [], None, 8),
        (1, 0, ["stretcher"], None, 15),
        (2, 1, ["stretcher"], None, 15),
        (1, 1, [], 5, 8),  # at least the 5 of the place
        (1, 0, [], 5, 5),
        (1, 0, [], 0, 3),
    ],
)
def test_boarding_takes_as_long_as_the_slowest_on_board(
    passengers, wheelchairs, needs, at_place, minutes
):
    policy = Company(boarding_min=3, boarding_wheelchair_min=8, boarding_stretcher_min=15)
    on_board = {"passengers": passengers, "wheelchairs": wheelchairs, "needs": needs}
    assert policy.boarding(**on_board, at_place=at_place) == minutes


def test_without_minutes_for_persons_everybody_takes_the_same():
    policy = Company(boarding_min=3)
    for row in ((1, 0, []), (1, 1, []), (3, 1, ["stretcher"])):
        asked = dict(zip(("passengers", "wheelchairs", "needs"), row, strict=True))
        assert policy.boarding(**asked, at_place=None) == 3


def test_a_wheelchair_may_take_less_than_a_walker():
    policy = Company(boarding_min=10, boarding_wheelchair_min=4)
    assert policy.boarding(passengers=1, wheelchairs=1, needs=[], at_place=None) == 4
    assert policy.boarding(passengers=2, wheelchairs=1, needs=[], at_place=None) == 10


def test_a_place_has_its_own_margin():
    policy = Company(appointment_margin_min=5)
    assert [policy.margin(at) for at in (None, 0, 20)] == [5, 0, 20]


def test_a_plan_gives_boarding_and_margin_of_person_and_place():
    geneva = company(boarding_wheelchair_min=8)
    driver = make.driver(geneva)
    make.shift(driver)
    ward = make.place(geneva, boarding_min=12, margin_min=25)
    make.booking(geneva, clock="08:00", reference="WALKS")
    make.booking(geneva, clock="10:00", reference="ROLLS", wheelchairs=1)
    make.booking(geneva, clock="12:00", reference="WARD", wheelchairs=1, pickup_place=ward)
    at = make.at("15:40")  # with a margin of 5, 15:00 is early enough
    make.booking(geneva, clock="15:00", reference="SEEN", dropoff_place=ward, appointment_at=at)
    day = load_problem(geneva, make.DAY, now=make.NOW, leeway=BY_HAND)
    trips = {trip.reference: trip for trip in day.problem.trips}
    assert {name: trip.boarding_s // 60 for name, trip in trips.items()} == {
        "WALKS": 3, "ROLLS": 8, "WARD": 12, "SEEN": 3
    }  # fmt: skip
    assert trips["SEEN"].margin_s == 25 * 60
    run_dispatch(geneva, make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    planned = {row.booking.reference: row for row in Assignment.objects.select_related("booking")}
    took = {n: (r.planned_dropoff_at - r.planned_pickup_at) / MINUTE for n, r in planned.items()}
    ride = took["WALKS"] - 3
    assert {name: minutes - ride for name, minutes in took.items()} == {
        "WALKS": 3, "ROLLS": 8, "WARD": 12, "SEEN": 3
    }  # fmt: skip
    assert planned["SEEN"].planned_dropoff_at <= at - 25 * MINUTE


def test_by_hand_and_in_a_quote_boarding_is_that_of_person_and_place():
    geneva = company(boarding_wheelchair_min=8)
    driver = make.driver(geneva)
    make.shift(driver)
    make.place(geneva, address="Ward 1", boarding_min=12)
    booking = make.booking(geneva, wheelchairs=1)
    done = assign(geneva, booking.pk, driver.pk, actor=ACTOR, now=make.NOW).assignment
    ride = done.planned_dropoff_at - done.planned_pickup_at - 8 * MINUTE
    row = {
        "pickup_address": "WARD 1", "pickup_lat": make.HOME[0], "pickup_lon": make.HOME[1],
        "dropoff_lat": make.HOSPITAL[0], "dropoff_lon": make.HOSPITAL[1],
        "scheduled_time": make.at("14:00", make.DAY.replace(year=2098)).isoformat(),
    }  # fmt: skip
    make.shift(driver, day=make.DAY.replace(year=2098))
    (one,) = caller(Role.OWNER, geneva).post(f"{API}quotes/", row).json()["results"]
    took = datetime.fromisoformat(one["dropoff_at"]) - datetime.fromisoformat(one["pickup_at"])
    assert took == ride + 12 * MINUTE


def test_the_board_expects_arrivals_by_the_minutes_of_person_and_place():
    from dispatch.forecast.rows import read_trips

    geneva = company()
    ward = make.place(geneva, boarding_min=12)
    make.booking(geneva, pickup_place=ward)
    bounds = geneva.day_bounds(make.DAY)
    (trip,) = read_trips(geneva, make.DAY, bounds)
    assert trip.pickup_boarding_min == 12


def test_the_driver_sees_entrance_and_notes_of_the_place():
    geneva = company()
    user = make.member(geneva, Role.DRIVER, is_staff=False)
    driver = make.driver(geneva, user=user)
    ward = make.place(geneva, entrance="Entrance B", notes="Ring at Dialyse")
    trip = make.assignment(make.booking(geneva, dropoff_place=ward), driver)
    mine = caller(Role.DRIVER, geneva, user=user)
    (seen,) = mine.get(f"{API}me/day/?day={make.DAY}").json()["trips"]
    shown = [
        seen[f"{end}_{w}"] for end in ("pickup", "dropoff") for w in ("entrance", "door_notes")
    ]
    assert shown == [None, None, "Entrance B", "Ring at Dialyse"]
    confirmed = mine.post(f"{API}me/trips/{trip.booking_id}/confirm/", {}).json()
    assert confirmed["dropoff_entrance"] == "Entrance B"
    stops = read_manifest(geneva, make.DAY).drivers[0].stops
    assert [(s.entrance, s.door_notes) for s in stops] == [
        ("", ""), ("Entrance B", "Ring at Dialyse")
    ]  # fmt: skip


@pytest.mark.parametrize("moved", [0.0, 0.0001])
def test_an_address_with_other_minutes_is_held_against_the_trip(moved):
    """60 minutes of boarding from 09:00 and the ride miss an appointment at 09:30."""
    geneva = make.company()
    ward = make.place(geneva, address="Ward 1", boarding_min=60)
    booking = make.booking(geneva, reference="R1", appointment_at=make.at("09:30"))
    driver = make.driver(geneva)
    make.shift(driver)
    trip = make.assignment(booking, driver, minutes=24)
    booking.refresh_from_db()
    booking.pickup_address = "Ward 1"
    booking.pickup_lat += moved
    with pytest.raises(TripsBroken):
        save_booking(booking, actor=ACTOR, now=make.NOW)
    cells = {
        "reference": "R1",
        "scheduled_time": f"{make.DAY}T09:00",
        "appointment_at": f"{make.DAY}T09:30",
        "passengers": 1,
        "wheelchairs": 0,
        "pickup_address": "Ward 1",
    }
    for name in ("pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon"):
        cells[name] = getattr(booking, name)
    data = "\n".join(";".join(map(str, line)) for line in (cells, cells.values()))
    done = import_bookings(geneva, data.encode(), actor=ACTOR, now=make.NOW)
    assert [row.reference for row in done.broken] == ["R1"]
    agreed = Agreed(release=frozenset({trip.pk}))
    booking.refresh_from_db()
    booking.pickup_address = "Ward 1"
    save_booking(booking, actor=ACTOR, now=make.NOW, agreed=agreed)
    booking.refresh_from_db()
    assert (booking.status, booking.pickup_place_id) == ("accepted", ward.pk)


def test_learned_traffic_leaves_out_the_boarding_of_person_and_place():
    geneva = company(boarding_wheelchair_min=8)
    ward = make.place(geneva, address="Ward 1", boarding_min=20)
    driver = make.driver(geneva)
    for clock, minutes, fields in (
        ("08:00", 20, {"pickup_place": ward}),
        ("10:00", 8, {"wheelchairs": 1}),
        ("12:00", 3, {}),
    ):
        booking = make.booking(geneva, clock, **fields)
        at = booking.scheduled_time
        make.assignment(
            booking,
            driver,
            status=Assignment.Status.COMPLETED,
            actual_pickup_at=at,
            actual_dropoff_at=at + (minutes + 15) * MINUTE,
        )
    rides = read_rides(geneva, make.DAY, make.DAY + timedelta(days=1), travel_times(geneva))
    assert rides.drove_s.tolist() == [900.0] * 3


def test_the_drive_after_a_trip_begins_when_its_own_boarding_lets_it():
    week = [[3.0 if hour == 10 else 1.0 for hour in range(24)] for _day in range(7)]
    geneva = company(boarding_stretcher_min=40, traffic=week)
    make.booking(geneva, "09:15", needs=["stretcher"])
    make.booking(geneva, "09:15")
    day = load_problem(geneva, make.DAY, now=make.NOW, leeway=BY_HAND)
    assert [trip.onward_factor for trip in day.problem.trips] == [3.0, 1.0]


@pytest.mark.parametrize("first_at_ward", [True, False])
def test_a_client_is_on_the_way_as_long_as_boarding_there_takes(first_at_ward):
    """20 minutes of ride and alighting, and 90 of boarding at the ward instead of 3."""
    geneva = company()
    make.place(geneva, address="Ward 1", boarding_min=90)
    anna = make.client(geneva)
    first = Booking(
        company=geneva,
        client=anna,
        scheduled_time=make.at("08:00"),
        pickup_address="Ward 1" if first_at_ward else "Rue 9",
        **ENDS,
    )
    save_booking(first, actor=ACTOR, now=make.NOW)
    second = Booking(company=geneva, client=anna, scheduled_time=make.at("09:15"), **ENDS)
    if first_at_ward:
        with pytest.raises(ValidationError) as refused:
            save_booking(second, actor=ACTOR, now=make.NOW)
        assert list(refused.value.message_dict) == ["scheduled_time"]
    else:
        assert save_booking(second, actor=ACTOR, now=make.NOW)
