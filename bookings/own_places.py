"""Recognise the places of a company by the addresses of bookings, ignoring case and accents.

Whoever writes an address calls `recognise`; whoever writes a place calls `save_place`. A booking
that is written at the same moment as its place may miss it, until one of the two is saved again.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db import transaction

from bookings.events import Changes
from bookings.models import Booking, CompanyPlace
from drivers.db.bulk import update_rows
from drivers.db.folding import fold
from drivers.models import Company

ADDRESSES = frozenset({"pickup_address", "dropoff_address"})
COLUMNS = ("pickup_place_id", "dropoff_place_id")
Ends = tuple[CompanyPlace | None, CompanyPlace | None]


def recognise(company: Company, bookings: Collection[Booking]) -> None:
    """Give the bookings, before they are stored, the company's places there: 1 statement.

    None without an address.
    """
    known = places_at(
        company, (at for b in bookings for at in (b.pickup_address, b.dropoff_address))
    )
    link(bookings, known)


def link(bookings: Iterable[Booking], known: Mapping[str, CompanyPlace]) -> None:
    """Give the bookings the places of their addresses, of those found by `places_at`."""
    for booking in bookings:
        booking.pickup_place = known.get(fold(booking.pickup_address))
        booking.dropoff_place = known.get(fold(booking.dropoff_address))


def places_at(company: Company, addresses: Iterable[str]) -> dict[str, CompanyPlace]:
    """Return the company's places by their folded addresses: 1 statement, none if none."""
    folded = sorted({fold(address) for address in addresses} - {""})
    if not folded:
        return {}
    rows = CompanyPlace.objects.filter(company=company, folded_address__any_of=folded)
    return {fold(place.address): place for place in rows}


def boarding_at(place: CompanyPlace | None) -> int | None:
    """Return the place's own boarding minutes, None if it has none or there is no place."""
    return place.boarding_min if place else None


def other_minutes(was: Ends, now: Ends) -> Changes:
    """Return {field of a planned trip: (old, new)} of the minutes that differ at other places.

    The places are those of a booking's pickup and dropoff. No statement.
    """
    found: Changes = {}
    names = ("boarding_min", "margin_min")
    for end, name, old, new in zip(("pickup", "dropoff"), names, was, now, strict=True):
        minutes = getattr(old, name, None), getattr(new, name, None)
        if minutes[0] != minutes[1]:
            found[f"{end}_{name}"] = minutes
    return found


def save_place(place: CompanyPlace, *, now: datetime) -> None:
    """Insert or change a valid place and link the coming bookings: 3 statements.

    Those of an address that it had are no longer linked. Trips that are planned keep their times.
    """
    with transaction.atomic():
        place.save()
        wanted = fold(place.address)
        rows = Booking.objects.open().filter(company=place.company, scheduled_time__gte=now)
        columns = ("id", *COLUMNS, "pickup_address", "dropoff_address")
        changed = []
        for pk, *linked, pickup, dropoff in sorted(rows.values_list(*columns)):
            right = [
                place.pk if fold(address) == wanted else None if there == place.pk else there
                for there, address in zip(linked, (pickup, dropoff), strict=True)
            ]
            if right != linked:
                changed.append((pk, *right))
        update_rows(Booking, COLUMNS, changed)
