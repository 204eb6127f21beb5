"""How a day is to be planned."""

from dataclasses import asdict, dataclass

from dispatch.day.load import Day
from dispatch.planner.problem import Plan
from dispatch.planner.solve import TooManyTrips, solve
from drivers.refused import Refused


class DayTooLarge(Refused):
    """The day is too large for the planner."""

    code = "too_many_trips"
    status = 409


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The planner's settings of a run, kept with it as `DispatchRun.settings`.

    `time_limit_s` is for planning alone: None takes the default of the day's size, 0 the first
    feasible plan. With `iterations` instead, the same day and seed give the same plan.
    """

    engine: str = "search"
    time_limit_s: float | None = None
    iterations: int | None = None
    seed: int = 0

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    def plan(self, day: Day) -> tuple[Plan, tuple[str, ...]]:
        """Return a plan of the loaded day, and no notices. Raises DayTooLarge."""
        try:
            return solve(day.problem, **asdict(self)), ()
        except TooManyTrips as error:
            raise DayTooLarge(str(error)) from error


# Search as long as the size of the day asks for; take the first feasible plan.
THOROUGH = RunOptions()
FIRST_PLAN = RunOptions(time_limit_s=0)
