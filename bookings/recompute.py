"""Compute pickups again when driving times, boarding or margins have changed: a policy, a place.

Of coming bookings without a driver. Those with a driver keep the time that people were told.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from bookings.events import booking_changed
from bookings.models import WAITING_STATUSES, Actor, Booking, CompanyPlace, Event
from bookings.order import is_wanted_after
from bookings.own_places import save_place
from bookings.pickup_times import pickups
from drivers.db.bulk import update_rows
from drivers.models import Company

# The fields of a company's policy that pickups follow.
FOLLOWED = frozenset(
    {
        "appointment_margin_min",
        "boarding_min",
        "boarding_wheelchair_min",
        "boarding_stretcher_min",
        "speed_kmh",
        "circuity",
        "traffic",
    }
)


def recompute(company: Company, *, actor: Actor, now: datetime) -> int:
    """Compute the pickups of the company's bookings again; return how many changed.

    At most 4 statements, and an insert for each event on SQLite's chunks. One that would be over,
    or no longer after its outbound trip, stays.
    """
    with transaction.atomic():
        rows = Booking.objects.filter(
            company=company,
            pickup_computed=True,
            status__in=WAITING_STATUSES,
            scheduled_time__gte=now,
        )
        # Locked by id, but not found by it: SQLite would read the whole table in that order.
        rows = rows.select_related("pickup_place", "dropoff_place", "return_of")
        rows = rows.order_by(F("id") + 0)
        bookings = list(rows.select_for_update(of=("self",), no_key=True))
        events, written = [], []
        for booking, at in zip(bookings, pickups(company, bookings), strict=True):
            if at is None or at == booking.scheduled_time or not _may_move(booking, at, now):
                continue
            changes = {"scheduled_time": (booking.scheduled_time, at)}
            reason = _("computed from the appointment")
            events.append(
                booking_changed(
                    company.pk, booking.pk, changes, actor=actor, now=now, reason=reason
                )
            )
            written.append((booking.pk, at, booking.version + 1, now))
        update_rows(Booking, ["scheduled_time", "version", "updated_at"], written)
        Event.objects.bulk_create(events)
    return len(written)


def follow_policy(
    company: Company, changed: Collection[str], *, actor: Actor, now: datetime
) -> None:
    """Compute pickups again if the company's policy has changed in what they follow."""
    if FOLLOWED.intersection(changed):
        recompute(company, actor=actor, now=now)


def change_place(place: CompanyPlace, *, actor: Actor, now: datetime) -> None:
    """Insert or change a valid place, and compute the pickups that depend on it again."""
    with transaction.atomic():
        save_place(place, now=now)
        recompute(place.company, actor=actor, now=now)


def delete_places(places: Collection[CompanyPlace], *, actor: Actor, now: datetime) -> None:
    """Delete places, and compute the pickups that depended on them again."""
    with transaction.atomic():
        for place in places:
            place.delete()
        for company in {place.company_id: place.company for place in places}.values():
            recompute(company, actor=actor, now=now)


def _may_move(booking: Booking, at: datetime, now: datetime) -> bool:
    there = booking.return_of
    if there and not is_wanted_after(at, there.scheduled_time, there.appointment_at):
        return False
    return at >= now
