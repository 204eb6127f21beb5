"""The office of a replayed day: what a dispatcher does who looks at the board every few minutes.

Every office lets a run place what has no driver and moves nothing for it. One that follows
suggestions also does what is suggested for trips that are still without a driver; one that follows
all of them, for those that will be late too. Clients who are asked agree.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import chain

from bookings.models import Booking, Status
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_problem
from dispatch.forecast.expected import LOOK_AHEAD
from dispatch.forecast.keep import read_days
from dispatch.forecast.silence import unreported
from dispatch.forecast.states import State
from dispatch.runs.options import Mode, RunOptions
from dispatch.runs.run import run_dispatch
from dispatch.trips.advice.advise import advise_open
from dispatch.trips.advice.carry_out import carry_out
from dispatch.trips.advice.rescue import rescues
from dispatch.trips.advice.suggestion import Kind
from drivers.models import Customer
from drivers.refused import Refused
from perf.project.replay.drive import ACTOR

PLACE = RunOptions(mode=Mode.PLACE, iterations=200)
AGAIN = timedelta(minutes=15)  # a run that placed nothing is tried again


class Follows(StrEnum):
    """Whose suggestions the office carries out."""

    NONE = "none"
    OPEN = "open"
    ALL = "all"


@dataclass(slots=True)
class Office:
    """`followed` counts the suggestions that were carried out, by what they were for and kind."""

    follows: Follows
    every_min: int
    followed: Counter = field(default_factory=Counter)
    _tried: tuple = ((), None)

    def look(self, streets):
        """Look at the board if it is time, and return whether something was done."""
        now, minute = streets.now, timedelta(minutes=1)
        company, day = streets.company, streets.day
        if (now - company.day_bounds(day)[0]) // minute % self.every_min:
            return False
        if waiting := _waiting(company, day, now):
            self._place(company, day, waiting, now)
        if self.follows == Follows.NONE:
            return bool(waiting)
        streets.note_positions()
        if _waiting(company, day, now):
            found = advise_open(load_problem(company, day, now=now, leeway=BY_HAND))
            for advice in found.trips:
                for one in advice.suggestions:
                    if one.suggestion.kind != Kind.INSTEAD_OF and not one.suggestion.excluded_by:
                        self._follow(company, "open", one.suggestion, now)
        late = _late(company, now) if self.follows == Follows.ALL else {}
        if late:
            loaded = load_problem(company, day, now=now, leeway=BY_HAND)
            for one in rescues(loaded, late).values():
                self._follow(company, "late", one.suggestion, now)
        return bool(waiting or late)

    def _place(self, company, day, waiting, now):
        tried, at = self._tried
        if waiting == tried and now < at + AGAIN:
            return
        run_dispatch(company, day, now=now, actor=ACTOR, options=PLACE)
        self._tried = (_waiting(company, day, now), now)

    def _follow(self, company, what_for, found, now):
        try:
            carry_out(company, found.change, key=found.key, actor=ACTOR, now=now)
        except Refused:  # an action before it has changed the day
            self.followed[what_for, "refused"] += 1
        else:
            self.followed[what_for, found.kind.value] += 1


def _waiting(company, day, now):
    """Return the bookings that wait for a driver and can still be driven: 2 queries."""
    start_at, end_at = company.day_bounds(day)
    customers = Customer.objects.filter(company=company)
    own = chain.from_iterable(row.own_window[1:] for row in customers)
    known = (minutes for minutes in own if minutes is not None)
    late = timedelta(minutes=max(company.pickup_late_min, company.return_late_min, *known))
    open_ = Booking.objects.filter(
        company=company, status=Status.ACCEPTED,
        scheduled_time__gte=max(start_at, now - late), scheduled_time__lt=end_at,
    )  # fmt: skip
    return tuple(open_.order_by("id").values_list("id", flat=True))


def _late(company, now):
    """Return when the drivers of trips that will be late are expected, by booking: 3 queries."""
    return {
        trip.row.id: trip.expected.pickup_at
        for one in read_days(company, now)
        if not unreported(one, now, after=timedelta(0))
        for trip in one.trips
        if {State.LATE, State.WILL_BE_LATE} & set(trip.states)
        if trip.expected.due_at <= now + LOOK_AHEAD
    }
