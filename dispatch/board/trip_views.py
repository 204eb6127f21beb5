"""Change one trip from the board. Every response shows the trip as it is then.

A refused change shows the reason, and the latest change if someone else was faster; a change
against the rules shows the preview again.
"""

from functools import wraps

from django.conf import settings
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from bookings import cancel_reasons
from bookings.models import Status
from bookings.save import StaleBookingError
from dispatch.board.access import company_context, writable_context
from dispatch.board.detail import read_booking, read_detail
from dispatch.board.forms import (
    AssignForm,
    ChangeForm,
    OtherForm,
    PreviewForm,
    SickForm,
    SwapForm,
    last_time,
    on_day,
)
from dispatch.board.outlook import read_outlook
from dispatch.board.responses import OUT_OF_DATE, BadInput, checked, fragment
from dispatch.board.roads import HIGH, WIDE, picture_of
from dispatch.trips import decisions, progress, will_calls
from dispatch.trips.advice.advise import advise
from dispatch.trips.assign import (
    ASSIGNABLE,
    RuleBroken,
    TripLocked,
    assign,
    preview_assignment,
    preview_swap,
    swap,
)
from dispatch.trips.cancel import cancel
from dispatch.trips.correct import correct, is_in_time, step_back
from dispatch.trips.driver_sick import report_sick
from dispatch.trips.locking import NoSuchDriver, NoSuchTrip
from drivers.companies.actors import admin_actor
from drivers.models import Driver
from drivers.refused import Refused

CHANGED = ("board:refresh", "board:done")


def _progress(status):
    def report(company, booking_id, **options):
        return progress.report_progress(company, booking_id, status, **options)

    return report


# The use-case of each button, the form fields it takes, and the toast when it is done.
SEEN, WHEN = {"assignment_id"}, {"assignment_id", "at"}
ACTIONS = {
    "accept": (decisions.accept, {"version"}, gettext_lazy("Accepted.")),
    "ready": (will_calls.ready, {"version", "anyway"}, gettext_lazy("Ready: open for dispatch.")),
    "cancel": (cancel, {"version"}, gettext_lazy("Canceled.")),
    "release": (decisions.release, SEEN, gettext_lazy("Released from the driver.")),
    "lock": (decisions.lock, SEEN, gettext_lazy("Locked: no plan will move it.")),
    "unlock": (decisions.unlock, SEEN, gettext_lazy("Unlocked.")),
    "confirm": (decisions.confirm, SEEN, gettext_lazy("Confirmed.")),
    "arrive": (progress.arrive, WHEN, gettext_lazy("Arrived at the pickup.")),
    "en_route": (_progress(Status.EN_ROUTE), WHEN, gettext_lazy("The driver is on the way.")),
    "on_board": (_progress(Status.IN_PROGRESS), WHEN, gettext_lazy("On board.")),
    "completed": (_progress(Status.COMPLETED), WHEN, gettext_lazy("Completed.")),
    "no_show": (_progress(Status.NO_SHOW), WHEN, gettext_lazy("Recorded as a no-show.")),
    "back": (_progress(Status.ASSIGNED), WHEN, gettext_lazy("Back to assigned.")),
    "correct": (correct, {"version"}, gettext_lazy("Taken back.")),
}
WITH_REASON = {"cancel", "no_show", "correct"}


def trip_view(view):
    """Show the trip as it is then where a use-case refuses; input stays in its form."""

    @wraps(view)
    def translating(request, company, booking):
        try:
            return view(request, company, booking)
        except (BadInput, NoSuchTrip):
            raise
        except Refused as refusal:
            return show_trip(request, company_context(request, company), booking, refusal=refusal)

    return translating


def show_trip(request, current, booking_id, *, refusal=None, toast=""):
    """Show the panel of a trip: on request, after a change, or after a refusal."""
    trip, now = read_detail(current.company, booking_id), timezone.now()
    step = step_back(trip.booking) if current.may_write else None
    at = trip.assignment.planned_pickup_at if trip.assignment else trip.booking.scheduled_time
    context = {
        "may_write": current.may_write,
        "company": current.company,
        "trip": trip,
        "has_roads": bool(settings.ROADS_URL),
        "is_today": current.company.is_same_day(at, now),
        "step_back": step and is_in_time(current.company, step, now) and step,
        "outlook": read_outlook(current.company, trip.assignment, now=now)
        if trip.assignment_id
        else None,
        "refusal": refusal,
        "stale": isinstance(refusal, StaleBookingError),
    }
    return fragment(
        request,
        "_trip.html",
        context,
        status=refusal.status if refusal else 200,
        toast=toast,
        events=CHANGED if refusal or toast else (),
        target="#panel-body" if refusal else "",
    )


@require_safe
@trip_view
def detail(request, company, booking):
    """Show the panel of one trip: at most 10 statements."""
    return show_trip(request, company_context(request, company), booking)


@require_safe
@trip_view
def road(request, company, booking):
    """Show the way of a trip, by the road or the straight line: 1 statement."""
    current = company_context(request, company)
    trip = read_booking(current.company, booking)
    ends = (trip.pickup_lat, trip.pickup_lon), (trip.dropoff_lat, trip.dropoff_lon)
    context = {"picture": picture_of(current.company, ends), "wide": WIDE, "high": HIGH}
    return fragment(request, "_road.html", context)


@require_safe
@trip_view
def candidates(request, company, booking):
    """Show the drivers who could take the trip, why it has none, and what would help.

    8 statements.
    """
    current = company_context(request, company)
    advice = advise(current.company, booking, now=timezone.now())
    drivers = Driver.objects.filter(company=current.company, is_active=True).order_by("name", "id")
    context = {
        "may_write": current.may_write,
        "company": current.company,
        "may_assign": current.may_write and advice.row.status in ASSIGNABLE,
        "advice": advice,
        "drivers": list(drivers.values_list("id", "name", "is_available")),
        "picking": "pick" in request.GET,
    }
    return fragment(request, "_candidates.html", context)


@require_safe
@trip_view
def preview(request, company, booking):
    """Show what assigning the trip to a driver would mean: 7 statements, nothing written."""
    current = writable_context(request, company)
    values = checked(PreviewForm, request.GET)
    driver_id = values.pop("driver")
    return _preview(request, current, booking, driver_id, **values)


def _preview(request, current, booking_id, driver_id, *, clock=None, pickup_at=None, status=200):
    now = timezone.now()
    if clock:
        wanted_at = read_booking(current.company, booking_id).scheduled_time
        pickup_at = on_day(current.company, current.company.local(wanted_at).date(), clock)
    seen = preview_assignment(current.company, booking_id, driver_id, now=now, pickup_at=pickup_at)
    context = {
        "company": current.company,
        "seen": seen,
        "changed": status == 409,
    }
    return fragment(
        request, "_assignment_preview.html", context, status=status, target="#dialog-body"
    )


@require_POST
@trip_view
def assign_trip(request, company, booking):
    """Assign the trip to the driver, as previewed."""
    current = writable_context(request, company)
    values = checked(AssignForm, request.POST)
    try:
        trip = assign(
            current.company,
            booking,
            values["driver"],
            actor=admin_actor(request),
            now=timezone.now(),
            pickup_at=values["pickup_at"],
            override=values["override"],
            lock=values["lock"],
            assignment_id=values["assignment"],
        )
    except (RuleBroken, TripLocked):
        return _preview(
            request, current, booking, values["driver"], pickup_at=values["pickup_at"], status=409
        )
    toast = _("%(trip)s assigned to %(driver)s at %(clock)s.") % {
        "trip": trip.booking,
        "driver": trip.assignment.driver,
        "clock": current.company.clock(trip.assignment.planned_pickup_at),
    }
    return show_trip(request, current, booking, toast=toast)


@trip_view
def swap_trips(request, company, booking):
    """Preview swapping the drivers of two trips (GET); swap them (POST)."""
    current = writable_context(request, company)
    if request.method != "POST":
        other_id = checked(OtherForm, request.GET)["other"]
        return _preview_swap(request, current, booking, other_id)
    values = checked(SwapForm, request.POST)
    try:
        swap(
            current.company,
            booking,
            values["other"],
            actor=admin_actor(request),
            now=timezone.now(),
            override=values["override"],
            lock=values["lock"],
            seen=(values["assignment"], values["other_assignment"]),
        )
    except (RuleBroken, TripLocked):
        return _preview_swap(request, current, booking, values["other"], status=409)
    return show_trip(request, current, booking, toast=_("The two trips have swapped drivers."))


def _preview_swap(request, current, booking_id, other_id, *, status=200):
    both = preview_swap(current.company, booking_id, other_id, now=timezone.now())
    context = {
        "company": current.company,
        "both": both,
        "locked": any(seen.locked for seen in both),
        "faulty": any(seen.faults for seen in both),
        "impossible": any(seen.impossible for seen in both),
        "changed": status == 409,
    }
    return fragment(request, "_swap.html", context, status=status, target="#dialog-body")


@require_POST
@trip_view
def change(request, company, booking):
    """Carry out the action of one button (`ACTIONS`)."""
    current = writable_context(request, company)
    values = checked(ChangeForm, request.POST)
    if values["action"] not in ACTIONS:
        raise BadInput(str(OUT_OF_DATE))
    if values["action"] in WITH_REASON and not (values["code"] or values["note"]):
        raise BadInput(_("Choose a reason."))
    use_case, takes, done = ACTIONS[values["action"]]
    now = timezone.now()
    options = {
        "version": values["version"],
        "assignment_id": values["assignment"],
        "at": values["clock"] and last_time(current.company, now, values["clock"]),
        "anyway": values["anyway"],
    }
    try:
        use_case(
            current.company,
            booking,
            actor=admin_actor(request),
            now=now,
            reason=cancel_reasons.written(values["code"], values["note"]),
            **{name: options[name] for name in takes},
        )
    except will_calls.NotThereYet as refusal:
        context = {
            "company": current.company,
            "booking": booking,
            "version": values["version"],
            "refusal": refusal,
        }
        return fragment(
            request,
            "_ready_early.html",
            context,
            status=refusal.status,
            target="#dialog-body",
        )
    return show_trip(request, current, booking, toast=str(done))


def sick(request, company, driver):
    """Ask for confirmation (GET); report the driver sick and offer to plan again (POST)."""
    current = writable_context(request, company)
    if request.method != "POST":
        found = Driver.objects.filter(company=current.company, id=driver).first()
        if found is None:
            raise Http404(_("Driver not found."))
        return fragment(request, "_sick.html", {"company": current.company, "driver": found})
    note = checked(SickForm, request.POST)["note"]
    now = timezone.now()
    try:
        done = report_sick(current.company, driver, actor=admin_actor(request), now=now, note=note)
    except NoSuchDriver as missing:  # it is the address that names the driver
        raise Http404(str(missing)) from None
    today = current.company.local(now).date()
    context = {
        "company": current.company,
        "driver": done.driver,
        "done": done,
        "until": current.company.clock(done.absence.end_at, today),
        "day": today,
    }
    return fragment(request, "_sick.html", context, events=("board:refresh",))
