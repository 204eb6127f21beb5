"""What the page of a trip tells: when, which car, where it is; nobody's name, no address."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, Q, When
from django.utils.translation import gettext as _

from bookings.agreements import too_late
from bookings.models import Booking, MessagePolicy, Status
from dispatch.day.duties import POSITION_FRESH
from dispatch.day.queries import DONE
from dispatch.day.vehicles import plate
from dispatch.messages.gather import told_until
from dispatch.messages.page_keys import booking_of, opens
from dispatch.models import Assignment, is_foreseen
from drivers.models import Company

CLOSES_AFTER = timedelta(hours=12)  # after the trip; nobody needs the page any more
BEFORE_THE_CAR = (Status.PENDING, Status.ACCEPTED, Status.ASSIGNED)
OVER = {
    Status.COMPLETED: lambda: _("The trip is over."),
    Status.NO_SHOW: lambda: _("The trip did not take place."),
    Status.CANCELED: lambda: _("The trip is canceled."),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a trip; `at` is when the car comes, `car` where it is, in degrees.

    `is_expected`: the car is on the way, and `at` an estimate. `too_late` says why the client can
    change nothing here any more.
    """

    booking: Booking
    state: str
    at: datetime | None = None
    plate: str = ""
    car: tuple[float, float] | None = None
    is_expected: bool = False
    may_cancel: bool = False
    may_be_ready: bool = False
    too_late: str = ""

    @property
    def company(self) -> Company:
        return self.booking.company


def find_trip(key: str) -> Booking | None:
    """Return the booking that a key opens, with company, policy and customer: 1 statement.

    None where the company shows no pages.
    """
    booking_id = booking_of(key)
    if booking_id is None:
        return None
    rows = Booking.objects.select_related("company__message_policy", "customer")
    booking = rows.filter(
        pk=booking_id, company__message_policy__is_on=True, company__message_policy__has_pages=True
    ).first()
    return booking if booking is not None and opens(key, booking) else None


def show(booking: Booking, *, now: datetime) -> Shown | None:
    """Return what to show of a trip, None once its page is closed: 1 statement.

    When a car on the way arrives is what `dispatch.forecast` keeps of it, if that is of now.
    """
    trips = Assignment.objects.filter(booking=booking)
    trip = (
        trips.filter(Q(is_open=True) | Q(status__in=sorted(DONE)))
        .select_related("driver")
        .annotate(plate=plate("driver", "planned_pickup_at"))
        .annotate(expected_at=Case(When(is_foreseen(now), then=F("expected__pickup_at"))))
        .order_by("-id")
        .first()
    )
    last = max(booking.scheduled_time, trip.planned_dropoff_at if trip else booking.scheduled_time)
    if now > last + CLOSES_AFTER:
        return None
    status = Status(booking.status)
    if status in OVER:
        return Shown(booking, OVER[status]())
    if status not in BEFORE_THE_CAR and trip is not None:
        return _under_way(booking, trip, now)
    return _ahead(booking, trip, now)


def _under_way(booking: Booking, trip: Assignment, now: datetime) -> Shown:
    number: str = getattr(trip, "plate", None) or ""
    if booking.status == Status.IN_PROGRESS:
        return Shown(booking, _("You are on the way."), plate=number)
    if trip.arrived_at is not None:
        return Shown(booking, _("The car is there."), plate=number)
    driver = trip.driver
    seen_at, lat, lon = driver.last_position_at, driver.last_lat, driver.last_lon
    is_seen = seen_at is not None and now - seen_at <= POSITION_FRESH
    car = (lat, lon) if is_seen and lat is not None and lon is not None else None
    at = max(trip.planned_pickup_at, getattr(trip, "expected_at", None) or now)
    return Shown(booking, _("The car is on the way."), at, number, car, is_expected=True)


def _ahead(booking: Booking, trip: Assignment | None, now: datetime) -> Shown:
    policy: MessagePolicy = booking.company.message_policy
    refused = too_late(booking.customer, booking.scheduled_time, now)
    if booking.will_call:
        return Shown(
            booking,
            _("Tell us when you are ready: then a car comes."),
            may_cancel=True,
            may_be_ready=True,
        )
    if booking.status == Status.PENDING:
        state = _("The trip is asked for. It is not confirmed yet.")
        at, number = booking.scheduled_time, ""
    elif trip is not None and booking.scheduled_time < told_until(policy, now):
        state = _("The car comes.")
        at, number = trip.planned_pickup_at, getattr(trip, "plate", None) or ""
    else:
        state = _("The trip is booked.")
        at, number = booking.scheduled_time, ""
    return Shown(booking, state, at, number, may_cancel=not refused, too_late=refused)


def tiles() -> dict[str, str]:
    """Return the map's tiles, as templates name them."""
    return {"url": settings.MAP_TILES_URL, "attribution": settings.MAP_TILES_ATTRIBUTION}
