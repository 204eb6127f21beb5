"""What a trip asks of its driver and vehicle, and what they lack, in sentences for people."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _

Period = tuple[datetime, datetime]


class Ability(NamedTuple):
    """What a driver brings with the vehicle; no vehicle has no seats."""

    seats: int
    wheelchair_places: int
    skills: frozenset[str]


def lacking(
    passengers: int, wheelchairs: int, needs: Collection[str], ability: Ability
) -> Iterator[str]:
    """Yield a sentence for each thing that the trip needs and the driver's vehicle lacks."""
    seated = passengers - wheelchairs
    if wheelchairs > ability.wheelchair_places:
        yield _("%(wanted)d wheelchairs, but the vehicle has %(have)d wheelchair places") % {
            "wanted": wheelchairs,
            "have": ability.wheelchair_places,
        }
    if seated > ability.seats:
        yield _("%(wanted)d seated passengers, but the vehicle has %(have)d seats") % {
            "wanted": seated,
            "have": ability.seats,
        }
    if missing := set(needs) - ability.skills:
        yield _("driver and vehicle lack %(needs)s") % {"needs": ", ".join(sorted(missing))}


def off_duty(
    start_at: datetime, end_at: datetime, shifts: Iterable[Period], absences: Iterable[Period]
) -> Iterator[str]:
    """Yield a sentence if the driver is absent, or has no shift, from `start_at` to `end_at`."""
    if any(begin < end_at and end > start_at for begin, end in absences):
        yield _("the driver is absent at that time")
    elif not any(begin <= start_at and end >= end_at for begin, end in shifts):
        yield _("the driver has no shift at that time")
