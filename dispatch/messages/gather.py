"""Make messages: of new events, for tomorrow's trips in the evening, for cars that are late.

A message is only an occasion to tell something. What it tells is decided when it is due.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import CharField, Count, Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Concat

from bookings.models import (
    Booking,
    Channel,
    Client,
    Event,
    Message,
    MessageKind,
    MessagePolicy,
    Recipient,
    Status,
)
from dispatch.models import Assignment, is_foreseen
from dispatch.planner.problem import TOLD_S
from drivers.db.bulk import update_rows

TOLD = timedelta(seconds=TOLD_S)  # a pickup that moves by more is told
SETTLES = timedelta(minutes=1)  # what is taken back within it is told to nobody
AT_ONCE = 1_000  # events
OVER_AFTER = timedelta(hours=12)  # nobody is told anything of trips before
LATE_AT_MOST = timedelta(hours=3)  # later, the desk has called
LATE_AHEAD = timedelta(minutes=30)  # sooner, another car may still be found
Kind = Event.Kind
OF_BOOKING = {Kind.BOOKING_CREATED, Kind.BOOKING_CHANGED, Kind.BOOKING_REOPENED,
              Kind.BOOKING_CORRECTED}  # fmt: skip
OF_PLAN = {Kind.ASSIGNED, Kind.MOVED, Kind.RELEASED, Kind.UNDONE}
# What people notice of a change of a booking: its time, an address.
NOTICED = ("scheduled_time", "pickup_address", "dropoff_address")
# Causes besides the kinds of events: another client, and a cancellation that came so late that
# somebody may know of the trip who was not told of it.
ANOTHER_CLIENT = "another client"
CANCELED = "canceled"
# Of cars that were in time again before somebody was told that they are late.
UNTOLD = Q(status=Message.Status.DROPPED, kind=MessageKind.LATE)
TOLD_STATUSES = {Status.ACCEPTED, Status.EN_ROUTE, Status.CANCELED}


class _Seen(NamedTuple):
    """An event of a booking; what is sealed in it is known by its names alone."""

    company_id: int
    event_id: int
    kind: str
    at: datetime
    booking_id: int | None
    client_id: int | None
    pickup_at: datetime | None
    created_at: datetime | None
    status: str | None
    old_client: Any
    new_client: Any
    scheduled_time: str | None
    pickup_address: str | None
    dropoff_address: str | None
    sealed: list[str] | None


class _Occasion(NamedTuple):
    """Something to tell a client, and their contact."""

    company_id: int
    booking_id: int
    client_id: int
    name: str
    cause: str
    due_at: datetime


def gather(*, now: datetime) -> int:
    """Make the messages of all companies that send any; return how many.

    1 statement if nobody sends any, 2 if there is nothing new, else at most 12.
    """
    unseen = Event.objects.filter(company=OuterRef("company"), id__gt=OuterRef("seen_event_id"))
    rows = MessagePolicy.objects.filter(is_on=True).select_related("company")
    policies = list(rows.annotate(is_behind=Exists(unseen)).order_by("id"))
    if not policies:
        return 0
    behind = [row.pk for row in policies if row.is_behind or _is_evening(row, now)]
    # Without it PostgreSQL may read the whole log in order of id.
    seen_by_all = min((row.seen_event_id for row in policies if row.is_behind), default=0)
    return (_queue(behind, seen_by_all, now) if behind else 0) + _queue_late(policies, now)


def _is_evening(policy: MessagePolicy, now: datetime) -> bool:
    local = policy.company.local(now)
    is_new = policy.reminded_day is None or policy.reminded_day < local.date()
    return is_new and local.time() >= policy.reminder_at


def told_until(policy: MessagePolicy, now: datetime) -> datetime:
    """Return until when trips are told as they are planned: today's, in the evening tomorrow's."""
    local = policy.company.local(now)
    days = 1 if local.time() >= policy.reminder_at else 0
    return policy.company.day_bounds(local.date() + timedelta(days=days))[1]


def _queue(policy_ids: list[int], seen_by_all: int, now: datetime) -> int:
    """Look at new events in order and without gaps, and remind: at most 9 statements."""
    with transaction.atomic():
        locked = MessagePolicy.objects.filter(id__any_of=policy_ids, is_on=True)
        locked = locked.select_for_update(of=("self",), skip_locked=True, no_key=True)
        policies = {row.company_id: row for row in locked.select_related("company").order_by("id")}
        until = {pk: told_until(policy, now) for pk, policy in policies.items()}
        rows = (
            Event.objects.filter(
                company__in=list(policies),
                id__gt=F("company__message_policy__seen_event_id"),
            )
            .filter(id__gt=seen_by_all)
            .order_by("id")
            .values_list(
                "company_id", "id", "kind", "at", "booking_id", "booking__client_id",
                "booking__scheduled_time", "booking__created_at", "new__status", "old__client",
                "new__client", *(f"new__{name}" for name in NOTICED), "new__sealed__names",
            )[:AT_ONCE]
        )  # fmt: skip
        events = [_Seen(*row) for row in rows]
        former = _existing({row.old_client for row in events if row.old_client}, policies)
        seen: dict[int, int] = {}
        found = []
        for event in events:
            seen[policies[event.company_id].pk] = event.event_id
            if event.pickup_at is not None and event.pickup_at >= now - OVER_AFTER:
                found += _occasions(event, former, until[event.company_id])
        evenings = [policy for policy in policies.values() if _is_evening(policy, now)]
        found += _reminders(evenings, now)
        count = _make(found, now)
        update_rows(MessagePolicy, ["seen_event_id"], sorted(seen.items()))
        days = [(policy.pk, policy.company.local(now).date()) for policy in evenings]
        update_rows(MessagePolicy, ["reminded_day"], sorted(days))
    return count


def _existing(client_ids: Collection[int], companies: Collection[int]) -> set[int]:
    """Return those clients who are stored, and were not merged: 1 statement, or none."""
    if not client_ids:
        return set()
    rows = Client.objects.filter(id__any_of=sorted(client_ids), company__in=list(companies))
    return set(rows.values_list("id", flat=True))


def _occasions(event: _Seen, former: Collection[int], until: datetime) -> list[_Occasion]:
    """Return what an event is an occasion for: to tell its client, and who was it before.

    `former` are the stored clients of old. Trips before `until` are told as they are planned.
    """
    if event.booking_id is None or event.pickup_at is None:
        return []
    name, due_at = f"event {event.event_id}", event.at + SETTLES
    found = []
    cause = _cause(
        event, is_planned=event.pickup_at < until, was_another=event.old_client in former
    )
    if cause and event.client_id is not None:
        found.append(
            _Occasion(event.company_id, event.booking_id, event.client_id, name, cause, due_at)
        )
    if event.old_client in former and event.old_client != event.client_id:
        found.append(
            _Occasion(
                event.company_id, event.booking_id, event.old_client, f"{name}, former client",
                ANOTHER_CLIENT, due_at,
            )
        )  # fmt: skip
    return found


def _cause(event: _Seen, *, is_planned: bool, was_another: bool) -> str:
    """Return for what the client of an event is told something, "" if for nothing."""
    kind = event.kind
    if kind == Kind.BOOKING_CHANGED:
        # Where the former client is no more, both were merged: the trip is the same person's.
        if event.new_client is not None and (was_another or event.old_client is None):
            return ANOTHER_CLIENT
        names = set(event.sealed or ())
        names |= {name for name in NOTICED if getattr(event, name) is not None}
        return kind if names & set(NOTICED) else ""
    if kind == Kind.BOOKING_STATUS and event.status == Status.CANCELED:
        is_brief = event.created_at is not None and (
            timedelta(0) <= event.at - event.created_at <= SETTLES
        )
        return kind if is_brief else CANCELED
    is_told = (
        kind in OF_BOOKING
        or (kind == Kind.BOOKING_STATUS and event.status in TOLD_STATUSES)
        or (kind in OF_PLAN and is_planned)
        or kind == Kind.ON_TIME
    )
    return kind if is_told else ""


def _reminders(policies: Iterable[MessagePolicy], now: datetime) -> list[_Occasion]:
    """Return the reminders of tomorrow's trips: 1 statement, or none."""
    tomorrows: dict[int, date] = {}
    wanted = Q(pk__in=[])
    for policy in policies:
        if policy.tells_reminder:
            company = policy.company
            day = company.local(now).date() + timedelta(days=1)
            start_at, end_at = company.day_bounds(day)
            tomorrows[company.pk] = day
            wanted |= Q(company=company, scheduled_time__gte=start_at, scheduled_time__lt=end_at)
    if not tomorrows:
        return []
    rows = Booking.objects.filter(
        wanted, status__in=[Status.ACCEPTED, Status.ASSIGNED], client__isnull=False
    )
    return [
        _Occasion(company_id, pk, client_id, reminder_of(tomorrows[company_id]), "", now)
        for company_id, pk, client_id in rows.order_by("scheduled_time", "id").values_list(
            "company_id", "id", "client_id"
        )
    ]


def reminder_of(day: date) -> str:
    """Return the occasion of a reminder of a day's trip."""
    return f"evening before {day}"


def _queue_late(policies: Sequence[MessagePolicy], now: datetime) -> int:
    """Make messages for cars that come late: 1 statement if there are none, else 3.

    Once for each driver of a trip; again if nothing was told because the car was in time, or if it
    is later than what was told since. What is expected of a trip is what `dispatch.forecast.keep`
    has kept, if that is of now.
    """
    is_late = Q(pk__in=[])
    for minutes in {policy.late_min for policy in policies if policy.tells_late}:
        ids = [row.company_id for row in policies if row.tells_late and row.late_min == minutes]
        is_late |= Q(
            company__in=ids,
            expected__pickup_at__gte=F("planned_pickup_at") + timedelta(minutes=minutes),
            planned_pickup_at__lte=now + LATE_AHEAD,
            planned_pickup_at__gt=now - LATE_AT_MOST,
        )
    if not is_late:
        return 0
    name = Concat(Value("late "), Cast(OuterRef("pk"), CharField()), Value(" "))
    made = Message.objects.filter(booking=OuterRef("booking"), occasion__startswith=name)
    # Who was told another time since; whether it is later than that is compared below.
    eased = Message.objects.filter(
        status=Message.Status.SENT, told__has_key="eased_at", client=OuterRef("client")
    )
    since = eased.filter(booking=OuterRef("booking"), done_at__gte=OuterRef("done_at"))
    told = Message.objects.filter(booking=OuterRef("booking"), status=Message.Status.SENT)
    told = told.filter(client=OuterRef("booking__client")).order_by("-done_at", "-id")
    number = made.order_by().values("booking").annotate(number=Count("pk")).values("number")
    rows = (
        Assignment.objects.filter(
            is_late, is_foreseen(now), arrived_at__isnull=True, expected__is_silent=False
        )
        .filter(booking__client__isnull=False)
        .filter(status__in=[Assignment.Status.PLANNED, Assignment.Status.EN_ROUTE])
        .exclude(Exists(made.exclude(UNTOLD).exclude(Exists(since))))
        .annotate(number=Coalesce(Subquery(number), 0))
        .annotate(eased_at=Subquery(told.values_list(KT("told__eased_at"))[:1]))
        .order_by("planned_pickup_at", "id")
        .values_list(
            "company_id", "booking_id", "booking__client_id", "id", "number",
            "expected__pickup_at", "eased_at",
        )[:AT_ONCE]
    )  # fmt: skip
    found = [
        _Occasion(company_id, booking_id, client_id, f"late {pk} {number}", MessageKind.LATE, now)
        for company_id, booking_id, client_id, pk, number, expected_at, eased_at in rows
        if client_id is not None
        and (eased_at is None or is_later(expected_at, datetime.fromisoformat(eased_at)))
    ]
    return _make(found, now)


def is_later(expected_at: datetime, eased_at: datetime) -> bool:
    """Return whether a car comes later than was told after it had been told late."""
    return expected_at > eased_at + TOLD


def _make(occasions: Sequence[_Occasion], now: datetime) -> int:
    """Insert a message for each client, and for each contact who is told: 2 statements, or none.

    Another worker may have made it at the same time: there is one.
    """
    if not occasions:
        return 0
    clients = sorted({occasion.client_id for occasion in occasions})
    contacts = set(
        Recipient.objects.filter(client__any_of=clients, person=Recipient.Person.CONTACT)
        .exclude(channel=Channel.NONE)
        .values_list("client_id", flat=True)
    )
    rows = [
        Message(
            company_id=occasion.company_id,
            booking_id=occasion.booking_id,
            client_id=occasion.client_id,
            person=person,
            occasion=occasion.name,
            cause=occasion.cause,
            due_at=occasion.due_at,
            created_at=now,
        )
        for occasion in occasions
        for person in Recipient.Person
        if person == Recipient.Person.CLIENT or occasion.client_id in contacts
    ]
    Message.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
