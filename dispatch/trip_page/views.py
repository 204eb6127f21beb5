"""The page of a trip: its client looks at it, cancels the trip, or says that they are ready."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bookings import cancel_reasons
from bookings.agreements import require_time
from bookings.models import Actor, Booking, Door
from dispatch.trip_page.reading import BEFORE_THE_CAR, find_trip, show, tiles
from dispatch.trips.cancel import cancel
from dispatch.trips.will_calls import ready
from drivers.logins.brake import LinkThrottle, is_over
from drivers.refused import Refused

ACTOR = Actor(Door.TRIP_PAGE, name="client")  # nobody's name: the log keeps it for good
MINUTES = (0, 10, 20, 30, 60)  # until a client is ready


class TooLate(Refused):
    """The car is on the way, or has come."""

    code = "too_late"
    status = 409


class NotUnderstood(Refused):
    """What was sent is none of the page's forms."""

    code = "invalid"
    status = 400


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Show the trip that the key `k` opens, or do what its client asks: 2 statements to show it."""
    key, now, throttle = request.GET.get("k", ""), timezone.now(), LinkThrottle()
    if is_over(throttle, request):
        return _closed(request, _("Too many addresses were tried. Wait for an hour."), 429)
    booking = find_trip(key)
    if booking is None:
        throttle.note_refused(request)
        return _closed(request, _("There is no such page. Look at the last message."), 404)
    said, status = "", 200
    with timezone.override(booking.company.zone):
        if request.method == "POST":
            try:
                _carry_out(booking, request.POST, now)
            except Refused as refusal:
                said, status = str(refusal), refusal.status
                booking.refresh_from_db(fields=["status", "scheduled_time", "will_call", "version"])
            else:
                return _private(HttpResponseRedirect(f"{reverse('trip_page')}?k={key}"))
        shown = show(booking, now=now)
        if shown is None:
            return _closed(request, _("The trip is over; its page is closed."), 410)
        context = {"shown": shown, "said": said, "minutes": MINUTES, "tiles": tiles()}
        return _private(render(request, "dispatch/trip_page/page.html", context, status=status))


def _carry_out(booking: Booking, form: Any, now: Any) -> None:
    """Cancel the trip, or accept it now that its client is ready. Raises Refused."""
    company, version = booking.company, _whole(form.get("version", ""))
    if form.get("do") == "cancel":
        if booking.status not in BEFORE_THE_CAR:
            raise TooLate(_("The car is on the way already: call us."))
        if not booking.will_call:
            require_time(booking.customer, booking.scheduled_time, now)
        reason = cancel_reasons.Reason.CALLED_OFF.value
        cancel(company, booking.pk, actor=ACTOR, now=now, reason=reason, version=version)
    elif form.get("do") == "ready" and _whole(form.get("minutes", "")) in MINUTES:
        ready(
            company, booking.pk, actor=ACTOR, now=now, minutes=_whole(form["minutes"]),
            version=version, held_to=booking.customer,
        )  # fmt: skip
    else:
        raise NotUnderstood(_("Load the page again."))


def _whole(text: str) -> int:
    """Return a number that a form of the page has sent. Raises NotUnderstood."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotUnderstood(_("Load the page again."))
    return int(text)


def _closed(request: HttpRequest, said: str, status: int) -> HttpResponse:
    return _private(render(request, "dispatch/trip_page/page.html", {"said": said}, status=status))


def _private(response: HttpResponse) -> HttpResponse:
    """Keep the address, which is the key, from other sites and from search engines."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
