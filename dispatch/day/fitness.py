"""Hold one trip against its driver, vehicle and shifts, where no route is made. No query.

The rules are the planner's (`planner/rules`). Driving between trips and breaks are not asked.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from dispatch.day.duties import Period, pieces_of
from dispatch.day.traffic import factor_at
from dispatch.planner.rules import duty
from dispatch.planner.rules.rule import Breach
from dispatch.planner.travel import Place, TravelTimes, in_traffic
from drivers.models import Company
from drivers.models.layouts import Layout


class Wanted(NamedTuple):
    """What a trip asks of driver and vehicle, in the shape of the planner's trip."""

    seats: int
    wheelchairs: int
    needs: frozenset[str]
    forbidden: frozenset[int] = frozenset()


class Ability(NamedTuple):
    """What a driver brings with the vehicle, in the shape of the planner's driver.

    `places` are the (seats, wheelchair places) that the vehicle has at a time.
    """

    id: int
    name: str
    places: tuple[Layout, ...]
    skills: frozenset[str]
    expired: frozenset[str] = frozenset()

    @property
    def seats(self) -> int:
        return max(seats for seats, _places in self.places)

    @property
    def wheelchair_places(self) -> int:
        return max(places for _seats, places in self.places)


class Ways(NamedTuple):
    """The ways from the driver's home to the pickup, and back from the dropoff."""

    company: Company
    travel: TravelTimes
    home: Place
    pickup: Place
    dropoff: Place

    def seconds(self, start_at: datetime, end_at: datetime) -> tuple[int, int]:
        """Return both in the traffic of the trip's start and end."""
        away_s = self.travel.leg(self.home, self.pickup)[0]
        back_s = self.travel.leg(self.dropoff, self.home)[0]
        return (
            in_traffic(away_s, factor_at(self.company, start_at)),
            in_traffic(back_s, factor_at(self.company, end_at)),
        )


def off_duty(
    driver: str,
    start_at: datetime,
    end_at: datetime,
    ways: Ways,
    shifts: Iterable[Period],
    absences: Iterable[Period],
) -> Iterator[Breach]:
    """Yield the breach if no duty of the driver holds the trip, from `start_at` to `end_at`.

    `shifts` are those that touch the day. The ways are said, not counted; of several duties, the
    one is said that lacks least.
    """
    absences = sorted(absences)
    duties = [piece for shift in shifts for piece in pieces_of(shift, absences)]
    if not duties:
        yield duty.no_duty(driver)
    elif not any(duty.covers(*piece, start_at, end_at) for piece in duties):
        away_s, back_s = ways.seconds(start_at, end_at)
        away, back = timedelta(seconds=away_s), timedelta(seconds=back_s)
        closest = min(duties, key=lambda d: duty.missing(d[0], d[1], start_at, end_at, away, back))
        yield duty.off_shift(driver, *closest, away_s, back_s)
