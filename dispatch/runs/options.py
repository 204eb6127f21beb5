"""How a day is to be planned."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch.day.day import Day
from dispatch.day.keeping import MOVE_COST_S, Leeway
from dispatch.planner.problem import Plan
from dispatch.planner.solve import TooManyTrips, solve
from drivers.refused import Refused

# Makes a plan of a loaded day, with notices for the report.
Planning = Callable[[Day], tuple[Plan, tuple[str, ...]]]


class DayTooLarge(Refused):
    """The day is too large for the planner."""

    code = "too_many_trips"
    status = 409


class Mode(TextChoices):
    """What a run may do to what stands."""

    SERVE = "serve", gettext_lazy("serve as many as possible: what stands moves only for that")
    PLACE = "place", gettext_lazy("only place what is open: what stands stays")
    IMPROVE = "improve", gettext_lazy("improve the day: trips may also move to save driving")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The planner's settings of a run, kept with it as `DispatchRun.settings`.

    `time_limit_s` is for planning alone: None takes the default of the day's size, 0 the first
    feasible plan, searched briefly. With `iterations` instead, the same day and seed give the same
    plan. With `move_confirmed` trips that were confirmed may move as others do.
    """

    engine: str = "search"
    time_limit_s: float | None = None
    iterations: int | None = None
    seed: int = 0
    mode: str = Mode.SERVE
    move_confirmed: bool = False

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"mode": str(self.mode)}

    @property
    def leeway(self) -> Leeway:
        """Return what the run may do to what stands."""
        return Leeway(
            confirmed=self.move_confirmed,
            others=self.mode != Mode.PLACE,
            move_s=MOVE_COST_S if self.mode == Mode.IMPROVE else None,
        )

    def plan(self, day: Day) -> tuple[Plan, tuple[str, ...]]:
        """Return a plan of the loaded day, and no notices. Raises DayTooLarge."""
        return self._solve(
            day, engine=self.engine, time_limit_s=self.time_limit_s, iterations=self.iterations
        ), ()

    def repair(self, before: Day, plan: Plan) -> Planning:
        """Return what adapts a plan to the day as it has become since it was read.

        Trips that nobody touched start from where the plan has them, the others from where they
        stand by now; then it is searched briefly.
        """

        def adapt(day: Day) -> tuple[Plan, tuple[str, ...]]:
            kept = tuple(row for row in plan.trips if _is_as_before(row.trip_id, before, day))
            engine = "search" if self.engine == "search" else "greedy"
            adapted = self._solve(
                day, engine=engine, time_limit_s=0, start=replace(plan, trips=kept)
            )
            return adapted, (_("The day changed while it was planned; the plan was adapted."),)

        return adapt

    def _solve(self, day: Day, **how: Any) -> Plan:
        try:
            return solve(day.problem, seed=self.seed, **how)
        except TooManyTrips as error:
            raise DayTooLarge(str(error)) from error


def _is_as_before(trip_id: int, before: Day, day: Day) -> bool:
    was, row = before.bookings.get(trip_id), day.bookings.get(trip_id)
    return was is not None and row is not None and was.standing() == row.standing()


# Search as long as the size of the day asks for; take the first feasible plan, searched briefly;
# take it as it is.
THOROUGH = RunOptions()
FIRST_PLAN = RunOptions(time_limit_s=0)
UNSEARCHED = RunOptions(iterations=0)
