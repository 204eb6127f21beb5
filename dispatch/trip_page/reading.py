"""What the page of a trip tells: when, which car, where it is; nobody's name, no address."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from bookings.agreements import too_late
from bookings.models import Booking, MessagePolicy, Status
from dispatch.day.duties import POSITION_FRESH
from dispatch.messages.decide import driven
from dispatch.messages.gather import TOLD, told_until
from dispatch.messages.page_keys import booking_of, key_of, opens
from dispatch.models import Assignment
from drivers.models import Company

CLOSES_AFTER = timedelta(hours=12)  # after the trip; nobody needs the page any more
OVERDUE_AFTER = timedelta(minutes=10)  # then whoever waits had better call
OVER = {
    Status.COMPLETED: lambda: _("The trip is over."),
    Status.NO_SHOW: lambda: _("The trip did not take place."),
    Status.CANCELED: lambda: _("The trip is canceled."),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a trip; `at` is when the car comes, `car` where it is, in degrees.

    `is_expected`: `at` is an estimate; `is_worked_out`: it follows from driving times. `is_open`: a
    car comes, or has come. `too_late` says why the client can cancel nothing here any more. `back`
    is the way back for which they say when they are ready, on its own page.
    """

    booking: Booking
    state: str
    at: datetime | None = None
    plate: str = ""
    car: tuple[float, float] | None = None
    is_expected: bool = False
    is_worked_out: bool = False
    is_open: bool = True
    may_cancel: bool = False
    may_be_ready: bool = False
    too_late: str = ""
    back: Booking | None = None

    @property
    def company(self) -> Company:
        return self.booking.company

    @property
    def reloads(self) -> bool:
        """Return whether the page loads itself anew: not while a form may be filled in."""
        return self.is_open and self.at is not None and not (self.may_cancel or self.may_be_ready)

    @property
    def key_of_back(self) -> str:
        return key_of(self.back) if self.back is not None else ""


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
    """Return what to show of a trip, None once its page is closed: 2 statements.

    When the car comes is what `dispatch.forecast` keeps of it, if that is of now.
    """
    trips = driven(now).filter(booking=booking).select_related("driver", "expected")
    trip = trips.order_by("-id").first()
    last = max(booking.scheduled_time, trip.planned_dropoff_at if trip else booking.scheduled_time)
    if now > last + CLOSES_AFTER:
        return None
    status = Status(booking.status)
    if status in OVER:
        shown = Shown(booking, OVER[status](), is_open=False)
    elif status in (Status.EN_ROUTE, Status.IN_PROGRESS) and trip is not None:
        shown = _under_way(booking, trip, now)
    elif booking.will_call:
        state = _("Tell us when you are ready: then a car comes.")
        shown = Shown(booking, state, may_cancel=True, may_be_ready=True)
    else:
        shown = _ahead(booking, trip, now)
    back = Booking.objects.filter(return_of=booking, client=booking.client_id, will_call=True)
    return replace(shown, back=back.filter(status=Status.PENDING).order_by("id").first())


def _under_way(booking: Booking, trip: Assignment, now: datetime) -> Shown:
    number: str = getattr(trip, "plate", None) or ""
    if booking.status == Status.IN_PROGRESS:
        return Shown(booking, _("You are on the way."), plate=number)
    if trip.arrived_at is not None:
        return Shown(booking, _("The car is there."), plate=number)
    at, is_expected = comes_at(trip)
    return Shown(
        booking,
        _("The car is on the way."),
        at if at >= now else None,
        number,
        _car(trip, now),
        is_expected,
        is_worked_out=True,
    )


def _car(trip: Assignment, now: datetime) -> tuple[float, float] | None:
    """Return where the car is: not if it may stand at the door of somebody who rides along."""
    driver = trip.driver
    seen_at, lat, lon = driver.last_position_at, driver.last_lat, driver.last_lon
    is_seen = seen_at is not None and now - seen_at <= POSITION_FRESH and trip.stretch is None
    return (lat, lon) if is_seen and lat is not None and lon is not None else None


def comes_at(trip: Assignment) -> tuple[datetime, bool]:
    """Return when the car comes, and whether that is an estimate instead of the plan.

    Of a driver who has reported nothing nobody knows, as for messages.
    """
    expected_at: datetime | None = getattr(trip, "expected_at", None)
    planned_at = trip.planned_pickup_at
    if expected_at is None:
        return planned_at, False
    is_on_its_way = trip.status == Assignment.Status.EN_ROUTE
    is_late = not trip.expected.is_silent and expected_at - planned_at > TOLD
    if is_on_its_way or is_late:
        return max(planned_at, expected_at), True
    return planned_at, False


def _ahead(booking: Booking, trip: Assignment | None, now: datetime) -> Shown:
    policy: MessagePolicy = booking.company.message_policy
    at, is_expected, number = booking.scheduled_time, False, ""
    is_worked_out = booking.pickup_computed
    state = _("The trip is booked.")
    if booking.status == Status.PENDING:
        state = _("The trip is asked for. It is not confirmed yet.")
    elif trip is not None and booking.scheduled_time < told_until(policy, now):
        state = _("The car comes.")
        at, is_expected = comes_at(trip)
        is_worked_out = True
        number = getattr(trip, "plate", None) or ""
    refused = too_late(booking.customer, booking.scheduled_time, now)
    if now >= at:
        refused = _("The car may be there at any moment: call us.")
        if now > at + OVERDUE_AFTER:
            state = _("The car should have come. Call us.")
    return Shown(
        booking,
        state,
        at,
        number,
        None,
        is_expected,
        is_worked_out,
        may_cancel=not refused,
        too_late=refused,
    )


def tiles() -> dict[str, str]:
    """Return the map's tiles, as templates name them."""
    return {"url": settings.MAP_TILES_URL, "attribution": settings.MAP_TILES_ATTRIBUTION}
