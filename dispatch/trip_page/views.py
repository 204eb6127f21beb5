"""The page of a trip: its client looks at it, cancels the trip, or says that they are ready."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from bookings import cancel_reasons
from bookings.agreements import TooLateForCustomer
from bookings.models import Actor, Door
from dispatch.day.travel_times import say_to_clients
from dispatch.messages.ward_pages import find_ward_page
from dispatch.trip_page.reading import Shown, find_trip, show, tiles
from dispatch.trip_page.ward import read_ward
from dispatch.trips.cancel import cancel
from dispatch.trips.will_calls import NotThereYet, ready
from drivers.logins.brake import is_over
from drivers.refused import Refused
from drivers.rest.throttling import CallerThrottle

ACTOR = Actor(Door.TRIP_PAGE, name="client")  # nobody's name: the log keeps it for good
MINUTES = (0, 10, 20, 30, 60)  # until a client is ready


class PageThrottle(CallerThrottle):
    """Keys of one address that open nothing; a right one is never counted."""

    scope = "wrong_pages"


class NotHere(Refused):
    """The client cannot do this on the page, or not any more."""

    code = "not_here"
    status = 409


class NotUnderstood(Refused):
    """What was sent is none of the page's forms."""

    code = "invalid"
    status = 400


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Show the trip that the key `k` opens, or do what its client asks: 3 statements to show it."""
    key, now = request.GET.get("k", ""), timezone.now()
    booking = find_trip(key)
    if booking is None:
        return _unknown(request)
    said, status = "", 200
    with timezone.override(booking.company.zone):
        shown = show(booking, now=now)
        if shown is not None and request.method == "POST":
            try:
                _carry_out(shown, request.POST, now)
            except Refused as refusal:
                said, status = _say(refusal), refusal.status
                booking.refresh_from_db(fields=["status", "scheduled_time", "will_call", "version"])
                shown = show(booking, now=now)
            else:
                return _private(HttpResponseRedirect(f"{reverse('trip_page')}?k={key}"))
        if shown is None:
            return _closed(request, _("The trip is over; its page is closed."), 410)
        driving = say_to_clients() if shown.at is not None and shown.is_worked_out else ""
        context = {
            "shown": shown, "said": said, "minutes": MINUTES, "tiles": tiles(), "driving": driving,
        }  # fmt: skip
        return _private(render(request, "dispatch/trip_page/page.html", context, status=status))


@never_cache
@require_safe
def ward_page(request: HttpRequest) -> HttpResponse:
    """Show today's and tomorrow's trips of the ward that the key `k` opens: 3 statements.

    4 or 5 where names are shown, and 1 more every five minutes.
    """
    now = timezone.now()
    found = find_ward_page(request.GET.get("k", ""), now=now)
    if found is None:
        return _unknown(request, _("There is no such page any more. Ask who has made it."))
    with timezone.override(found.company.zone):
        days = read_ward(found, now=now)
        context = {"page": found, "days": days, "now": now, "driving": say_to_clients()}
        return _private(render(request, "dispatch/trip_page/ward.html", context))


def _unknown(request: HttpRequest, said: str = "") -> HttpResponse:
    throttle = PageThrottle()
    if is_over(throttle, request):
        return _closed(request, _("Too many addresses were tried. Wait for an hour."), 429)
    throttle.note_refused(request)
    said = said or _("There is no such page. Look at the last message.")
    return _closed(request, said, 404)


def _carry_out(shown: Shown, form: Any, now: datetime) -> None:
    """Cancel the trip, or accept it now that its client is ready. Raises Refused."""
    booking, version = shown.booking, _whole(form.get("version", ""))
    if form.get("do") == "cancel":
        if not shown.may_cancel:
            raise NotHere(shown.too_late or _("This cannot be canceled here any more: call us."))
        reason = cancel_reasons.Reason.CALLED_OFF.value
        cancel(booking.company, booking.pk, actor=ACTOR, now=now, reason=reason, version=version)
    elif form.get("do") == "ready" and _whole(form.get("minutes", "")) in MINUTES:
        if not shown.may_be_ready:
            raise NotHere(_("This trip has a time already."))
        ready(
            booking.company, booking.pk, actor=ACTOR, now=now, minutes=_whole(form["minutes"]),
            version=version, held_to=booking.customer,
        )  # fmt: skip
    else:
        raise NotUnderstood(_("Load the page again."))


def _say(refusal: Refused) -> str:
    """Return a refusal in words that name no trip: references may name people."""
    if isinstance(refusal, NotHere | NotUnderstood | TooLateForCustomer):
        return str(refusal)
    if refusal.code == NotThereYet.code:
        return _("The way there is not over yet: tell us when you are there.")
    return _("This is not possible as things stand now: look again, or call us.")


def _whole(text: str) -> int:
    """Return a number that a form of the page has sent. Raises NotUnderstood."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotUnderstood(_("Load the page again."))
    return int(text)


def _closed(request: HttpRequest, said: str, status: int) -> HttpResponse:
    return _private(render(request, "dispatch/trip_page/page.html", {"said": said}, status=status))


def _private(response: HttpResponse) -> HttpResponse:
    """Keep the address, which is the key, from other pages and from search engines."""
    # Without any, browsers send no origin with the forms either, and they are refused.
    response["Referrer-Policy"] = "strict-origin"
    response["X-Robots-Tag"] = "noindex"
    return response
