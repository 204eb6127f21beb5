"""Learn a company's traffic factors from its completed trips."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch.day.travel_times import driving, say_driving, travel_times
from dispatch.models import Assignment
from dispatch.planner.travel import TravelTimes
from dispatch.traffic.estimate import Estimate, Rides, estimate, plausible
from drivers.companies.actors import Actor
from drivers.fleet.traffic import TrafficRefused, set_traffic
from drivers.models import Company, TrafficVersion

WEEKS, WEEKS_AT_MOST = 4, 52
RIDES_AT_LEAST = 50


@dataclass(frozen=True, slots=True)
class Learned:
    """Factors of the rides of [from_day, until_day); `version` is None in a dry run.

    `driving` says in a sentence what they are compared with.
    """

    from_day: date
    until_day: date
    found: Estimate
    version: TrafficVersion | None
    driving: str

    @property
    def rides(self) -> int:
        return int(self.found.counts.sum())

    def summary(self) -> str:
        driven = self.found.counts > 0
        least, most = self.found.factors[driven].min(), self.found.factors[driven].max()
        said = ngettext(
            "%(count)d ride from %(from)s to %(until)s: factors from %(least).2f to %(most).2f.",
            "%(count)d rides from %(from)s to %(until)s: factors from %(least).2f to %(most).2f.",
            self.rides,
        ) % {
            "count": self.rides,
            "from": self.from_day,
            "until": self.until_day - timedelta(days=1),
            "least": least,
            "most": most,
        }
        if self.found.left_out:
            said += " " + ngettext(
                "%(count)d ride was left out: too short, or not as it was reported.",
                "%(count)d rides were left out: too short, or not as they were reported.",
                self.found.left_out,
            ) % {"count": self.found.left_out}
        return f"{said} {self.driving}"


def learn_traffic(
    company: Company, *, now: datetime, actor: Actor, weeks: int = WEEKS, dry_run: bool = False
) -> Learned:
    """Learn from the last weeks up to yesterday and plan by it: 1 statement, 3 more to store it.

    Raises TrafficRefused with too few rides, or if the road server does not know all of them, and
    RoadsFailed.
    """
    if not 1 <= weeks <= WEEKS_AT_MOST:
        raise TrafficRefused(
            _("Traffic is learned from 1 to %(most)d weeks.") % {"most": WEEKS_AT_MOST}
        )
    until_day = company.local(now).date()
    from_day = until_day - timedelta(weeks=weeks)
    travel = travel_times(company, for_run=True)
    rides = read_rides(company, from_day, until_day, travel)
    found = estimate(rides) if len(plausible(rides).hour) >= RIDES_AT_LEAST else None
    if found is None:
        raise TrafficRefused(
            _(
                "Only %(count)d completed rides since %(day)s have a pickup and a dropoff that can "
                "be used; %(least)d are needed."
            )
            % {
                "count": len(plausible(rides).hour),
                "day": from_day,
                "least": RIDES_AT_LEAST,
            }
        )
    version = None
    if not dry_run:
        version = set_traffic(
            company,
            found.factors.tolist(),
            TrafficVersion.Source.LEARNED,
            now=now,
            actor=actor,
            learned={
                "from": from_day.isoformat(),
                "until": until_day.isoformat(),
                "rides": int(found.counts.sum()),
                "left_out": found.left_out,
                "counts": found.counts.tolist(),
                "within": found.within.tolist(),
            },
        )
    said = say_driving(driving(travel))
    return Learned(from_day, until_day, found, version, said)


def read_rides(company: Company, from_day: date, until_day: date, travel: TravelTimes) -> Rides:
    """Return the completed rides of local days [from_day, until_day): 1 query.

    What a ride took is from the pickup to the dropoff without boarding; on a free road it takes
    what `travel` says. Raises RoadsFailed, TrafficRefused.
    """
    start_at, end_at = company.day_bounds(from_day)[0], company.day_bounds(until_day)[0]
    rows = list(
        Assignment.objects.filter(
            company=company,
            status=Assignment.Status.COMPLETED,
            planned_pickup_at__gte=start_at,
            planned_pickup_at__lt=end_at,
            actual_pickup_at__isnull=False,
            actual_dropoff_at__isnull=False,
            stretch__isnull=True,  # who rides with others may not be driven straight
        )
        .order_by("planned_pickup_at", "id")
        .values_list(
            "actual_pickup_at",
            "actual_dropoff_at",
            "booking__pickup_lat",
            "booking__pickup_lon",
            "booking__dropoff_lat",
            "booking__dropoff_lon",
            "booking__passengers",
            "booking__wheelchairs",
            "booking__needs",
            "booking__pickup_place__boarding_min",
        )
    )
    free_s, _metres = travel.legs(
        np.array([row[2:4] for row in rows], dtype=float).reshape(-1, 2),
        np.array([row[4:6] for row in rows], dtype=float).reshape(-1, 2),
    )
    if driving(travel)["by"] == "mixed":
        raise TrafficRefused(
            _("The road server does not know all rides, so nothing was learned. %(why)s")
            % {"why": driving(travel)["why"]}
        )
    ridden = [(row[0], row[1], _boarding(company, row[6:])) for row in rows if row[0] and row[1]]
    begun = [pickup_at.astimezone(company.zone) for pickup_at, *_rest in ridden]
    drove_s = [(there - here - boarding).total_seconds() for here, there, boarding in ridden]
    return Rides(
        np.array([at.weekday() for at in begun], dtype=np.int64),
        np.array([at.hour for at in begun], dtype=np.int64),
        free_s.astype(float),
        np.array(drove_s, dtype=float),
    )


def _boarding(company: Company, row: Sequence[Any]) -> timedelta:
    """Return how long boarding takes by (passengers, wheelchairs, needs, minutes of the place)."""
    passengers, wheelchairs, needs, at_place = row
    minutes = company.boarding(
        passengers=passengers, wheelchairs=wheelchairs, needs=needs, at_place=at_place
    )
    return timedelta(minutes=minutes)
