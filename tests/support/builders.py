"""Valid rows by default: a test states only what matters to it.

Rows belong to the company "geneva" unless told otherwise; it is made when first needed.
Times are written as local clock times of `DAY`, an ordinary Wednesday in summer (UTC+2).
"""

from datetime import date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model

from bookings.models import (
    Booking,
    Client,
    CompanyPlace,
    Delivery,
    Event,
    Message,
    MessagePolicy,
    Series,
    Webhook,
)
from bookings.models import Status as BookingStatus
from bookings.models.series import mask_of
from dispatch.models import Assignment, DispatchRun
from drivers.models import Company, Customer, Driver, Invitation, Membership, Role, Shift, Vehicle

ZONE = ZoneInfo("Europe/Zurich")
DAY = date(2026, 6, 17)
HOME = (46.2340, 6.0800)  # Meyrin
HOSPITAL = (46.1936, 6.1487)  # HUG, 7.2 road kilometres away
DEPOT = (46.1700, 6.1235)  # Plan-les-Ouates

_numbers = count(1)


def at(clock, day=DAY, zone=ZONE):
    """Return the moment of a local clock time: at("08:30"), or "24:30" for the next day."""
    hours, minutes = map(int, clock.split(":"))
    return datetime.combine(day + timedelta(days=hours // 24), time(hours % 24, minutes), zone)


NOW = at("18:00", DAY - timedelta(days=1))


def company(slug="geneva", **fields):
    defaults = {
        "name": f"{slug.title()} Medical Transport",
        "timezone": "Europe/Zurich",
        "depot_lat": DEPOT[0],
        "depot_lon": DEPOT[1],
    }
    return Company.objects.create(slug=slug, **defaults | fields)


def _geneva():
    return Company.objects.filter(slug="geneva").first() or company()


def member(company=None, role=Role.DISPATCHER, **fields):
    """Return a user who belongs to the company; staff, so that the admin lets them in.

    A client system acts for the default customer unless told otherwise.
    """
    defaults = {"username": f"user{next(_numbers)}", "is_staff": True}
    company = company or _geneva()
    owner = fields.pop("customer", None)
    if role == Role.CLIENT_API:
        owner = owner or company.default_customer
    user = get_user_model().objects.create_user(**defaults | fields)
    Membership.objects.create(user=user, company=company, role=role, customer=owner)
    return user


def invitation(company=None, email=None, role=Role.DISPATCHER, **fields):
    """Return an invitation that waits; nobody knows its key."""
    number = next(_numbers)
    defaults = {"digest": f"digest {number}", "created_at": NOW, "sent_at": NOW}
    defaults["expires_at"] = NOW + timedelta(days=7)
    return Invitation.objects.create(
        company=company or _geneva(),
        email=email or f"invited{number}@example.org",
        role=role,
        **defaults | fields,
    )


def customer(company=None, name=None, **fields):
    """Return a customer beside the default one."""
    return Customer.objects.create(
        company=company or _geneva(), name=name or f"Customer {next(_numbers)}", **fields
    )


def vehicle(company=None, **fields):
    """Return a car that takes everybody: 4 seats and a wheelchair place."""
    defaults = {"plate": f"GE {next(_numbers)}", "seats": 4, "wheelchair_places": 1}
    return Vehicle.objects.create(company=company or _geneva(), **defaults | fields)


def driver(company=None, name=None, **fields):
    """Return an available driver with a vehicle, but without a shift."""
    company = company or _geneva()
    if "vehicle" not in fields:
        fields["vehicle"] = vehicle(company)
    return Driver.objects.create(company=company, name=name or f"Driver {next(_numbers)}", **fields)


def shift(driver, start="06:00", end="18:00", *, day=DAY, break_min=0, **fields):
    """Return a shift from clock to clock ("25:00" ends after midnight).

    The vehicle is the driver's; with `break_min`, the break lies anywhere inside the shift; both
    unless told otherwise.
    """
    defaults = {"start_at": at(start, day), "end_at": at(end, day), "break_min": break_min}
    defaults["vehicle_id"] = driver.vehicle_id
    if "vehicle" in fields:
        del defaults["vehicle_id"]
    if break_min:
        defaults |= {"break_from_at": at(start, day), "break_until_at": at(end, day)}
    return Shift.objects.create(driver=driver, **defaults | fields)


def series(company=None, *, weekdays=(2,), **fields):
    """Return a standing order of a client of its own: every Wednesday 08:00 from `DAY` on."""
    company = company or _geneva()
    defaults = {
        "client": fields.pop("client", None) or client(company),
        "first_day": DAY,
        "pickup_time": "08:00",
        "pickup_address": "Rue de la Gare 1, Meyrin",
        "pickup_lat": HOME[0],
        "pickup_lon": HOME[1],
        "dropoff_address": "HUG, Genève",
        "dropoff_lat": HOSPITAL[0],
        "dropoff_lon": HOSPITAL[1],
        "needs": ["oxygen"],
        "notes": "2nd floor",
    }
    row = Series(company=company, weekdays=mask_of(weekdays), **defaults | fields)
    row.clean_fields()
    row.save()
    return row


def client(company=None, name=None, **fields):
    defaults = {"phone": "+41 70 000 00 00", "lat": HOME[0], "lon": HOME[1]}
    return Client.objects.create(
        company=company or _geneva(),
        name=name or f"Client {next(_numbers)}",
        **defaults | fields,
    )


def place(company=None, **fields):
    """Return a place of the company: the hospital, at an address of its own."""
    number = next(_numbers)
    defaults = {"name": f"Place {number}", "address": f"Place {number}"}
    defaults |= {"lat": HOSPITAL[0], "lon": HOSPITAL[1]}
    return CompanyPlace.objects.create(company=company or _geneva(), **defaults | fields)


def booking(company=None, clock="09:00", *, day=DAY, **fields):
    """Return an accepted booking for one person, from home to the hospital."""
    defaults = {
        "reference": f"B-{next(_numbers)}",
        "pickup_address": "Avenue de Feuillasse 1, 1217 Meyrin",
        "pickup_lat": HOME[0],
        "pickup_lon": HOME[1],
        "dropoff_address": "Rue Gabrielle-Perret-Gentil 4, 1205 Genève",
        "dropoff_lat": HOSPITAL[0],
        "dropoff_lon": HOSPITAL[1],
        "scheduled_time": at(clock, day),
        "status": BookingStatus.ACCEPTED,
    }
    return Booking.objects.create(company=company or _geneva(), **defaults | fields)


def webhook(company=None, url="https://portal.example.org/hook", **fields):
    """Return a webhook for all that happens from now on."""
    company = company or _geneva()
    last = Event.objects.filter(company=company).order_by("-id").first()
    defaults = {"salt": "0" * 32, "created_at": NOW, "seen_event_id": last.id if last else 0}
    return Webhook.objects.create(company=company, url=url, **defaults | fields)


def event(company=None, **fields):
    company = company or _geneva()
    defaults = {"kind": Event.Kind.BOOKING_CREATED, "at": NOW, "door": "api"}
    if fields.get("customer") is None and "booking" not in fields:
        fields["customer"] = company.default_customer
    return Event.objects.create(company=company, **defaults | fields)


def delivery(company=None, **fields):
    """Return a delivery that is due."""
    company = company or _geneva()
    customer = fields.pop("customer", None)
    fields.setdefault("event", event(company, customer=customer))
    if "webhook" not in fields:
        fields["webhook"] = webhook(company, customer=customer)
    return Delivery.objects.create(**{"due_at": NOW, "created_at": NOW} | fields)


def message_policy(company=None, **fields):
    """Return the settings of a company that has sent messages since long ago."""
    company = company or _geneva()
    last = Event.objects.filter(company=company).order_by("-id").first()
    defaults = {"is_on": True, "on_since": NOW - timedelta(days=30), "tells_late": True}
    defaults |= {"seen_event_id": last.id if last else 0}
    return MessagePolicy.objects.create(company=company, **defaults | fields)


def message(booking, **fields):
    """Return a message that was sent about a booking, which has a client."""
    defaults = {
        "company": booking.company, "client": booking.client, "person": "client", "kind": "booked",
        "occasion": f"occasion {next(_numbers)}", "status": "sent", "channel": "sms",
        "address": "+41700000000", "text": "The trip is booked.", "due_at": NOW,
        "created_at": NOW, "first_at": NOW, "done_at": NOW,
    }  # fmt: skip
    return Message.objects.create(booking=booking, **defaults | fields)


def run(company=None, day=DAY, **fields):
    """Return a completed run of the day."""
    defaults = {
        "trigger": DispatchRun.Trigger.COMMAND,
        "status": DispatchRun.Status.COMPLETED,
        "started_at": NOW,
        "finished_at": NOW,
        "claim_ends_at": NOW,
    }
    return DispatchRun.objects.create(company=company or _geneva(), day=day, **defaults | fields)


BOOKING_STATUS = {
    Assignment.Status.PLANNED: BookingStatus.ASSIGNED,
    Assignment.Status.EN_ROUTE: BookingStatus.EN_ROUTE,
    Assignment.Status.IN_PROGRESS: BookingStatus.IN_PROGRESS,
    Assignment.Status.COMPLETED: BookingStatus.COMPLETED,
    Assignment.Status.CANCELED: BookingStatus.CANCELED,
    Assignment.Status.NO_SHOW: BookingStatus.NO_SHOW,
}


def assignment(booking, driver, *, minutes=20, **fields):
    """Return a planned assignment at the wanted time, `minutes` long.

    The booking's status follows the assignment's.
    """
    pickup_at = fields.setdefault("planned_pickup_at", booking.scheduled_time)
    defaults = {
        "company": booking.company,
        "status": Assignment.Status.PLANNED,
        "planned_dropoff_at": pickup_at + timedelta(minutes=minutes),
        "sequence": _seconds_of_day(pickup_at),
        "created_at": NOW,
        "updated_at": NOW,
    }
    row = Assignment.objects.create(booking=booking, driver=driver, **defaults | fields)
    if status := BOOKING_STATUS.get(row.status):
        booking.status = status
        booking.save(update_fields=["status"])
    return row


def _seconds_of_day(moment):
    local = moment.astimezone(ZONE)
    return local.hour * 3600 + local.minute * 60 + local.second
