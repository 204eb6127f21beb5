"""What the planner is given and what it gives back.

Units: seconds since the start of the company's day (negative before it, above 86,400 after
it), metres, whole numbers. Places are (latitude, longitude) in degrees. Periods are
half-open. Everything is frozen: a plan can be compared, stored and handed to another thread.

A trip is one node: the driver boards the client at the pickup (`boarding_s`), rides straight
to the dropoff (`ride_s`), and lets the client out (`alighting_s`). One trip at a time in a
vehicle. Driving between the dropoff of one trip and the pickup of the next, from the start
of a duty to its first pickup and from its last dropoff to its end, is empty: the deadhead.
"""

from dataclasses import dataclass, field

from dispatch.planner.travel import Place, TravelTimes


@dataclass(frozen=True, slots=True)
class Standing:
    """The plan that stands for a trip before this run: moving it has a price."""

    driver_id: int
    pickup_s: int


@dataclass(frozen=True, slots=True)
class Trip:
    """A booking to be driven.

    Boarding starts in [earliest_s, latest_s], both inclusive; the arrival at the dropoff is
    at most `arrive_by_s`. `wanted_s` is the pickup time that was asked for: the schedule
    keeps as close to it as the route allows. `seats` are ordinary seats, `wheelchairs`
    wheelchair places. `needs` must all be among the driver's skills. `unserved_cost` is the
    price in seconds of leaving the trip out.
    """

    id: int
    reference: str
    pickup: Place
    dropoff: Place
    wanted_s: int
    earliest_s: int
    latest_s: int
    ride_s: int
    unserved_cost: int
    arrive_by_s: int | None = None
    boarding_s: int = 0
    alighting_s: int = 0
    seats: int = 1
    wheelchairs: int = 0
    needs: frozenset[str] = frozenset()
    preferred: frozenset[int] = frozenset()
    forbidden: frozenset[int] = frozenset()
    standing: Standing | None = None

    def __post_init__(self):
        if self.earliest_s > self.latest_s:
            raise ValueError(
                f"Trip {self.reference}: the pickup window ends ({self.latest_s} s) "
                f"before it starts ({self.earliest_s} s)."
            )
        if min(self.boarding_s, self.ride_s, self.alighting_s, self.seats, self.wheelchairs) < 0:
            raise ValueError(f"Trip {self.reference}: durations and places cannot be negative.")

    @property
    def service_s(self):
        return self.boarding_s + self.ride_s + self.alighting_s

    @property
    def last_start_s(self):
        """Return the latest start of boarding that keeps the window and the appointment.

        Before `earliest_s` when the appointment cannot be kept by anyone.
        """
        if self.arrive_by_s is None:
            return self.latest_s
        return min(self.latest_s, self.arrive_by_s - self.boarding_s - self.ride_s)


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
    """`length_s` seconds off, wholly inside [earliest_s, latest_s), at one stretch.

    It may interrupt empty driving, never a trip.
    """

    length_s: int
    earliest_s: int
    latest_s: int

    def __post_init__(self):
        if self.length_s <= 0 or self.earliest_s + self.length_s > self.latest_s:
            raise ValueError(
                f"A break of {self.length_s} s does not fit "
                f"between {self.earliest_s} s and {self.latest_s} s."
            )


@dataclass(frozen=True, slots=True)
class Duty:
    """One unbroken stretch of work of one driver.

    The driver leaves `start` at `start_s` at the earliest and is back at `end` by `end_s`.
    A split shift, or a shift with an absence in it, is several duties; those of one driver do
    not overlap, and no commitment of one reaches into another. `commitments` are in order of
    pickup; they may contradict each other and outlast the duty. A break that was already taken
    is None here. A duty without trips needs no break.
    """

    id: int
    driver_id: int
    start_s: int
    end_s: int
    start: Place
    end: Place
    break_: Break | None = None
    commitments: tuple[Commitment, ...] = ()


@dataclass(frozen=True, slots=True)
class Driver:
    """Who drives, in what.

    `capacity` is how many trips may still be added today, commitments not counted; `load` is
    how many count already (commitments, completed trips). `used` drivers cost nothing more
    to use.
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
    def used(self):
        return self.load > 0


@dataclass(frozen=True, slots=True)
class Costs:
    """The prices of the objective, in seconds of empty driving.

    objective = deadhead + unserved_cost of every trip left out + driver_s (emergency_s) of
    every driver used + missed_preference_s of every trip whose client prefers other drivers
    + move_s of every trip that leaves the driver it stood with + fairness x the sum over
    drivers of (trips of the day) squared.
    """

    driver_s: int = 300
    emergency_s: int = 3600
    missed_preference_s: int = 600
    move_s: int = 0
    fairness: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """A company's day. Trips, drivers and duties are in order of their ids."""

    trips: tuple[Trip, ...]
    drivers: tuple[Driver, ...]
    duties: tuple[Duty, ...]
    travel: TravelTimes
    costs: Costs = Costs()

    def __post_init__(self):
        for name in ("trips", "drivers", "duties"):
            ids = [row.id for row in getattr(self, name)]
            if ids != sorted(set(ids)):
                raise ValueError(f"The {name} of a problem must be in order of unique ids.")
        known = {driver.id for driver in self.drivers}
        for duty in self.duties:
            if duty.driver_id not in known:
                raise ValueError(f"Duty {duty.id} belongs to an unknown driver {duty.driver_id}.")


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
    duty_id: int
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Who drives what when.

    `trips` are in order of (duty, pickup); commitments are not repeated here. `unserved` are
    ids of trips, in order. `search` tells how the plan was found: engine, iterations,
    seconds, seed.
    """

    trips: tuple[PlannedTrip, ...]
    breaks: tuple[PlannedBreak, ...]
    unserved: tuple[int, ...]
    search: dict = field(default_factory=dict, compare=False)
