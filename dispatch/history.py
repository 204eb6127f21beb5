"""What happened to a trip, told from the event log: who did what, when."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import Booking, Event, Status
from dispatch import reasons
from drivers.models import Driver

FLAGS = {
    ("locked", True): gettext_lazy("locked"),
    ("locked", False): gettext_lazy("unlocked"),
    ("confirmed", True): gettext_lazy("confirmed"),
    ("confirmed", False): gettext_lazy("no longer confirmed"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One event: `at` is local to the company; `reason` is what the person gave."""

    at: datetime
    who: str
    what: str
    reason: str


def history(company, booking_id: int, *, most: int = 8) -> tuple[Told, ...]:
    """Return the newest events of a booking, newest first: 2 queries at most."""
    events = list(
        Event.objects.filter(company=company, booking=booking_id)
        .select_related("user")
        .order_by("-id")[:most]
    )
    ids = {values["driver"] for e in events for values in (e.old, e.new) if "driver" in values}
    names = dict(
        Driver.objects.filter(company=company, id__any_of=sorted(ids)).values_list("id", "name")
        if ids
        else ()
    )
    return tuple(
        Told(
            at=company.local(event.at),
            who=_who(event),
            what=capfirst(_what(event, names, company)),
            reason=reasons.read(event.reason),
        )
        for event in events
    )


def _who(event):
    if event.run_id:
        return _("run #%(run)s") % {"run": event.run_id}
    return (event.user and event.user.get_username()) or event.actor or event.get_door_display()


def _what(event, names, company):
    old, new, kind = event.old, event.new, Event.Kind

    def driver(values):
        return names.get(values.get("driver"), "?")

    def clock(values):
        if "pickup" not in values:
            return "?"
        return f"{company.local(datetime.fromisoformat(values['pickup'])):%H:%M}"

    if event.kind == kind.BOOKING_CREATED:
        return _("booked")
    if event.kind == kind.RELEASED:
        return _("taken from %(driver)s") % {"driver": driver(old)}
    if event.kind in (kind.ASSIGNED, kind.MOVED):
        told = {"driver": driver(new), "clock": clock(new)}
        if "driver" not in old:
            text = _("given to %(driver)s, %(clock)s")
        elif old["driver"] == new.get("driver"):
            text = _("moved from %(before)s to %(clock)s")
            told["before"] = clock(old)
        else:
            text = _("moved from %(before)s to %(driver)s, %(clock)s")
            told["before"] = driver(old)
        text = text % told
        return f"{text} ({_('against the rules')})" if new.get("overrides") else text
    if "status" in new:
        return f"{Status(old['status']).label} → {Status(new['status']).label}"
    flags = [str(FLAGS[name, value]) for name, value in new.items() if (name, value) in FLAGS]
    flags += [_("arrived at the pickup")] if new.get("arrived_at") else []
    fields = [str(Booking._meta.get_field(n).verbose_name) for n in new if hasattr(Booking, n)]
    if fields:
        flags.append(_("changed: %(fields)s") % {"fields": ", ".join(fields)})
    return get_text_list(flags, _("and")) or event.get_kind_display()
