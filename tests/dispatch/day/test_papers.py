"""Papers that have expired: warned of, and where the company wants it, a rule."""

from datetime import date

import pytest

from bookings.models import Actor, Door
from dispatch.planner.check.plan import Rule, check
from dispatch.planner.explain.reasons import reasons
from dispatch.planner.explain.sentences import Why
from dispatch.planner.problem import Car
from dispatch.planner.solve import solve
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.assign import RuleBroken, assign
from dispatch.trips.fleet_changes import TripsBroken
from drivers.fleet.changes import changing
from drivers.fleet.expiring import expiring
from drivers.fleet.roster import read_roster
from drivers.models import Company, Driver
from tests.support import builders as make
from tests.support.problems import make_driver, make_duty, make_plan, make_problem, make_trip

BY = {"actor": Actor(Door.ADMIN, name="Nadia"), "now": make.NOW}
LAST = date(2026, 6, 16)  # the day before


def test_neither_the_search_nor_the_checker_lets_an_expired_paper_drive():
    trips = [make_trip(1, "08:00")]
    for drivers, duties in (
        ([make_driver(1, expired=frozenset({"licence"}))], [make_duty(1)]),
        (
            [make_driver(1, seats=0, wheelchair_places=0)],
            [make_duty(1, car=Car(4, 1, expired=frozenset({"insurance"})))],
        ),
    ):
        problem = make_problem(trips, drivers, duties)
        plan = solve(problem, engine="greedy")
        assert (plan.unserved, check(problem, plan)) == ((1,), ())
        (reason,) = reasons(problem, plan)
        assert reason.code == Why.EXPIRED
        (found,) = check(problem, make_plan(problem, [(1, 1, "08:00")]))
        assert found.code == Rule.EXPIRED


@pytest.mark.django_db
class TestOfACompany:
    @pytest.fixture(autouse=True)
    def _anna(self):
        company = make.company(expired_stop=True)
        self.anna = make.driver(company, "Anna")
        make.shift(self.anna)
        self.booking = make.booking(company, "09:00")

    def expire(self, row, **until):
        type(row).objects.filter(pk=row.pk).update(**until)

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("licence_until", "Anna's licence has expired."),
            ("permit_until", "Anna's passenger transport permit has expired."),
            ("insurance_until", "The insurance of the vehicle of Anna has expired."),
            ("inspection_until", "The inspection of the vehicle of Anna has expired."),
        ],
    )
    def test_a_run_and_a_hand_refuse_it_with_the_paper(self, name, text):
        row = self.anna.vehicle if name.startswith("ins") else self.anna
        self.expire(row, **{name: LAST})
        report = run_dispatch(self.booking.company, make.DAY, options=FIRST_PLAN, **BY)
        (left,) = report.unassigned
        assert (left.reason, left.blockers) == ("expired", (text,))
        with pytest.raises(RuleBroken) as refusal:
            assign(self.booking.company, self.booking.id, self.anna.id, **BY)
        assert [(f.code, f.text) for f in refusal.value.faults] == [("expired", text)]
        done = assign(self.booking.company, self.booking.id, self.anna.id, override="new", **BY)
        assert done.assignment.locked

    def test_it_is_valid_on_its_last_day_and_no_rule_unless_the_company_says_so(self):
        company = self.booking.company
        self.expire(self.anna, licence_until=make.DAY)
        assert run_dispatch(company, make.DAY, options=FIRST_PLAN, **BY).assigned == 1
        Company.objects.update(expired_stop=False)
        company.refresh_from_db()
        self.expire(self.anna, licence_until=LAST)
        assert assign(company, self.booking.id, self.anna.id, **BY).assignment

    def test_a_date_that_takes_trips_away_asks_first(self):
        assign(self.booking.company, self.booking.id, self.anna.id, **BY)
        read, wanted = Driver.objects.get(), Driver.objects.get()
        wanted.licence_until = LAST
        with pytest.raises(TripsBroken), changing([read], wanted, **BY):
            wanted.save()

    def test_the_roster_warns_of_the_driver_and_of_the_vehicles(self):
        self.expire(self.anna, licence_until=date(2026, 7, 10))
        self.expire(self.anna.vehicle, insurance_until=LAST)
        (row,) = read_roster(self.booking.company, date(2026, 6, 15)).rows
        plate = self.anna.vehicle.plate
        assert row.papers == (
            "licence until 10 Jul 2026",
            f"{plate}: insurance expired on 16 Jun 2026",
        )

    def test_the_warning_comes_so_many_days_before_as_the_company_wants(self):
        company = self.booking.company
        company.expiry_days = 7
        days = {"licence_until": date(2026, 6, 24)}
        assert list(expiring(company, date(2026, 6, 17), **days)) == []
        assert list(expiring(company, date(2026, 6, 18), **days)) == ["licence until 24 Jun 2026"]
