"""What is sent to the API: a body for each POST, PATCH and DELETE of the URL configuration.

Everything is sent with the key of an owner, or of a driver for `me/`, at the hour at which the
invented day was planned; what is reported of a trip, in its evening. An address that is not told
here, or refuses what it is told, is not measured, and fails until it is.
"""

from dataclasses import dataclass
from datetime import datetime
from unittest import mock

from django.conf import settings
from django.test import Client

from bookings.models import Client as Person
from bookings.models import Series, Status
from dispatch.trips.advice.advise import advise
from drivers.models import Customer, Driver, Vehicle
from perf.doors.door import NotMeasured
from perf.project.doors.sample_company import DAY, EVENING, NOW

WRITING = ("post", "patch", "delete")
HOME, HOSPITAL = (46.2336, 6.0800), (46.1936, 6.1487)
TRIP = {
    "pickup_lat": HOME[0],
    "pickup_lon": HOME[1],
    "dropoff_lat": HOSPITAL[0],
    "dropoff_lon": HOSPITAL[1],
    "scheduled_time": "2026-06-17T11:00:00+02:00",
}
ORDER = {
    **{name: value for name, value in TRIP.items() if name != "scheduled_time"},
    "weekdays": [0, 2, 4],
    "first_day": DAY.isoformat(),
    "pickup_time": "08:00",
    "return_time": "12:30",
}
BREAKING = {"override": "measured"}


@dataclass(frozen=True)
class Asked:
    """The body to send, and the row of the address where it is not the newest of its model."""

    body: dict
    pk: int | None = None
    now: datetime = NOW


def _assigned(**body):
    return lambda world: Asked(body, world.assigned()[0].booking_id)


def _setting_off():
    return lambda world: Asked({"status": "en_route"}, world.assigned()[0].booking_id, EVENING)


def _started(**body):
    return lambda world: Asked(body, world.started().booking_id, EVENING)


def _forgotten(world):
    """Somebody without open trips."""
    company = world.company
    return Asked({"reason": "measured"}, Person.objects.create(company=company, name="Gone").pk)


def _assignment(world):
    return Asked({}, world.assigned()[0].pk)


def _other_driver(world):
    one, other = world.assigned()
    return Asked({"driver": other.driver_id, **BREAKING}, one.pk)


def _exchanged(world):
    one, other = world.assigned()
    return Asked({"driver": other.driver_id}, one.driver_id, EVENING)


def _accepted(world):
    return Asked({"driver": world.one(Driver).pk, **BREAKING}, world.booking(Status.ACCEPTED).pk)


def _suggested(world):
    booking_id = world.booking(Status.ACCEPTED).pk
    found = advise(world.company, booking_id, now=NOW).suggestions
    if not found:
        raise NotMeasured("Nothing would help this trip.")
    change = found[0].suggestion.change.as_dict()
    del change["booking_id"]
    return Asked({"change": change, "key": found[0].suggestion.key}, booking_id)


def _absence(world):
    driver = world.one(Driver).pk
    times = {"start_at": "2026-07-01T06:00:00Z", "end_at": "2026-07-01T14:00:00Z"}
    return Asked({"driver": driver, **times})


def _vehicle_absence(world):
    vehicle = world.one(Vehicle).pk
    times = {"start_at": "2026-07-01T06:00:00Z", "end_at": "2026-07-01T14:00:00Z"}
    return Asked({"vehicle": vehicle, **times})


def _member_who_drives(world):
    """The newest member, who is a driver, becomes another one."""
    driver = Driver.objects.filter(company=world.company, user=None).earliest("pk")
    return Asked({"driver": driver.pk})


def _forbidden(world):
    """A driver whom the newest client has never met."""
    person = Person.objects.filter(company=world.company).latest("pk")
    known = person.driver_preferences.values("driver")
    driver = Driver.objects.filter(company=world.company).exclude(pk__in=known).latest("pk")
    return Asked({"client": person.pk, "driver": driver.pk, "kind": "forbidden"})


def _moved_place(world):
    order = world.one(Series)
    place = {"old_lat": order.dropoff_lat, "old_lon": order.dropoff_lon}
    return Asked({"series": [order.pk], **place, "address": "New", "lat": 46.21, "lon": 6.15})


def _bulk(world):
    rows = [{"reference": f"B-{number}", **TRIP} for number in range(world.bookings)]
    return Asked({"bookings": rows})


def _undo(world):
    return Asked({"day": DAY.isoformat(), "action": world.by_hand().pk})


def _positions(world):
    one = {"at": "2026-06-16T17:00:00+02:00", "lat": HOME[0], "lon": HOME[1]}
    return Asked({"positions": [one] * world.bookings})


def _body(**body):
    return lambda world: Asked(body)


def _run(name):
    return lambda world: Asked({}, getattr(world, name).pk)


ASKED = {
    "GET api/v1/bookings/<pk>/advice/": lambda world: Asked({}, world.booking(Status.ACCEPTED).pk),
    "GET api/v1/bookings/<pk>/candidates/": lambda world: Asked(
        {}, world.booking(Status.ACCEPTED).pk
    ),
    "POST api/v1/absences/": _absence,
    "POST api/v1/vehicle-absences/": _vehicle_absence,
    "PATCH api/v1/vehicle-absences/<pk>/": _body(note="tyres"),
    "DELETE api/v1/vehicle-absences/<pk>/": _body(),
    "PATCH api/v1/absences/<pk>/": _body(note="dentist"),
    "DELETE api/v1/absences/<pk>/": _body(),
    "POST api/v1/assignments/<pk>/confirm/": _assignment,
    "POST api/v1/assignments/<pk>/lock/": _assignment,
    "POST api/v1/assignments/<pk>/reassign/": _other_driver,
    "POST api/v1/assignments/<pk>/unlock/": lambda world: Asked({}, world.locked().pk),
    "POST api/v1/bookings/": _body(reference="N-1", **TRIP),
    "PATCH api/v1/bookings/<pk>/": _assigned(notes="ring twice"),
    "POST api/v1/bookings/<pk>/accept/": lambda world: Asked({}, world.booking(Status.PENDING).pk),
    "POST api/v1/bookings/<pk>/advice/": _suggested,
    "POST api/v1/bookings/<pk>/arrive/": _started(),
    "POST api/v1/bookings/<pk>/assign/": _accepted,
    "POST api/v1/bookings/<pk>/cancel/": _assigned(reason="measured"),
    "POST api/v1/bookings/<pk>/correct/": _started(reason="measured"),
    "POST api/v1/bookings/<pk>/no-show/": _started(),
    "POST api/v1/bookings/<pk>/progress/": _setting_off(),
    "POST api/v1/bookings/<pk>/ready/": lambda world: Asked(
        {"minutes": 5}, world.will_call().pk, EVENING
    ),
    "POST api/v1/bookings/<pk>/release/": _assigned(reason="measured"),
    "POST api/v1/bookings/bulk/": _bulk,
    "POST api/v1/bookings/undo/": _undo,
    "POST api/v1/pauses/": lambda world: Asked(
        {"client": world.one(Series).client_id, "first_day": "2026-06-19"}
    ),
    "DELETE api/v1/pauses/<pk>/": _body(),
    "POST api/v1/series/": _body(**ORDER),
    "PATCH api/v1/series/<pk>/": _body(pickup_time="07:30"),
    "POST api/v1/series/<pk>/foresee/": _body(pickup_time="07:30"),
    "POST api/v1/series/move/": _moved_place,
    "POST api/v1/clients/": _body(name="Ada", phone="+41 22 000 00 00"),
    "POST api/v1/clients/<pk>/forget/": _forgotten,
    "PATCH api/v1/clients/<pk>/": _body(phone="+41 22 000 00 01"),
    "POST api/v1/customers/": _body(name="HUG"),
    "PATCH api/v1/customers/<pk>/": _body(kind="hospital"),
    "DELETE api/v1/customers/<pk>/": lambda world: Asked(
        {}, Customer.objects.create(company=world.company, name="Nobody's").pk
    ),
    "POST api/v1/company-places/": _body(name="HUG", address="Rue 4", lat=HOME[0], lon=HOME[1]),
    "PATCH api/v1/company-places/<pk>/": _body(boarding_min=9),
    "DELETE api/v1/company-places/<pk>/": _body(),
    "PATCH api/v1/companies/<pk>/": lambda world: Asked({"speed_kmh": 31}, world.company.pk),
    "POST api/v1/dispatch-runs/": _body(day=DAY.isoformat(), time_limit_s=0),
    "POST api/v1/dispatch-runs/<pk>/apply/": _run("preview"),
    "POST api/v1/dispatch-runs/<pk>/discard/": _run("preview"),
    "POST api/v1/dispatch-runs/<pk>/revert/": _run("run"),
    "POST api/v1/drivers/": _body(name="Zoé"),
    "PATCH api/v1/drivers/<pk>/": _body(phone="+41 22 000 00 02"),
    "POST api/v1/drivers/<pk>/exchange-vehicle/": _exchanged,
    # That the driver is not available is refused: there are trips.
    "POST api/v1/me/availability/": _body(is_available=True),
    "POST api/v1/me/positions/": _positions,
    "POST api/v1/me/trips/<pk>/arrive/": _started(),
    "POST api/v1/me/trips/<pk>/confirm/": _started(),
    "POST api/v1/me/trips/<pk>/progress/": _started(status="in_progress"),
    "POST api/v1/quotes/": _body(**TRIP),
    "POST api/v1/shifts/": _absence,
    "PATCH api/v1/shifts/<pk>/": _body(break_min=0),
    "DELETE api/v1/shifts/<pk>/": _body(),
    "POST api/v1/invitations/": _body(email="new@example.org", role="viewer"),
    "POST api/v1/invitations/<pk>/resend/": _body(),
    "POST api/v1/invitations/<pk>/revoke/": _body(),
    "POST api/v1/tokens/": _body(name="portal"),
    "POST api/v1/tokens/<pk>/revoke/": _body(),
    "POST api/v1/tokens/<pk>/rotate/": _body(),
    "POST api/v1/tokens/rotate/": _body(),
    "PATCH api/v1/members/<pk>/": _member_who_drives,
    "DELETE api/v1/members/<pk>/": _body(),
    "POST api/v1/shift-patterns/": lambda world: Asked(
        {"driver": world.one(Driver).pk, "weekday": 6, "start": "06:00", "end": "14:00"}
    ),
    "PATCH api/v1/shift-patterns/<pk>/": _body(break_min=30),
    "DELETE api/v1/shift-patterns/<pk>/": _body(),
    "POST api/v1/shift-patterns/fill/": _body(week="2026-07-06", weeks=2),
    "POST api/v1/client-places/": lambda world: Asked(
        {
            "client": world.one(Series).client_id,
            "label": "Clinic",
            "address": "Rue 4",
            "lat": HOSPITAL[0],
            "lon": HOSPITAL[1],
            "is_usual": True,
        }
    ),
    "PATCH api/v1/client-places/<pk>/": _body(is_usual=True),
    "DELETE api/v1/client-places/<pk>/": _body(),
    "POST api/v1/driver-preferences/": _forbidden,
    "PATCH api/v1/driver-preferences/<pk>/": _body(kind="preferred"),
    "DELETE api/v1/driver-preferences/<pk>/": _body(),
    "POST api/v1/vehicles/": _body(plate="GE 1", seats=4),
    "PATCH api/v1/vehicles/<pk>/": _body(seats=5),
    "POST api/v1/webhook-deliveries/<pk>/redeliver/": _body(),
    "POST api/v1/webhooks/": _body(url="https://1.1.1.1/"),
    "PATCH api/v1/webhooks/<pk>/": _body(kinds=["assignment.created"]),
    "DELETE api/v1/webhooks/<pk>/": _body(),
    "POST api/v1/webhooks/<pk>/rotate/": _body(),
}


def send(world, name, path, asked):
    """Send what is asked for; what is refused is not measured."""
    role = "driver" if "/me/" in path else "owner"
    # The trips of the invented day are over by the real clock.
    with mock.patch("django.utils.timezone.now", return_value=asked.now):
        response = getattr(Client(SERVER_NAME="localhost"), name.partition(" ")[0].lower())(
            path,
            asked.body,
            content_type="application/json",
            secure=settings.SECURE_SSL_REDIRECT,
            headers={"Authorization": f"Bearer {world.keys[role]}"},
        )
    if response.status_code >= 300:
        raise NotMeasured(f"it answers {response.status_code}: {response.content[:300]}")
