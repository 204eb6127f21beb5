"""Give a place of the company that has moved its new address, with all trips that go there.

Standing orders, their booked dates and all other coming trips follow at once, or nothing does.
Rows are locked in this order: series, drivers, bookings, the place.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.events import Changes
from bookings.guards import Broken, hold_trips
from bookings.models import Actor, Booking, CompanyPlace, Series
from bookings.own_places import save_place
from bookings.series.change import lock_unchanged, write_changes
from bookings.series.foresee import (
    COMING,
    DateChange,
    DatesBroken,
    in_order,
    settle,
    today,
    trips_of,
    with_pickups,
)
from drivers.db.folding import fold

ENDS = ("pickup", "dropoff")


@dataclass(frozen=True, slots=True)
class Moved:
    """The coming trips to or from a place that has moved, its orders, and the trips that break."""

    rows: tuple[DateChange, ...]
    series: tuple[Series, ...]
    broken: tuple[Broken, ...] = ()


def move_place(
    place: CompanyPlace,
    *,
    actor: Actor,
    now: datetime,
    was: CompanyPlace | None = None,
    release: bool | Collection[int] = (),
    dry_run: bool = False,
) -> Moved:
    """Store a place with the new address and position it has, and let its trips follow.

    3 statements, those of the guards if assigned trips change, and 7 more. `was` is the place as it
    stands, which is read if it is not given. `release` are the
    assignments that may be released if their drivers cannot drive there. With `dry_run` nothing is
    written, and `broken` are the trips that would have to be released.

    Raises ValidationError, StaleBookingError, DatesBroken, or what the guards raise.
    """
    company = place.company
    if not dry_run:
        place.full_clean()
    with transaction.atomic():
        was = was or CompanyPlace.objects.get(pk=place.pk)
        series = _series_of(was, place, now, lock=not dry_run)
        rows = _rows_of(was, place, now)
        held = hold_trips(company, trips_of(rows), now=now, lock=not dry_run)
        if dry_run:
            _outcomes, broken = settle(rows, held, release)
            return Moved(tuple(rows), tuple(series), tuple(broken))
        lock_unchanged(rows)
        outcomes, broken = settle(rows, held, release)
        if broken:
            raise DatesBroken(broken)
        for one in series:
            one.version += 1
            one.updated_at = now
        columns = [f"{end}_{what}" for end in ENDS for what in ("address", "lat", "lon")]
        Series.objects.bulk_update(series, [*columns, "version", "updated_at"])
        write_changes(company, rows, actor, now)
        save_place(place, now=now)
        for outcome in outcomes:
            outcome.write(actor=actor, now=now)
    return Moved(tuple(rows), tuple(series))


def _series_of(
    was: CompanyPlace, place: CompanyPlace, now: datetime, *, lock: bool
) -> list[Series]:
    """Return the orders to or from the place that have not ended, as they will be: 1 statement."""
    rows = Series.objects.filter(company=place.company).order_by("id")
    rows = rows.exclude(last_day__lt=today(place.company, now))
    found = []
    for one in rows.select_for_update(no_key=True) if lock else rows:
        ends = [end for end in ENDS if fold(getattr(one, f"{end}_address")) == was.folded_address]
        for end in ends:
            for name, value in _new(place, end).items():
                setattr(one, name, value)
        if ends:
            one.company = place.company
            found.append(one)
    return found


def _rows_of(was: CompanyPlace, place: CompanyPlace, now: datetime) -> list[DateChange]:
    """Return what becomes of the coming trips to or from the place, in their order: 1 statement."""
    rows = Booking.objects.filter(
        Q(pickup_place=was) | Q(dropoff_place=was),
        company=place.company,
        status__in=COMING,
        scheduled_time__gt=now,
    )
    rows = rows.select_related(
        "client", "pickup_place", "dropoff_place", "return_of", "return_trip"
    )
    found = []
    for booking in rows.order_by("scheduled_time", "id"):
        wanted = {
            name: value
            for end in ENDS
            if getattr(booking, f"{end}_place_id") == was.pk
            for name, value in _new(place, end).items()
        }
        changes: Changes = {
            name: (getattr(booking, name), value)
            for name, value in wanted.items()
            if getattr(booking, name) != value
        }
        found.append(
            DateChange(
                booking, changes=changes, reason=_("%(place)s has moved") % {"place": place.name}
            )
        )
    return in_order(with_pickups(place.company, found, now))


def _new(place: CompanyPlace, end: str) -> dict[str, object]:
    return {f"{end}_{what}": getattr(place, what) for what in ("address", "lat", "lon")}
