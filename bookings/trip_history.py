"""The log of one booking, as people read it."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import FieldDoesNotExist
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import Booking, Event, Status

EVENTS = 100  # the newest that are shown
LABELS = {Status(value).value: label for value, label in Status.choices}
# What an event tells of an assignment; all else is a field of the booking.
OF_ASSIGNMENT = {
    "driver": gettext_lazy("driver"),
    "pickup": gettext_lazy("planned pickup"),
    "dropoff": gettext_lazy("planned dropoff"),
    "arrived_at": gettext_lazy("arrived at the pickup"),
    "actual_pickup_at": gettext_lazy("actual pickup"),
    "actual_dropoff_at": gettext_lazy("actual dropoff"),
    "locked": gettext_lazy("locked"),
    "confirmed": gettext_lazy("confirmed"),
    "overrides": gettext_lazy("rules that were broken"),
}


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    who: str
    door: str
    what: str
    reason: str
    changes: list


def history_of(booking):
    """Return the newest events of a booking, newest first: 1 statement."""
    events = Event.objects.filter(booking=booking).select_related("user").order_by("-id")
    return [_line(event) for event in events[:EVENTS]]


def _line(event):
    names = [*event.new, *(name for name in event.old if name not in event.new)]
    return Line(
        at=event.at,
        who=event.actor or (event.user.get_username() if event.user else ""),
        door=event.get_door_display(),
        what=event.get_kind_display(),
        reason=event.reason,
        changes=[
            Change(_label(name), shown(event.old.get(name)), shown(event.new.get(name)))
            for name in names
        ],
    )


def _label(name):
    if name in OF_ASSIGNMENT:
        return str(OF_ASSIGNMENT[name])
    try:
        return str(Booking._meta.get_field(name).verbose_name)
    except FieldDoesNotExist:  # of another time
        return name.replace("_", " ")


def shown(value):
    """Return a value of the log as text: times in the current zone, statuses by their names."""
    if value in (None, "", []):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, str):
        moment = parse_datetime(value) if value[4:5] == "-" and "T" in value else None
        if moment:
            return date_format(timezone.localtime(moment), "DATETIME_FORMAT")
        return str(LABELS.get(value, value))
    return str(value)
