"""Shapes that the same number of bookings may have: whose they are, how old, how many open."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from drivers.models import Absence, Company, Driver
from perf.measuring.scratch import settle
from perf.project.benchmarks.variants import DAY, NOW
from perf.project.doors.visitor import ACTOR, PORTAL, Visit
from perf.project.scenarios.company import seed_scenario

DAY_SIZE = 1_000


@dataclass(frozen=True)
class Shape:
    """How bookings are divided: `share` of them belong to the visited company.

    The rest is that of `others` companies, alike. Of each company the share `ahead` is open and
    lies after the day, the rest is driven. The past of each lasts `days`, or as long as it takes
    with `DAY_SIZE` bookings a day. Another company has the newest events, `busy` of all bookings.
    """

    name: str
    about: str
    share: float = 0.25
    others: int = 1
    ahead: float = 0.0
    days: int | None = None
    busy: float = 0.05

    def __post_init__(self):
        if not 0 < self.share < 1 or not 0 <= self.ahead < 1 or self.others < 1:
            raise ValueError("A shape needs shares below 1 and another company.")

    def sizes(self, bookings) -> Iterator[tuple[str, int]]:
        """Yield (slug, bookings) of each company, the visited one last."""
        mine = max(1, round(bookings * self.share))
        for number in range(self.others):
            part = (bookings - mine) // self.others
            yield f"other{number or ''}", part
        yield "visited", mine

    def day_size(self, bookings, size):
        """Return how many bookings a company of `size`, of all `bookings`, has on a day."""
        if self.days:
            return max(4, round(size / self.days))
        return min(DAY_SIZE, max(4, bookings // self.others // 10))


PLAIN = Shape("plain", "two companies, a quarter of the rows the visited one's, all but a day past")
SHAPES = (
    Shape("huge", "one huge company, with 95 % of the rows", share=0.95),
    Shape("small", "1,000 small companies, all alike", share=0.001, others=999, busy=0.001),
    Shape("open", "90 % of the bookings open, on the days to come", ahead=0.9),
    Shape("year", "a year old: 365 days, all driven but the last", days=365),
)


def fill(bookings, seed, shape=PLAIN):
    """Invent the companies, dispatch one that is not visited, and return the visit."""
    for slug, size in shape.sizes(bookings):
        ahead = round(size * shape.ahead)
        invent(
            slug,
            shape.day_size(bookings, size),
            size - ahead,
            seed,
            events=slug == "visited",
            ahead=ahead,
        )
    Absence.objects.bulk_create(
        Absence(driver_id=driver, start_at=start_at, end_at=start_at + timedelta(days=2))
        for driver in Driver.objects.order_by("id").values_list("id", flat=True)
        for start_at in (NOW - timedelta(days=7 * number) for number in range(1, 51))
    )
    settle()
    run_dispatch(Company.objects.get(slug="other"), DAY, now=NOW, actor=ACTOR, options=FIRST_PLAN)
    settle()
    return Visit(Company.objects.get(slug="visited"), DAY, NOW)


def invent(slug, day_size, history, seed, *, events, ahead=0):
    """Write one company; nobody has told the planner of its rows yet."""
    with transaction.atomic():
        seed_scenario(
            slug,
            day=DAY,
            bookings=day_size,
            drivers=max(2, round(day_size / 9)),
            history=history,
            seed=seed,
            events=events,
            now=NOW - timedelta(days=2),
            actor=ACTOR,
            ahead=ahead,
            analyzed=False,
            portal=PORTAL,
        )
