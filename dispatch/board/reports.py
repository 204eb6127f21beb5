"""Read what drivers wrote to the desk from their phones today."""

from dataclasses import dataclass
from datetime import datetime

from bookings.models import Event
from dispatch.models import Tap
from drivers.models import Company

SHOWN = 5
LOOKED_AT = 50  # of the newest reports: breaks and ends of shifts are among them


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a driver; `clock` is when it arrived, in the company's zone."""

    id: int
    clock: str
    driver: str
    text: str


def read_messages(company: Company, now: datetime) -> tuple[Message, ...]:
    """Return the newest messages of today, newest first: 1 statement."""
    start_at, _end_at = company.day_bounds(company.local(now).date())
    rows = (
        Event.objects.filter(company=company, kind=Event.Kind.DRIVER_REPORTED, at__gte=start_at)
        .order_by("-at", "-id")
        .values_list("id", "at", "actor", "reason", "new__report")[:LOOKED_AT]
    )
    found = [row for row in rows if row[-1] == Tap.Kind.MESSAGE]
    return tuple(
        Message(pk, company.clock(at), actor, text) for pk, at, actor, text, _kind in found[:SHOWN]
    )
