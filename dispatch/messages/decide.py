"""Decide what a message tells, from what stands now and what the person was told last.

What was told of a trip (`Message.told`): `state`, booked or canceled; `pickup`, its time, and
`place`, a digest of its ends; `way` and `late`, the assignments of which it was said that the car
is on the way or late; `late_at`, the time for which it was told late, until another is told;
`eased_at`, that other time. It adds up from message to message.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, When
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import override

from bookings.models import (
    Booking,
    Channel,
    Event,
    Message,
    MessageKind,
    MessagePolicy,
    MessageText,
    Recipient,
    Status,
)
from bookings.models.messages import channel_of, number_of
from dispatch.day.rows import DONE
from dispatch.day.vehicles import plate
from dispatch.messages.gather import (
    ANOTHER_CLIENT,
    CANCELED,
    OF_PLAN,
    TOLD,
    is_later,
    told_until,
)
from dispatch.messages.page_keys import address_of
from dispatch.messages.texts import render
from dispatch.models import Assignment, is_foreseen
from drivers.times import moment

SOON = timedelta(hours=3)  # what changes sooner is told in quiet hours too
OVER_AFTER = timedelta(hours=1)  # after its time nobody is told of a trip
BOOKS = {Event.Kind.BOOKING_CREATED, Event.Kind.BOOKING_REOPENED, Event.Kind.BOOKING_STATUS,
         ANOTHER_CLIENT}  # fmt: skip
URGENT = {MessageKind.ON_THE_WAY, MessageKind.LATE}


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a message: it is sent if `status` is waiting and `until` is None.

    With `until` it waits, for the end of the quiet hours.
    """

    message: Message
    status: Message.Status
    reason: str = ""
    until: datetime | None = None
    kind: str = ""
    channel: str = ""
    address: str = ""
    language: str = ""
    text: str = ""
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def is_sent(self) -> bool:
        return self.status == Message.Status.WAITING and self.until is None


class _Nothing(Exception):
    """There is nothing to tell; says why."""

    kind = ""


class _NotLate(_Nothing):
    """A car is no longer late; if it is again, that is told (`gather.UNTOLD`)."""

    kind = MessageKind.LATE


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read for a batch of messages."""

    assignments: dict[int, Assignment]
    recipients: dict[tuple[int, str], Recipient]
    told: dict[tuple[int, int, str], dict[str, Any]]
    texts: dict[tuple[int, int | None, str, str], str]

    def text(self, policy: MessagePolicy, booking: Booking, kind: str, language: str) -> str | None:
        """Return the words of the trip's customer, else the company's, None for the usual ones."""
        owners = (booking.customer_id, None)
        found = (self.texts.get((policy.pk, owner, kind, language)) for owner in owners)
        return next((text for text in found if text is not None), None)


def decide(messages: Sequence[Message], *, now: datetime) -> list[Decision]:
    """Decide of claimed messages, which come with bookings, clients and policies: 4 statements.

    What may have been sent is sent again in the same words, to whom and when it may be.
    """
    known = _read(messages, now)
    return [_decide(message, known, now) for message in messages]


def driven(now: datetime) -> QuerySet[Assignment]:
    """Return the assignments that are or were driven, with what their clients are told of them.

    `plate` of the vehicle; `expected_at`, when the car is expected, None if nothing is kept of it
    (`dispatch.forecast`).
    """
    return (
        Assignment.objects.filter(Q(is_open=True) | Q(status__in=sorted(DONE)))
        .annotate(plate=plate("driver", "planned_pickup_at"))
        .annotate(expected_at=Case(When(is_foreseen(now), then=F("expected__pickup_at"))))
    )


def _read(messages: Sequence[Message], now: datetime) -> _Known:
    bookings = sorted({message.booking_id for message in messages})
    clients = sorted({message.client_id for message in messages})
    policies = {message.company.message_policy.pk for message in messages}
    assignments = driven(now).filter(booking__any_of=bookings)
    told = Message.objects.filter(booking__any_of=bookings, status=Message.Status.SENT)
    recipients = Recipient.objects.filter(client__any_of=clients)
    customers = {message.booking.customer_id for message in messages}
    texts = MessageText.objects.filter(
        Q(customer=None) | Q(customer__in=customers), policy__in=policies
    )
    return _Known(
        {row.booking_id: row for row in assignments.order_by("id")},
        {(row.client_id, row.person): row for row in recipients},
        {
            (booking, client, person): values
            for booking, client, person, values in told.order_by("done_at", "id").values_list(
                "booking_id", "client_id", "person", "told"
            )
            if values
        },
        {(row.policy_id, row.customer_id, row.kind, row.language): row.text for row in texts},
    )


def _decide(message: Message, known: _Known, now: datetime) -> Decision:
    policy = message.company.message_policy
    with override(policy.language):  # of the reasons, which the company reads
        try:
            return _telling(message, policy, known, now)
        except _Nothing as why:
            return Decision(message, Message.Status.DROPPED, str(why), kind=why.kind)


def _telling(message: Message, policy: MessagePolicy, known: _Known, now: datetime) -> Decision:
    booking, company = message.booking, policy.company
    assignment = known.assignments.get(booking.pk)
    told = known.told.get((booking.pk, message.client_id, message.person), {})
    # As of the evening before, a trip comes as it is planned; until then, as it was booked.
    is_planned = assignment is not None and booking.scheduled_time < told_until(policy, now)
    pickup_at = booking.scheduled_time
    if is_planned and assignment is not None:
        pickup_at = assignment.planned_pickup_at
    is_another = message.client_id != booking.client_id
    if is_another:
        pickup_at = _told_pickup(told) or pickup_at  # whatever became of the trip since
    if now > pickup_at + OVER_AFTER:
        raise _Nothing(_("It is too late for it."))
    if message.text:
        kind = message.kind
    elif is_another:
        if told.get("state") != "booked":
            raise _Nothing(_("The trip is another client's."))
        kind = MessageKind.CANCELED
    else:
        kind = kind_of(message, booking, assignment, told, pickup_at, policy, now)
    if not policy.tells(kind):
        raise _Nothing(_("The company does not send this."))
    channel, address, language = _way(message, policy, known)
    # Both what was told and what is now: nobody gets up for a trip that does not take place.
    near = min(pickup_at, _told_pickup(told) or pickup_at)
    is_soon = kind in URGENT or near - now <= SOON
    if policy.is_quiet(now) and not is_soon:
        until = min(_waking(policy, now), near - SOON)
        return Decision(message, Message.Status.WAITING, _("quiet hours"), until)
    if message.text:  # it may have arrived: the same words, by the same key
        return Decision(
            message, Message.Status.WAITING, "", None, kind, channel, address, message.language,
            message.text, message.told,
        )  # fmt: skip
    at: datetime | None = pickup_at
    is_estimate = False
    if kind == MessageKind.CANCELED and told:
        at = _told_pickup(told) or pickup_at
    elif kind in URGENT and assignment is not None:
        at, is_estimate = _comes_at(assignment, now), True
    elif kind == MessageKind.CHANGED and assignment is not None and "late_at" in told:
        at = _comes_at(assignment, now) or pickup_at
        is_estimate = at != pickup_at
    text = render(
        kind,
        known.text(policy, booking, kind, language),
        language=language,
        company=company,
        at=at,
        plate=getattr(assignment, "plate", None) or "",
        minutes=policy.late_min,
        link=address_of(booking) if policy.has_pages and kind != MessageKind.CANCELED else "",
        is_straight=is_estimate and not settings.ROADS_URL,
    )
    new = told | {"state": "canceled" if kind == MessageKind.CANCELED else "booked"}
    new |= {"pickup": moment(pickup_at), "place": place_of(booking)}
    new.pop("late_at", None)
    new.pop("eased_at", None)
    if kind == MessageKind.LATE:
        new["late_at"] = moment(at or pickup_at + timedelta(minutes=policy.late_min))
    elif "late" in new and at is not None:
        new["eased_at"] = moment(at)
    if assignment is not None and kind in URGENT:
        new["way" if kind == MessageKind.ON_THE_WAY else "late"] = assignment.pk
    return Decision(
        message, Message.Status.WAITING, "", None, kind, channel, address, language, text, new
    )


def kind_of(
    message: Message,
    booking: Booking,
    assignment: Assignment | None,
    told: dict[str, Any],
    pickup_at: datetime,
    policy: MessagePolicy,
    now: datetime,
) -> MessageKind:
    """Return what there is to tell of a trip. Raises _Nothing, with the reason."""
    same = _Nothing(_("Nothing is different from what was told."))
    if booking.status == Status.CANCELED:
        # Whoever was told nothing may have booked by telephone, but not within a minute.
        knows = told or message.cause == CANCELED
        if told.get("state") == "canceled" or not knows:
            raise same
        return MessageKind.CANCELED
    if booking.status == Status.PENDING:
        raise _Nothing(_("The booking is not accepted."))
    if booking.status not in (Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE):
        raise _Nothing(_("The trip has begun, or is over."))
    if assignment is not None and message.cause == MessageKind.LATE:
        is_waited_for = assignment.is_open and assignment.arrived_at is None
        late_at = assignment.planned_pickup_at + timedelta(minutes=policy.late_min)
        expected_at = _expected(assignment) or now
        if not is_waited_for or expected_at < late_at:
            raise _NotLate(*same.args)
        told_at, eased_at = _told(told, "late_at"), _told(told, "eased_at")
        if eased_at is not None and is_later(expected_at, eased_at):
            return MessageKind.LATE
        if told.get("late") == assignment.pk or (told_at and abs(told_at - expected_at) <= TOLD):
            raise same
        return MessageKind.LATE
    if message.cause == MessageKind.LATE:
        raise same
    if booking.status == Status.EN_ROUTE and assignment is not None:
        if told.get("way") != assignment.pk:
            return MessageKind.ON_THE_WAY
        if not _comes_sooner(assignment, told, now):
            raise same
        return MessageKind.CHANGED
    if not message.cause:
        return MessageKind.REMINDER
    if not told:
        return _first_kind(message, booking, pickup_at, same)
    if told.get("state") == "canceled":
        return MessageKind.BOOKED
    before = _told_pickup(told)
    is_same = before and abs(before - pickup_at) <= TOLD and told.get("place") == place_of(booking)
    if is_same and not _comes_sooner(assignment, told, now):
        raise same
    return MessageKind.CHANGED


def _first_kind(
    message: Message, booking: Booking, pickup_at: datetime, same: _Nothing
) -> MessageKind:
    """Return what is told to whoever was told nothing of the trip, but may know of it."""
    if message.cause in BOOKS:
        return MessageKind.BOOKED
    moved = abs(pickup_at - booking.scheduled_time)
    if message.cause == Event.Kind.BOOKING_CHANGED or (message.cause in OF_PLAN and moved > TOLD):
        return MessageKind.CHANGED
    raise same


def _expected(assignment: Assignment) -> datetime | None:
    """Return when the car is expected, None if nothing is kept of it (`dispatch.forecast`)."""
    return getattr(assignment, "expected_at", None)


def _comes_sooner(assignment: Assignment | None, told: dict[str, Any], now: datetime) -> bool:
    """Return whether a car that was told late comes sooner than that, by more than `TOLD`."""
    late_at = _told(told, "late_at")
    if assignment is None or late_at is None:
        return False
    if _expected(assignment) is None and told.get("late") == assignment.pk:
        return False  # nobody knows
    at = _comes_at(assignment, now)
    return at is not None and at < late_at - TOLD


def _comes_at(assignment: Assignment, now: datetime) -> datetime | None:
    """Return when a car comes, as far as it is known: None if it is not there as planned."""
    planned_at, expected_at = assignment.planned_pickup_at, _expected(assignment)
    if expected_at is None:
        return planned_at if planned_at > now else None
    return max(planned_at, expected_at)


def place_of(booking: Booking) -> str:
    """Return a digest of the ends of a trip: what was told is kept, not where."""
    ends = f"{booking.pickup_address}\n{booking.dropoff_address}"
    return sha256(f"{booking.pk}\n{ends}".encode()).hexdigest()[:16]


def _told_pickup(told: dict[str, Any]) -> datetime | None:
    return _told(told, "pickup")


def _told(told: dict[str, Any], name: str) -> datetime | None:
    return parse_datetime(told[name]) if name in told else None


def _way(message: Message, policy: MessagePolicy, known: _Known) -> tuple[str, str, str]:
    """Return channel, address and language of a message. Raises _Nothing if there is no way."""
    recipient = known.recipients.get((message.client_id, message.person))
    if recipient is None and message.person != Recipient.Person.CLIENT:
        raise _Nothing(_("There is no such contact any more."))
    language = (recipient and recipient.language) or policy.language
    if recipient is not None and recipient.channel == Channel.NONE:
        raise _Nothing(_("This person wants no messages."))
    channel = recipient.channel if recipient is not None else Channel.SMS
    address = recipient.address if recipient is not None else ""
    if not address and channel == Channel.SMS and message.person == Recipient.Person.CLIENT:
        address = message.client.phone
    if not address:
        raise _Nothing(_("No address is known."))
    if channel == Channel.SMS:
        address = number_of(address, policy.company)
    if not address:
        raise _Nothing(_("This is no telephone number to which messages can be sent."))
    if policy.test_address:
        channel, address = channel_of(policy.test_address), policy.test_address
        if channel == Channel.SMS:
            address = number_of(address, policy.company)
    return channel, address, language


def _waking(policy: MessagePolicy, now: datetime) -> datetime:
    """Return the end of the quiet hours in which `now` is."""
    local = policy.company.local(now)
    days = 0 if local.time() < policy.quiet_until else 1
    wakes = datetime.combine(
        local.date() + timedelta(days=days),
        policy.quiet_until.replace(fold=local.fold),  # of the hour that autumn has twice, this one
        policy.company.zone,
    )
    return wakes.astimezone(now.tzinfo)
