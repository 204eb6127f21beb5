"""A vehicle that two drivers have one after the other is handed over between their shifts."""

from contextlib import suppress
from datetime import date, timedelta
from random import Random

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from bookings.models import Actor, Door
from dispatch.board.day import read_board
from dispatch.day.keeping import BY_HAND, Leeway
from dispatch.day.load import load_days, load_problem
from dispatch.manifest import read_manifest
from dispatch.planner.check.plan import Rule, check
from dispatch.planner.problem import Plan, PlannedTrip
from dispatch.planner.solve import solve
from dispatch.runs.apply import StalePlan, applying, complete
from dispatch.trips.changed_day import part_of
from dispatch.trips.driver_day import read_driver_day
from drivers.fleet.handovers import had_before, has_after, is_handed
from drivers.fleet.roster import read_roster
from tests.support import builders as make

ACTOR = Actor(Door.COMMAND, name="test")
HOME = {"home_lat": 46.3, "home_lon": 6.2}
PLACE = (46.21, 6.11)


def turns_of(shifts):
    """Return {shift: (taken over, handed over)} as the database says."""
    rows = shifts.annotate(before=had_before(), after=has_after()).values_list(
        "id", "driver", "before", "after"
    )
    return {
        pk: (is_handed(driver, before), is_handed(driver, after))
        for pk, driver, before, after in rows
    }


def by_the_rule(shifts):
    """Return the same by trying every pair of shifts."""
    found = {}
    for shift in shifts:
        of_car = [other for other in shifts if other.vehicle_id and other.pk != shift.pk]
        of_car = [other for other in of_car if other.vehicle_id == shift.vehicle_id]
        before = [other for other in of_car if other.end_at <= shift.start_at]
        after = [other for other in of_car if other.start_at >= shift.end_at]
        last = max(before, key=lambda other: other.end_at, default=None)
        first = min(after, key=lambda other: other.start_at, default=None)
        near = timedelta(hours=12)
        found[shift.pk] = (
            last is not None
            and shift.start_at - last.end_at <= near
            and last.driver_id != shift.driver_id,
            first is not None
            and first.start_at - shift.end_at <= near
            and first.driver_id != shift.driver_id,
        )
    return found


@pytest.mark.django_db
class TestWhoHandsOver:
    def turns(self, *shifts):
        """Make shifts of (driver, start, end) with one vehicle; return whether each hands over."""
        car = make.vehicle()
        made = [make.shift(driver, start, end, vehicle=car) for driver, start, end in shifts]
        found = turns_of(make.Shift.objects.all())
        return [found[shift.pk] for shift in made]

    def test_only_neighbours_of_two_drivers_do(self):
        one, two = make.driver(), make.driver()
        assert self.turns(
            (one, "00:00", "03:00"),
            (two, "04:00", "08:00"),
            (two, "08:00", "12:00"),
            (one, "20:00", "24:00"),
        ) == [(False, True), (True, False), (False, True), (True, False)]
        other = make.shift(make.driver(), "03:00", "04:00")
        assert turns_of(make.Shift.objects.all())[other.pk] == (False, False)

    def test_twelve_hours_may_lie_between_and_no_minute_more(self):
        one, two, three = (make.driver() for _ in range(3))
        assert self.turns(
            (one, "00:00", "01:00"), (two, "13:00", "14:00"), (three, "26:01", "27:00")
        ) == [(False, True), (True, False), (False, False)]

    def test_midnight_is_no_border(self):
        one, two, three = (make.driver() for _ in range(3))
        assert self.turns(
            (one, "16:00", "24:00"), (two, "24:00", "30:00"), (three, "34:00", "40:00")
        ) == [(False, True), (True, True), (True, False)]

    def test_in_the_night_that_is_an_hour_longer_hours_count_not_clocks(self):
        """From 20:00 to 08:00 of the next morning it is 13 hours then."""
        one, two = make.driver(), make.driver()
        car, day = make.vehicle(), date(2026, 10, 24)
        make.shift(one, "12:00", "20:00", vehicle=car, day=day)
        make.shift(two, "08:00", "16:00", vehicle=car, day=day + timedelta(days=1))
        assert set(turns_of(make.Shift.objects.all()).values()) == {(False, False)}
        make.Shift.objects.filter(driver=two).update(
            start_at=make.at("07:00", day=date(2026, 10, 25))
        )
        assert set(turns_of(make.Shift.objects.all()).values()) == {(False, True), (True, False)}

    def test_the_database_says_what_trying_every_pair_says(self):
        random = Random(16)
        company = make.company()
        drivers = [make.driver(company) for _ in range(4)]
        cars = [make.vehicle(company), make.vehicle(company), None]
        midnight = make.at("00:00")
        for _ in range(120):
            start = midnight + timedelta(hours=random.randrange(0, 120))
            end = start + timedelta(hours=random.randrange(1, 12))
            with suppress(IntegrityError), transaction.atomic():
                make.Shift.objects.create(
                    driver=random.choice(drivers),
                    vehicle=random.choice(cars),
                    start_at=start,
                    end_at=end,
                )
        shifts = make.Shift.objects.all()
        found = turns_of(shifts)
        assert found == by_the_rule(list(shifts))
        assert len(found) > 20
        assert {True, False} == {taken for taken, _handed in found.values()}


def _write(day, plan, run):
    with applying(day, plan, run, now=make.NOW, actor=ACTOR, explanations={}) as applied:
        complete(run, applied)


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

    @pytest.mark.parametrize("ended", ["is_available", "is_active"])
    def test_nobody_hands_over_to_who_cannot_be_planned(self, pair, ended):
        early, late, _car = pair
        make.Driver.objects.filter(pk=late.pk).update(**{ended: False})
        home, company = (46.3, 6.2), make.Company.objects.get()
        assert duties(load()) == {"Early": (home, home)}
        manifests = {one.name: one.shifts[0] for one in read_manifest(company, make.DAY).drivers}
        assert not manifests["Early"].handed_over
        (told,) = read_driver_day(early, now=make.NOW)["shifts"]
        assert not told["handed_over"]

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

    def test_an_evening_shift_hands_over_to_the_night_shift_of_the_next_day(self, pair):
        """They meet at midnight; planner, board, manifest and roster see it on both days."""
        early, late, _car = pair
        make.Shift.objects.all().delete()
        after = make.DAY + timedelta(days=1)
        make.shift(early, "16:00", "24:00")
        make.shift(late, "00:00", "08:00", day=after)
        home, company = (46.3, 6.2), make.Company.objects.get()
        assert duties(load()) == {"Early": (home, make.DEPOT)}
        on_next = load_problem(company, after, now=make.NOW, leeway=Leeway())
        assert duties(on_next) == {"Late": (make.DEPOT, home)}
        both = load_days(company, [make.DAY, after], now=make.NOW, leeway=Leeway())
        assert [duties(both[day]) for day in (make.DAY, after)] == [
            {"Early": (home, make.DEPOT)},
            {"Late": (make.DEPOT, home)},
        ]
        assert [both[day].drivers for day in (make.DAY, after)] == [load().drivers, on_next.drivers]
        for day, turn in ((make.DAY, (False, True)), (after, (True, False))):
            (row,) = read_board(company, day, now=make.NOW).drivers
            assert [(shift.taken_over, shift.handed_over) for shift in row.shifts] == [turn]
            (driver,) = read_manifest(company, day).drivers
            assert [(shift.taken_over, shift.handed_over) for shift in driver.shifts] == [turn]
        cells = [cell for row in read_roster(company, make.DAY).rows for cell in row.cells]
        assert [len(cell.handed) for cell in cells if cell.shifts] == [1, 0]
        assert [len(cell.taken) for cell in cells if cell.shifts] == [0, 1]

    def test_a_car_left_overnight_is_where_the_next_one_finds_it(self, pair):
        """The evening's driver does not take it home if another one drives it at six."""
        early, late, _car = pair
        make.Shift.objects.all().delete()
        make.shift(late, "14:00", "22:00")
        shift = make.shift(early, "06:00", "14:00", day=make.DAY + timedelta(days=1))
        home = (46.3, 6.2)
        assert duties(load()) == {"Late": (home, make.DEPOT)}
        make.Driver.objects.filter(pk=early.pk).update(is_available=False)
        assert duties(load()) == {"Late": (home, home)}
        make.Driver.objects.filter(pk=early.pk).update(is_available=True)
        make.Shift.objects.filter(pk=shift.pk).update(driver=late)
        assert duties(load()) == {"Late": (home, home)}

    def test_a_plan_is_stale_if_the_next_morning_takes_the_car_over_meanwhile(self, pair):
        early, late, _car = pair
        make.Shift.objects.all().delete()
        make.shift(late, "14:00", "22:00")
        company = make.Company.objects.get()
        make.booking(company, "15:00")
        day = load()
        plan = solve(day.problem, engine="greedy")
        make.shift(early, "06:00", "14:00", day=make.DAY + timedelta(days=1))
        run = make.run(company, status="running", finished_at=None)
        with pytest.raises(StalePlan):
            _write(day, plan, run)

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
