"""Read what the panel shows of one trip: facts, driver, history, and the reasons to choose from."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bookings import cancel_reasons
from bookings.history import Line, history_of, messages_of, newest_first
from bookings.models import Booking, Status
from dispatch.board.broken_rules import named
from dispatch.day.rows import DONE
from dispatch.day.stretches import RIDES
from dispatch.day.trips import window_around
from dispatch.day.vehicles import plate
from dispatch.models import OPEN_ASSIGNMENT_STATUSES, Assignment
from dispatch.trips.locking import no_such_trip

EVENTS = 8  # the panel shows the newest
RIDE_AT_MOST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Detail:
    """A trip. `detour_min` are the minutes of empty driving it caused when it was planned.

    `beside` names who rides in the vehicle with it, if somebody does.
    """

    booking: Booking
    assignment: Assignment | None
    earliest_at: datetime
    latest_at: datetime
    detour_min: int | None
    beside: str
    history: tuple[Line, ...]
    messages: tuple[Line, ...]

    @property
    def status(self):
        return Status(self.booking.status)

    @property
    def story(self):
        """Return what happened, and what was told of it, newest first."""
        return newest_first(self.history, self.messages)

    @property
    def assignment_id(self):
        return self.assignment.id if self.assignment and self.assignment.is_open else 0

    @property
    def overrides(self):
        """Return the rules that somebody overrode to assign the trip, as one text."""
        return named(self.assignment.explanation.get("overrides")) if self.assignment else ""

    @property
    def cancel_reasons(self):
        at_the_door = self.status == Status.EN_ROUTE
        return cancel_reasons.AT_THE_DOOR if at_the_door else cancel_reasons.BEFOREHAND

    @property
    def no_show_reasons(self):
        return cancel_reasons.NO_SHOW

    @property
    def cancel_reason(self):
        return cancel_reasons.read(self.booking.cancel_reason)


def read_booking(company, booking_id: int) -> Booking:
    """Read a booking of the company with its client, customer and places: 1 query.

    Raises NoSuchTrip.
    """
    rows = Booking.objects.filter(company=company, id=booking_id)
    booking = rows.select_related("client", "customer", "pickup_place", "dropoff_place").first()
    if booking is None:
        raise no_such_trip()
    booking.company = company
    return booking


def read_detail(company, booking_id: int) -> Detail:
    """Read one trip of the company: at most 6 queries, 7 if it rides with others.

    Raises NoSuchTrip.
    """
    booking = read_booking(company, booking_id)
    assignment = (
        Assignment.objects.filter(booking=booking)
        .filter(status__in=[*OPEN_ASSIGNMENT_STATUSES, *sorted(DONE)])
        .select_related("driver")
        .annotate(plate=plate("driver", "planned_pickup_at"))
        .order_by("-id")
        .first()
    )
    detour_s = assignment.explanation.get("detour_s") if assignment else None
    earliest_at, latest_at = window_around(
        company, booking.scheduled_time, booking.return_of_id, booking.customer.own_window
    )
    return Detail(
        booking=booking,
        assignment=assignment,
        earliest_at=earliest_at,
        latest_at=latest_at,
        detour_min=None if detour_s is None else round(detour_s / 60),
        beside=_beside(company, assignment),
        history=history_of(company, booking_id, most=EVENTS, changes=False),
        messages=messages_of(company, booking_id, most=EVENTS),
    )


def _beside(company, assignment: Assignment | None) -> str:
    """Return the names of who rides with this trip: 1 query, none where it is alone."""
    no_show = Assignment.Status.NO_SHOW
    if assignment is None or assignment.stretch is None or assignment.status == no_show:
        return ""
    others = (
        Assignment.objects.exclude(pk=assignment.pk)
        .filter(
            RIDES,
            driver=assignment.driver_id,
            stretch=assignment.stretch,
            planned_pickup_at__lt=assignment.planned_dropoff_at,
            planned_pickup_at__gt=assignment.planned_pickup_at - RIDE_AT_MOST,
            planned_dropoff_at__gt=assignment.planned_pickup_at,
        )
        .select_related("booking__client")
        .order_by("planned_pickup_at", "id")
    )
    return ", ".join(
        f"{company.clock(row.booking.scheduled_time)} {row.booking.client or row.booking}"
        for row in others
    )
