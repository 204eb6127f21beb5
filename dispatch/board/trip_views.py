"""What dispatchers do to one trip from the board. Every answer shows the trip as it then is.

What cannot be done answers 409 with the reason and, where somebody else was quicker, with what
they did; what the rules forbid shows the consequences again.
"""

from functools import partial, wraps

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from bookings import cancel_reasons
from bookings.actors import admin_actor
from bookings.models import Status
from bookings.save import StaleBookingError, StatusRefusedError
from dispatch.board.access import desk_of
from dispatch.board.detail import read_detail
from dispatch.board.forms import (
    AssignForm,
    ChangeForm,
    ConsequencesForm,
    OtherForm,
    SickForm,
    SwapForm,
    last_time,
    on_day,
)
from dispatch.board.responses import BadInput, checked, fragment, told_off, writing_desk
from dispatch.trips import progress
from dispatch.trips.assign import (
    DoubleBooked,
    NotSwappable,
    RuleBroken,
    advise,
    consequences,
    hand_over,
    swap,
    swap_consequences,
)
from dispatch.trips.cancel import cancel
from dispatch.trips.driver_sick import driver_sick
from dispatch.trips.locking import NoSuchDriver, NoSuchTrip
from drivers.models import Driver

REFUSALS = (
    StaleBookingError,
    StatusRefusedError,
    DoubleBooked,
    NotSwappable,
    progress.NotAssigned,
    progress.ImplausibleTime,
    progress.AppointmentMissed,
)
CHANGED = ("board:refresh", "board:done")


def _progress(status):
    def report(company, booking_id, **options):
        return progress.report_progress(company, booking_id, status, **options)

    return report


# What a click asks for: the use-case, what it takes of the form, and what is said when done.
SEEN, WHEN = {"assignment_id"}, {"assignment_id", "at"}
ACTIONS = {
    "accept": (progress.accept, {"version"}, gettext_lazy("Accepted.")),
    "ready": (progress.ready, {"version"}, gettext_lazy("Ready: it is open for dispatch.")),
    "cancel": (cancel, {"version"}, gettext_lazy("Canceled.")),
    "release": (progress.release, SEEN, gettext_lazy("Taken from the driver.")),
    "lock": (progress.lock, SEEN, gettext_lazy("Locked: no run moves it.")),
    "unlock": (progress.unlock, SEEN, gettext_lazy("Unlocked.")),
    "confirm": (progress.confirm, SEEN, gettext_lazy("Confirmed.")),
    "arrive": (progress.arrive, WHEN, gettext_lazy("Arrived at the pickup.")),
    "en_route": (_progress(Status.EN_ROUTE), WHEN, gettext_lazy("The driver is on the way.")),
    "on_board": (_progress(Status.IN_PROGRESS), WHEN, gettext_lazy("On board.")),
    "completed": (_progress(Status.COMPLETED), WHEN, gettext_lazy("Completed.")),
    "no_show": (_progress(Status.NO_SHOW), WHEN, gettext_lazy("Noted: nobody came.")),
    "back": (_progress(Status.ASSIGNED), WHEN, gettext_lazy("Not on the way after all.")),
}
WITH_REASON = {"cancel", "no_show"}


def action_view(view):
    """Turn what a use-case refuses into an answer that says so and shows the trip as it is."""

    @wraps(view)
    def answering(request, company, **kwargs):
        try:
            return view(request, company, **kwargs)
        except (NoSuchTrip, NoSuchDriver) as missing:
            raise Http404(str(missing)) from None
        except BadInput as bad:
            return told_off(str(bad))
        except REFUSALS as refusal:
            if "booking" not in kwargs:
                return told_off(str(refusal), status=409)
            return _trip(request, desk_of(request, company), kwargs["booking"], refusal=refusal)

    return answering


def _trip(request, desk, booking_id, *, refusal=None, toast=""):
    """Show the panel of a trip: as asked for, after a change, or after a refusal (409)."""
    context = {
        "desk": desk,
        "company": desk.company,
        "trip": read_detail(desk.company, booking_id),
        "refusal": refusal,
        "stale": isinstance(refusal, StaleBookingError),
    }
    return fragment(
        request,
        "_trip.html",
        context,
        status=409 if refusal else 200,
        toast=toast,
        events=CHANGED if refusal or toast else (),
        target="#panel-body" if refusal else "",
    )


@require_safe
@action_view
def detail(request, company, booking):
    """Show the panel of one trip: at most 7 statements."""
    return _trip(request, desk_of(request, company), booking)


@require_safe
@action_view
def candidates(request, company, booking):
    """Show who could take the trip and at what price, or why nobody can: 7 statements."""
    desk = desk_of(request, company)
    advice = advise(desk.company, booking, now=timezone.now())
    drivers = Driver.objects.filter(company=desk.company, is_active=True).order_by("name", "id")
    context = {
        "desk": desk,
        "company": desk.company,
        "advice": advice,
        "current": advice.row.driver_id if advice.row.standing() else None,
        "drivers": list(drivers.values_list("id", "name", "is_available")),
        "picking": "pick" in request.GET,
    }
    return fragment(request, "_candidates.html", context)


@require_safe
@action_view
def look(request, company, booking):
    """Show what giving the trip to a driver would mean, before it is saved: 7 statements."""
    desk = writing_desk(request, company)
    values = checked(ConsequencesForm, request.GET)
    return _consequences(request, desk, booking, values["driver"], clock=values["clock"])


def _consequences(request, desk, booking_id, driver_id, *, clock=None, pickup_at=None, status=200):
    ask = partial(consequences, desk.company, booking_id, driver_id, now=timezone.now())
    if clock:
        wanted_at = read_detail(desk.company, booking_id).booking.scheduled_time
        pickup_at = on_day(desk.company, wanted_at, clock)
    seen = ask(pickup_at=pickup_at)
    context = {"company": desk.company, "seen": seen, "changed": status == 409}
    return fragment(request, "_consequences.html", context, status=status, target="#dialog-body")


@require_POST
@action_view
def assign(request, company, booking):
    """Give the trip to the driver as it was shown."""
    desk = writing_desk(request, company)
    values = checked(AssignForm, request.POST)
    try:
        trip = hand_over(
            desk.company,
            booking,
            values["driver"],
            actor=admin_actor(request),
            now=timezone.now(),
            pickup_at=values["pickup_at"],
            override=values["override"],
            assignment_id=values["assignment"],
        )
    except RuleBroken:
        return _consequences(
            request, desk, booking, values["driver"], pickup_at=values["pickup_at"], status=409
        )
    at = desk.company.local(trip.assignment.planned_pickup_at)
    toast = _("%(trip)s goes to %(driver)s at %(clock)s.") % {
        "trip": trip.booking,
        "driver": trip.assignment.driver,
        "clock": f"{at:%H:%M}",
    }
    return _trip(request, desk, booking, toast=toast)


@action_view
def exchange(request, company, booking):
    """Show what exchanging the drivers of two trips would mean (GET); do it (POST)."""
    desk = writing_desk(request, company)
    if request.method != "POST":
        other_id = checked(OtherForm, request.GET)["other"]
        return _exchange(request, desk, booking, other_id)
    values = checked(SwapForm, request.POST)
    try:
        swap(
            desk.company,
            booking,
            values["other"],
            actor=admin_actor(request),
            now=timezone.now(),
            override=values["override"],
            seen=(values["assignment"], values["other_assignment"]),
        )
    except RuleBroken:
        return _exchange(request, desk, booking, values["other"], status=409)
    return _trip(request, desk, booking, toast=_("The two trips have changed drivers."))


def _exchange(request, desk, booking_id, other_id, *, status=200):
    both = swap_consequences(desk.company, booking_id, other_id, now=timezone.now())
    context = {
        "company": desk.company,
        "both": both,
        "faulty": any(seen.faults for seen in both),
        "impossible": any(seen.impossible for seen in both),
        "changed": status == 409,
    }
    return fragment(request, "_swap.html", context, status=status, target="#dialog-body")


@require_POST
@action_view
def change(request, company, booking):
    """Do what one click asks for (`ACTIONS`)."""
    desk = writing_desk(request, company)
    values = checked(ChangeForm, request.POST)
    if values["action"] not in ACTIONS:
        raise BadInput(_("action: one of %(names)s.") % {"names": ", ".join(ACTIONS)})
    if values["action"] in WITH_REASON and not (values["code"] or values["note"]):
        raise BadInput(_("Say why: choose a reason."))
    use_case, takes, done = ACTIONS[values["action"]]
    now = timezone.now()
    options = {
        "version": values["version"],
        "assignment_id": values["assignment"],
        "at": values["clock"] and last_time(desk.company, now, values["clock"]),
    }
    use_case(
        desk.company,
        booking,
        actor=admin_actor(request),
        now=now,
        reason=cancel_reasons.written(values["code"], values["note"]),
        **{name: options[name] for name in takes},
    )
    return _trip(request, desk, booking, toast=str(done))


@action_view
def sick(request, company, driver):
    """Ask before a driver is noted as sick (GET); do it and offer to plan again (POST)."""
    desk = writing_desk(request, company)
    if request.method != "POST":
        found = Driver.objects.filter(company=desk.company, id=driver).first()
        if found is None:
            raise NoSuchDriver(_("There is no such driver."))
        return fragment(request, "_sick.html", {"company": desk.company, "driver": found})
    note = checked(SickForm, request.POST)["note"]
    now = timezone.now()
    done = driver_sick(desk.company, driver, actor=admin_actor(request), now=now, note=note)
    context = {
        "company": desk.company,
        "driver": done.driver,
        "done": done,
        "day": desk.company.local(now).date(),
    }
    return fragment(request, "_sick.html", context, events=("board:refresh",))
