"""The drivers of a day and where they are: what no screen shows, but everything comes from."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from dispatch.day.duties import home_of
from dispatch.day.traffic import factor_at
from dispatch.planner.travel import in_traffic
from drivers.models import Shift


class Doing(StrEnum):
    NOTHING = "nothing"
    DRIVES_TO = "drives to the pickup"
    WAITS = "waits at the pickup"
    RIDES = "rides with the client"


@dataclass(slots=True)
class Car:
    """A driver in a shift. `place` is where the present drive began, or where the car stands.

    The drive lasts from `since` to `until`. `gone` if the driver can drive no more. What was
    planned to happen to it holds only as long as `turn` is the same.
    """

    driver_id: int
    start_at: datetime
    end_at: datetime
    break_at: datetime | None
    break_min: int
    place: tuple[float, float]
    doing: Doing = Doing.NOTHING
    booking_id: int | None = None
    to: tuple[float, float] | None = None
    since: datetime | None = None
    until: datetime | None = None
    free_at: datetime = field(init=False)
    gone: bool = False
    turn: int = 0

    def __post_init__(self):
        self.free_at = self.start_at

    def where(self, now):
        """Return where the car is, on the straight line between the ends of its drive."""
        if self.to is None or self.since is None or self.until is None:
            return self.place
        if self.until <= self.since:
            return self.to
        share = min(1.0, (now - self.since) / (self.until - self.since))
        (lat, lon), (to_lat, to_lon) = self.place, self.to
        return lat + share * (to_lat - lat), lon + share * (to_lon - lon)

    def drive(self, to, now, until):
        self.to, self.since, self.until = to, now, until

    def stop(self, place, now):
        self.place, self.to, self.free_at = place, None, now
        self.doing, self.booking_id = Doing.NOTHING, None
        self.turn += 1

    def rests_at(self, pickup_at, drive):
        """Return when the planned break begins, None if none is due before the next pickup.

        It begins where the driver stands, early enough to be at the pickup.
        """
        if self.break_at is None or pickup_at <= self.break_at:
            return None
        return min(self.break_at, pickup_at - drive - timedelta(minutes=self.break_min))

    def rest(self, now):
        self.free_at, self.break_at = now + timedelta(minutes=self.break_min), None


def cars_of(company, start_at, end_at):
    """Return the cars of the drivers whose shifts begin in the period: 1 query.

    Several shifts of a driver are driven as one, with the first break.
    """
    period = {"start_at__gte": start_at, "start_at__lt": end_at}
    shifts = Shift.objects.filter(driver__company=company, driver__is_active=True, **period)
    cars: dict[int, Car] = {}
    for shift in shifts.select_related("driver").order_by("start_at", "id"):
        if shift.driver_id in cars:
            cars[shift.driver_id].end_at = shift.end_at
            continue
        home = home_of(company, shift.driver.home_lat, shift.driver.home_lon)
        times = shift.start_at, shift.end_at, shift.break_at, shift.break_min or 0
        cars[shift.driver_id] = Car(shift.driver_id, *times, home)
    return list(cars.values())


def usual_drive(company, travel, place, to, at):
    """Return how long a driver thinks that a drive takes: as the company plans it."""
    seconds = in_traffic(travel.leg(place, to)[0], factor_at(company, at))
    return timedelta(seconds=seconds)
