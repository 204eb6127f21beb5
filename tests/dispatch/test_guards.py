"""A trip that stands is guarded below every door that changes what it rests on."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from bookings.models import Actor, Booking, Door, DriverPreference
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips import booking_changes
from drivers.fleet import changes
from drivers.models import Driver, Role, Shift
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.invariants import broken, violations_of_plan

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
FAR_AWAY = {"dropoff_lat": 47.3769, "dropoff_lon": 8.5417}  # Zurich, 225 km away


def tomorrow():
    return timezone.localdate() + timedelta(days=1)


def clock(text):
    return make.at(text, tomorrow()).isoformat()


@pytest.fixture
def day():
    """One driver with a ramp, who drives a client in a wheelchair at 9:00 and one at 11:00."""
    anna = make.driver(name="Anna", skills=["stretcher"])
    make.shift(anna, day=tomorrow())
    make.booking(clock="09:00", day=tomorrow(), reference="WHEELS", wheelchairs=1)
    make.booking(clock="11:00", day=tomorrow(), reference="LATER", needs=["stretcher"])
    report = run_dispatch(
        anna.company, tomorrow(), now=timezone.now(), actor=ACTOR, options=FIRST_PLAN
    )
    assert report.assigned == 2
    return anna


def standing():
    rows = Assignment.objects.open().order_by("planned_pickup_at")
    return {row.booking.reference: row.id for row in rows.select_related("booking")}


def sound(company):
    assert violations_of_plan(company, tomorrow(), timezone.now()) == ()
    assert broken(company) == {}


# What breaks a trip through the API: (method, address, body, the trips that break).
FLEET = {
    "a vehicle loses its wheelchair place": (
        "patch", lambda d: f"vehicles/{d.vehicle_id}/", {"wheelchair_places": 0}, ["WHEELS"],
    ),
    "a driver becomes inactive": (
        "patch", lambda d: f"drivers/{d.id}/", {"is_active": False}, ["WHEELS", "LATER"],
    ),
    "a driver is not available": (
        "patch", lambda d: f"drivers/{d.id}/", {"is_available": False}, ["WHEELS", "LATER"],
    ),
    "a driver loses a skill": (
        "patch", lambda d: f"drivers/{d.id}/", {"skills": []}, ["LATER"],
    ),
    "a driver loses the vehicle": (
        "patch", lambda d: f"drivers/{d.id}/", {"vehicle": None}, ["WHEELS", "LATER"],
    ),
    "a shift goes": (
        "delete", lambda d: f"shifts/{d.shifts.get().id}/", None, ["WHEELS", "LATER"],
    ),
    "a shift ends early": (
        "patch", lambda d: f"shifts/{d.shifts.get().id}/", {"end_at": "10:00"}, ["LATER"],
    ),
    "an absence is entered": (
        "post", lambda d: "absences/",
        {"driver": "id", "start_at": "08:00", "end_at": "10:00", "reason": "sick"}, ["WHEELS"],
    ),
}  # fmt: skip


def send(api, driver, method, address, body, query=""):
    filled = {
        name: clock(value) if name.endswith("_at") else driver.id if value == "id" else value
        for name, value in (body or {}).items()
    }
    return getattr(api, method)(f"{API}{address(driver)}{query}", filled, format="json")


@pytest.mark.parametrize("case", FLEET)
def test_the_api_refuses_what_breaks_trips_and_lists_them(day, case):
    method, address, body, broken_ones = FLEET[case]
    before = standing()
    response = send(caller(Role.DISPATCHER, day.company), day, method, address, body)
    assert response.status_code == 409, response.json()
    assert response.json()["type"] == "urn:dispatchsite:problem:trips_broken"
    assert [row["reference"] for row in response.json()["trips"]] == broken_ones
    assert standing() == before
    day.refresh_from_db()
    assert (day.is_active, day.is_available, Shift.objects.count()) == (True, True, 1)
    sound(day.company)


@pytest.mark.parametrize("case", FLEET)
def test_agreeing_releases_exactly_these(day, case):
    method, address, body, broken_ones = FLEET[case]
    before = standing()
    ids = ",".join(str(before[reference]) for reference in broken_ones)
    api = caller(Role.DISPATCHER, day.company)
    response = send(api, day, method, address, body, f"?release={ids}")
    assert response.status_code in (200, 201, 204), response.json()
    assert standing() == {r: pk for r, pk in before.items() if r not in broken_ones}
    sound(day.company)


def test_agreeing_to_other_trips_is_no_agreement(day):
    other = standing()["LATER"]
    api = caller(Role.DISPATCHER, day.company)
    body = {"wheelchair_places": 0}
    address = f"{API}vehicles/{day.vehicle_id}/?release={other}"
    assert api.patch(address, body, format="json").status_code == 409


def test_a_driver_with_trips_asks_the_dispatcher_to_release_them(day):
    """Anna cannot drive tomorrow: she may say so, but she cannot give her trips back herself."""
    Driver.objects.filter(id=day.id).update(user=make.member(day.company, Role.DRIVER))
    before = standing()
    phone = caller(Role.DRIVER, day.company, user=Driver.objects.get().user)
    for query in ("", f"?release={','.join(map(str, before.values()))}"):
        address = f"{API}me/availability/{query}"
        response = phone.post(address, {"is_available": False}, format="json")
        assert response.status_code == (400 if query else 409), response.json()
    assert phone.get(f"{API}me/").json()["is_available"] is True
    assert standing() == before
    Assignment.objects.update(status="superseded")
    response = phone.post(f"{API}me/availability/", {"is_available": False}, format="json")
    assert (response.status_code, response.json()["is_available"]) == (200, False)


def test_the_log_of_the_admin_tells_of_no_deletion_that_was_refused(day, client):
    client.force_login(make.member(day.company, Role.OWNER))
    chosen = {"action": "delete_selected", "_selected_action": Shift.objects.get().id}
    page = reverse("admin:drivers_shift_changelist")
    assert client.post(page, chosen | {"post": "yes"}).status_code == 409
    assert (Shift.objects.count(), LogEntry.objects.count()) == (1, 0)
    agreed = chosen | {"post": "yes", "release": list(standing().values())}
    assert client.post(page, agreed).status_code == 302
    assert (Shift.objects.count(), LogEntry.objects.count()) == (0, 1)


BOOKING = {
    "too many passengers": {"passengers": 9},
    "too many wheelchairs": {"passengers": 2, "wheelchairs": 2},
    "equipment that is not there": {"needs": ["oxygen"]},
    "another town": FAR_AWAY,
    "another hour": {"scheduled_time": "15:00"},
    "an appointment before the arrival": {"appointment_at": "09:10"},
}


def patch(company, body, query=""):
    booking = Booking.objects.get(reference="WHEELS")
    filled = {n: clock(v) if n.endswith(("_at", "_time")) else v for n, v in body.items()}
    api = caller(Role.DISPATCHER, company)
    return api.patch(f"{API}bookings/{booking.id}/{query}", filled, format="json")


@pytest.mark.parametrize("case", BOOKING)
def test_a_booking_with_a_driver_changes_only_as_its_driver_can_drive(day, case):
    before = Booking.objects.values().get(reference="WHEELS")
    response = patch(day.company, BOOKING[case])
    assert response.status_code == 409, response.json()
    (trip,) = response.json()["trips"]
    assert (trip["reference"], trip["driver"]) == ("WHEELS", "Anna")
    assert trip["why"]
    assert Booking.objects.values().get(reference="WHEELS") == before
    sound(day.company)


@pytest.mark.parametrize("case", BOOKING)
def test_agreeing_releases_the_trip_with_the_change(day, case):
    assert patch(day.company, BOOKING[case], f"?release={standing()['WHEELS']}").status_code == 200
    assert list(standing()) == ["LATER"]
    assert Booking.objects.get(reference="WHEELS").status == "accepted"
    sound(day.company)


def test_agreeing_moves_the_trip_to_the_new_time_of_its_driver(day):
    response = patch(day.company, {"scheduled_time": "15:00"}, f"?move={standing()['WHEELS']}")
    assert response.status_code == 200
    moved = Assignment.objects.open().get(booking__reference="WHEELS")
    assert (moved.driver, moved.planned_pickup_at) == (day, make.at("15:00", tomorrow()))
    sound(day.company)


def test_a_move_that_the_driver_cannot_drive_is_refused(day):
    response = patch(day.company, {"scheduled_time": "22:00"}, f"?move={standing()['WHEELS']}")
    assert response.status_code == 409
    sound(day.company)


def test_what_still_fits_keeps_its_driver_and_gets_its_new_dropoff(day):
    before = Assignment.objects.open().get(booking__reference="WHEELS")
    assert patch(day.company, {"dropoff_lat": 46.1700, "dropoff_lon": 6.1235}).status_code == 200
    after = Assignment.objects.open().get(booking__reference="WHEELS")
    assert (after.driver_id, after.planned_pickup_at) == (day.id, before.planned_pickup_at)
    assert after.planned_dropoff_at != before.planned_dropoff_at
    assert patch(day.company, {"notes": "ring twice", "passengers": 2}).status_code == 200
    assert Assignment.objects.open().get(booking__reference="WHEELS").id == after.id
    sound(day.company)


def test_a_rule_that_was_overridden_before_does_not_stand_in_the_way(day):
    Driver.objects.filter(id=day.id).update(skills=[])  # as if assigned against the rule
    booking = Booking.objects.get(reference="LATER")
    api = caller(Role.DISPATCHER, day.company)
    body = {"passengers": 2}
    assert api.patch(f"{API}bookings/{booking.id}/", body, format="json").status_code == 200
    assert "LATER" in standing()


def test_a_worse_break_of_an_overridden_rule_is_refused(day):
    """A trip that somebody assigned too late by hand may not drift to another hour unseen."""
    late = make.at("11:40", tomorrow())  # the window ends at 11:15
    Assignment.objects.filter(id=standing()["LATER"]).update(
        planned_pickup_at=late, planned_dropoff_at=late + timedelta(minutes=25)
    )
    booking = Booking.objects.get(reference="LATER")
    api = caller(Role.DISPATCHER, day.company)
    body = {"scheduled_time": clock("08:00")}
    assert api.patch(f"{API}bookings/{booking.id}/", body, format="json").status_code == 409


@pytest.fixture
def tight(day):
    """Anna drives LATER right after WHEELS: she would need wings, and somebody said so."""
    wheels, later = (Assignment.objects.get(id=pk) for pk in standing().values())
    soon = wheels.planned_dropoff_at
    for row in (wheels, later):
        Assignment.objects.filter(id=row.id).update(locked=True)
    Assignment.objects.filter(id=later.id).update(
        planned_pickup_at=soon, planned_dropoff_at=soon + timedelta(minutes=25)
    )
    Booking.objects.filter(reference="LATER").update(scheduled_time=soon)
    return day


LONGER = {"dropoff_lat": 46.2100, "dropoff_lon": 6.2500}  # so the ride runs into LATER


def test_a_longer_ride_into_a_trip_of_an_override_is_refused(tight):
    response = patch(tight.company, LONGER)
    assert response.status_code == 409, response.json()
    assert response.json()["type"] == "urn:dispatchsite:problem:trips_broken"
    assert patch(tight.company, LONGER, f"?release={standing()['WHEELS']}").status_code == 200
    assert list(standing()) == ["LATER"]


def test_what_the_database_refuses_is_a_sentence_at_every_door(tight, client, monkeypatch):
    """As if another trip came between the check and the writing."""
    monkeypatch.setattr(booking_changes, "newly_broken", lambda *_args: [])
    response = patch(tight.company, LONGER)
    assert response.status_code == 409
    assert response.json()["type"] == "urn:dispatchsite:problem:double_booked"
    client.force_login(make.member(tight.company, Role.OWNER))
    page, values = booking_form(client, Booking.objects.get(reference="WHEELS"))
    asked = client.post(page, values | LONGER, follow=True)
    assert "The driver has another trip at this time." in asked.content.decode()
    assert Booking.objects.get(reference="WHEELS").dropoff_lat == make.HOSPITAL[0]


def test_who_may_not_plan_cannot_agree(day):
    booking = Booking.objects.get(reference="WHEELS")
    portal = caller(Role.CLIENT_API, day.company)
    address = f"{API}bookings/{booking.id}/?release={standing()['WHEELS']}"
    assert portal.patch(address, {"passengers": 9}, format="json").status_code == 403
    told = portal.patch(f"{API}bookings/{booking.id}/", {"passengers": 9}, format="json")
    assert (told.status_code, told.json()["type"]) == (409, "urn:dispatchsite:problem:trips_broken")
    assert "trips" not in told.json()  # they tell of drivers, and may tell of other trips
    assert "WHEELS" in standing()


def booking_form(client, booking):
    """Return the address and the values of the admin's page of a booking, as it is."""
    page = reverse("admin:bookings_booking_change", args=[booking.id])
    form = client.get(page).context["adminform"].form
    values = {
        name: "" if (value := form.get_initial_for_field(field, name)) is None else value
        for name, field in form.fields.items()
    }
    local = timezone.localtime(booking.scheduled_time, make.ZONE)
    return page, values | {
        "scheduled_time_0": f"{local:%Y-%m-%d}",
        "scheduled_time_1": f"{local:%H:%M:%S}",
        "needs": ",".join(booking.needs),
        "client": "",
        "appointment_at_0": "",
        "appointment_at_1": "",
    }


def test_forbidding_a_driver_asks_for_the_trips_of_the_client_with_that_driver(day, client):
    ana, other = make.client(name="Ana"), make.driver(name="Berta")
    Booking.objects.filter(reference="WHEELS").update(client=ana)
    client.force_login(make.member(day.company, Role.OWNER))
    page = reverse("admin:bookings_client_change", args=[ana.id])
    empty = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0}
    values = {"name": "Ana", "phone": ana.phone, "lat": ana.lat, "lon": ana.lon}
    for prefix in ("places", "pauses", "recipients"):
        values |= {f"{prefix}-{name}": value for name, value in empty.items()}
    values |= {"driver_preferences-TOTAL_FORMS": 1, "driver_preferences-INITIAL_FORMS": 0}

    def choose(driver, kind, **more):
        row = {"driver_preferences-0-driver": driver.id, "driver_preferences-0-kind": kind}
        return client.post(page, values | row | more)

    asked = choose(day, "forbidden")
    assert (asked.status_code, DriverPreference.objects.count()) == (409, 0)
    assert "WHEELS" in asked.content.decode()
    assert "LATER" not in asked.content.decode()
    assert choose(other, "forbidden").status_code == 302
    assert choose(day, "preferred").status_code == 302
    assert len(standing()) == 2
    DriverPreference.objects.all().delete()
    assert choose(day, "forbidden", release=standing()["WHEELS"]).status_code == 302
    assert list(standing()) == ["LATER"]
    assert Booking.objects.get(reference="WHEELS").status == "accepted"
    sound(day.company)


def test_the_admin_asks_and_releases_or_moves(day, client):
    client.force_login(make.member(day.company, Role.OWNER))
    page, values = booking_form(client, Booking.objects.get(reference="WHEELS"))
    values |= {"scheduled_time_0": f"{tomorrow()}", "scheduled_time_1": "15:00"}
    asked = client.post(page, values)
    assert asked.status_code == 409
    assert "WHEELS" in asked.content.decode()
    sound(day.company)
    assert client.post(page, values | {"move": standing()["WHEELS"]}).status_code == 302
    moved = Assignment.objects.open().get(booking__reference="WHEELS")
    assert moved.planned_pickup_at == make.at("15:00", tomorrow())
    sound(day.company)


def test_a_fleet_without_its_guard_would_break_trips(day, monkeypatch):
    """The test of the tests: without the guard, the plan is not sound any more."""
    monkeypatch.setattr(changes, "GUARDS", [])
    response = send(caller(Role.DISPATCHER, day.company), day, *FLEET["a shift goes"][:3])
    assert response.status_code == 204
    assert violations_of_plan(day.company, tomorrow(), timezone.now())
