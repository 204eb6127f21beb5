"""The input and the output of the planner: a `Problem` and a `Plan`.

Units: seconds since the start of the company's day (negative before it, above 86,400 after
it), metres, whole numbers. Places are (latitude, longitude) in degrees. Periods are
half-open. Everything is frozen: a plan can be compared, stored and passed to another thread.

A trip is one node: the driver boards the client at the pickup (`boarding_s`), rides straight
to the dropoff (`ride_s`), and lets the client out (`alighting_s`). One trip at a time in a
vehicle. Driving between the dropoff of one trip and the pickup of the next, from the start
of a duty to its first pickup and from its last dropoff to its end, is empty: the deadhead.
"""

from dataclasses import dataclass, field, replace
from enum import IntEnum

from dispatch.planner.travel import Place, TravelTimes

# A told pickup may move by so much without another word to the client.
TOLD_S = 300


class Priority(IntEnum):
    """Which trips go first: one of a higher priority is worth more than all of the lower ones."""

    NORMAL = 0
    HIGH = 1
    URGENT = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """The driver and the pickup a trip has before this run, as client and driver were told."""

    driver_id: int
    pickup_s: int


@dataclass(frozen=True, slots=True)
class Trip:
    """A booking to be driven.

    The time window: boarding starts in [earliest_s, latest_s], both inclusive, and the
    arrival at the dropoff is at most `arrive_by_s`. `wanted_s` is the requested pickup time:
    the schedule keeps as close to it as the route allows. `seats` are ordinary seats, `wheelchairs`
    wheelchair places. `needs` must all be among the driver's skills. `preferred` and `forbidden`
    are ids of drivers. Where that leaves no trip out, the arrival is `margin_s` before
    `arrive_by_s`, and a trip that stands boards within TOLD_S of the pickup that was told.
    `after` is the id of the trip, or of the commitment, from which the client must have arrived.
    The windows keep this order already: the engines need not know it.
    Raises ValueError if the window or a duration is impossible.
    """

    id: int
    reference: str
    pickup: Place
    dropoff: Place
    wanted_s: int
    earliest_s: int
    latest_s: int
    ride_s: int
    priority: Priority = Priority.NORMAL
    arrive_by_s: int | None = None
    margin_s: int = 0
    boarding_s: int = 0
    alighting_s: int = 0
    seats: int = 1
    wheelchairs: int = 0
    needs: frozenset[str] = frozenset()
    preferred: frozenset[int] = frozenset()
    forbidden: frozenset[int] = frozenset()
    standing: Standing | None = None
    after: int | None = None

    def __post_init__(self) -> None:
        if self.earliest_s > self.latest_s:
            raise ValueError(
                f"Trip {self.reference}: the pickup window ends ({self.latest_s} s) "
                f"before it starts ({self.earliest_s} s)."
            )
        durations = self.boarding_s, self.ride_s, self.alighting_s, self.margin_s
        if min(*durations, self.seats, self.wheelchairs) < 0:
            raise ValueError(f"Trip {self.reference}: durations and places cannot be negative.")

    @property
    def service_s(self) -> int:
        """Return the seconds from the start of boarding until the driver can leave."""
        return self.boarding_s + self.ride_s + self.alighting_s

    @property
    def last_start_s(self) -> int:
        """Return the latest start of boarding that keeps the window and the appointment.

        It lies before `earliest_s` if no driver can keep the appointment.
        """
        if self.arrive_by_s is None:
            return self.latest_s
        return min(self.latest_s, self.arrive_by_s - self.boarding_s - self.ride_s)

    @property
    def kept_window(self) -> tuple[int, int]:
        """Return (earliest, latest) start of boarding that keeps what was told, or the margin.

        It lies in the window of the trip. Of a told time that the window excludes, and of a margin
        that nobody can keep, nothing is left.
        """
        earliest_s, last_s = self.earliest_s, self.last_start_s
        if self.standing is not None:
            told_s = self.standing.pickup_s
            if earliest_s <= told_s <= last_s:
                return max(earliest_s, told_s - TOLD_S), min(last_s, told_s + TOLD_S)
        if self.arrive_by_s is not None:
            in_good_time_s = self.arrive_by_s - self.margin_s - self.boarding_s - self.ride_s
            if earliest_s <= in_good_time_s:
                return earliest_s, min(last_s, in_good_time_s)
        return earliest_s, last_s


@dataclass(frozen=True, slots=True)
class Commitment:
    """A trip that stays exactly where it is: locked, frozen or under way.

    `free_s` is when the driver can leave the dropoff.
    """

    trip_id: int
    reference: str
    pickup_s: int
    free_s: int
    pickup: Place
    dropoff: Place


@dataclass(frozen=True, slots=True)
class Break:
    """A break of `length_s` seconds in one piece, inside [earliest_s, latest_s).

    It may interrupt a deadhead, never a trip. `told_s` is when it began in the plan before this
    run. Raises ValueError if it does not fit inside.
    """

    length_s: int
    earliest_s: int
    latest_s: int
    told_s: int | None = None

    def __post_init__(self) -> None:
        if self.length_s <= 0 or self.earliest_s + self.length_s > self.latest_s:
            raise ValueError(
                f"A break of {self.length_s} s does not fit "
                f"between {self.earliest_s} s and {self.latest_s} s."
            )


@dataclass(frozen=True, slots=True)
class Car:
    """A vehicle, by what it can carry; without a vehicle, a duty has one without any place."""

    seats: int = 0
    wheelchair_places: int = 0
    equipment: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Duty:
    """One uninterrupted period of work of one driver.

    The driver leaves `start` at `start_s` at the earliest and is back at `end` by `end_s`.
    A split shift, or a shift with an absence in it, is several duties; those of one driver do
    not overlap, and no commitment of one reaches into another. `commitments` are in order of
    pickup; they may overlap and outlast the duty. `break_` is None if no break is due or it
    was already taken. A duty without trips needs no break. `car` is None for the driver's.
    """

    id: int
    driver_id: int
    start_s: int
    end_s: int
    start: Place
    end: Place
    break_: Break | None = None
    commitments: tuple[Commitment, ...] = ()
    car: Car | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver with the vehicle of the day; who changes it has no places but those of each duty.

    `capacity` is the number of trips that may be added, commitments not counted; `load` is
    the number of trips the driver has already (commitments, completed trips). A driver who
    is `used` costs nothing more to use.
    """

    id: int
    name: str
    seats: int
    wheelchair_places: int
    capacity: int
    skills: frozenset[str] = frozenset()
    load: int = 0
    emergency: bool = False

    @property
    def used(self) -> bool:
        return self.load > 0

    def on(self, duty: Duty) -> "Driver":
        """Return the driver with the vehicle of this duty."""
        if duty.car is None:
            return self
        return replace(
            self,
            seats=duty.car.seats,
            wheelchair_places=duty.car.wheelchair_places,
            skills=self.skills | duty.car.equipment,
        )


@dataclass(frozen=True, slots=True)
class Costs:
    """The prices of the objective, in seconds of empty driving.

    objective = deadhead + the price of every trip left out + driver_s (emergency_s) of
    every driver used + missed_preference_s of every trip whose client prefers other drivers
    + move_s of every trip that leaves the driver it stood with + fairness x the sum over
    drivers of (trips of the day) squared. A `move_s` of None is more than all that moving one
    trip could save. What leaving a trip out costs follows from the problem: `prices.py`.
    """

    driver_s: int = 300
    emergency_s: int = 3600
    missed_preference_s: int = 600
    move_s: int | None = 0
    fairness: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """A company's day, trips, drivers and duties in order of their ids.

    Raises ValueError if they are not, or if a duty belongs to an unknown driver.
    """

    trips: tuple[Trip, ...]
    drivers: tuple[Driver, ...]
    duties: tuple[Duty, ...]
    travel: TravelTimes
    costs: Costs = Costs()

    def __post_init__(self) -> None:
        for name in ("trips", "drivers", "duties"):
            ids = [row.id for row in getattr(self, name)]
            if ids != sorted(set(ids)):
                raise ValueError(f"The {name} of a problem must be in order of unique ids.")
        known = {driver.id for driver in self.drivers}
        for duty in self.duties:
            if duty.driver_id not in known:
                raise ValueError(f"Duty {duty.id} belongs to an unknown driver {duty.driver_id}.")

    def crews(self) -> list[Driver]:
        """Return, in order of the duties, the driver of each with its vehicle."""
        drivers = {driver.id: driver for driver in self.drivers}
        return [drivers[duty.driver_id].on(duty) for duty in self.duties]


@dataclass(frozen=True, slots=True)
class PlannedTrip:
    """Boarding starts at `pickup_s`; the car reaches the dropoff at `dropoff_s`."""

    trip_id: int
    duty_id: int
    driver_id: int
    pickup_s: int
    dropoff_s: int


@dataclass(frozen=True, slots=True)
class PlannedBreak:
    """The driver of the duty rests in [start_s, end_s)."""

    duty_id: int
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The routes of all duties, with times.

    `trips` are in order of (duty, pickup); commitments are not among them. `unserved` are ids
    of trips, in order. `search` says how the plan was found: engine, iterations, seconds,
    seed, threads.
    """

    trips: tuple[PlannedTrip, ...]
    breaks: tuple[PlannedBreak, ...]
    unserved: tuple[int, ...]
    search: dict[str, object] = field(default_factory=dict, compare=False)
