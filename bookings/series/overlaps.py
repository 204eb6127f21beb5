"""Tell where a standing order would drive its client twice at once; see `bookings.overlaps`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import ngettext

from bookings.models import CompanyPlace
from bookings.overlaps import Ride, lasts, overlapping, question, read_rides
from bookings.own_places import boarding_at, places_at
from bookings.series.make import horizon
from bookings.series.template import Leg, Template
from drivers.db.folding import fold
from drivers.models import Company
from drivers.refused import Refused

# What decides when and for how long the client is on the way.
DECIDES = (
    "weekdays", "every_weeks", "first_day", "last_day", "count", "skips_holidays", "pickup_time",
    "return_time", "return_will_call", "pickup_address", "pickup_lat", "pickup_lon",
    "dropoff_address", "dropoff_lat", "dropoff_lon", "passengers", "wheelchairs", "needs",
)  # fmt: skip
Key = tuple[date, int]  # a date of the order, and its leg


@dataclass(frozen=True, slots=True)
class Overlap:
    """A leg of a date at the same time as another `booking` of the client; `why` is a sentence."""

    day: date
    leg: int
    booking: int
    why: str

    def as_dict(self) -> dict[str, Any]:
        leg = Leg(self.leg).name.lower()
        return {"day": self.day, "leg": leg, "booking": self.booking, "why": self.why}


class DatesOverlap(Refused):
    """Dates overlap other trips of the client: `overlaps` lists them; `overlap_meant` confirms."""

    code = "series_overlaps"
    status = 409

    def __init__(self, overlaps: Sequence[Overlap]) -> None:
        self.overlaps = tuple(overlaps)
        super().__init__(
            ngettext(
                "On %(count)d date the client is on another trip at the same time.",
                "On %(count)d dates the client is on another trip at the same time.",
                len(self.overlaps),
            )
            % {"count": len(self.overlaps)}
        )

    def members(self) -> dict[str, Any]:
        return {"overlaps": [one.as_dict() for one in self.overlaps]}


def refuse_overlaps(template: Template, since: date, now: datetime) -> None:
    """Raise DatesOverlap if a date of a new order overlaps another trip: 2 statements, or none."""
    if found := overlaps_of(template, since, now):
        raise DatesOverlap(found)


def refuse_new_overlaps(before: Template, after: Template, since: date, now: datetime) -> None:
    """Raise DatesOverlap for overlaps that a change brings: at most 4 statements, or none."""
    was, is_now = before.series, after.series
    if all(getattr(was, name) == getattr(is_now, name) for name in DECIDES):
        return
    found = overlaps_of(after, since, now)
    known = (
        {(one.day, one.leg, one.booking) for one in overlaps_of(before, since, now)}
        if found
        else ()
    )
    if new := [one for one in found if (one.day, one.leg, one.booking) not in known]:
        raise DatesOverlap(new)


def overlaps_of(template: Template, since: date, now: datetime) -> tuple[Overlap, ...]:
    """Return the overlaps of the order's dates from `since` on within the horizon, in order.

    Its times are those of the order, also where a date was changed by hand: 2 statements, or none.
    """
    company, series = template.company, template.series
    first, last = horizon(company, now)
    if series.client_id is None:
        return ()
    known = places_at(company, (series.pickup_address, series.dropoff_address))
    rides = {
        key: ride
        for day in template.days(max(first, since), last)
        for key, ride in _rides(template, day, known).items()
        if ride.start_at > now
    }
    if not rides:
        return ()
    whose = Q(client=series.client_id)
    if series.pk:  # neither its own trips nor their returns that were booked by hand
        whose &= ~Q(series=series.pk) & ~Q(return_of__series=series.pk)
    found = overlapping(rides.values(), read_rides(company, whose, list(rides.values())))
    return tuple(
        Overlap(day, leg, other.key, question(company, other))
        for day, leg in rides
        if (other := found.get((day, leg))) and isinstance(other.key, int)
    )


def overlapping_orders(company: Company, templates: Sequence[Template], now: datetime) -> list[int]:
    """Return which of these new orders drive their client twice at once: 2 statements, or none.

    Their places in the sequence. Their dates are held against other trips and each other's.
    """
    first, last = horizon(company, now)
    asked = [(n, one) for n, one in enumerate(templates) if one.series.client_id is not None]
    ends = ("pickup_address", "dropoff_address")
    known = places_at(company, (getattr(one.series, end) for _n, one in asked for end in ends))
    rides = [
        replace(ride, key=(n, *key), linked=frozenset([(n, day, int(Leg.OUTBOUND))]))
        for n, one in asked
        for day in one.days(first, last)
        for key, ride in _rides(one, day, known).items()
        if ride.start_at > now
    ]
    if not rides:
        return []
    whose = Q(client__any_of=sorted({one.series.client_id for _n, one in asked}))
    found = overlapping(rides, read_rides(company, whose, rides))
    return sorted({key[0] for key in found if isinstance(key, tuple)})


def _rides(template: Template, day: date, known: Mapping[str, CompanyPlace]) -> dict[Key, Ride]:
    """Return the legs of a day whose times are known."""
    rides = {}
    for leg in (Leg.OUTBOUND, Leg.RETURN):
        if not template.has(day, leg) or template.is_will_call(leg):
            continue
        values = template.values(day, leg)
        start_at = values["scheduled_time"]
        at_place = boarding_at(known.get(fold(values["pickup_address"])))
        rides[day, int(leg)] = Ride(
            key=(day, int(leg)),
            person=template.series.client_id,
            client="",
            label="",
            start_at=start_at,
            end_at=start_at + lasts(template.company, values, at_place=at_place),
            linked=frozenset([(day, int(Leg.OUTBOUND))]),
        )
    return rides
