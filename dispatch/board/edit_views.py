"""Change the booking of a trip from the board: its times, places and notes, or agree on a new time.

Both are dialogs: what is refused is shown in the dialog, and the input stays in its form. A trip
that its driver could not drive any more is only changed after asking, as in the booking's form.
"""

from copy import copy
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.admin.overlaps import IS_ANOTHER, ids_meant
from bookings.guards import Agreed
from bookings.overlaps import insist, trips_asked
from bookings.places.known import Place
from bookings.places.search import place_at
from bookings.save import StaleBookingError, save_booking
from dispatch.board.access import writable_context
from dispatch.board.detail import read_booking
from dispatch.board.forms import AgreeForm, EditForm, NewTimeForm, on_day
from dispatch.board.responses import checked, fragment
from dispatch.board.trip_views import show_trip, trip_view
from dispatch.trips.assign import RuleBroken, TripLocked, is_locked
from dispatch.trips.fleet_changes import TripsBroken
from dispatch.trips.locking import NoSuchTrip, stale
from dispatch.trips.new_times import Appointment, agree_on_time, new_times
from drivers.admin.forms import far_boxes
from drivers.companies.actors import admin_actor
from drivers.models import FAR_MEANT, asked_about
from drivers.models.far_places import read_meant
from drivers.refused import Refused
from drivers.templatetags.clock import clock_input

ENDS = ("pickup", "dropoff")
# An appointment after midnight is so near to the pickup; one that is not is a typing error.
NIGHT = timedelta(hours=12)


@trip_view
def edit(request, company, booking):
    """Show the form of a trip's particulars (GET); save them (POST)."""
    current = writable_context(request, company)
    row = read_booking(current.company, booking)
    if request.method != "POST":
        return _edit(request, current, row)
    values = checked(EditForm, request.POST)
    asked = {way: frozenset(filter(None, [values[way]])) for way in ("move", "release")}
    edited = copy(row)
    edited.far_meant = meant = read_meant(request.POST.getlist(FAR_MEANT))

    def save(meant):
        booking = copy(edited)
        booking.overlap_meant |= meant
        actor, agreed = admin_actor(request), Agreed(**asked)
        return save_booking(booking, actor=actor, now=timezone.now(), agreed=agreed)

    try:
        if values["version"] != row.version:
            raise stale(row)
        _set(edited, values)
        insist(ids_meant(values["overlap_meant"]), save)
    except ValidationError as error:
        how = {"far": far_boxes(asked_about(error), meant), "overlapped": trips_asked(error)}
        return _edit(request, current, row, values=request.POST, errors=error.messages, **how)
    except NoSuchTrip:
        raise
    except Refused as refusal:
        far = far_boxes((), meant)
        return _edit(request, current, row, values=request.POST, refusal=refusal, far=far)
    return show_trip(request, current, booking, toast=_("Saved."))


def _set(booking, values):
    """Set the particulars on the day of the trip. Raises ValidationError for an unknown place.

    An appointment that would be before the pickup is in the night that follows, if that is near.
    """
    company = booking.company
    day = company.local(booking.scheduled_time).date()
    pickup_at = _moment(company, day, booking.scheduled_time, values["clock"])
    due_at = _moment(company, day, booking.appointment_at, values["appointment"])
    if due_at and due_at <= pickup_at and due_at != booking.appointment_at:
        next_at = on_day(company, day + timedelta(days=1), values["appointment"])
        due_at = next_at if next_at - pickup_at < NIGHT else due_at
    booking.scheduled_time, booking.appointment_at = pickup_at, due_at
    booking.notes = values["notes"]
    unknown = []
    for end in ENDS:
        address = values[f"{end}_address"]
        lat, lon = values[f"{end}_lat"], values[f"{end}_lon"]
        chosen = lat is not None and lon is not None
        if not address or (address == getattr(booking, f"{end}_address") and not chosen):
            continue
        place = Place(address, lat, lon) if chosen else place_at(company, address)
        if place is None:
            unknown.append(address)
            continue
        for what in ("address", "lat", "lon"):
            setattr(booking, f"{end}_{what}", getattr(place, what))
    if unknown:
        text = _("This address is not known: choose one from the list, or enter it in the booking.")
        raise ValidationError([f"“{address}”: {text}" for address in unknown])


def _moment(company, day, before, clock):
    """Return the moment of a clock time; what was not changed keeps its day and its seconds."""
    shown = before and company.local(before)
    if shown and clock and f"{shown:%H:%M}" == f"{clock:%H:%M}" and clock.tzinfo is None:
        return before
    return clock and on_day(company, day, clock)


def _edit(request, current, row, *, values=None, errors=(), refusal=None, far=(), overlapped=()):
    company = current.company
    shown = values or {
        "version": row.version,
        "clock": clock_input(company.local(row.scheduled_time)),
        "appointment": row.appointment_at and clock_input(company.local(row.appointment_at)),
        "pickup_address": row.pickup_address,
        "dropoff_address": row.dropoff_address,
        "notes": row.notes,
    }
    context = {
        "company": company,
        "booking": row,
        "values": shown,
        "errors": errors,
        "refusal": refusal,
        "broken": isinstance(refusal, TripsBroken),
        "stale": isinstance(refusal, StaleBookingError),
        "far": far,
        "overlapped": " ".join(map(str, sorted(overlapped))),
        "is_another": IS_ANOTHER,
    }
    status = refusal.status if refusal else 400 if errors else 200
    return fragment(request, "_edit.html", context, status=status, target="#dialog-body")


@trip_view
def new_time(request, company, booking):
    """Offer the nearest times that can be driven (GET); book the one agreed on (POST)."""
    current = writable_context(request, company)
    if request.method != "POST":
        return _offer(request, current, booking, checked(NewTimeForm, request.GET))
    values = checked(AgreeForm, request.POST)
    try:
        trip = agree_on_time(
            current.company,
            booking,
            values["driver"],
            values["pickup_at"],
            appointment=values["appointment"] or Appointment.STAYS,
            lock=values["lock"],
            version=values["version"],
            actor=admin_actor(request),
            now=timezone.now(),
        )
    except (RuleBroken, TripsBroken, TripLocked):
        return _offer(request, current, booking, values, changed=True)
    except ValidationError as error:
        return _offer(request, current, booking, values, errors=error.messages)
    who, clock = trip.booking.client or trip.booking, current.company.clock(values["pickup_at"])
    toast = _("%(trip)s: new time %(clock)s.") % {"trip": who, "clock": clock}
    return show_trip(request, current, booking, toast=toast)


def _offer(request, current, booking_id, values, *, changed=False, errors=()):
    company = current.company
    around = None
    if values["clock"]:
        wanted_at = read_booking(company, booking_id).scheduled_time
        around = on_day(company, company.local(wanted_at).date(), values["clock"])
    found = new_times(
        company,
        booking_id,
        now=timezone.now(),
        around=around,
        appointment=values["appointment"],
    )
    context = {
        "company": company,
        "row": found.row,
        "locked": is_locked(found.row),
        "times": found.times,
        "around": found.around,
        "appointment": found.appointment,
        "changed": changed,
        "errors": errors,
    }
    status = 409 if changed else 400 if errors else 200
    return fragment(request, "_new_time.html", context, status=status, target="#dialog-body")
