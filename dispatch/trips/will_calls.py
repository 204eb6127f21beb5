"""Accept a will-call: the client has said when they are ready."""

from datetime import datetime, timedelta

from django.db.models import F, FilteredRelation, Q
from django.utils.translation import gettext as _

from bookings.agreements import require_time, too_late
from bookings.models import Actor, Booking, Status
from bookings.save import StatusRefusedError
from dispatch.day.trips import PLANNABLE
from dispatch.trips.locking import LockedTrip, locked_trip
from dispatch.trips.write_trip import compare, require_transition, write
from drivers.models import Company, Customer
from drivers.refused import Refused

READY_WITHIN_MIN = 600  # how far ahead a client may announce that they will be ready
BACK_WITHIN = timedelta(days=1)  # a way back is wanted so long after the outbound trip at most


class NotThereYet(Refused):
    """The outbound trip has not arrived yet; `anyway` accepts its return trip all the same."""

    code = "not_there_yet"
    status = 409


class AppointmentMissed(Refused):
    """The client would be ready after the appointment."""

    code = "appointment_missed"
    status = 409


def ready(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    minutes: int = 0,
    anyway: bool = False,
    reason: str = "",
    version: int | None = None,
    held_to: Customer | None = None,
) -> LockedTrip:
    """Accept a will-call whose client is ready now, or in some minutes: at most 6 statements.

    A customer `held_to` what was agreed may not ask for a trip that is too close, unless it is the
    way back of a recent one: 1 statement more.

    An accepted booking with a time keeps it. `anyway` accepts it although the outbound trip has
    not arrived by then. Raises NoSuchTrip, StaleBookingError, StatusRefusedError,
    TooLateForCustomer, AppointmentMissed or NotThereYet.
    """
    with locked_trip(company, booking_id) as trip:
        booking = trip.booking
        if not booking.will_call and booking.status in PLANNABLE:
            return trip
        compare(trip, version)
        if not booking.will_call:
            raise StatusRefusedError(
                _("Trip %(trip)s is not a will-call: it has a pickup time.") % {"trip": booking}
            )
        require_transition(trip, Status.ACCEPTED)
        wanted_at = now.replace(second=0, microsecond=0) + timedelta(minutes=minutes)
        if held_to and too_late(held_to, wanted_at, now) and not _is_way_back(booking, wanted_at):
            require_time(held_to, wanted_at, now)
        if booking.appointment_at and booking.appointment_at <= wanted_at:
            raise AppointmentMissed(
                _("Trip %(trip)s has an appointment at %(at)s; change or remove it first.")
                % {"trip": booking, "at": company.clock(booking.appointment_at)}
            )
        if not anyway:
            _require_arrived(company, booking, wanted_at, now)
        fields = {"status": Status.ACCEPTED, "will_call": False, "scheduled_time": wanted_at}
        return write(trip, booking=fields, actor=actor, now=now, reason=reason)


def _is_way_back(booking: Booking, wanted_at: datetime) -> bool:
    """Return whether its outbound trip was wanted within `BACK_WITHIN` before, and took place."""
    if booking.return_of_id is None:
        return False
    there = Booking.objects.filter(
        id=booking.return_of_id,
        scheduled_time__gt=wanted_at - BACK_WITHIN,
        scheduled_time__lte=wanted_at,
    )
    return there.exclude(status__in=[Status.CANCELED, Status.NO_SHOW]).exists()


def _require_arrived(company: Company, back: Booking, wanted_at: datetime, now: datetime) -> None:
    """Raise NotThereYet if the outbound trip arrives after `wanted_at`: at most 1 statement.

    A trip that is over hinders nothing. One under way arrives as planned, but not before now.
    """
    if back.return_of_id is None:
        return
    standing = Q(assignments__is_open=True)
    there = (
        Booking.objects.open()
        .annotate(standing=FilteredRelation("assignments", condition=standing))
        .annotate(dropoff_at=F("standing__planned_dropoff_at"))
        .filter(id=back.return_of_id)
        .first()
    )
    if there is None:
        return
    arrives_at = there.dropoff_at or there.appointment_at or there.scheduled_time
    if there.status in (Status.EN_ROUTE, Status.IN_PROGRESS):
        arrives_at = max(arrives_at, now)
    if wanted_at < arrives_at:
        raise NotThereYet(
            _("Outbound trip %(trip)s is %(status)s: it arrives at %(at)s at the earliest.")
            % {
                "trip": there,
                "status": there.get_status_display(),
                "at": company.clock(arrives_at, company.local(now).date()),
            }
        )
