"""A rule is said with one code and one sentence, whoever says it.

Judges: the plan of a run (as a blocker), an assignment by hand, the guard of the fleet, and the
notices of a run. Each case fits by a hair before it misses by a hair.
"""

import re
from datetime import timedelta
from difflib import SequenceMatcher

import pytest
from babel.messages.pofile import read_po
from django.utils import timezone

from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Door, DriverPreference
from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.day.reasons import say
from dispatch.models import Assignment
from dispatch.planner.explain.reasons import reasons
from dispatch.planner.solve import solve
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.assign import assign, preview_assignment
from dispatch.trips.fleet_changes import TripsBroken, change_of_fleet
from dispatchsite import messages
from drivers.models import Absence, Driver, Shift, Vehicle
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.ADMIN, name="Nadia")
HAIR = timedelta(seconds=2)  # the checker forgives one, for the rounding of drives


def free_at():
    """Return when the client of the assigned trip is out: 2 minutes after the arrival."""
    return Assignment.objects.get().planned_dropoff_at + timedelta(minutes=2)


def absent(start_at, end_at):
    Absence.objects.create(driver=Driver.objects.get(), start_at=start_at, end_at=end_at)


def equip(driver, vehicle):
    Driver.objects.update(skills=driver)
    Vehicle.objects.update(skills=vehicle)


def on_duty(clocks):
    return f"Anna is on duty from {clocks}, 19 min from the pickup and 0 min back from the dropoff."


# (what is wanted, what just fits, what just does not, the code, the sentence)
CASES = {
    "seats": (
        {"passengers": 4, "wheelchairs": 1},
        lambda: Vehicle.objects.update(seats=3),
        lambda: Vehicle.objects.update(seats=2),
        "no_seats",
        "Anna has 2 seats.",
    ),
    "no vehicle": (
        {},
        lambda: None,
        lambda: Shift.objects.update(vehicle=None),
        "no_seats",
        "Anna has no vehicle for passengers.",
    ),
    "wheelchairs": (
        {"passengers": 2, "wheelchairs": 2},
        lambda: Vehicle.objects.update(wheelchair_places=2),
        lambda: Vehicle.objects.update(wheelchair_places=1),
        "no_wheelchair_place",
        "Anna has 1 wheelchair places.",
    ),
    "skills": (
        {"needs": ["oxygen", "stairs"]},
        lambda: [
            Driver.objects.update(skills=["oxygen"]),
            Vehicle.objects.update(skills=["stairs"]),
        ],
        lambda: Vehicle.objects.update(skills=[]),
        "lacks_skill",
        "Anna cannot do this: stairs.",
    ),
    "end of the shift": (
        {},
        lambda: Shift.objects.update(end_at=free_at()),
        lambda: Shift.objects.update(end_at=free_at() - HAIR),
        "not_on_duty",
        on_duty("06:00 to 09:23"),
    ),
    "absence after the trip": (
        {},
        lambda: absent(free_at(), make.at("12:00")),
        lambda: absent(free_at() - HAIR, make.at("12:00")),
        "not_on_duty",
        on_duty("06:00 to 09:23"),
    ),
    "absence before the trip": (
        {},
        lambda: absent(make.at("07:00"), make.at("08:40")),
        lambda: absent(make.at("07:00"), make.at("09:01")),
        "not_on_duty",
        on_duty("09:01 to 18:00"),
    ),
    "absence all day": (
        {},
        lambda: None,
        lambda: absent(make.at("05:00"), make.at("18:00")),
        "no_duty",
        "Anna has no duty.",
    ),
    "no shift": (
        {},
        lambda: None,
        lambda: Shift.objects.all().delete(),
        "no_duty",
        "Anna has no duty.",
    ),
}


@pytest.fixture
def anna():
    """A driver who lives at the hospital, where all trips end: no way back to add."""
    anna = make.driver(make.company(pickup_early_min=0, pickup_late_min=0), name="Anna")
    Driver.objects.update(home_lat=make.HOSPITAL[0], home_lon=make.HOSPITAL[1])
    make.shift(anna)
    return anna


def assigned(anna, fields, fits):
    """Assign a trip of 09:00 to Anna, let it fit by a hair only, and return its assignment."""
    booking = make.booking(clock="09:00", reference="TRIP")
    assign(booking.company, booking.id, anna.id, actor=ACTOR, now=make.NOW)
    Booking.objects.update(**fields)
    fits()
    assert by_hand() == []
    return Assignment.objects.get()


def by_hand():
    booking, anna = Booking.objects.get(), Driver.objects.get()
    at = {"now": make.NOW, "pickup_at": make.at("09:00")}
    seen = preview_assignment(booking.company, booking.id, anna.id, **at)
    return [(fault.code, fault.text) for fault in seen.faults]


def of_a_plan():
    """Return what blocks the driver in the plan of a run without the trip."""
    Assignment.objects.all().delete()
    Booking.objects.update(status="accepted")
    day = load_problem(make.Company.objects.get(), make.DAY, now=make.NOW, leeway=Leeway())
    plan = solve(day.problem, engine="greedy", threads=1)
    breaches = [row.breach for reason in reasons(day.problem, plan) for row in reason.blockers]
    return [(str(breach.code), say(day.company, day.day, breach)) for breach in breaches]


def of_the_guard(anna, change):
    with (
        pytest.raises(TripsBroken) as caught,
        change_of_fleet([anna.id], actor=ACTOR, now=make.NOW),
    ):
        change()
    (trip,) = caught.value.trips
    (row,) = caught.value.as_dicts()
    assert (row["codes"], row["why"]) == ([fault.code for fault in trip.faults], trip.why)
    return [(fault.code, fault.text) for fault in trip.faults]


@pytest.mark.parametrize("case", CASES)
def test_a_plan_a_hand_and_the_guard_of_the_fleet_agree(anna, case):
    fields, fits, misses, code, text = CASES[case]
    assigned(anna, fields, fits)
    guard = of_the_guard(anna, misses)
    misses()
    hand, plan = by_hand(), of_a_plan()
    assert [code for code, _text in guard] == [code]
    assert [code for code, _text in hand] == [code]
    assert [code for code, _text in plan] == [code]
    assert {text for _code, text in (*guard, *hand, *plan)} == {text}


@pytest.mark.parametrize("case", CASES)
def test_what_fits_by_a_hair_is_planned(anna, case):
    fields, fits, _misses, _code, _text = CASES[case]
    assigned(anna, fields, fits)
    assert of_a_plan() == []


@pytest.mark.parametrize("case", CASES)
def test_a_run_says_of_a_locked_trip_what_the_guard_says(anna, case):
    fields, fits, misses, _code, _text = CASES[case]
    trip = assigned(anna, fields, fits)
    Assignment.objects.filter(id=trip.id).update(locked=True)
    ((_code, text),) = of_the_guard(anna, misses)
    assert notices() == ()
    misses()
    assert notices() == (f"Trip TRIP stays with Anna, but cannot be driven so. {text}",)


def notices():
    company = make.Company.objects.get()
    at = {"now": make.NOW, "actor": ACTOR, "options": FIRST_PLAN, "preview": True}
    return run_dispatch(company, make.DAY, **at).notices


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"is_available": False}, "Anna is not available."),
        ({"is_active": False}, "Anna is not active."),
    ],
)
def test_a_driver_who_is_not_there_is_said_so_by_hand_and_by_the_guard(anna, fields, text):
    assigned(anna, {}, lambda: None)
    guard = of_the_guard(anna, lambda: Driver.objects.update(**fields))
    Driver.objects.update(**fields)
    assert guard == by_hand() == [("not_available", text)]


def test_an_excluded_driver_is_said_so_by_a_plan_a_hand_and_a_run(anna):
    client = make.client()
    trip = assigned(anna, {"client": client}, lambda: None)
    Assignment.objects.filter(id=trip.id).update(locked=True)
    DriverPreference.objects.create(client=client, driver=anna, kind="forbidden")
    text = "Anna is excluded for this client."
    assert notices()[0].endswith(text)
    assert by_hand() == of_a_plan() == [("not_for_this_client", text)]


@pytest.fixture
def now(monkeypatch):
    """Let doors that ask for the time get that of the other tests."""
    monkeypatch.setattr(timezone, "now", lambda: make.NOW)


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize("case", CASES)
def test_the_api_says_what_the_guard_and_a_hand_say(anna, case):
    fields, fits, misses, code, text = CASES[case]
    trip = assigned(anna, fields, fits)
    office, path = caller(), f"{API}bookings/{trip.booking_id}/"
    misses()
    body = {"driver": anna.id, "pickup_at": make.at("09:00").isoformat()}
    Assignment.objects.filter(id=trip.id).delete()
    Booking.objects.update(status="accepted")
    refused = office.post(f"{path}assign/", body)
    (error,) = refused.json()["errors"]
    assert (error["code"], error["detail"]) == (code, text)


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"passengers": 6}, "no_seats", "Anna has 4 seats."),
        (
            {"passengers": 2, "wheelchairs": 2},
            "no_wheelchair_place",
            "Anna has 1 wheelchair places.",
        ),
        ({"needs": ["oxygen"]}, "lacks_skill", "Anna cannot do this: oxygen."),
    ],
)
def test_a_change_of_the_booking_is_refused_alike_by_the_api_an_import_and_a_hand(
    anna, fields, code, text
):
    trip = assigned(anna, {}, lambda: None)
    booking = trip.booking
    by_api = caller().patch(f"{API}bookings/{booking.pk}/", fields)
    (broken,) = by_api.json()["trips"]
    assert (by_api.status_code, broken["codes"], broken["why"]) == (409, [code], text)
    columns = {
        "reference": booking.reference,
        "passengers": 1,
        "wheelchairs": 0,
        "scheduled_time": booking.scheduled_time.isoformat(),
        **{name: getattr(booking, name) for name in ("pickup_lat", "pickup_lon")},
        **{name: getattr(booking, name) for name in ("dropoff_lat", "dropoff_lon")},
        **{name: " ".join(v) if isinstance(v, list) else v for name, v in fields.items()},
    }
    lines = ",".join(columns), ",".join(str(value) for value in columns.values())
    data = "\n".join(lines).encode()
    result = import_bookings(booking.company, data, actor=ACTOR, now=make.NOW)
    assert [row.trip.why for row in result.broken] == [text]
    Booking.objects.update(**fields)
    assert by_hand() == [(code, text)]


def words_of(text):
    return re.findall(r"[a-z]+", re.sub(r"%\(\w+\)[sd]", " ", text).lower())


def is_sentence(text):
    return len(words_of(text)) > 2 and ("%(" in text or text.endswith("."))


def likeness(text, other):
    return SequenceMatcher(None, words_of(text), words_of(other)).ratio()


def written():
    """Return (text, file) of every text of the catalogue."""
    (_language, path), *_others = messages.catalogs()
    with path.open("rb") as file:
        for message in read_po(file):
            texts = [message.id] if isinstance(message.id, str) else message.id
            yield from ((text, file) for text in texts if text for file, _n in message.locations)


def written_twice(texts):
    """Return the sentences that say what a rule's own file says already. A name is no sentence."""
    homes = ("dispatch/planner/rules/", "bookings/order.py")
    own = [(text, file) for text, file in texts if file.startswith(homes)]
    return {
        text
        for rule, home in own
        for text, file in texts
        if file != home and is_sentence(text) and likeness(rule, text) >= 0.75
    }


def test_no_sentence_of_a_rule_is_written_in_another_place():
    texts = list(written())
    assert written_twice(texts) == set()
    second = [
        "write a time after the outbound trip %(trip)s, which is wanted at %(at)s",
        "%(name)s has %(n)d wheelchair places.",
        "%(who)s is not available",
    ]
    assert written_twice([*texts, *((text, "elsewhere.py") for text in second)]) == {*second}
