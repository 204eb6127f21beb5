"""The dates and moments of a rhythm of weeks: no tables, no clock.

Days are local dates, periods of days inclusive. `count` counts dates of the rhythm, also those that
a holiday or a pause leaves out, as RFC 5545 does: the end does not move when one is left out.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Weekdays (0 is Monday) of every n-th week, counted from the week of `first_day`.

    Weeks begin on Mondays and are counted one after the other, also over a week 53. The rhythm
    ends with `last_day` or after `count` dates, or never.
    """

    weekdays: tuple[int, ...]
    every_weeks: int
    first_day: date
    last_day: date | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        if not self.weekdays or list(self.weekdays) != sorted({*self.weekdays} & {*range(7)}):
            raise ValueError("weekdays must be distinct numbers from 0 to 6, in order, at least 1")
        if self.every_weeks < 1 or (self.count is not None and self.count < 1):
            raise ValueError("every_weeks and count must be at least 1")
        if self.count is not None and self.last_day is not None:
            raise ValueError("a rhythm has a last_day or a count, not both")

    def end(self) -> date | None:
        """Return the day after which there are no dates, or None."""
        if self.count is None:
            return self.last_day
        week = self.first_day - timedelta(days=self.first_day.weekday())
        first_week = [week + timedelta(days=n) for n in self.weekdays]
        at_once = [day for day in first_week if day >= self.first_day]
        if self.count <= len(at_once):
            return at_once[self.count - 1]
        cycles, nth = divmod(self.count - len(at_once) - 1, len(self.weekdays))
        return week + (cycles + 1) * self.every_weeks * WEEK + timedelta(days=self.weekdays[nth])

    def days(self, first: date, last: date) -> list[date]:
        """Return the dates from `first` to `last`, in order."""
        first, end = max(first, self.first_day), self.end()
        last = min(last, end) if end else last
        if last < first:
            return []
        step = self.every_weeks * WEEK
        week = self.first_day - timedelta(days=self.first_day.weekday())
        week += (first - week) // step * step
        found = []
        while week <= last:
            dates = (week + timedelta(days=n) for n in self.weekdays)
            found += [day for day in dates if first <= day <= last]
            week += step
        return found

    def has(self, day: date) -> bool:
        return bool(self.days(day, day))

    def before(self, day: date) -> int:
        """Return how many dates are before the day."""
        return len(self.days(self.first_day, day - timedelta(days=1)))


@dataclass(frozen=True, slots=True)
class Break:
    """Days without trips, both inclusive; without `last_day` it does not end."""

    first_day: date
    last_day: date | None

    def has(self, day: date) -> bool:
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)


def without(days: Sequence[date], breaks: Collection[Break]) -> list[date]:
    """Return the days that are in none of the breaks."""
    return [day for day in days if not any(one.has(day) for one in breaks)]


def moments(day: date, clocks: Sequence[time], zone: tzinfo) -> list[datetime]:
    """Return the moments in UTC of local times of a day, which are given in their order.

    A time that the clocks skip is as much later as they are put forward: 02:30 becomes 03:30. Of a
    time that they show twice it is the first (RFC 5545, section 3.3.5). Where a skipped time would
    then not be before the next one, the next keeps its distance from it.
    """
    found: list[datetime] = []
    for i, clock in enumerate(clocks):
        at = datetime.combine(day, clock, zone).astimezone(UTC)
        if found and at <= found[-1]:
            at = found[-1] + (datetime.combine(day, clock) - datetime.combine(day, clocks[i - 1]))
        found.append(at)
    return found
