"""Build the rows of the event log for changes of bookings and of clients.

The functions write nothing: one `Event.objects.bulk_create` in the transaction of the change
writes all rows.
"""

from datetime import datetime
from typing import Any

from bookings.models import Actor, Booking, Client, Event, Status
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
    "pickup_computed",
    "appointment_at",
    "will_call",
    "overlap_meant",
    "passengers",
    "wheelchairs",
    "may_share",
    "max_ride_min",
    "needs",
    "priority",
    "return_of",
    "status",
    "notes",
    "cancel_reason",
)
# The fields of a client in its events. Its notes have a name of their own there: customers are told
# the notes of their bookings, but not what the company has noted of the client.
CLIENT_PARTICULARS = {
    "external_id": "external_id",
    "name": "name",
    "phone": "phone",
    "address": "address",
    "lat": "lat",
    "lon": "lon",
    "wheelchair": "wheelchair",
    "may_share": "may_share",
    "max_ride_min": "max_ride_min",
    "notes": "client_notes",
}
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
    values_of = particulars(booking)
    filled = {name: value for name, value in values_of.items() if value not in ("", None, [])}
    for name in ("will_call", "pickup_computed", "overlap_meant"):
        if not values_of[name]:
            del filled[name]
    if values_of["may_share"]:
        del filled["may_share"]
    event = _event(
        booking.company_id,
        booking.pk,
        Event.Kind.BOOKING_CREATED,
        actor=actor,
        now=now,
        reason=reason,
        new=plain_values(filled),
    )
    event.customer_id = booking.customer_id
    return event


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


def client_particulars(client: Client) -> Values:
    """Return the logged values of a client. No query."""
    return {told: getattr(client, name) for name, told in CLIENT_PARTICULARS.items()}


def client_created(client: Client, *, actor: Actor, now: datetime) -> Event:
    """Return the event of a new client, with the values that are not empty."""
    values = client_particulars(client)
    filled = {name: value for name, value in values.items() if value not in ("", None)}
    return _client_event(client, Event.Kind.CLIENT_CREATED, {}, filled, actor=actor, now=now)


def recipients_of(client: Client) -> list[str]:
    """Return who is told by messages, and how, one text for each: 1 statement."""
    rows = client.recipients.order_by("person", "id")
    return [
        " ".join(filter(None, values))
        for values in rows.values_list("person", "channel", "address", "language")
    ]


def client_changed(
    client: Client,
    before: Values,
    *,
    actor: Actor,
    now: datetime,
    recipients: tuple[list[str], list[str]] = ([], []),
) -> list[Event]:
    """Return the event of a client who had these values `before`; none if all are the same.

    `recipients` are those before and after, where they may have changed.
    """
    changes = differences(before, client_particulars(client))
    if recipients[0] != recipients[1]:
        changes["recipients"] = recipients
    if not changes:
        return []
    old = {name: was for name, (was, _) in changes.items()}
    new = {name: value for name, (_, value) in changes.items()}
    return [_client_event(client, Event.Kind.CLIENT_CHANGED, old, new, actor=actor, now=now)]


def client_merged(
    client: Client,
    before: Values,
    gone_id: int,
    *,
    actor: Actor,
    now: datetime,
    recipients: tuple[list[str], list[str]],
) -> Event:
    """Return the event of a client into whom another was merged, with what that has changed.

    `recipients` are those before and after.
    """
    changes = differences(before, client_particulars(client))
    if recipients[0] != recipients[1]:
        changes["recipients"] = recipients
    old = {name: was for name, (was, _) in changes.items()}
    new = {"merged": gone_id} | {name: value for name, (_, value) in changes.items()}
    return _client_event(client, Event.Kind.CLIENT_MERGED, old, new, actor=actor, now=now)


def client_forgotten(client: Client, *, actor: Actor, now: datetime) -> Event:
    """Return the event of a client who was forgotten; it says of whom by number alone."""
    return _client_event(client, Event.Kind.CLIENT_FORGOTTEN, {}, {}, actor=actor, now=now)


def event_facts(event: Event, *, for_customer: bool = False) -> Values:
    """Return an event as the feed and the webhooks show it. No query.

    A customer is told what became of the booking, not of the company's people, runs and reasons.
    """
    facts = {
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
    return facts if not for_customer else facts | seen_by_customer(facts)


# What a customer is told in the `old` and `new` of an event.
TOLD_CUSTOMERS = {
    *PARTICULARS, "driver", "pickup", "dropoff", "confirmed", "arrived_at", "actual_pickup_at",
    "actual_dropoff_at", "expected_pickup_at", "expected_dropoff_at", "late_min", "webhook",
    "merged",
    *(told for told in CLIENT_PARTICULARS.values() if told != "client_notes"),
}  # fmt: skip


# Whose `reason` a customer is told: of its own webhook. Others are the company's own words; why a
# booking was canceled is its `cancel_reason`.
REASON_TOLD = {Event.Kind.WEBHOOK_DISABLED}


def seen_by_customer(facts: Values) -> Values:
    """Return what a customer sees otherwise of the facts of an event."""
    told = {
        name: {key: value for key, value in facts[name].items() if key in TOLD_CUSTOMERS}
        for name in ("old", "new")
    }
    reason = facts["reason"] if facts["kind"] in REASON_TOLD else ""
    return {**told, "actor": "", "run": None, "reason": reason}


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


def _client_event(
    client: Client, kind: Event.Kind, old: Values, new: Values, *, actor: Actor, now: datetime
) -> Event:
    named = {"client": client.pk}
    return Event(
        company_id=client.company_id,
        customer_id=client.customer_id,
        kind=kind,
        at=now,
        user_id=actor.user_id,
        actor=actor.name,
        door=actor.door,
        old=named | old if old else {},
        new=named | new,
    )


def plain_values(values: Values) -> Values:
    return {
        name: moment(value) if isinstance(value, datetime) else value
        for name, value in values.items()
    }
