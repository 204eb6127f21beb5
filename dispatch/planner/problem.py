"""The input and the output of the planner: a `Problem` and a `Plan`.

Units: seconds since the start of the company's day (negative before it, above 86,400 after
it), metres, whole numbers. Places are (latitude, longitude) in degrees. Periods are
half-open. Everything is frozen: a plan can be compared, stored and passed to another thread.

A trip is one node: the driver boards the client at the pickup (`boarding_s`), rides straight
to the dropoff (`ride_s`), and lets the client out (`alighting_s`). One trip at a time in a
vehicle, unless `Problem.sharing` says how clients share: then a trip is two stops, and others may
get on and off between them (`stretches.py` says who is on board when).
Driving between the dropoff of one trip and the pickup of the next, from the start
of a duty to its first pickup and from its last dropoff to its end, is empty: the deadhead.

Traffic: `travel` knows free roads. A drive takes its seconds times a factor, rounded to whole
seconds: the `onward_factor` of the trip, the commitment or the duty that it begins at. A ride has
its own, and `ride_s` has it in it. A drive of `travel.UNREACHABLE_S` or more is none, whatever the
factor.
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
    """The driver and the pickup a trip has before this run, as client and driver were told.

    `dropoff_s` is its arrival where vehicles are shared: who rides with others may ride longer.
    """

    driver_id: int
    pickup_s: int
    dropoff_s: int | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """A booking to be driven.

    The time window: boarding starts in [earliest_s, latest_s], both inclusive, and the
    arrival at the dropoff is at most `arrive_by_s`. `wanted_s` is the requested pickup time:
    the schedule keeps as close to it as the route allows. `seats` are ordinary seats, `wheelchairs`
    wheelchair places. `needs` must all be among the driver's skills. `preferred` and `forbidden`
    are ids of drivers. Where that leaves no trip out, the arrival is `margin_s` before
    `arrive_by_s`, and a trip that stands boards within TOLD_S of the pickup that was told.
    `after` is the id of the trip, or of the commitment, from which the client must have arrived;
    `person` who is on board, None if that is not known: nobody is in two places at once. The
    windows keep both already: the engines need not know them. `ride_factor` is the traffic that is
    in `ride_s`, `onward_factor` that of the drive from the dropoff.
    Where vehicles are shared: who `may_share` rides with others; `max_ride_s` is the client's own
    limit from the end of boarding to the arrival, instead of the company's (`Sharing.limit_s`);
    `apart_from` are ids of the persons who are never on board with this one.
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
    person: int | None = None
    ride_factor: float = 1.0
    onward_factor: float = 1.0
    may_share: bool = True
    max_ride_s: int | None = None
    apart_from: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if self.earliest_s > self.latest_s:
            raise ValueError(
                f"Trip {self.reference}: the pickup window ends ({self.latest_s} s) "
                f"before it starts ({self.earliest_s} s)."
            )
        durations = self.boarding_s, self.ride_s, self.alighting_s, self.margin_s
        if min(*durations, self.seats, self.wheelchairs) < 0:
            raise ValueError(f"Trip {self.reference}: durations and places cannot be negative.")
        if self.max_ride_s is not None and self.max_ride_s < 0:
            raise ValueError(f"Trip {self.reference}: the longest ride cannot be negative.")

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
    def in_good_time_s(self) -> int | None:
        """The latest arrival that keeps the margin before the appointment, if there is one."""
        return None if self.arrive_by_s is None else self.arrive_by_s - self.margin_s

    @property
    def kept_window(self) -> tuple[int, int]:
        """Return (earliest, latest) start of boarding that keeps what was told, and the margin.

        It lies in the window of the trip. Of a told time that the window excludes, and of a margin
        that the told time does not keep, or nobody can, nothing is left.
        """
        earliest_s, last_s = self.earliest_s, self.last_start_s
        told_s = earliest_s
        if self.standing is not None and earliest_s <= self.standing.pickup_s <= last_s:
            told_s = self.standing.pickup_s
            earliest_s, last_s = max(earliest_s, told_s - TOLD_S), min(last_s, told_s + TOLD_S)
        if self.in_good_time_s is not None:
            in_time_s = self.in_good_time_s - self.boarding_s - self.ride_s
            if told_s <= in_time_s:
                last_s = min(last_s, in_time_s)
        return earliest_s, last_s


@dataclass(frozen=True, slots=True)
class Commitment:
    """A trip that stays exactly where it is: locked, frozen or under way.

    `free_s` is when the driver can leave the dropoff, with a drive of `onward_factor`; `person` is
    as in `Trip`. Where vehicles are shared, others may be on board with who `may_share`, as long as
    pickup and arrival (`free_s` - `alighting_s`) stay as they are, or the arrival at most
    `latest_dropoff_s`: the earliest of appointment and ride limit, None where it must stay.
    `seats` and `wheelchairs` are those it takes; `ride_factor` and `apart_from` as in `Trip`.
    """

    trip_id: int
    reference: str
    pickup_s: int
    free_s: int
    pickup: Place
    dropoff: Place
    person: int | None = None
    onward_factor: float = 1.0
    boarding_s: int = 0
    alighting_s: int = 0
    seats: int = 0
    wheelchairs: int = 0
    may_share: bool = False
    latest_dropoff_s: int | None = None
    ride_factor: float = 1.0
    apart_from: frozenset[int] = frozenset()

    @property
    def dropoff_s(self) -> int:
        """Return when the car reaches the dropoff."""
        return self.free_s - self.alighting_s


@dataclass(frozen=True, slots=True)
class Break:
    """A break of `length_s` seconds in one piece, inside [earliest_s, latest_s).

    It may interrupt a deadhead, never a trip: nobody is on board. `told_s` is when it began in the
    plan before this run. Raises ValueError if it does not fit inside.
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


Layout = tuple[int, int]  # seats and wheelchair places that a vehicle has at the same time


@dataclass(frozen=True, slots=True)
class Car:
    """A vehicle, by what it can carry; without a vehicle, a duty has one without any place.

    Where places fold, `layouts` are the pairs of (seats, wheelchair places) it may have at a time,
    and `seats` and `wheelchair_places` the most of each; without any, it has all of both.
    """

    seats: int = 0
    wheelchair_places: int = 0
    equipment: frozenset[str] = frozenset()
    expired: frozenset[str] = frozenset()  # its papers that have
    layouts: tuple[Layout, ...] = ()


@dataclass(frozen=True, slots=True)
class Duty:
    """One uninterrupted period of work of one driver.

    The driver leaves `start` at `start_s` at the earliest and is back at `end` by `end_s`.
    A split shift, or a shift with an absence in it, is several duties; those of one driver do
    not overlap, and no commitment of one reaches into another. `commitments` are in order of
    pickup; they may overlap and outlast the duty. `break_` is None if no break is due or it
    was already taken. A duty without trips needs no break. `car` is None for the driver's.
    `onward_factor` is the traffic of the drive from `start`.
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
    onward_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver with the vehicle of the day; who changes it has no places but those of each duty.

    `capacity` is the number of trips that may be added, commitments not counted; `load` is
    the number of trips the driver has already (commitments, completed trips). A driver who
    is `used` costs nothing more to use. `expired` are papers because of which nobody may be driven.
    `layouts` are as in `Car`.
    """

    id: int
    name: str
    seats: int
    wheelchair_places: int
    capacity: int
    skills: frozenset[str] = frozenset()
    load: int = 0
    emergency: bool = False
    expired: frozenset[str] = frozenset()
    layouts: tuple[Layout, ...] = ()

    @property
    def used(self) -> bool:
        return self.load > 0

    @property
    def places(self) -> tuple[Layout, ...]:
        """Return what the vehicle offers at a time: one of these (seats, wheelchair places)."""
        return self.layouts or ((self.seats, self.wheelchair_places),)

    def on(self, duty: Duty) -> "Driver":
        """Return the driver with the vehicle of this duty."""
        if duty.car is None:
            return self
        return replace(
            self,
            seats=duty.car.seats,
            wheelchair_places=duty.car.wheelchair_places,
            skills=self.skills | duty.car.equipment,
            expired=self.expired | duty.car.expired,
            layouts=duty.car.layouts,
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
class Sharing:
    """How clients of a company share vehicles: how long they may ride, and what that costs.

    The longest ride is the smallest of `factor` x the direct one, the direct one + `added_s`, and
    `longest_s`, of those that are set, but never shorter than the direct one. A minute by which
    somebody rides longer than direct costs `percent` of a minute of driving. Raises ValueError for
    limits that no ride can keep.
    """

    factor: float | None = None
    added_s: int | None = None
    longest_s: int | None = None
    percent: int = 10

    def __post_init__(self) -> None:
        if self.factor is not None and not self.factor >= 1:
            raise ValueError(f"A ride is at least 1 x the direct one, got {self.factor}.")
        if min(self.added_s or 0, self.longest_s or 0, self.percent) < 0:
            raise ValueError("Limits and the price of riding longer cannot be negative.")

    def limit_s(self, trip: Trip) -> int | None:
        """Return the longest ride of this trip: its own limit or the company's; None for none."""
        if trip.max_ride_s is not None:
            return max(trip.ride_s, trip.max_ride_s)
        limits = [] if self.factor is None else [int(self.factor * trip.ride_s)]
        limits += [] if self.added_s is None else [trip.ride_s + self.added_s]
        limits += [] if self.longest_s is None else [self.longest_s]
        return max(trip.ride_s, min(limits)) if limits else None


@dataclass(frozen=True, slots=True)
class Problem:
    """A company's day, trips, drivers and duties in order of their ids.

    Without `sharing`, a vehicle carries one trip at a time.
    Raises ValueError if they are not, or if a duty belongs to an unknown driver.
    """

    trips: tuple[Trip, ...]
    drivers: tuple[Driver, ...]
    duties: tuple[Duty, ...]
    travel: TravelTimes
    costs: Costs = Costs()
    sharing: Sharing | None = None

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
    """Boarding starts at `pickup_s`; the car reaches the dropoff at `dropoff_s`.

    Between two trips of a shared vehicle the rows need not be in order of their dropoffs.
    """

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

    `trips` are in order of (duty, pickup); commitments are not among them, but `delayed` are those
    whose arrival is later than it was, because others ride along (`latest_dropoff_s`). `unserved`
    are ids of trips, in order. `search` says how the plan was found: engine, iterations, seconds,
    seed, threads.
    """

    trips: tuple[PlannedTrip, ...]
    breaks: tuple[PlannedBreak, ...]
    unserved: tuple[int, ...]
    search: dict[str, object] = field(default_factory=dict, compare=False)
    delayed: tuple[PlannedTrip, ...] = ()
