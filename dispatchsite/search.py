"""The search of the sidebar: pages of the menu, and a company's clients, trips, drivers, places.

It looks across all days and shows a few of each kind. It takes the place of the theme's own, which
finds pages only, and keeps what it has found for five minutes, whichever company is chosen.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import count
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bookings.models import Booking, Client, Status
from bookings.places.known import search_known
from bookings.search import find_by_reference, find_clients
from dispatchsite.navigation import sidebar
from drivers.db.folding import fold
from drivers.fleet.find import find_drivers
from drivers.models import Company

FEW = 5  # of each kind
LONGEST = 100  # letters that are searched for
AROUND = timedelta(days=15)  # the trips of a place that its link lists, before and after today


class Found(NamedTuple):
    title: str
    about: str
    address: str


class Group(NamedTuple):
    title: str
    icon: str
    found: list[Found]


@require_safe
def search(request):
    """Show what is found, in groups, or that nothing is: 7 statements, none for an empty text."""
    words = " ".join(request.GET.get("s", "")[:LONGEST].split())
    if not words:
        return HttpResponse()
    groups = [Group(_("Pages"), "menu", list(_pages(request, words)))]
    if request.company:
        groups += find(request.company, words, now=timezone.now())
    number = count(1)
    context = {
        "words": words,
        "groups": [
            (group, [(next(number), found) for found in group.found])
            for group in groups
            if group.found
        ],
    }
    response = render(request, "dispatchsite/search_results.html", context)
    response["HX-Trigger"] = "search"  # the theme's script starts at the first again
    return response


def find(company: Company, words: str, *, now) -> list[Group]:
    """Return the clients, trips, drivers and places that the words name: at most 7 statements."""
    clients = list(find_clients(company, words)[:FEW])
    return [
        Group(
            _("Clients"),
            "groups",
            [
                Found(row.name, row.phone, _page("bookings_client_change", row.pk))
                for row in clients
            ],
        ),
        Group(
            _("Trips"),
            "event_note",
            [_trip(company, row) for row in _trips(company, words, clients, now)],
        ),
        Group(
            _("Drivers"),
            "person",
            [
                Found(
                    row.name,
                    " · ".join(filter(None, (row.phone, row.vehicle.plate if row.vehicle else ""))),
                    _page("drivers_driver_change", row.pk),
                )
                for row in find_drivers(company, words).select_related("vehicle")[:FEW]
            ],
        ),
        Group(_("Places"), "location_on", list(_places(company, words, now))),
    ]


def _trips(company: Company, words: str, clients: Iterable[Client], now) -> list[Booking]:
    """Return the booking of this reference, then the next ones of the clients: 2 statements."""
    named = find_by_reference(company, words)
    start_at = company.day_bounds(company.local(now).date())[0]
    # Not filtered by company, which is the clients': SQLite would read the whole company.
    of_clients = Booking.objects.filter(
        client_id__any_of=[row.pk for row in clients], scheduled_time__gte=start_at
    )
    rows = [
        *named.select_related("client").order_by("id")[:FEW],
        *of_clients.exclude(status=Status.CANCELED)
        .select_related("client")
        .order_by("scheduled_time", "id")[:FEW],
    ]
    return list({row.pk: row for row in rows}.values())[:FEW]


def _trip(company: Company, row: Booking) -> Found:
    about = (row.client.name if row.client else "", str(row), str(Status(row.status).label))
    return Found(
        company.day_and_clock(row.scheduled_time),
        " · ".join(filter(None, about)),
        _page("bookings_booking_change", row.pk),
    )


def _places(company: Company, words: str, now) -> Iterator[Found]:
    """Yield known addresses; each leads to the bookings from and to it around today: 4 queries."""
    today = company.local(now).date()
    near = company.depot_lat, company.depot_lon
    for place in search_known(company, words, near=near, limit=FEW):
        asked = {"q": place.address, "from": today - AROUND, "to": today + AROUND}
        trips = f"{_page('bookings_booking_changelist')}?{urlencode(asked)}"
        yield Found(place.address, _("its trips of these weeks"), trips)


def _pages(request, words: str) -> Iterator[Found]:
    for group in sidebar(request):
        for item in group["items"]:
            if fold(words) in fold(str(item["title"])):
                yield Found(str(item["title"]), str(group["title"]), item["link"])


def _page(name: str, *args) -> str:
    return reverse(f"admin:{name}", args=args)
