"""Tell the history of a trip from the event log: who did what, when, what changed."""

from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings import cancel_reasons
from bookings.models import Booking, Client, Event, Message, Status
from bookings.models.seals import ERASED
from drivers.models import Driver

EVENTS = 100  # shown at most, the newest
NOTHING = "–"
LABELS = {Status(value).value: label for value, label in Status.choices}
# The logged fields of an assignment; all others are fields of the booking.
OF_ASSIGNMENT = {
    "driver": gettext_lazy("driver"),
    "pickup": gettext_lazy("planned pickup"),
    "dropoff": gettext_lazy("planned dropoff"),
    "arrived_at": gettext_lazy("arrived at the pickup"),
    "actual_pickup_at": gettext_lazy("actual pickup"),
    "actual_dropoff_at": gettext_lazy("actual dropoff"),
    "locked": gettext_lazy("locked"),
    "confirmed": gettext_lazy("confirmed"),
    "overrides": gettext_lazy("broken rules"),
    "expected_pickup_at": gettext_lazy("expected pickup"),
    "expected_dropoff_at": gettext_lazy("expected dropoff"),
    "late_min": gettext_lazy("late (minutes)"),
    "undoes": gettext_lazy("undone event"),
    "absent_until": gettext_lazy("absent until"),
    "shift_start": gettext_lazy("start of the shift"),
    "shift_end": gettext_lazy("end of the shift"),
    "breaks": gettext_lazy("planned break"),
}
OF_CLIENT = {
    "client_notes": gettext_lazy("notes"),
    "merged": gettext_lazy("merged client"),
    "recipients": gettext_lazy("who is told"),
}
# What the log keeps for the program: which rows, that it does not know all, and what was late.
UNSHOWN = {"absence", "shift", "beside", "late"}
FLAGS = {
    ("locked", True): gettext_lazy("locked"),
    ("locked", False): gettext_lazy("unlocked"),
    ("confirmed", True): gettext_lazy("confirmed"),
    ("confirmed", False): gettext_lazy("no longer confirmed"),
}
# What drivers report to the desk, see dispatch/trips/taps.py.
REPORTS = {
    "message": gettext_lazy("message to the desk"),
    "break_begins": gettext_lazy("break begun"),
    "break_ends": gettext_lazy("break ended"),
    "shift_ends": gettext_lazy("shift ended"),
}
# Logged ids: the model they refer to, and the field with its name. The log keeps any JSON: read an
# id with `_id`, because a list or an object is the key of no dictionary.
NAMED: dict[str, tuple[Any, str]] = {
    "driver": (Driver, "name"),
    "client": (Client, "name"),
    "return_of": (Booking, "reference"),
}


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Line:
    """One event: `what` is a sentence, `reason` was given by the user, `door` is the channel."""

    at: datetime
    who: str
    door: str
    what: str
    reason: str
    changes: list[Change]


def history_of(company, booking_id: int, *, most=EVENTS, changes=True) -> tuple[Line, ...]:
    """Return the newest events of a booking, newest first.

    2 statements at most; with `changes`, the values before and after, 4.
    """
    events = list(
        Event.objects.filter(company=company, booking=booking_id)
        .select_related("user")
        .order_by("-id")[:most]
    )
    return lines_of(company, events, changes=changes)


def messages_of(company, booking_id: int, *, most=EVENTS) -> tuple[Line, ...]:
    """Return the newest messages about a booking, newest first: 1 statement.

    Not those that had nothing to tell, or wait for their minute.
    """
    rows = Message.objects.filter(company=company, booking=booking_id).exclude(kind="")
    rows = rows.exclude(status=Message.Status.DROPPED).order_by("-id")[:most]
    return tuple(
        Line(
            at=row.done_at or row.first_at or row.created_at,
            who=row.get_person_display(),
            door=row.get_channel_display(),
            what=_("%(channel)s %(status)s: %(kind)s")
            % {
                "channel": row.get_channel_display(),
                "status": row.get_status_display(),
                "kind": row.get_kind_display(),
            },
            reason=row.reason,
            changes=[],
        )
        for row in rows
    )


def newest_first(*histories: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return the lines of several histories as one; those of one keep their order."""
    return tuple(merge(*histories, key=lambda line: line.at, reverse=True))


def lines_of(company, events, *, changes=False) -> tuple[Line, ...]:
    """Return the events, which come with their users, as lines in their order: 1 statement at most.

    With `changes`, the values before and after, 3.
    """
    names = {field: _names(company, events, field) for field in (NAMED if changes else ["driver"])}
    return tuple(
        Line(
            at=event.at,
            who=_who(event),
            door=event.get_door_display(),
            what=capfirst(_what(event, names, company)),
            reason=cancel_reasons.read(event.reason),
            changes=_changes(event, names) if changes else [],
        )
        for event in events
    )


def _names(company, events, field):
    """Return {id: name} of the rows that the events refer to: at most 1 statement."""
    model, column = NAMED[field]
    ids = {_id(values.get(field)) for e in events for values in (e.old, e.new)} - {None}
    if not ids:
        return {}
    rows = model.objects.filter(company=company, id__any_of=sorted(ids))
    return {pk: name or f"#{pk}" for pk, name in rows.values_list("id", column)}


def _id(value):
    """Return a logged id, or None for any other value."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _who(event):
    name = (event.user and event.user.get_username()) or event.actor
    if event.run_id:
        return _("plan (%(who)s)") % {"who": name} if name else _("plan")
    return name or event.get_door_display()


def _what(event, names, company):
    old, new, kind = event.old, event.new, Event.Kind
    drivers = names["driver"]

    def driver(values):
        return drivers.get(_id(values.get("driver")), "?")

    def clock(values, name="pickup"):
        moment = _moment(values.get(name))
        return company.clock(moment) if moment else "?"

    if event.kind in Event.OF_CLIENTS:
        client = names.get("client", {}).get(_id(new.get("client")))
        return f"{event.get_kind_display()}: {client}" if client else event.get_kind_display()
    if event.kind == kind.BOOKING_CREATED:
        return _("booked")
    if event.kind == kind.DRIVER_REPORTED:
        return str(REPORTS.get(new.get("report"), event.get_kind_display()))
    if event.kind == kind.BOOKING_REOPENED:
        return _("booked again")
    if event.kind == kind.RELEASED:
        return _("unassigned from %(driver)s") % {"driver": driver(old)}
    if event.kind in (kind.ASSIGNED, kind.MOVED):
        values = {"driver": driver(new), "clock": clock(new)}
        if "driver" not in old:
            text = _("assigned to %(driver)s, %(clock)s")
        elif old["driver"] == new.get("driver"):
            text = _("moved from %(before)s to %(clock)s")
            values["before"] = clock(old)
        else:
            text = _("moved from %(before)s to %(driver)s, %(clock)s")
            values["before"] = driver(old)
        text = text % values
        # Not inside the f-string: the translations' extractor does not look there.
        against_rules = _("against the rules")
        return f"{text} ({against_rules})" if new.get("overrides") else text
    if event.kind in Event.FORESEEN:
        text = _("on time again: expected at %(pickup)s, arriving at %(dropoff)s")
        if event.kind == kind.LATE:
            text = _("late by %(minutes)s min: expected at %(pickup)s, arriving at %(dropoff)s")
        return text % {
            "minutes": new.get("late_min", "?"),
            "pickup": clock(new, "expected_pickup_at"),
            "dropoff": clock(new, "expected_dropoff_at"),
        }
    if event.kind == kind.UNDONE:
        if "driver" not in new and "driver" in old:
            return _("undone: unassigned from %(driver)s") % {"driver": driver(old)}
        if "driver" not in new:
            before = [shown(new["status"])] if "status" in new else _flags(new)
            return _("undone: back to %(before)s") % {"before": ", ".join(before) or NOTHING}
        return _("undone: back to %(driver)s, %(clock)s") % {
            "driver": driver(new),
            "clock": clock(new),
        }
    if event.kind == kind.BOOKING_CORRECTED:
        text = _("taken back: %(old)s → %(new)s") % {
            "old": shown(old.get("status")),
            "new": shown(new.get("status")),
        }
        lost = "driver" in old and "driver" not in new
        without = _("%(driver)s has another trip by now")
        return f"{text} ({without % {'driver': driver(old)}})" if lost else text
    if "status" in new:
        return f"{shown(old.get('status'))} → {shown(new['status'])}"
    flags = _flags(new)
    flags += [_("arrived at the pickup")] if new.get("arrived_at") else []
    fields = [_label(name) for name in new if hasattr(Booking, name)]
    if fields:
        flags.append(_("changed: %(fields)s") % {"fields": ", ".join(fields)})
    return get_text_list(flags, _("and")) or event.get_kind_display()


def _flags(new):
    return [
        str(FLAGS[name, value])
        for name, value in new.items()
        if isinstance(value, bool) and (name, value) in FLAGS
    ]


def _changes(event, names):
    """Return the changes that can be seen: not those of the seconds of a time."""
    fields = [*event.new, *(name for name in event.old if name not in event.new)]
    fields = [name for name in fields if name not in UNSHOWN]
    changes = (
        Change(
            _label(name),
            _shown(name, event.old.get(name), names),
            _shown(name, event.new.get(name), names),
        )
        for name in fields
    )
    return [change for change in changes if change.old != change.new]


def _label(name):
    if label := OF_ASSIGNMENT.get(name) or OF_CLIENT.get(name):
        return str(label)
    for model in (Booking, Client):
        try:
            return str(model._meta.get_field(name).verbose_name)
        except FieldDoesNotExist:
            continue
    return name.replace("_", " ")  # a field that no longer exists


def _shown(name, value, names):
    if value is not None and name in names:
        return names[name].get(_id(value), f"#{value}")
    if name == "priority" and value in Booking.Priority.values:
        return str(Booking.Priority(value).label)
    if name == "cancel_reason" and value and isinstance(value, str):
        return cancel_reasons.read(value)
    return shown(value)


def _moment(value):
    """Return the time of a logged text, or None for any other value."""
    if not isinstance(value, str) or value[4:5] != "-" or "T" not in value:
        return None
    try:
        moment = parse_datetime(value)
    except ValueError:  # the shape of a time, such as 2026-02-30T00:00
        return None
    return moment if moment and timezone.is_aware(moment) else None


def shown(value):
    """Return a logged value as text: times in the current timezone, statuses by their labels."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if value == ERASED:
        return _("erased")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return ", ".join(map(shown, value.values()))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, str):
        if moment := _moment(value):
            return date_format(timezone.localtime(moment), "DATETIME_FORMAT")
        return str(LABELS.get(value, value))
    return str(value)
