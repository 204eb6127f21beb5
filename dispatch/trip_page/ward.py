"""What the page of a ward tells: who comes and who leaves today and tomorrow, when, in which car.

Of other ends of the trips, telephones, needs and notes it tells nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.models import Actor, Booking, Door, Reading, Status, WardPage
from bookings.privacy.readings import note_readings_of_day
from dispatch.messages.decide import driven
from dispatch.messages.gather import told_until
from dispatch.models import Assignment
from dispatch.trip_page.reading import comes_at

OVER = {Status.COMPLETED, Status.NO_SHOW, Status.CANCELED}


@dataclass(frozen=True, slots=True)
class Line:
    """A trip at the ward; `at` is when its car is there, `asked_at` what was agreed."""

    at: datetime
    asked_at: datetime | None
    is_expected: bool
    who: str
    plate: str
    state: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class WardDay:
    """The trips of a day, each in order of time."""

    day: date
    arrivals: list[Line]
    departures: list[Line]


def read_ward(page: WardPage, *, now: datetime) -> list[WardDay]:
    """Return today and tomorrow: 2 statements, and at most 2 more where names are shown.

    Clients who are shown by name are noted as read, each once a day.
    """
    company = page.company
    today = company.local(now).date()
    days = [today, today + timedelta(days=1)]
    start_at, end_at = company.day_bounds(days[0])[0], company.day_bounds(days[1])[1]
    rows = Booking.objects.filter(
        Q(pickup_place=page.place_id) | Q(dropoff_place=page.place_id),
        company=company,
        customer=page.customer_id,
        scheduled_time__gte=start_at,
        scheduled_time__lt=end_at,
    )
    bookings = list(rows.select_related("client").order_by("scheduled_time", "id"))
    trips = driven(now).filter(booking__any_of=[booking.pk for booking in bookings])
    of_booking = {trip.booking_id: trip for trip in trips.select_related("expected").order_by("id")}
    policy = getattr(company, "message_policy", None)
    planned_until = told_until(policy, now) if policy else company.day_bounds(days[0])[1]
    if page.shows_names:
        _note(page, bookings, start_at, now)
    arrivals: dict[date, list[Line]] = {day: [] for day in days}
    departures: dict[date, list[Line]] = {day: [] for day in days}
    for booking in bookings:
        trip = of_booking.get(booking.pk)
        told = trip if booking.scheduled_time < planned_until else None
        day = company.local(booking.scheduled_time).date()
        if booking.pickup_place_id == page.place_id:
            departures[day].append(_departure(page, booking, told))
        if booking.dropoff_place_id == page.place_id:
            arrivals[day].append(_arrival(page, booking, told))
    return [
        WardDay(
            day,
            sorted(arrivals[day], key=lambda line: line.at),
            sorted(departures[day], key=lambda line: line.at),
        )
        for day in days
    ]


def _note(page: WardPage, bookings: list[Booking], since: datetime, now: datetime) -> None:
    actor = Actor(Door.WARD_PAGE, name=f"{page.customer}, {page.place}"[:100])
    clients = {booking.client_id for booking in bookings if booking.client_id is not None}
    note_readings_of_day(
        page.company_id, clients, Reading.What.WARD, actor=actor, since=since, now=now
    )


def _departure(page: WardPage, booking: Booking, trip: Assignment | None) -> Line:
    at, is_expected = booking.scheduled_time, False
    if trip is not None:
        at, is_expected = comes_at(trip)
        at = trip.actual_pickup_at or trip.arrived_at or at
    return _line(page, booking, trip, at, booking.scheduled_time, is_expected, _leaves)


def _arrival(page: WardPage, booking: Booking, trip: Assignment | None) -> Line:
    at, is_expected = booking.appointment_at or booking.scheduled_time, False
    if trip is not None:
        pickup_at, is_expected = comes_at(trip)
        at = trip.planned_dropoff_at + (pickup_at - trip.planned_pickup_at)
        if is_expected or (booking.status == Status.IN_PROGRESS and _is_foreseen(trip)):
            at, is_expected = max(trip.planned_dropoff_at, trip.expected.dropoff_at), True
        at = trip.actual_dropoff_at or at
    return _line(page, booking, trip, at, booking.appointment_at, is_expected, _comes)


def _is_foreseen(trip: Assignment) -> bool:
    return getattr(trip, "expected_at", None) is not None


def _line(
    page: WardPage,
    booking: Booking,
    trip: Assignment | None,
    at: datetime,
    asked_at: datetime | None,
    is_expected: bool,
    state_of: Callable[[Booking, Status, Assignment | None], str],
) -> Line:
    status = Status(booking.status)
    is_over = status in OVER
    name = booking.client.name if booking.client else ""
    return Line(
        at,
        asked_at if asked_at and abs(asked_at - at) >= timedelta(minutes=1) else None,
        is_expected and not is_over,
        name if page.shows_names else initials(name),
        (getattr(trip, "plate", None) or "") if trip is not None else "",
        state_of(booking, status, trip),
        is_over,
    )


def initials(name: str) -> str:
    """Return the first letters of a name: “Ada Lovelace-King” is “A. L.”."""
    letters = [word.lstrip("(\"'")[:1].upper() for word in name.split()]
    return " ".join(f"{letter}." for letter in letters if letter.isalnum())


def _before(booking: Booking, status: Status, trip: Assignment | None) -> str:
    if status == Status.CANCELED:
        return _("canceled")
    if status == Status.NO_SHOW:
        return _("did not take place")
    if booking.will_call and status == Status.PENDING:
        return _("waits to be called")
    if status == Status.PENDING:
        return _("not confirmed yet")
    return _("planned") if trip is not None else _("booked")


def _leaves(booking: Booking, status: Status, trip: Assignment | None) -> str:
    if status == Status.EN_ROUTE and trip is not None:
        return _("the car is there") if trip.arrived_at else _("the car is on the way")
    if status == Status.IN_PROGRESS:
        return _("has left")
    if status == Status.COMPLETED:
        return _("has arrived elsewhere")
    return _before(booking, status, trip)


def _comes(booking: Booking, status: Status, trip: Assignment | None) -> str:
    if status == Status.EN_ROUTE:
        return _("the car is on the way to the client")
    if status == Status.IN_PROGRESS:
        return _("on the way here")
    if status == Status.COMPLETED:
        return _("has arrived")
    return _before(booking, status, trip)
