"""Show what would help trips without a driver and late ones: each suggestion is a button."""

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dispatch.board.access import company_context, writable_context
from dispatch.board.forms import FollowForm, SuggestionForm
from dispatch.board.responses import checked, fragment, shared_response
from dispatch.board.trip_views import show_trip, trip_view
from dispatch.forecast.late import late_trips
from dispatch.trips.advice.advise import advise_day
from dispatch.trips.advice.carry_out import carry_out, look_at
from dispatch.trips.advice.rescue import rescues
from dispatch.trips.advice.sentences import consequences, sentence
from dispatch.trips.advice.suggestion import Change
from drivers.companies.actors import admin_actor


@require_safe
def day_advice(request, company, day):
    """Return the advice of all trips of the day without a driver, for their places in the queue.

    And the best action for trips that are late today, for the list of what needs attention. Made
    once for all who see the same, as the board is: at most 8 statements, those of the access among
    them, and those of `shared_response`.
    """
    current, now = company_context(request, company), timezone.now()

    def make():
        late = {}
        if day == current.company.local(now).date():
            late = late_trips(current.company, now=now)
        found = advise_day(current.company, day, now=now)
        context = {
            "company": current.company,
            "may_write": current.may_write,
            "found": found,
            "rescued": [
                {"booking": booking, "suggestions": [one]}
                for booking, one in rescues(found.day, late).items()
            ],
        }
        return render_to_string("dispatch/board/_advice.html", context), True

    return shared_response(request, current, "advice", day, now=now, make=make)


@trip_view
def suggestion(request, company, booking):
    """Show everything that a suggestion would do (GET); do exactly that (POST)."""
    current = writable_context(request, company)
    if request.method != "POST":
        return _preview(request, current, _change(booking, checked(SuggestionForm, request.GET)))
    values = checked(FollowForm, request.POST)
    key = values.pop("key")
    change = _change(booking, values)
    now = timezone.now()
    carry_out(current.company, change, key=key, actor=admin_actor(request), now=now)
    return show_trip(request, current, booking, toast=_("Done, as suggested."))


def _change(booking_id, values):
    return Change(booking_id=booking_id, **{name: value for name, value in values.items() if value})


def _preview(request, current, change):
    day, found = look_at(current.company, change, now=timezone.now())
    context = {
        "company": current.company,
        "found": found,
        "text": sentence(day, found),
        "consequences": list(consequences(day, found)),
    }
    return fragment(request, "_suggestion.html", context, target="#dialog-body")
