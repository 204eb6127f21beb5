"""A small company in the middle of its day, with a trip of every status: what doors are tried on.

It is 10 o'clock of `make.DAY`. Everything was written by the use-cases, so that the log tells all
of it, and no rule of the plan is broken.
"""

from dataclasses import dataclass
from datetime import timedelta
from unittest import mock

from django.contrib.auth import get_user_model
from django.test import Client as Browser
from rest_framework.test import APIClient

from bookings.intake import take_in
from bookings.models import Actor, Booking, Client, CompanyPlace, Door, DriverPreference, Status
from dispatch.models import Assignment, DispatchRun
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.previews import plan_preview
from dispatch.runs.run import run_dispatch
from dispatch.trips import decisions, progress
from dispatch.trips.assign import assign
from dispatch.trips.cancel import cancel
from drivers.companies.tokens import issue_token
from drivers.models import ApiToken, Company, Driver, Membership, Role, ShiftTemplate
from perf.models import Kind, Measurement
from tests.support import builders as make

NOW = make.at("10:00")
PLANNED = ("ASSIGNED", "LOCKED", "BACK")  # trips of two drivers that are changed in every way
ACTOR = Actor(Door.COMMAND, name="test")


@dataclass
class Busy:
    """The company; `anna` and `ben` drive, `chloe` has what the run gave her.

    `dan` and `eve` have no trip, and `eve` no shift. `bookings` are by reference, which says what
    they are. `browser` is logged in as a superuser who owns the company; `owner` and `callers`, by
    driver, are those of the API.
    """

    company: Company
    anna: Driver
    ben: Driver
    chloe: Driver
    dan: Driver
    eve: Driver
    client: Client
    other: Client
    place: CompanyPlace
    user: object
    browser: Browser
    owner: APIClient
    callers: dict[int, APIClient]
    run: DispatchRun
    preview: DispatchRun
    bookings: dict[str, Booking]
    cookies: str  # of the browser

    def trip(self, reference: str) -> Assignment:
        """Return the last assignment of a booking."""
        return Assignment.objects.filter(booking=self.bookings[reference]).latest("id")

    def shift(self, driver: Driver):
        return driver.shifts.get()


def clock():
    """Stop the clock at `NOW`, for every door."""
    return mock.patch("django.utils.timezone.now", return_value=NOW)


def make_company() -> Busy:
    with clock():
        return _make_company()


def _make_company() -> Busy:
    company = Company.objects.get(pk=make.company().pk)
    anna, ben, chloe = (
        make.driver(
            company,
            name,
            skills=["oxygen"] if name == "Chloé" else ["stretcher"],
            home_lat=make.HOME[0],
            home_lon=make.HOME[1],
        )
        for name in ("Anna", "Ben", "Chloé")
    )
    dan, eve = (
        make.driver(company, name, vehicle=make.vehicle(company, seats=1, wheelchair_places=0))
        for name in ("Dan", "Eve")
    )
    for driver in (anna, ben):
        make.shift(driver)
    for driver in (chloe, dan):
        make.shift(driver, break_min=30, break_from_at=make.at("11:00"),
                   break_until_at=make.at("17:00"))  # fmt: skip
    ShiftTemplate.objects.create(driver=anna, weekday=2, start="06:00", end="18:00")
    person = make.client(company, "Rosa")
    other = make.client(company, "Jean")
    place = make.place(company, address="Rue 1")
    person.places.create(label="gym", address="Gym 1", lat=46.2, lon=6.1)
    DriverPreference.objects.create(client=person, driver=ben, kind="preferred")
    for driver in (anna, ben, chloe):
        DriverPreference.objects.create(client=other, driver=driver, kind="forbidden")
    for row in (anna, anna.vehicle):
        row.absences.create(start_at=make.at("20:00"), end_at=make.at("22:00"))
    _take_in(company, person)
    found = {row.reference: row for row in Booking.objects.filter(company=company)}
    _plan(company, found, anna, ben)
    report = run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    _drive(company, found)
    user = get_user_model().objects.create_superuser("root", password=None)
    owner = Membership.objects.create(company=company, user=user, role=Role.OWNER)
    callers = {driver.pk: _let_in(driver) for driver in (anna, ben)}
    order = make.series(company, client=other, weekdays=[3])  # another day than that of the trips
    order.pauses.create(company=company, first_day=make.DAY)
    other.pauses.create(company=company, first_day=make.DAY)
    make.invitation(company, expires_at=NOW + timedelta(days=7))
    make.message(Booking.objects.filter(company=company, client=person).latest("id"))
    event = make.event(company)
    make.delivery(company, event=event, webhook=make.webhook(company, "https://localhost/"))
    Measurement.objects.create(
        kind=Kind.LOAD, commit="a", at=NOW, engine="SQLite", version="3", size=1, machine="one",
        figures={"p95_ms": 1, "indexes": []},
    )  # fmt: skip
    preview = plan_preview(company, make.DAY, now=NOW, actor=ACTOR, options=FIRST_PLAN)
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(user)
    return Busy(
        company, anna, ben, chloe, dan, eve, person, other, place, user, browser,
        _caller(owner), callers,
        DispatchRun.objects.get(id=report.run), DispatchRun.objects.get(id=preview.run),
        {row.reference: row for row in Booking.objects.filter(company=company)},
        browser.cookies.output(header="").strip(),
    )  # fmt: skip


def _take_in(company, person):
    there = {"pickup_address": "rue 1", "pickup_lat": make.HOME[0], "pickup_lon": make.HOME[1],
             "dropoff_lat": make.HOSPITAL[0], "dropoff_lon": make.HOSPITAL[1]}  # fmt: skip
    rows = [
        {"reference": reference, "scheduled_time": make.at(clock), "client": person.id, **there}
        | more
        for reference, clock, more in (
            ("DONE", "07:00", {}),
            ("GONE", "08:15", {}),
            ("ON_BOARD", "09:40", {}),
            ("ASSIGNED", "11:00", {"wheelchairs": 1, "appointment_at": make.at("12:00")}),
            ("LOCKED", "13:00", {"needs": ["stretcher"]}),
            ("EN_ROUTE", "10:05", {}),
            ("FULL", "12:00", {"passengers": 4}),
            ("THERE", "14:00", {}),
            ("BY_RUN", "15:00", {"needs": ["oxygen"], "passengers": 4}),
            ("PENDING", "16:00", {}),
            ("WAITING", "16:30", {}),
            ("CALLS", "17:00", {"will_call": True}),
            ("CANCELED", "18:00", {}),
        )
    ]
    take_in(company, rows, actor=ACTOR, now=make.NOW)
    there_id = Booking.objects.get(company=company, reference="THERE").id
    back = {"pickup_lat": make.HOSPITAL[0], "pickup_lon": make.HOSPITAL[1],
            "dropoff_lat": make.HOME[0], "dropoff_lon": make.HOME[1]}  # fmt: skip
    row = {"reference": "BACK", "scheduled_time": make.at("15:30"), "client": person.id,
           "return_of": there_id, **back}  # fmt: skip
    take_in(company, [row], actor=ACTOR, now=make.NOW)


def _plan(company, found, anna, ben):
    by = {"actor": ACTOR, "now": make.NOW}
    for reference in found:
        if reference not in ("PENDING", "WAITING", "CALLS", "CANCELED"):
            decisions.accept(company, found[reference].id, **by)
    for driver, references in (
        (anna, ("DONE", "ON_BOARD", "ASSIGNED", "LOCKED")),
        (ben, ("GONE", "EN_ROUTE", "FULL", "THERE", "BACK")),
    ):
        for reference in references:
            assign(company, found[reference].id, driver.id, **by)
    decisions.lock(company, found["LOCKED"].id, **by)
    cancel(company, found["CANCELED"].id, reason="test", **by)


def _drive(company, found):
    for reference, statuses in (
        ("DONE", ("en_route", "in_progress", "completed")),
        ("GONE", ("en_route", "no_show")),
        ("ON_BOARD", ("en_route", "in_progress")),
        ("EN_ROUTE", ("en_route",)),
    ):
        trip = Assignment.objects.filter(booking=found[reference]).latest("id")
        at = {"en_route": trip.planned_pickup_at - timedelta(minutes=14),
              "in_progress": trip.planned_pickup_at, "no_show": trip.planned_pickup_at,
              "completed": trip.planned_dropoff_at}  # fmt: skip
        for status in statuses:
            progress.report_progress(
                company, found[reference].id, Status(status), at=at[status], actor=ACTOR,
                now=max(at[status], make.NOW),
            )  # fmt: skip
    decisions.accept(company, found["WAITING"].id, actor=ACTOR, now=make.NOW)


def _let_in(driver):
    """Let the driver report trips; return what they call the API with."""
    driver.user = get_user_model().objects.create_user(driver.name)
    driver.save(update_fields=["user"])
    return _caller(
        Membership.objects.create(company=driver.company, user=driver.user, role=Role.DRIVER)
    )


def _caller(member):
    token, key = issue_token(member, name="walk", now=NOW, lifetime=timedelta(days=9))
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=NOW)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def gone(busy: Busy) -> int:
    """Return the id of a client of whom no trip is open."""
    client = make.client(busy.company)
    make.booking(busy.company, client=client, status=Status.COMPLETED)
    return client.pk
