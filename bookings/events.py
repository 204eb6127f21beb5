"""Build the rows of the event log for changes of bookings.

The functions write nothing: one `Event.objects.bulk_create` in the transaction of the change
writes all rows.
"""

from datetime import datetime
from typing import Any

from bookings.models import Actor, Booking, Event, Status
from drivers.times import moment

# The fields of a booking in its events; the others are bookkeeping or follow from these.
PARTICULARS = (
    "client",
    "reference",
    "pickup_address",
    "pickup_lat",
    "pickup_lon",
    "dropoff_address",
    "dropoff_lat",
    "dropoff_lon",
    "scheduled_time",
    "appointment_at",
    "will_call",
    "passengers",
    "wheelchairs",
    "needs",
    "priority",
    "return_of",
    "status",
    "notes",
    "cancel_reason",
)
# {name of a field: its value}, and {name: (old value, new value)}.
Values = dict[str, Any]
Changes = dict[str, tuple[Any, Any]]
RELATIONS = {"client", "return_of"}


def particulars(booking: Booking) -> Values:
    """Return the logged values of a booking, relations as ids. No query."""
    return {
        name: getattr(booking, f"{name}_id" if name in RELATIONS else name) for name in PARTICULARS
    }


def differences(old: Values, new: Values) -> Changes:
    """Return {name: (old, new)} of the names of `new` whose values differ."""
    return {name: (old[name], value) for name, value in new.items() if old[name] != value}


def booking_created(booking: Booking, *, actor: Actor, now: datetime, reason: str = "") -> Event:
    """Return the event of a new booking, with its values that are not empty."""
    values = particulars(booking).items()
    filled = {name: value for name, value in values if value not in ("", None, [])}
    if not booking.will_call:
        del filled["will_call"]
    return _event(
        booking.company_id,
        booking.pk,
        Event.Kind.BOOKING_CREATED,
        actor=actor,
        now=now,
        reason=reason,
        new=plain_values(filled),
    )


def booking_changed(
    company_id: int,
    booking_id: int,
    changes: Changes,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> Event:
    """Return the event of a changed booking; `changes` are {name: (old, new)}.

    A change of status has a kind of its own, whatever else changed with it; so has a canceled
    booking that is booked again.
    """
    kind = Event.Kind.BOOKING_CHANGED
    if "status" in changes:
        again = changes["status"][0] == Status.CANCELED
        kind = Event.Kind.BOOKING_REOPENED if again else Event.Kind.BOOKING_STATUS
    return _event(
        company_id,
        booking_id,
        kind,
        actor=actor,
        now=now,
        reason=reason,
        old=plain_values({name: old for name, (old, _) in changes.items()}),
        new=plain_values({name: new for name, (_, new) in changes.items()}),
    )


def event_facts(event: Event) -> Values:
    """Return an event as the feed and the webhooks show it. No query."""
    return {
        "id": event.id,
        "kind": event.kind,
        "at": moment(event.at),
        "booking": event.booking_id,
        "assignment": event.assignment_id,
        "run": event.run_id,
        "actor": event.actor,
        "door": event.door,
        "old": event.old,
        "new": event.new,
        "reason": event.reason,
    }


def _event(
    company_id: int,
    booking_id: int,
    kind: Event.Kind,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    old: Values | None = None,
    new: Values | None = None,
) -> Event:
    return Event(
        company_id=company_id,
        booking_id=booking_id,
        kind=kind,
        at=now,
        user_id=actor.user_id,
        actor=actor.name,
        door=actor.door,
        old=old or {},
        new=new or {},
        reason=reason[: Event._meta.get_field("reason").max_length],
    )


def plain_values(values: Values) -> Values:
    return {
        name: moment(value) if isinstance(value, datetime) else value
        for name, value in values.items()
    }
