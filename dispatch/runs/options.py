"""How a day is to be planned."""

from dataclasses import asdict, dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from dispatch.day.keeping import MOVE_COST_S, Leeway
from dispatch.day.load import Day
from dispatch.planner.problem import Plan
from dispatch.planner.solve import TooManyTrips, solve
from drivers.refused import Refused


class DayTooLarge(Refused):
    """The day is too large for the planner."""

    code = "too_many_trips"
    status = 409


class Mode(TextChoices):
    """What a run may do to what stands."""

    SERVE = "serve", _("serve as many as possible: what stands moves only for that")
    PLACE = "place", _("only place what is open: what stands stays")
    IMPROVE = "improve", _("improve the day: trips may also move to save driving")


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
        try:
            plan = solve(
                day.problem,
                engine=self.engine,
                time_limit_s=self.time_limit_s,
                iterations=self.iterations,
                seed=self.seed,
            )
        except TooManyTrips as error:
            raise DayTooLarge(str(error)) from error
        return plan, ()


# Search as long as the size of the day asks for; take the first feasible plan, searched briefly;
# take it as it is.
THOROUGH = RunOptions()
FIRST_PLAN = RunOptions(time_limit_s=0)
UNSEARCHED = RunOptions(iterations=0)
