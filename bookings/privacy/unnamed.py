"""Trips of people who are no stored clients: what they say of somebody is removed after a while.

Names and telephone numbers of such people stand in notes and references. They go when a client
without trips would be forgotten; what stays is what stays of a forgotten client's trips.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Round

from bookings.models import Booking, Pause, Series
from bookings.privacy.forget import CHUNK, COORDINATES, DECIMALS, erase_trips, strip_series
from drivers.models import Company

MOST = 20_000  # trips of a company in one call; the next one goes on


def _stays() -> Q:
    """Return the condition of rows whose addresses, positions and notes say nothing any more."""
    said = Q(pickup_address="", dropoff_address="", notes="")
    for name in COORDINATES:
        said &= Q(**{name: Round(name, precision=DECIMALS)})
    return said


def old_trips(company: Company, *, since: datetime) -> QuerySet[Booking]:
    """Return the trips before `since` that are over, name no client, and still say something."""
    said = _stays() & Q(reference="", cancel_reason__regex="^[a-z_]*$")
    return Booking.objects.filter(
        company=company, client=None, scheduled_time__lt=since, is_open=False
    ).exclude(said)


def old_orders(company: Company, *, since: datetime) -> QuerySet[Series]:
    """Return the standing orders that ended before, name no client, and still say something."""
    rows = Series.objects.filter(company=company, client=None, last_day__lt=since.date())
    return rows.exclude(_stays())


def strip_unnamed(company: Company, *, since: datetime, now: datetime, most: int = MOST) -> int:
    """Remove what the company's trips and standing orders before `since` say of unnamed people.

    At most `most` trips, the oldest first; returns how many. Each chunk of 500 is a transaction of
    a constant number of statements. Killed, the next call goes on; what is done is not done again.
    """
    done = 0
    while done < most and (count := _strip_some(company, since, now)):
        done += count
    while _strip_orders(company, since, now):
        pass
    return done


def _strip_some(company: Company, since: datetime, now: datetime) -> int:
    with transaction.atomic():
        rows = old_trips(company, since=since)
        oldest = rows.order_by("scheduled_time", "id").values_list("id", flat=True)
        ids = list(oldest[:CHUNK])
        if not ids:
            return 0
        # Locked in order of id, as by everybody, and asked again.
        locked = rows.select_for_update(no_key=True).filter(pk__any_of=ids)
        bookings = list(locked.order_by("id"))
        if bookings:
            erase_trips(company, bookings, None, now=now)
        return len(bookings)


def _strip_orders(company: Company, since: datetime, now: datetime) -> int:
    with transaction.atomic():
        rows = old_orders(company, since=since).select_for_update(no_key=True)
        series = list(rows.order_by("id")[:CHUNK])
        if series:
            strip_series(series, now)
            ids = [row.pk for row in series]
            Pause.objects.filter(series__any_of=ids).exclude(note="").update(note="")
        return len(series)
