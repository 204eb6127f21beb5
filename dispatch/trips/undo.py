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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bookings.models import Actor, Event
from dispatch import ledger
from dispatch.models import Assignment
from dispatch.trips.fleet_changes import TripsBroken
from dispatch.trips.inverses import inverse_of, not_undoable, require_rules, write_inverses
from dispatch.trips.shift_times import change_times
from drivers.companies.roles import WRITING_ROLES
from drivers.fleet.breaks import plan_breaks
from drivers.fleet.changes import StaleRow, changing
from drivers.models import Absence, Company, Driver, Membership, Shift
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
