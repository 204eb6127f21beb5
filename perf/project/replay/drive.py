"""Let the drivers of a day drive, event by event, and report what they do as the product has it.

A driver drives the trips that the product says are theirs at that moment, in order of their
planned pickups, leaves when the product's driving times say so or up to a minute earlier, boards at
the planned time at the earliest, and reports each step at once. Truth is in `cars` and `noise`; the
product learns of it by these reports alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from bookings.models import Actor, Booking, Door, Status
from dispatch.day.travel_times import travel_times
from dispatch.models import Assignment
from dispatch.trips.decisions import accept
from dispatch.trips.driver_day import note_position
from dispatch.trips.driver_sick import report_sick
from dispatch.trips.progress import arrive, report_progress
from dispatch.trips.write_trip import open_assignment
from drivers.models import Company, Driver
from perf.project.replay.cars import Car, Doing, cars_of, usual_drive
from perf.project.replay.noise import Noise

MINUTE = timedelta(minutes=1)
NO_SHOW_AFTER = timedelta(minutes=10)  # at the door, from the planned pickup on
OVERTIME = timedelta(hours=4)  # a day is driven to its end, but no longer after the last shift
ACTOR = Actor(Door.COMMAND, name="replay_day")


@dataclass(slots=True)
class Streets:
    """A day that is driven: the clock, the cars, and what happens next.

    `arrived` has when somebody was at the door, by booking.
    """

    company: Company
    day: object
    noise: Noise
    cars: list[Car]
    now: datetime
    arrived: dict[int, datetime] = field(default_factory=dict)
    _next: list = field(default_factory=list)
    _numbers: count = field(default_factory=count)
    _travel: Any = None

    @classmethod
    def of(cls, company, day, noise):
        start_at, end_at = company.day_bounds(day)
        cars = cars_of(company, start_at, end_at)
        if not cars:
            raise ValueError("Nobody has a shift on this day.")
        begins_at = min(car.start_at for car in cars)
        begins_at = start_at + (begins_at - start_at) // MINUTE * MINUTE
        streets = cls(company, day, noise, cars, begins_at)
        streets._travel = travel_times(company)
        for car in cars:
            share = noise.falls_ill(car.driver_id)
            if share is not None:
                at = car.start_at + share * (car.end_at - car.start_at)
                streets._at(at, streets._falls_ill, car)
        late = Booking.objects.filter(company=company, status=Status.PENDING).order_by("id")
        for booking in late:
            ahead = timedelta(minutes=noise.trip(booking.id).booked_min)
            streets._at(max(start_at, booking.scheduled_time - ahead), streets._booked, booking.id)
        return streets

    def run(self, every_minute: Callable[["Streets"], bool]):
        """Drive until nothing is left to drive, and call back at the end of each minute.

        The callback returns whether it has changed whose trips are whose.
        """
        shifts_end_at = max(car.end_at for car in self.cars)
        ends_at, sets_off_at = shifts_end_at + OVERTIME, self.now
        while self.now < shifts_end_at or (
            self.now < ends_at and (self._next or sets_off_at < ends_at)
        ):
            until = self.now + MINUTE
            happens = bool(self._next) and self._next[0][0] <= until
            while self._next and self._next[0][0] <= until:
                self.now, _number, turn, do, what = heappop(self._next)
                if turn is None or turn == what.turn:
                    do(what)
            self.now = until
            if happens or sets_off_at <= self.now:
                sets_off_at = self._set_off(ends_at)
            if every_minute(self):
                sets_off_at = self.now

    def note_positions(self):
        """Report where every car on duty is: 1 statement each."""
        for car in self.cars:
            if car.start_at <= self.now < car.end_at and not car.gone:
                driver = Driver.objects.filter(pk=car.driver_id)
                note_position(driver, [(self.now, *car.where(self.now))])

    def _at(self, at, do, what, *, turn=None):
        heappush(self._next, (at, next(self._numbers), turn, do, what))

    def _then(self, seconds, do, car):
        """Let it happen to the car, unless the car is stopped before."""
        self._at(self.now + timedelta(seconds=seconds), do, car, turn=car.turn)

    def _how(self):
        return {"actor": ACTOR, "now": self.now}

    def _drive_s(self, start, to, by_chance):
        hour = self.company.local(self.now).hour
        return self._travel.leg(start, to)[0] * self.noise.hours[hour] * by_chance

    def _set_off(self, ends_at):
        """Let every driver who stands set off to the next trip, if it is time: 1 query.

        Return when the next one has to look again, `ends_at` if none has before something happens.
        """
        standing = [car for car in self.cars if car.doing == Doing.NOTHING and not car.gone]
        again_at = min((c.free_at for c in standing if c.free_at > self.now), default=ends_at)
        free = {car.driver_id: car for car in standing if car.free_at <= self.now}
        if not free:
            return again_at
        trips = (
            Assignment.objects.open()
            .filter(company=self.company, status=Assignment.Status.PLANNED, driver__in=free)
            .select_related("booking")
            .order_by("planned_pickup_at", "id")
        )
        first: dict[int, Assignment] = {}
        for trip in trips:
            first.setdefault(trip.driver_id, trip)
        for driver_id, trip in first.items():
            car, pickup = free[driver_id], (trip.booking.pickup_lat, trip.booking.pickup_lon)
            drive = usual_drive(self.company, self._travel, car.place, pickup, self.now)
            leave_at = trip.planned_pickup_at - drive - MINUTE  # looked at once a minute
            rest_at = car.rests_at(trip.planned_pickup_at, drive)
            if rest_at is not None and rest_at <= self.now:
                car.rest(self.now)
                again_at = min(again_at, car.free_at)
            elif leave_at <= self.now:
                self._to_pickup(car, trip, pickup)
            else:
                again_at = min(again_at, leave_at, rest_at or leave_at)
        return again_at

    def _to_pickup(self, car, trip, pickup):
        report_progress(self.company, trip.booking_id, Status.EN_ROUTE, **self._how())
        car.doing, car.booking_id = Doing.DRIVES_TO, trip.booking_id
        took_s = self._drive_s(car.place, pickup, self.noise.trip(trip.booking_id).empty)
        car.drive(pickup, self.now, self.now + timedelta(seconds=took_s))
        self._then(took_s, self._arrives, car)

    def _arrives(self, car):
        planned_at = open_assignment(
            arrive(self.company, car.booking_id, **self._how())
        ).planned_pickup_at
        self.arrived[car.booking_id] = self.now
        noise = self.noise.trip(car.booking_id)
        car.doing, car.place, car.to = Doing.WAITS, car.to, None
        early_s = max(0.0, (planned_at - self.now).total_seconds())
        if noise.no_show:
            self._then(early_s + NO_SHOW_AFTER.total_seconds(), self._finds_nobody, car)
        else:
            self._then(early_s + noise.waits_min * 60, self._boards, car)

    def _finds_nobody(self, car):
        report_progress(self.company, car.booking_id, Status.NO_SHOW, **self._how())
        car.stop(car.place, self.now)

    def _boards(self, car):
        done = report_progress(self.company, car.booking_id, Status.IN_PROGRESS, **self._how())
        booking, noise = done.booking, self.noise.trip(car.booking_id)
        boarding_min = self.company.boarding(
            passengers=booking.passengers,
            wheelchairs=booking.wheelchairs,
            needs=booking.needs,
            at_place=booking.pickup_place.boarding_min if booking.pickup_place else None,
        )
        dropoff = (booking.dropoff_lat, booking.dropoff_lon)
        boarding_s = boarding_min * 60 * noise.boarding
        took_s = boarding_s + self._drive_s(car.place, dropoff, noise.ride)
        car.doing = Doing.RIDES
        car.drive(dropoff, self.now, self.now + timedelta(seconds=took_s))
        self._then(took_s, self._alights, car)

    def _alights(self, car):
        report_progress(self.company, car.booking_id, Status.COMPLETED, **self._how())
        car.stop(car.to, self.now + timedelta(minutes=self.company.alighting_min))

    def _falls_ill(self, car):
        """Report the driver sick; who is on board is driven to the end first."""
        car.gone = True
        if car.doing in (Doing.DRIVES_TO, Doing.WAITS):
            report_progress(self.company, car.booking_id, Status.ASSIGNED, **self._how())
            self.arrived.pop(car.booking_id, None)
            car.stop(car.where(self.now), self.now)
        report_sick(self.company, car.driver_id, **self._how())

    def _booked(self, booking_id):
        accept(self.company, booking_id, **self._how())
