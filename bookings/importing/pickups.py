"""Compute the pickups of rows that have an appointment only, or whose booking has a computed one.

Nothing is written, and 1 statement sent, if there are such rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bookings.importing.compare import OVER, Stored
from bookings.importing.rows import BookingRow, Key, RowError
from bookings.models import Booking, CompanyPlace
from bookings.own_places import ADDRESSES, Ends, link, other_minutes
from bookings.pickup_times import INPUTS, is_too_late, needs_one, not_connected, pickups, too_late
from drivers.db.folding import fold
from drivers.models import Company


def compute_pickups(
    company: Company,
    rows: Sequence[BookingRow],
    stored: Mapping[Key, Stored],
    places: Mapping[str, CompanyPlace],
    *,
    now: datetime,
) -> tuple[list[BookingRow], list[RowError]]:
    """Return (rows with their pickups, errors). `places` are the company's by folded address.

    Each row gets "pickup_computed": true for a new booking without a pickup. A stored one stays
    computed until the file has another pickup, and is computed again if the file changes what it
    is computed from.
    """
    settled: list[BookingRow] = []
    errors: list[RowError] = []
    trips: dict[int, Booking] = {}
    for row in rows:
        old = stored.get(row.key)
        values = (old.values if old else {}) | row.values
        at, due_at = values.get("scheduled_time"), values.get("appointment_at")
        if at is None and (due_at is None or values.get("will_call")):
            errors.append(RowError(row.line, "scheduled_time", "", needs_one()))
            continue
        computed = at is None
        if old and old.status not in OVER and old.values["pickup_computed"]:
            computed = at == old.values["scheduled_time"] and due_at is not None
        changed = (
            old is None
            or any(values.get(n) != old.values.get(n) for n in INPUTS)
            or bool(other_minutes(_ends(old.values, places), _ends(values, places)))
        )
        if computed and changed:
            inputs = {name: values[name] for name in (*INPUTS, *ADDRESSES) if name in values}
            trips[row.line] = Booking(company=company, customer=row.customer, **inputs)
        settled.append(replace(row, values=row.values | {"pickup_computed": computed}))
    link(trips.values(), places)
    found = dict(zip(trips, pickups(company, list(trips.values())), strict=True))
    wrong: dict[int, str] = {}
    for line, at in found.items():
        if at is None:
            wrong[line] = not_connected(trips[line])
        elif is_too_late(at, trips[line].appointment_at, now):
            wrong[line] = too_late(company, at)
    errors += [RowError(line, "scheduled_time", "", message) for line, message in wrong.items()]
    return [
        replace(row, values=row.values | {"scheduled_time": found[row.line]})
        if row.line in found
        else row
        for row in settled
        if row.line not in wrong
    ], errors


def _ends(values: Mapping[str, Any], places: Mapping[str, CompanyPlace]) -> Ends:
    """Return the places at the addresses of a booking's values."""
    pickup, dropoff = (values.get(f"{end}_address", "") for end in ("pickup", "dropoff"))
    return places.get(fold(pickup)), places.get(fold(dropoff))
