"""Undo what people did by hand on a day, the last action first, as long as nobody built on it.

An action is the events that one call of a use-case wrote. What the call did to shifts, breaks and
absences stands in them too and is undone with them, if they are still as the call left them; where
an event says that a change came with it of which the log knows nothing, it cannot be undone.

The log tells what was before: each event is answered by one of kind “undone” with the inverse,
which names it in `undoes`. Nobody has built on an action whose trips and drivers have no later
event, but those that were undone themselves: a run, a report or a change of such a trip ends the
way back.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from bookings.events import plain_values
from bookings.models import Actor, Booking, Event, Status
from dispatch import ledger
from dispatch.day.day import Day
from dispatch.day.keeping import BY_HAND, OVER
from dispatch.day.load import load_problem
from dispatch.day.rows import BookingRow
from dispatch.models import Assignment
from dispatch.planner.rules.codes import Block
from dispatch.trips.fleet_changes import TripsBroken
from dispatch.trips.insertion import propose, stay
from dispatch.trips.progress import ASSIGNMENT_STATUS
from dispatch.trips.shift_times import change_times
from drivers.companies.roles import WRITING_ROLES
from drivers.fleet.breaks import plan_breaks
from drivers.fleet.changes import StaleRow, changing
from drivers.models import Absence, Company, Driver, Membership, Shift
from drivers.refused import Refused
from drivers.times import moment, moment_of

Kind = Event.Kind
UNDOABLE = (
    Kind.ASSIGNED,
    Kind.MOVED,
    Kind.RELEASED,
    Kind.ASSIGNMENT_CHANGED,
    Kind.BOOKING_STATUS,
)
# How far back in the company's log an action is looked for, and how many events of people.
RECENT, OF_PEOPLE = 2_000, 200
MOMENTS = {"scheduled_time", "arrived_at", "actual_pickup_at", "actual_dropoff_at"}
OF_BOOKING = ("cancel_reason", "will_call", "scheduled_time")
OF_ASSIGNMENT = ("locked", "confirmed", "arrived_at", "actual_pickup_at", "actual_dropoff_at")
# What a trip that had been late may break: nothing but the time, its own or between trips.
OF_TIME = {
    Block.PICKUP_WINDOW,
    Block.APPOINTMENT,
    Block.OVERLAP,
    Block.BUSY_UNTIL,
    Block.DUE_AT,
}


class NotUndoable(Refused):
    """The action is not the last one of the day by hand, or something was built on it."""

    code = "not_undoable"
    status = 409


@dataclass(frozen=True, slots=True)
class Action:
    """What a person did with one call: events in order of id; `id` is that of the last one.

    `built_on` is a later event that keeps it from being undone, None without one.
    """

    events: tuple[Event, ...]
    built_on: Event | None

    @property
    def id(self) -> int:
        return self.events[-1].id

    def did(self, event: Event) -> bool:
        """Return whether this event was written by the same call."""
        own = self.events[0]
        return (event.at, event.user_id, event.door) == (own.at, own.user_id, own.door)

    @property
    def is_undoable(self) -> bool:
        """Return whether nobody built on it, and the log tells of all that the call did."""
        return not self.built_on and not any(e.new.keys() & ledger.BESIDE for e in self.events)

    @property
    def booking_ids(self) -> list[int]:
        return sorted({event.booking_id for event in self.events if event.booking_id})


@dataclass(slots=True)
class Inverse:
    """What is written in place of one event."""

    event: Event
    status: Status | None  # of the booking
    booking: dict[str, Any]
    ended: Assignment | None = None  # the assignment that ends
    again: Assignment | None = None  # the assignment that is written again
    changed: Assignment | None = None  # the assignment that is changed, to `fields`
    fields: dict[str, Any] | None = None


def last_action(company: Company, day: date) -> Action | None:
    """Return the last action by hand on the bookings of the day: at most 3 statements.

    By hand is what an owner or a dispatcher did, through whatever door.
    """
    log = Event.objects.filter(company=company)
    # Asked for by itself: with an unknown number PostgreSQL expects a third of the log behind it.
    before = log.order_by("-id").values_list("id", flat=True)[RECENT : RECENT + 1].first()
    office = Membership.objects.filter(company=company, role__in=sorted(WRITING_ROLES))
    people = Q(user__is_superuser=True) | Q(user__in=office.values("user"))
    start_at, end_at = company.day_bounds(day)
    rows = list(
        log.filter(
            people,
            id__gt=before or 0,
            run_id=None,
            kind__in=[*UNDOABLE, Kind.UNDONE],
            booking__scheduled_time__gte=start_at,
            booking__scheduled_time__lt=end_at,
        )
        .select_related("user", "booking__client")
        .order_by("-id")[:OF_PEOPLE]
    )
    undone = {event.new.get("undoes") for event in rows if event.kind == Kind.UNDONE}
    left = [event for event in rows if event.kind != Kind.UNDONE and event.id not in undone]
    if not left:
        return None
    last = left[0]
    events = tuple(
        event
        for event in reversed(left)
        if (event.at, event.user_id, event.door) == (last.at, last.user_id, last.door)
    )
    return Action(events, _built_on(company, events))


def _built_on(company: Company, events: Sequence[Event]) -> Event | None:
    """Return the first event that came after these, of their bookings or drivers: 1 statement.

    Or with them: the same call has booked or changed the trip too, or trips of other days.
    """
    first = events[0]
    with_them = Q(id__gt=first.id - RECENT, at=first.at, user=first.user, door=first.door)
    mine = {event.id for event in events}
    bookings = sorted({event.booking_id for event in events if event.booking_id})
    touched = Q(booking__in=bookings)
    if drivers := sorted(_drivers_told(events)):
        touched |= Q(old__driver__in=drivers) | Q(new__driver__in=drivers)
    later = Event.objects.filter(touched, Q(id__gt=first.id) | with_them, company=company)
    later = later.exclude(kind__in=Event.FORESEEN)
    rows = list(later.select_related("user").order_by("id")[: RECENT + 1])
    undone = {event.new.get("undoes") for event in rows if event.kind == Kind.UNDONE}
    for event in rows:
        if event.id not in mine | undone and event.kind != Kind.UNDONE:
            return event
    return None


def _drivers_told(events: Iterable[Event]) -> set[int]:
    return {
        values["driver"] for event in events for values in (event.old, event.new)
        if "driver" in values
    }  # fmt: skip


def undo(
    company: Company, day: date, action_id: int, *, actor: Actor, now: datetime
) -> tuple[int, ...]:
    """Undo the last action by hand on the day; return the ids of its bookings: 22 statements.

    With it goes what the call did to shifts, breaks and absences: at most 12 statements more.
    `action_id` is what the caller saw of it: of two people at once one is refused. Trips that get
    their driver back must keep every rule; what had been late may be late. Raises NotUndoable.
    """
    with transaction.atomic():
        seen = _require_last(company, day, action_id)
        rows = Assignment.objects.filter(company=company, booking__in=seen.booking_ids)
        drivers = _drivers_told(seen.events) | set(rows.values_list("driver_id", flat=True))
        locked = ledger.lock_drivers(company, drivers)
        bookings = ledger.lock_bookings(company.id, seen.booking_ids)
        action = _require_last(company, day, action_id)
        found: dict[int, list[Assignment]] = defaultdict(list)
        for row in rows.order_by("id"):
            found[row.booking_id].append(row)
        inverses = [
            inverse_of(event, bookings[event.booking_id], found[event.booking_id])
            for event in action.events
            if event.booking_id
        ]
        if len(inverses) != len(bookings):
            raise not_undoable(_("It changed the same trip more than once."))
        write_inverses(company, inverses, bookings, actor=actor, now=now)
        _restore_fleet(company, action.events, actor=actor, now=now)
        require_rules(company, day, inverses, locked, now)
    return tuple(action.booking_ids)


def _require_last(company: Company, day: date, action_id: int) -> Action:
    action = last_action(company, day)
    if action is None or action.id != action_id:
        raise not_undoable(_("It is not the last action of the day any more."))
    event = action.built_on
    if event and not action.did(event):
        if event.run_id:
            at = company.clock(event.at, day)
            raise not_undoable(_("The day was planned since, at %(at)s.") % {"at": at})
        raise not_undoable(
            _("%(who)s has changed these trips since.") % {"who": event.actor or event.door}
        )
    if not action.is_undoable:
        raise not_undoable(_("It did more than change these trips."))
    return action


def _restore_fleet(
    company: Company, events: Sequence[Event], *, actor: Actor, now: datetime
) -> None:
    """Give shifts, breaks and absences back what they were before: at most 12 statements.

    They are locked after bookings, but their drivers before them. Raises NotUndoable if somebody
    has changed one of them since, or if other trips need it.
    """
    drivers = Driver.objects.filter(company=company)
    how: dict[str, Any] = {"actor": actor, "now": now, "reason": _("undone")}
    absences = {event.new["absence"]: event for event in events if "absence" in event.new}
    try:
        for event in events:
            if "shift" in event.old:
                before, after = _times_of(event.old), _times_of(event.new)
                shift = Shift.objects.filter(pk=event.old["shift"], **_of_driver(event)).first()
                if shift is None or (shift.start_at, shift.end_at) != after:
                    raise not_undoable(_("The shift was changed since."))
                change_times(shift, *before, **how)
            if "breaks" in event.old:
                _restore_breaks(drivers, event)
        for absence_id, event in absences.items():
            absence = Absence.objects.filter(pk=absence_id, **_of_driver(event)).first()
            period = event.at, moment_of(event.new["absent_until"])
            if absence is None or (absence.start_at, absence.end_at) != period:
                raise not_undoable(_("The absence was changed since."))
            with changing([absence], None, **how):
                absence.delete()
    except (TripsBroken, StaleRow) as refusal:
        raise not_undoable(str(refusal)) from None
    except ValidationError as refusal:
        raise not_undoable(" ".join(refusal.messages)) from None


def _of_driver(event: Event) -> dict[str, Any]:
    """Return the filter of what belongs to the company's driver of whom the event tells."""
    driver_id = event.new.get("driver") or event.old["driver"]
    return {"driver": driver_id, "driver__company": event.company_id}


def _times_of(values: Mapping[str, Any]) -> tuple[datetime, datetime]:
    return moment_of(values["shift_start"]), moment_of(values["shift_end"])


def _restore_breaks(drivers: QuerySet[Driver], event: Event) -> None:
    """Plan the breaks as they were: 2 statements. Raises NotUndoable if they moved since."""
    before, after = event.old["breaks"], event.new["breaks"]
    shifts = Shift.objects.filter(driver__in=drivers, pk__in=map(int, after))
    now_at = {str(pk): moment(at) for pk, at in shifts.values_list("pk", "break_at")}
    if now_at != after:
        raise not_undoable(_("The break was moved since."))
    plan_breaks({int(pk): at and moment_of(at) for pk, at in before.items()})


def not_undoable(why: str) -> NotUndoable:
    return NotUndoable(_("This cannot be undone. %(why)s") % {"why": why})


def inverse_of(event: Event, booking: Booking, rows: Sequence[Assignment]) -> Inverse:
    """Return what undoes the event of a booking, of which `rows` are the assignments.

    The newest is the one that the event left: an earlier undo may have written it again, with
    another id than the event's.
    """
    status = Status(event.old["status"]) if "status" in event.old else None
    old = {
        name: parse_datetime(value) if name in MOMENTS and value else value
        for name, value in event.old.items()
    }
    inverse = Inverse(event, status, {name: old[name] for name in OF_BOOKING if name in old})
    if event.assignment_id is None:
        return inverse
    own = rows[-1]
    if event.kind == Kind.ASSIGNED:
        inverse.ended = own
    elif event.kind in (Kind.MOVED, Kind.RELEASED):
        if status not in (None, Status.ASSIGNED):
            raise not_undoable(_("The driver was on the way already."))
        promise = {name: event.old[name] for name in ("driver", "pickup", "dropoff")}
        inverse.again = next(
            row for row in reversed(rows) if ledger.promise_of(row).as_values() == promise
        )
        inverse.ended = own if event.kind == Kind.MOVED else None
    else:
        inverse.changed = own
        inverse.fields = {name: old[name] for name in OF_ASSIGNMENT if name in old}
        if status:
            inverse.fields["status"] = ASSIGNMENT_STATUS[status]
        if booking.status in OVER:
            inverse.again = own  # the event tells of its driver
    return inverse


def write_inverses(
    company: Company,
    inverses: Sequence[Inverse],
    bookings: dict[int, Booking],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Write assignments, bookings and events: at most 8 statements. Raises NotUndoable.

    Where clients ride together: at most 9 more.
    """
    ledger.end([one.ended for one in inverses if one.ended], now=now)
    again = {one.event.id: one.again for one in inverses if one.again and not one.changed}
    made: dict[int, int] = {}
    try:
        if again:
            ids = ledger.assign_again(company.id, list(again.values()), now=now)
            made = dict(zip(again, ids, strict=True))
        for fields, rows in _grouped((one.fields, one.changed) for one in inverses if one.changed):
            ledger.change_assignments(rows, fields, now=now)
    except IntegrityError:  # assignment_no_double_booking
        raise not_undoable(_("The driver has another trip at this time.")) from None
    told = [
        ({**one.booking, "status": one.status}, one.event.booking_id)
        for one in inverses
        if one.status and one.status != bookings[one.event.booking_id or 0].status
    ]
    for fields, ids in _grouped(told):
        status = fields.pop("status")
        ledger.set_status({status: ids}, now=now, **fields)
    entries = []
    for one in inverses:
        own = one.changed or one.ended
        entries.append(_entry(one, made.get(one.event.id, own.id if own else None)))
    ledger.log(company.id, entries, actor=actor, now=now)


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[dict[str, Any], list[Any]]]:
    """Return (fields, rows) of equal fields: those of one action are of a few kinds."""
    groups: list[tuple[dict[str, Any], list[Any]]] = []
    for fields, row in pairs:
        same = next((rows for known, rows in groups if known == fields), None)
        if same is None:
            groups.append((dict(fields), [row]))
        else:
            same.append(row)
    return groups


def _entry(one: Inverse, assignment_id: int | None) -> ledger.Entry:
    """Return the log's line: the event the other way round, and what it undoes."""
    event = one.event
    old = {name: value for name, value in event.new.items() if name != "overrides"}
    new: dict[str, Any] = {"undoes": event.id} | event.old
    if one.again:
        new |= ledger.promise_of(one.again).as_values()
        kept = {name: getattr(one.again, name) for name in ledger.KEPT} | (one.fields or {})
        new |= plain_values({n: v for n, v in kept.items() if v and n in ledger.KEPT})
    return ledger.Entry(event.booking_id or 0, assignment_id, Kind.UNDONE, old, new)


def require_rules(
    company: Company,
    day: date,
    inverses: Iterable[Inverse],
    drivers: dict[int, Driver],
    now: datetime,
) -> None:
    """Hold the trips that have their driver back against the day: 4 statements, if any has."""
    back: dict[int, Collection[int]] = defaultdict(set)
    late = set()
    for one in inverses:
        if one.again and (one.status or Status.ASSIGNED) == Status.ASSIGNED:
            back[one.again.driver_id] = {*back[one.again.driver_id], one.again.booking_id}
            if ledger.LATE.items() <= one.event.old.items():
                late.add(one.again.booking_id)
    if not back:
        return
    loaded = load_problem(company, day, now=now, leeway=BY_HAND)
    for driver_id, ids in back.items():
        driver = drivers[driver_id]
        rows = [loaded.bookings[i] for i in sorted(ids) if i in loaded.bookings]
        in_time = [row for row in rows if row.id not in late]
        if (
            len(rows) != len(ids)
            or (in_time and stay(loaded, in_time, driver) is None)
            or not all(_may_be_late(loaded, row, driver) for row in rows if row.id in late)
        ):
            raise not_undoable(
                _("%(driver)s can no longer drive it as it was.") % {"driver": driver}
            )


def _may_be_late(day: Day, row: BookingRow, driver: Driver) -> bool:
    """Return whether nothing but the time keeps the driver from the trip."""
    return {fault.code for fault in propose(day, row, driver).faults} <= OF_TIME
