"""Advice on a day of shared rides is judged as plans are, and its buttons do what it says.

Ana rides from home to the hospital at 09:00: boarding 3 minutes, 18:44 on the road, so until
09:21:44. Bea wants to ride there too, at the same time; the only driver could be back for her at
09:42 at the earliest, after her window.
"""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from bookings.models import Actor, Booking, Door
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.advice.advise import advise, advise_day
from dispatch.trips.advice.carry_out import carry_out, look_at
from dispatch.trips.advice.sentences import consequences
from dispatch.trips.assign import RuleBroken, assign, preview_assignment
from drivers.models import Role
from tests.support import builders as make
from tests.support.advice.day import announced, difference, rows_of
from tests.support.builders import DAY, at
from tests.support.callers import API, caller
from tests.support.invariants import broken, wrong_stretches

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.ADMIN, name="Nadia")
BY = {"actor": ACTOR, "now": make.NOW}


class Day:
    def __init__(self, **policy):
        self.company = make.company(shares_rides=True, **policy)
        home = {"home_lat": make.HOME[0], "home_lon": make.HOME[1]}
        make.shift(make.driver(self.company, "Early", **home), "05:00", "06:00")
        self.driver = make.driver(self.company, "Dora", **home)
        make.shift(self.driver)
        ana = make.client(self.company, "Ana")
        self.ana = make.booking(self.company, "09:00", client=ana)
        assign(self.company, self.ana.id, self.driver.id, **BY)

    def bea(self, **fields):
        client = make.client(self.company, "Bea")
        return make.booking(self.company, "09:00", client=client, **fields)

    def advise(self, booking):
        return advise(self.company, booking.id, now=make.NOW)


@pytest.fixture
def day():
    return Day()


def test_who_could_take_the_client_along_is_offered_and_the_button_does_it(day):
    bea = day.bea()
    advice = day.advise(bea)
    (candidate,) = advice.candidates
    assert (candidate.driver, candidate.together) == ("Dora", ("09:00 Ana",))
    assert (advice.why, candidate.extra_s) == (None, 0)  # no more empty driving than for Ana alone
    seen = preview_assignment(
        day.company, bea.id, day.driver.id, now=make.NOW, pickup_at=candidate.pickup_at
    )
    assert (seen.faults, seen.together) == ((), ("09:00 Ana",))
    assert (seen.dropoff_at, seen.longer_min) == (candidate.dropoff_at, candidate.longer_min)
    assign(day.company, bea.id, day.driver.id, pickup_at=candidate.pickup_at, **BY)
    rows = {row.booking_id: row for row in Assignment.objects.open()}
    assert rows[bea.id].planned_dropoff_at == candidate.dropoff_at
    assert rows[bea.id].stretch == rows[day.ana.id].stretch == day.ana.id
    assert wrong_stretches(day.company) == []
    told = [(other.trip, other.longer_min) for other in seen.moved]
    assert told in (
        [],
        [
            (
                "09:00 Ana",
                round(
                    (
                        rows[day.ana.id].planned_dropoff_at - at("09:21") - timedelta(seconds=44)
                    ).total_seconds()
                    / 60
                ),
            )
        ],
    )
    again = day.advise(Booking.objects.get(id=bea.id)).candidates[0]
    assert (again.present, again.together) == (True, ("09:00 Ana",))


def test_who_could_take_the_client_along_at_least_cost_is_offered_first(day, monkeypatch):
    monkeypatch.setattr("dispatch.trips.candidates.MORE", 0)
    there = {"pickup_lat": make.HOME[0] + 0.01, "pickup_lon": make.HOME[1]}
    home = {"home_lat": make.HOME[0], "home_lon": make.HOME[1]}
    zoe = make.driver(day.company, "Zoe", **home)
    make.shift(zoe)
    eva = make.booking(day.company, "09:00", client=make.client(day.company, "Eva"), **there)
    assign(day.company, eva.id, zoe.id, **BY)
    # Zoe fetches Eva where Bea is; Dora, with Ana from home, would drive a kilometre to Bea.
    bea = day.bea(**there)
    (first,) = advise(day.company, bea.id, now=make.NOW, top=1).candidates
    assert (first.driver, first.together) == ("Zoe", ("09:00 Eva",))
    both = day.advise(bea).candidates
    assert [one.driver for one in both] == ["Zoe", "Dora"]
    assert both[0].difference_s < both[1].difference_s


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"may_share": False}, "but the client does not ride with others."),
        ({"passengers": 4}, "but the vehicle has not enough places."),
    ],
)
def test_why_a_client_is_not_taken_along_is_said(day, fields, why):
    bea = day.bea(**fields)
    advice = day.advise(bea)
    assert advice.candidates == ()
    blocker = advice.why.blockers[0]
    assert blocker == f"Dora could take it along with trip 09:00 Ana, {why}"


def test_of_a_client_who_rides_alone_the_others_are_told(day):
    day.ana.client.may_share = False
    day.ana.client.save()
    blocker = day.advise(day.bea()).why.blockers[0]
    assert blocker.endswith("but the client of that trip does not ride with others.")


def test_by_hand_nobody_is_forced_beside_who_rides_alone(day):
    bea = day.bea(may_share=False)
    how = {"pickup_at": at("09:05")}
    seen = preview_assignment(day.company, bea.id, day.driver.id, now=make.NOW, **how)
    assert (seen.impossible, seen.together) == (True, ())
    assert any("at the same time" in fault.text for fault in seen.faults)
    with pytest.raises(RuleBroken):
        assign(day.company, bea.id, day.driver.id, **BY, **how)


def test_a_run_says_why_it_left_a_client_out(day):
    bea = day.bea(passengers=4)
    report = run_dispatch(day.company, DAY, options=FIRST_PLAN, **BY)
    (left,) = report.unassigned
    assert (left.booking, left.reason) == (bea.id, "all_busy")
    assert "not enough places" in left.blockers[0]
    assert broken(day.company) == {}


def test_what_is_advised_for_a_day_can_be_followed(day):
    day.bea(may_share=False)
    (advice,) = advise_day(day.company, DAY, now=make.NOW).trips
    assert [one.suggestion.kind for one in advice.suggestions] != []


def test_who_rides_longer_by_a_suggestion_is_announced_with_the_arrival(day):
    bea = day.bea(pickup_lat=make.HOME[0] - 0.02, pickup_lon=make.HOME[1] + 0.02)  # on the way
    said = day.advise(bea).suggestions[0].suggestion
    (move,) = said.moves
    assert (move.pickup_at, move.changes_ride) == (at("09:00"), True)
    on_day, found = look_at(day.company, said.change, now=make.NOW)
    pickup, dropoff = map(day.company.clock, (move.pickup_at, move.dropoff_at))
    text = f"Dora drives 09:00 Ana: pickup at {pickup}, dropoff at {dropoff}."
    assert text in list(consequences(on_day, found))
    before = rows_of(day.company)
    carry_out(day.company, said.change, key=said.key, **BY)
    assert difference(announced(before, said), rows_of(day.company)) == {}


def test_a_portal_is_told_that_a_ride_is_shared_and_not_with_whom(day, monkeypatch):
    monkeypatch.setattr("dispatch.api.quotes.timezone", SimpleNamespace(now=lambda: make.NOW))
    system = caller(Role.CLIENT_API, day.company)
    ends = {
        "pickup_lat": make.HOME[0], "pickup_lon": make.HOME[1],
        "dropoff_lat": make.HOSPITAL[0], "dropoff_lon": make.HOSPITAL[1],
    }  # fmt: skip
    asked = {"scheduled_time": at("09:00").isoformat(), **ends}
    (found,) = system.post(f"{API}quotes/", asked).json()["results"]
    assert (found["shared"], found["together"]) == (True, [])
    office = caller(Role.DISPATCHER, day.company)
    (found,) = office.post(f"{API}quotes/", asked).json()["results"]
    assert len(found["together"]) == 1
