"""A replayed day is driven through the use-cases, and leaves no trace in the company."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from bookings.models import Booking, Event, Status
from dispatch.models import Assignment
from drivers.models import Absence, Company, Driver
from perf.project.replay.copy import copied_day
from perf.project.replay.drive import Streets
from perf.project.replay.figures import Figures, booked, count_day, difference
from perf.project.replay.noise import Noise, Rates
from perf.project.replay.office import Follows, Office
from perf.project.replay.report import result_of, tables
from tests.support import builders as make

CALM = Rates(0, 0, 0, 0, 0, 0, 0, 0, (60, 61), 0)
NEAR = {"home_lat": make.HOME[0], "home_lon": make.HOME[1]}


class Smooth(Noise):
    """Drives take what the product thinks they take, times a factor."""

    factor = 1.0

    @property
    def hours(self):
        return (self.factor,) * 24


class Jammed(Smooth):
    factor = 3.0


def on_duty(name, **fields):
    driver = make.driver(name=name, **NEAR, **fields)
    make.shift(driver, "08:30", "13:00")
    return driver


def trip(clock, driver=None):
    booking = make.booking(clock=clock, client=make.client(name=f"Client of {clock}"))
    if driver:
        make.assignment(booking, driver, minutes=22)
    return booking


def drive(noise, follows=Follows.NONE):
    company = Company.objects.get(slug="geneva")
    promised = booked(company, make.DAY)
    streets = Streets.of(company, make.DAY, noise)
    office = Office(follows, 10)
    streets.run(office.look)
    return count_day(company, promised, streets.arrived), office.followed


@pytest.mark.django_db
def test_on_a_day_without_noise_everybody_is_driven_as_planned():
    anna = on_duty("Anna")
    trip("09:00", anna), trip("11:00", anna)
    figures, _followed = drive(Smooth(1, CALM))
    assert (figures.late_min, figures.unserved, figures.moved) == (0, 0, 0)
    for done in Assignment.objects.filter(status=Assignment.Status.COMPLETED):
        assert done.actual_pickup_at == done.planned_pickup_at
        # 3 minutes of boarding, 18:44 of driving; who gets out is not on the way any more
        assert done.actual_dropoff_at - done.actual_pickup_at == timedelta(seconds=21 * 60 + 44)


@pytest.mark.slow
@pytest.mark.django_db
def test_a_trip_that_will_be_late_is_late_unless_the_suggestion_is_followed():
    anna = on_duty("Anna")
    on_duty("Ben")
    trip("09:00", anna), trip("09:50", anna)
    with transaction.atomic():
        left_alone, _followed = drive(Jammed(1, CALM))
        transaction.set_rollback(True)
    assert left_alone.late == 1
    assert left_alone.late_min > 0
    rescued, followed = drive(Jammed(1, CALM), Follows.ALL)
    assert (rescued.late, rescued.moved) == (0, 1)
    assert sum(n for (what_for, _kind), n in followed.items() if what_for == "late") == 1


@pytest.mark.django_db
def test_who_falls_ill_drives_no_more_and_a_run_gives_the_trips_to_others():
    anna, ben = on_duty("Anna"), on_duty("Ben")
    booking = trip("11:45", anna)
    noise = Smooth(1, replace(CALM, sick=1))
    noise.__dict__["falls_ill"] = {anna.id: 0.5}.get
    figures, _followed = drive(noise)
    assert Absence.objects.get().driver == anna
    assert Assignment.objects.get(status=Assignment.Status.COMPLETED).driver == ben
    assert (figures.unserved, figures.moved) == (0, 1)
    assert Booking.objects.get(id=booking.id).status == Status.COMPLETED


@pytest.mark.django_db
def test_who_is_not_there_is_a_no_show_and_who_books_late_is_driven():
    on_duty("Anna")
    nobody, late = trip("09:00", Driver.objects.get()), trip("12:00")
    Booking.objects.filter(id=late.id).update(status=Status.PENDING)
    noise = Smooth(1, CALM)
    usual = noise.trip(nobody.id)
    found = {nobody.id: replace(usual, no_show=True), late.id: replace(usual, booked_min=60)}
    noise.__dict__["trip"] = found.get
    drive(noise)
    assert Booking.objects.get(id=nobody.id).status == Status.NO_SHOW
    assert Booking.objects.get(id=late.id).status == Status.COMPLETED
    accepted = Event.objects.get(booking=late, new__status=Status.ACCEPTED)
    assert accepted.at == make.at("11:00")


def test_noise_is_the_same_for_a_trip_whatever_happens_to_others():
    noise = Noise(7)
    first = noise.trip(3)
    noise.trip(4), noise.falls_ill(1)
    assert noise.trip(3) == first == Noise(7).trip(3) != Noise(8).trip(3)
    drives = [noise.trip(i).ride for i in range(2000)]
    assert abs(sum(drives) / len(drives) - 1) < 0.02


def test_the_mean_difference_of_pairs_has_an_interval():
    found = difference([10, 20, 30], [8, 16, 24])  # -2, -4, -6
    assert (found.pairs, found.mean, found.median) == (3, -4, -4)
    # 4.303, the 97.5 % point of Student's t with 2 degrees of freedom, times 2 / sqrt(3)
    assert (round(found.low, 2), round(found.high, 2)) == (-8.97, 0.97)
    assert difference([1], [3]).low is None
    assert difference([1, 2], [3, 4]).high == pytest.approx(2)
    with pytest.raises(ValueError, match="at least one"):
        difference([], [])


@pytest.mark.django_db
def test_a_copied_day_names_nobody_and_the_company_is_only_read():
    anna = on_duty("Anna Keller", phone="+41 22 000 00 00")
    there = trip("09:00", anna)
    make.booking(make.company("other"))
    before = list(Booking.objects.order_by("id").values())
    with copied_day(there.company, make.DAY) as (_scratch, company):
        (copy,) = Booking.objects.filter(company=company)
        assert (copy.status, copy.client.name) == (Status.ACCEPTED, f"Client {copy.client_id}")
        assert copy.pickup_address == copy.reference == ""
        assert Driver.objects.get().name == f"Driver {anna.id}"
        Booking.objects.all().delete()
    assert list(Booking.objects.order_by("id").values()) == before


def test_the_table_says_medians_and_the_differences_of_pairs():
    day, ways = make.DAY, {}
    for late, way in ((10, Follows.NONE), (4, Follows.ALL)):
        ways[way] = (Figures(5, late, 1, 0, 0, 2, late), {("late", "assign"): 1})
    text = tables(result_of("acme", [(day, 1, ways), (day, 2, ways)], {"every_min": 5}))
    assert "| 2026-06-17 | none | 2 | 5 | 10 |" in text
    assert "| all | 2 | -6.0 [-6.0, -6.0] |" in text
    assert text.endswith("late: assign 2")


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"seeds": 0}, {"every": 0}, {"seed": -1}])
def test_what_cannot_be_replayed_is_refused(wrong):
    make.company()
    with pytest.raises(CommandError):
        call_command("replay_day", company="geneva", date=[make.DAY], **wrong)


@pytest.mark.django_db
def test_a_company_that_shares_rides_is_refused():
    company = make.company(shares_rides=True)
    with pytest.raises(CommandError, match="shares rides"):
        call_command("replay_day", company=company.slug, date=[make.DAY])
