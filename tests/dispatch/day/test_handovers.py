"""A vehicle that two drivers have one after the other is handed over between their shifts."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from dispatch.board.day import read_board
from dispatch.day.keeping import BY_HAND, Leeway
from dispatch.day.load import load_problem
from dispatch.manifest import read_manifest
from dispatch.planner.check.plan import Rule, check
from dispatch.planner.problem import Plan, PlannedTrip
from dispatch.planner.solve import solve
from dispatch.trips.changed_day import part_of
from drivers.fleet.handovers import handed_over
from tests.support import builders as make

HOME = {"home_lat": 46.3, "home_lon": 6.2}
PLACE = (46.21, 6.11)


def test_only_neighbours_of_two_drivers_hand_over():
    turns = [(1, 8, 11, 1), (1, 12, 12, 2), (1, 16, 13, 2), (2, 9, 14, 3), (1, 20, 15, 1)]
    assert handed_over(turns) == ({12, 15}, {11, 13})
    assert handed_over([]) == (set(), set())


@pytest.fixture
def pair():
    """Return the early and the late driver of one vehicle, at home far away."""
    car = make.vehicle(plate="HAND 1")
    early, late = (make.driver(name=name, vehicle=car, **HOME) for name in ("Early", "Late"))
    make.shift(early, "06:00", "12:00")
    make.shift(late, "12:00", "18:00")
    return early, late, car


def duties(day):
    names = {driver.id: driver.name for driver in day.problem.drivers}
    return {names[duty.driver_id]: (duty.start, duty.end) for duty in day.problem.duties}


def load(leeway=None):
    company = make.Company.objects.get()
    return load_problem(company, make.DAY, now=make.NOW, leeway=leeway or Leeway())


@pytest.mark.django_db
class TestOfADay:
    def test_it_is_at_the_depot_unless_the_vehicle_has_a_place(self, pair):
        early, late, car = pair
        home = (46.3, 6.2)
        assert duties(load()) == {"Early": (home, make.DEPOT), "Late": (make.DEPOT, home)}
        car.handover_lat, car.handover_lon = PLACE
        car.save()
        assert duties(load()) == {"Early": (home, PLACE), "Late": (PLACE, home)}

    def test_two_vehicles_or_two_shifts_of_one_driver_are_driven_home(self, pair):
        early, late, _car = pair
        make.Shift.objects.filter(driver=late).update(vehicle=make.vehicle(plate="HAND 2"))
        home = (46.3, 6.2)
        assert duties(load()) == {"Early": (home, home), "Late": (home, home)}
        make.Shift.objects.filter(driver=late).update(driver=early)
        assert all(duty.start == duty.end == home for duty in load().problem.duties)

    def test_a_night_shift_hands_over_to_the_early_one_of_the_next_day(self, pair):
        """Seen on the day on which they meet, by planner, board and manifest."""
        early, late, _car = pair
        make.Shift.objects.all().delete()
        before = make.DAY - timedelta(days=1)
        night = make.shift(late, "22:00", "30:00", day=before)
        with pytest.raises(IntegrityError), transaction.atomic():
            make.shift(early, "05:59", "14:00")
        make.shift(early, "06:00", "14:00")
        with pytest.raises(IntegrityError), transaction.atomic():
            make.Shift.objects.filter(pk=night.pk).update(end_at=make.at("06:01"))
        home, company = (46.3, 6.2), make.Company.objects.get()
        at_two = load_problem(company, make.DAY, now=make.at("02:00"), leeway=Leeway())
        assert duties(at_two) == {"Late": (home, make.DEPOT), "Early": (make.DEPOT, home)}
        board = read_board(company, make.DAY, now=make.at("02:00"))
        shifts = [shift for row in board.drivers for shift in row.shifts]
        assert {(shift.taken_over, shift.handed_over) for shift in shifts} == {
            (True, False),
            (False, True),
        }
        manifests = {one.name: one.shifts[0] for one in read_manifest(company, make.DAY).drivers}
        assert manifests["Late"].handed_over
        assert manifests["Early"].taken_over

    def test_a_part_of_the_day_knows_it_too(self, pair):
        _early, late, _car = pair
        day = load(BY_HAND)
        assert duties(part_of(day, {late.id}, set())) == {"Late": (make.DEPOT, (46.3, 6.2))}

    def test_an_absence_at_the_end_is_driven_home_before(self, pair):
        early, _late, _car = pair
        early.absences.create(start_at=make.at("11:00"), end_at=make.at("12:00"))
        assert duties(load())["Early"] == ((46.3, 6.2), (46.3, 6.2))

    def test_the_first_trip_after_it_is_reached_from_there_and_the_checker_says_so(self, pair):
        _early, late, _car = pair
        booking = make.booking(clock="12:10", pickup_lat=make.DEPOT[0], pickup_lon=make.DEPOT[1])
        day = load()
        plan = solve(day.problem, engine="greedy")
        assert check(day.problem, plan) == ()
        (row,) = plan.trips
        assert row.driver_id == late.id
        # The depot is at the pickup; Late's home is more than half an hour away.
        (trip,) = day.problem.trips
        duty = next(duty for duty in day.problem.duties if duty.driver_id == late.id)
        placed = PlannedTrip(
            trip.id, duty.id, late.id, duty.start_s, duty.start_s + trip.boarding_s + trip.ride_s
        )
        assert check(day.problem, Plan((placed,), (), ())) == ()
        car = make.Vehicle.objects.get()
        car.handover_lat, car.handover_lon = HOME["home_lat"], HOME["home_lon"]
        car.save()
        (found,) = check(load().problem, Plan((placed,), (), ()))
        assert (found.code, found.trip_id) == (Rule.DUTY_START, booking.id)

    def test_the_board_drives_from_there_with_as_many_statements(self, pair):
        _early, late, _car = pair
        booking = make.booking(clock="12:10", pickup_lat=make.DEPOT[0], pickup_lon=make.DEPOT[1])
        make.assignment(booking, late, planned_pickup_at=make.at("12:10"))
        board = read_board(make.Company.objects.get(), make.DAY, now=make.NOW)
        (trip,) = (trip for row in board.drivers for trip in row.trips)
        assert trip.empty_m == 0

    def test_manifest_and_roster_say_who_takes_it_over_where(self, pair, client):
        _early, _late, car = pair
        client.force_login(make.member())
        manifests = reverse("admin:board:manifests", args=["geneva", make.DAY])
        page = client.get(manifests).text
        assert "Hands HAND 1 over at 12:00. Place of the handover: the depot." in page
        assert "Takes HAND 1 over at 12:00. Place of the handover: the depot." in page
        car.handover_lat, car.handover_lon = PLACE
        car.save()
        assert "Place of the handover: 46.21000, 6.11000." in client.get(manifests).text
        (first, second) = read_manifest(make.Company.objects.get(), make.DAY).as_dict()["drivers"]
        assert [duty["handed_over"] for duty in first["shifts"]] == [True]
        assert [duty["taken_over"] for duty in second["shifts"]] == [True]
        assert second["shifts"][0]["handover_at"] == PLACE
        roster = client.get("/admin/drivers/shift/roster/", {"week": "2026-06-15"}).text
        assert "HAND 1, handed over" in roster
        assert "HAND 1, taken over" in roster
        make.Shift.objects.filter(driver__name="Late").delete()
        assert " over at 12:00" not in client.get(manifests).text
