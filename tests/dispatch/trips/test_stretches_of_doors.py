"""Whoever changes who drives with whom, the number of a stretch says what its trips say.

Ana rides from 09:00, Bea from 09:05 and Cal from 09:10, all until 09:35 from home to the hospital,
so that every plan of some of them can be driven. Where the middle one leaves a chain, only the
numbers are looked at.
"""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Actor, Booking, Door, Status
from dispatch.invariants import tables
from dispatch.models import Assignment
from dispatch.trips import decisions
from dispatch.trips.assign import assign
from dispatch.trips.cancel import cancel, cancel_trips
from dispatch.trips.correct import correct
from dispatch.trips.driver_sick import report_sick
from dispatch.trips.progress import report_progress
from dispatch.trips.release import release_trips
from dispatch.trips.take_back import take_back
from dispatch.trips.undo import last_action, undo
from tests.support import builders as make
from tests.support.builders import DAY, at
from tests.support.invariants import broken, wrong_stretches

pytestmark = pytest.mark.django_db
TOGETHER = {"Ana": "Ana", "Bea": "Ana", "Cal": "Ana"}


class Ride:
    """A driver, three clients on board, and Nadia, who does one thing a minute."""

    def __init__(self, *periods, shares_rides=True):
        self.company = make.company(shares_rides=shares_rides)
        self.driver = make.driver(self.company, home_lat=make.HOME[0], home_lon=make.HOME[1])
        make.shift(self.driver)
        self.trips = {}
        for name, (pickup, dropoff) in zip(("Ana", "Bea", "Cal"), periods, strict=True):
            booking = make.booking(self.company, pickup, client=make.client(self.company, name))
            self.trips[name] = booking
            number = self.trips["Ana"].id
            dropoff_at = at(dropoff)
            make.assignment(booking, self.driver, planned_dropoff_at=dropoff_at, stretch=number)
        user = make.member(self.company)
        self.nadia = Actor(Door.ADMIN, name="Nadia", user_id=user.pk)
        self.minute = 0

    def by(self, clock="08:00"):
        self.minute += 1
        now = at(clock) + timedelta(seconds=self.minute)
        return {"actor": self.nadia, "now": now}

    def numbers(self):
        """Return {client: the client whose booking is the number} of the trips that stand."""
        names = {booking.id: name for name, booking in self.trips.items()}
        rows = Assignment.objects.open().values_list("booking_id", "stretch")
        return {names[i]: number and names[number] for i, number in rows.order_by("booking_id")}

    def undo(self, clock="08:00"):
        undo(self.company, DAY, last_action(self.company, DAY).id, **self.by(clock))

    def assignment(self, name):
        return Assignment.objects.filter(booking=self.trips[name]).latest("id")

    def report(self, name, *statuses, clock="09:06", **how):
        for status in statuses:
            how = self.by(clock) | how
            report_progress(self.company, self.trips[name].id, Status(status), **how)


@pytest.fixture
def ride():
    made = Ride(("09:00", "09:35"), ("09:05", "09:35"), ("09:10", "09:35"))
    yield made
    assert wrong_stretches(made.company) == []
    assert tables.TOGETHER not in broken(made.company)


@pytest.fixture
def chain():
    """Bea gets on before Ana is out, and is out after Cal got on."""
    made = Ride(("09:00", "09:20"), ("09:10", "09:40"), ("09:30", "09:50"))
    yield made
    assert wrong_stretches(made.company) == []
    assert tables.TOGETHER not in broken(made.company)


def release(ride, name):
    decisions.release(ride.company, ride.trips[name].id, **ride.by())


def release_many(ride, name):
    release_trips([ride.assignment(name).id], **ride.by())


def cancel_one(ride, name):
    cancel(ride.company, ride.trips[name].id, reason="ill", **ride.by())


def no_show(ride, name):
    ride.report(name, "en_route", "no_show")


LEAVES = [release, release_many, cancel_one, no_show]


@pytest.mark.parametrize("leaves", LEAVES)
def test_who_stays_when_the_middle_one_leaves_is_alone(chain, leaves):
    leaves(chain, "Bea")
    assert chain.numbers() == {"Ana": None, "Cal": None}


@pytest.mark.parametrize("leaves", LEAVES)
def test_who_stays_when_the_first_one_leaves_rides_on_under_another_number(ride, leaves):
    leaves(ride, "Ana")
    assert ride.numbers() == {"Bea": "Bea", "Cal": "Bea"}


@pytest.mark.parametrize("leaves", [release, release_many, cancel_one])
def test_who_is_put_back_rides_with_the_others_again(ride, leaves):
    leaves(ride, "Ana")
    ride.undo()
    assert ride.numbers() == TOGETHER


def test_two_steps_are_undone_one_after_the_other(ride):
    release(ride, "Ana")
    release(ride, "Cal")
    assert ride.numbers() == {"Bea": None}
    ride.undo()
    assert ride.numbers() == {"Bea": "Bea", "Cal": "Bea"}
    ride.undo()
    assert ride.numbers() == TOGETHER


def test_all_who_are_canceled_at_once_are_put_back_as_one_stretch(ride):
    two = {ride.trips[name].id: None for name in ("Ana", "Cal")}
    cancel_trips(ride.company, two, reason="ill", **ride.by())
    assert ride.numbers() == {"Bea": None}
    ride.undo()
    assert ride.numbers() == TOGETHER


def test_a_sick_driver_and_its_undo(ride):
    report_sick(ride.company, ride.driver.id, **ride.by())
    assert ride.numbers() == {}
    ride.undo()
    assert ride.numbers() == TOGETHER


def test_a_trip_that_another_driver_takes_and_its_undo(ride):
    other = make.driver(ride.company, "Other")
    make.shift(other)
    assign(ride.company, ride.trips["Ana"].id, other.id, **ride.by())
    assert ride.numbers() == {"Ana": None, "Bea": "Bea", "Cal": "Bea"}
    ride.undo()
    assert ride.numbers() == TOGETHER


def test_a_no_show_that_did_show_rides_with_the_others_again(ride):
    no_show(ride, "Ana")
    assert ride.numbers() == {"Bea": "Bea", "Cal": "Bea"}
    correct(ride.company, ride.trips["Ana"].id, reason="A wrong click.", **ride.by("09:08"))
    assert ride.numbers() == TOGETHER


def test_a_driver_takes_back_a_no_show(ride):
    ride.report("Ana", "en_route")
    driver = {"actor": Actor(Door.API, name="phone")}
    ride.report("Ana", "no_show", clock="09:07", **driver)
    event = Booking.objects.get(id=ride.trips["Ana"].id).events.latest("id")
    assert ride.numbers() == {"Bea": "Bea", "Cal": "Bea"}
    take_back(ride.company, event.booking_id, event.at, **ride.by("09:08") | driver)
    assert ride.numbers() == TOGETHER


def test_who_got_off_stays_in_the_stretch_of_who_is_on_board(ride):
    ride.report("Ana", "en_route", "in_progress", "completed")
    assert ride.numbers() == {"Bea": "Ana", "Cal": "Ana"}
    release(ride, "Cal")
    # Ana was out at 09:06, while Bea was on board since 09:05.
    assert ride.numbers() == {"Bea": "Ana"}
    correct(ride.company, ride.trips["Ana"].id, reason="A wrong click.", **ride.by("09:08"))
    assert ride.numbers() == {"Ana": "Ana", "Bea": "Ana"}


def by_correction(chain):
    correct(chain.company, chain.trips["Ana"].id, reason="A wrong click.", **chain.by("09:07"))


def by_undo(chain):
    chain.undo("09:07")


def by_the_driver(chain):
    phone = {"actor": Actor(Door.API, name="phone")}
    event = Booking.objects.get(id=chain.trips["Ana"].id).events.latest("id")
    take_back(chain.company, event.booking_id, event.at, **chain.by("09:07") | phone)


@pytest.mark.parametrize("back", [by_correction, by_undo, by_the_driver])
def test_who_is_still_on_board_keeps_the_driver_and_rides_on_with_the_next(chain, back):
    chain.report("Ana", "en_route", "in_progress")
    how = {"actor": Actor(Door.API, name="phone")} if back is by_the_driver else {}
    # Out at 09:06, before Bea gets on at 09:10, she would have ridden with nobody.
    chain.report("Ana", "completed", **how)
    back(chain)
    assert chain.numbers() == TOGETHER
    ana = chain.assignment("Ana")
    assert (ana.status, ana.actual_dropoff_at) == (Assignment.Status.IN_PROGRESS, None)


def test_who_is_still_on_board_stays_so_if_the_second_one_has_left_meanwhile(ride):
    ride.report("Ana", "en_route", "in_progress", "completed")
    release(ride, "Bea")
    # Out at 09:06, Ana rode with Bea alone, from 09:05; until 09:35 she rides with Cal, from 09:10.
    assert ride.numbers() == {"Cal": None}
    correct(ride.company, ride.trips["Ana"].id, reason="A wrong click.", **ride.by("09:08"))
    assert ride.numbers() == {"Ana": "Ana", "Cal": "Ana"}


def test_who_is_still_on_board_stays_so_if_another_driver_has_taken_the_last_one(chain):
    chain.report("Ana", "en_route", "in_progress", "completed")
    other = make.driver(chain.company, "Other")
    make.shift(other)
    assign(chain.company, chain.trips["Cal"].id, other.id, **chain.by("09:07"))
    assert chain.numbers() == {"Bea": None, "Cal": None}
    correct(chain.company, chain.trips["Ana"].id, reason="A wrong click.", **chain.by("09:08"))
    assert chain.numbers() == {"Ana": "Ana", "Bea": "Ana", "Cal": None}


def test_stretches_are_numbered_after_sharing_was_switched_off(ride):
    make.Company.objects.update(shares_rides=False)
    ride.company.refresh_from_db()
    release(ride, "Ana")
    assert ride.numbers() == {"Bea": "Bea", "Cal": "Bea"}


def test_nothing_is_asked_of_stretches_where_nobody_rides_with_others():
    alone = Ride(("09:00", "09:30"), ("10:05", "10:30"), ("11:10", "11:30"), shares_rides=False)
    Assignment.objects.update(stretch=None)
    with CaptureQueriesContext(connection) as captured:
        release(alone, "Ana")
        alone.undo()
        cancel_one(alone, "Bea")
        no_show(alone, "Cal")
    assert not [sent["sql"] for sent in captured if '"stretch" IS NOT NULL' in sent["sql"]]
    assert not [sent["sql"] for sent in captured if "SET stretch" in sent["sql"]]
    assert alone.numbers() == {"Ana": None}
