"""Write trips that a person assigned, in one change; the old assignments stay as history."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F

from bookings.models import Actor, Booking, Event, Status
from dispatch.day.load import Day
from dispatch.day.queries import BookingRow
from dispatch.models import Assignment
from dispatch.trips.insertion import Proposal
from dispatch.trips.locking import stale
from drivers.fleet.breaks import plan_breaks


def write_proposals(
    day: Day, proposals: Sequence[Proposal], *, actor: Actor, now: datetime, reason: str = ""
) -> None:
    """Write the proposals, each of another booking: at most 6 statements.

    The caller has locked the drivers. Their other trips are written if they have to move. A trip
    that breaks a rule is locked, so that no run takes it away, and its event has the rules and the
    reason. Raises StaleBookingError if the database no longer agrees with the day.
    """
    given = {proposal.trip.trip_id: proposal for proposal in proposals}
    planned = [
        trip
        for proposal in proposals
        for trip in proposal.trips
        if trip.trip_id in given
        or day.bookings[trip.trip_id].planned_pickup_at != day.moment(trip.pickup_s)
    ]
    before = {trip.trip_id: day.bookings[trip.trip_id] for trip in planned}
    _lock(day, before)
    _supersede(before, now)
    created = Assignment.objects.bulk_create(
        [
            Assignment(
                company=day.company,
                booking_id=trip.trip_id,
                driver_id=trip.driver_id,
                status=Assignment.Status.PLANNED,
                sequence=trip.pickup_s,
                planned_pickup_at=day.moment(trip.pickup_s),
                planned_dropoff_at=day.moment(trip.dropoff_s),
                confirmed=False,
                locked=trip.trip_id in given and bool(given[trip.trip_id].faults),
                created_at=now,
                updated_at=now,
            )
            for trip in planned
        ]
    )
    turned = [i for i in given if before[i].status != Status.ASSIGNED]
    if turned:
        Booking.objects.filter(id__any_of=turned).update(
            status=Status.ASSIGNED, version=F("version") + 1, updated_at=now
        )
    known = {r.shift_id: r.break_at for rows in day.drivers.values() for r in rows if r.shift_id}
    breaks = {shift: at for proposal in proposals for shift, at in proposal.breaks.items()}
    plan_breaks({shift: at for shift, at in breaks.items() if known[shift] != at})
    Event.objects.bulk_create(
        [_event(day, before[made.booking_id], made, given, actor, now, reason) for made in created]
    )


def _lock(day: Day, before: Mapping[int, BookingRow]) -> None:
    """Lock the bookings. Raises StaleBookingError if one has another version."""
    stored = dict(
        Booking.objects.select_for_update(no_key=True)
        .filter(company=day.company, id__any_of=sorted(before))
        .order_by("id")
        .values_list("id", "version")
    )
    for booking_id, was in before.items():
        if stored.get(booking_id) != was.version:
            raise stale(was.label)


def _supersede(before: Mapping[int, BookingRow], now: datetime) -> None:
    """Supersede the open assignments. Raises StaleBookingError if one is no longer open."""
    ended = [was.assignment_id for was in before.values() if was.standing()]
    if not ended:
        return
    count = (
        Assignment.objects.open()
        .filter(id__any_of=ended)
        .update(status=Assignment.Status.SUPERSEDED, updated_at=now)
    )
    if count != len(ended):
        raise stale(next(iter(before.values())).label)


def _event(
    day: Day,
    was: BookingRow,
    made: Assignment,
    given: Mapping[int, Proposal],
    actor: Actor,
    now: datetime,
    reason: str,
) -> Event:
    standing = was.standing()
    new = _facts(made.driver_id, made.planned_pickup_at, made.planned_dropoff_at)
    old = _facts(*standing[1:]) if standing else {}
    proposal = given.get(made.booking_id)
    if proposal and was.status != Status.ASSIGNED:
        old, new = old | {"status": was.status}, new | {"status": Status.ASSIGNED}
    if proposal and proposal.faults:
        codes = dict.fromkeys(fault.code for fault in proposal.faults)
        new |= {"locked": True, "overrides": list(codes)}
    return Event(
        company=day.company,
        booking_id=made.booking_id,
        assignment_id=made.id,
        kind=Event.Kind.MOVED if standing else Event.Kind.ASSIGNED,
        at=now,
        user_id=actor.user_id,
        actor=actor.name,
        door=actor.door,
        old=old,
        new=new,
        reason=reason[:200] if proposal else "",
    )


def _facts(driver_id: int, pickup_at: datetime, dropoff_at: datetime) -> dict[str, Any]:
    return {
        "driver": driver_id,
        "pickup": pickup_at.isoformat(),
        "dropoff": dropoff_at.isoformat(),
    }
