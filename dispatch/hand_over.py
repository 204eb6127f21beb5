"""Give a trip to a driver by hand, and say beforehand who could take it.

The day is loaded as a run loads it, but only trips under way and locked ones are fixed. First
the trip is put between the driver's other trips as they stand; where that fails, their times
may move within their windows; their order and their driver never change. The planner finds the
times, its checker has the last word. A broken rule refuses, unless the caller overrides it
with a reason: then the trip is written as asked for, and locked, so that no run undoes it.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from bookings.change import StatusRefusedError
from bookings.models import Booking, Event, Status
from dispatch.load import Day, by_client, load_problem, make_trip, pickup_window
from dispatch.models import Assignment
from dispatch.planner.alternatives import candidates
from dispatch.planner.blockers import blockers
from dispatch.planner.check import check
from dispatch.planner.explain import find
from dispatch.planner.problem import Commitment, Costs, Plan, PlannedBreak, PlannedTrip, Problem
from dispatch.planner.solve import solve
from dispatch.report import sentence
from dispatch.rows import BookingRow
from dispatch.trips import Trip, driver_of, lock_drivers, no_such_trip, stale
from drivers.breaks import plan_breaks
from drivers.models import Driver

GIVEABLE = (Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE)
BROKEN = {
    "not_available": gettext_noop("%(driver)s is not available."),
    "no_duty": gettext_noop("%(driver)s is not on duty at %(pickup_s)s."),
    "pickup_window": gettext_noop(
        "The pickup at %(pickup_s)s is outside the window from %(earliest_s)s to %(latest_s)s."
    ),
    "times": gettext_noop("%(driver)s's trips leave no time for this one at %(pickup_s)s."),
}


class NoSuchDriver(Exception):
    """The company has no such driver."""


class RuleBroken(Exception):
    """The trip cannot go to this driver without breaking a rule; `rules` are (code, sentence)."""

    def __init__(self, rules):
        self.rules = tuple(rules)
        super().__init__(" ".join(text for _code, text in self.rules))


class DoubleBooked(Exception):
    """The driver has another trip at this very time: no override can change that."""


@dataclass(frozen=True, slots=True)
class Place:
    """Who could take a trip and when; `price_s` and `detour_s` as in `planner.alternatives`."""

    driver_id: int
    driver: str
    pickup_at: datetime
    dropoff_at: datetime
    detour_s: int
    price_s: int


def hand_over(
    company,
    booking_id,
    driver_id,
    *,
    actor,
    now,
    pickup_at=None,
    override="",
    version=None,
    assignment_id=None,
) -> Trip:
    """Assign an accepted trip, or move an assigned one, to a driver: at most 15 statements.

    Without `pickup_at` as close to the wanted time as the driver's day allows. `override` is
    the reason for breaking rules. A trip that stands with the driver at that time stays.
    Raises NoSuchTrip, NoSuchDriver, StaleBookingError, StatusRefusedError, RuleBroken or
    DoubleBooked.
    """
    try:
        with transaction.atomic():
            seen = driver_of(company, booking_id)
            drivers = lock_drivers(company, {driver_id, seen} - {None})
            if driver_id not in drivers:
                raise NoSuchDriver(_("There is no such driver."))
            day, row = _load(company, booking_id, now)
            if (row.driver_id if row.standing() else None) != seen:
                raise stale(row.label)
            if version not in (None, row.version):
                raise stale(row.label)
            if assignment_id not in (None, row.assignment_id if row.standing() else 0):
                raise stale(row.label)
            if row.status not in GIVEABLE:
                raise StatusRefusedError(
                    _("Trip %(trip)s is %(status)s; only an accepted trip is given to a driver.")
                    % {"trip": row.label, "status": Status(row.status).label}
                )
            if driver_id == seen and pickup_at in (None, row.planned_pickup_at):
                return _read(company, booking_id)
            placed, rules = _place(day, row, drivers[driver_id], pickup_at, override)
            _write(day, row, placed, rules, actor=actor, now=now, override=override)
            return replace(_read(company, booking_id), changed=True)
    except IntegrityError as error:
        raise DoubleBooked(_("The driver has another trip at this time.")) from error


def places(company, booking_id, *, now, top=3) -> tuple[Place, ...]:
    """Return the drivers who could take the trip now, best first: 5 statements.

    Raises NoSuchTrip, or StatusRefusedError for a trip that is over or on board.
    """
    day, row = _load(company, booking_id, now)
    if row.status not in (Status.PENDING, *GIVEABLE):
        raise StatusRefusedError(
            _("Trip %(trip)s is %(status)s.")
            % {"trip": row.label, "status": Status(row.status).label}
        )
    return places_for(day, row, top=top)


def quote(company, booking, *, now, top=3) -> tuple[Place, ...]:
    """Return who could drive a booking that is not stored: 4 statements, nothing written."""
    day = load_problem(company, _day_of(company, booking.scheduled_time), now=now, freeze=False)
    values = {name: getattr(booking, name, None) for name in BookingRow._fields}
    highest = max((trip.id for trip in day.problem.trips), default=0)
    return places_for(day, BookingRow(**values | {"id": highest + 1, "version": 1}), top=top)


def places_for(day: Day, row: BookingRow, *, top=3) -> tuple[Place, ...]:
    """Return the best places for one trip in the day as it stands. No query."""
    if pickup_window(day.company, row.scheduled_time, row.return_of_id)[1] < day.now:
        return ()
    trip = _trip(day, row)
    names = {driver.id: driver.name for driver in day.problem.drivers}
    problem = _without(day.problem, row.id)
    # Standing trips that no longer fit together hold their drivers all the same.
    problem = replace(
        problem,
        trips=(),
        drivers=tuple(_loaded(d, day.problem.trips, row.id) for d in problem.drivers),
        duties=tuple(_pinned(duty, day.problem, row.id) for duty in problem.duties),
    )
    found = candidates(problem, Plan((), (), ()), trip, top)
    return tuple(
        Place(
            driver_id=place.driver_id,
            driver=names[place.driver_id],
            pickup_at=day.moment(place.pickup_s),
            dropoff_at=day.moment(place.pickup_s + trip.boarding_s + trip.ride_s),
            detour_s=place.detour_s,
            price_s=place.price_s,
        )
        for place in found
    )


def _load(company, booking_id, now):
    """Return the booking's day and its row in it: 5 statements."""
    wanted_at = (
        Booking.objects.filter(company=company, id=booking_id)
        .values_list("scheduled_time", flat=True)
        .first()
    )
    if wanted_at is None:
        raise no_such_trip()
    day = load_problem(company, _day_of(company, wanted_at), now=now, freeze=False)
    if booking_id not in day.bookings:
        raise stale(f"#{booking_id}")
    return day, day.bookings[booking_id]


def _day_of(company, moment):
    return company.local(moment).date()


def _read(company, booking_id):
    booking = Booking.objects.get(company=company, id=booking_id)
    return Trip(booking, Assignment.objects.open().get(booking=booking))


def _trip(day, row):
    preferred, forbidden = by_client(day.preferences)
    return make_trip(
        day.company,
        row,
        start_at=day.start_at,
        now=day.now,
        ride_s=day.problem.travel.leg(row.pickup, row.dropoff)[0],
        preferred=preferred.get(row.client_id, frozenset()),
        forbidden=forbidden.get(row.client_id, frozenset()),
        stands=False,
    )


def _without(problem, trip_id):
    """Return the problem without a trip, also where it is a commitment."""
    return replace(
        problem,
        trips=tuple(trip for trip in problem.trips if trip.id != trip_id),
        duties=tuple(
            replace(duty, commitments=tuple(c for c in duty.commitments if c.trip_id != trip_id))
            for duty in problem.duties
        ),
    )


def _stands_in(trip, duty, problem):
    """Say whether the trip stands in this duty of its driver; each in one at most."""
    if trip.standing is None or trip.standing.driver_id != duty.driver_id:
        return False
    his = [d for d in problem.duties if d.driver_id == duty.driver_id]
    inside = [d.id for d in his if d.start_s <= trip.standing.pickup_s < d.end_s]
    return inside[:1] == [duty.id]


def _pinned(duty, problem, but):
    """Return the duty with its standing trips as commitments."""
    standing = [
        Commitment(
            trip_id=trip.id,
            reference=trip.reference,
            pickup_s=trip.standing.pickup_s,
            free_s=trip.standing.pickup_s + trip.service_s,
            pickup=trip.pickup,
            dropoff=trip.dropoff,
        )
        for trip in problem.trips
        if trip.id != but and _stands_in(trip, duty, problem)
    ]
    fixed = [c for c in duty.commitments if c.trip_id != but]
    ordered = sorted([*fixed, *standing], key=lambda c: (c.pickup_s, c.trip_id))
    return replace(duty, commitments=tuple(ordered))


def _loaded(driver, trips, but):
    """Return the driver with the standing trips counted."""
    count = sum(
        trip.standing is not None and trip.standing.driver_id == driver.id and trip.id != but
        for trip in trips
    )
    return replace(driver, capacity=max(0, driver.capacity - count), load=driver.load + count)


def _place(day, row, driver: Driver, pickup_at, override):
    """Return ([PlannedTrip], {shift: break}) and the rules broken; raises RuleBroken."""
    window = pickup_window(day.company, row.scheduled_time, row.return_of_id)
    wanted_at = pickup_at or max(row.scheduled_time, day.now)
    detail = {
        "driver": driver.name,
        "pickup_s": day.seconds(wanted_at),
        "earliest_s": day.seconds(window[0]),
        "latest_s": day.seconds(window[1]),
    }
    rules = []
    if not driver.is_active or driver.id not in {d.id for d in day.problem.drivers}:
        rules.append("not_available")
    if not window[0] <= wanted_at <= window[1]:
        rules.append("pickup_window")
    if not rules:
        found, blocked = _fit(day, row, driver.id, pickup_at)
        if found:
            return found, ()
        broken = blocked or [("times", _told(day, "times", detail))]
    else:
        broken = [(code, _told(day, code, detail)) for code in rules]
    if not override or not driver.is_active:
        raise RuleBroken(broken)
    ride_s = day.problem.travel.leg(row.pickup, row.dropoff)[0]
    pickup_s = day.seconds(wanted_at)
    dropoff_s = pickup_s + day.company.boarding_min * 60 + ride_s
    return ([PlannedTrip(row.id, -1, driver.id, pickup_s, dropoff_s)], {}), broken


def _told(day, code, detail):
    return sentence(day, code, detail, BROKEN)


def _fit(day, row, driver_id, pickup_at):
    """Return ((planned trips, breaks), None), or (None, what is in the way)."""
    trip = _trip(day, row)
    if pickup_at:
        pickup_s = day.seconds(pickup_at)
        trip = replace(trip, wanted_s=pickup_s, earliest_s=pickup_s, latest_s=pickup_s)
    trip = replace(trip, unserved_cost=10**8)
    whole = _without(day.problem, row.id)
    own = tuple(duty for duty in whole.duties if duty.driver_id == driver_id)
    standing = tuple(
        replace(other, unserved_cost=10**8)
        for other in whole.trips
        if any(_stands_in(other, duty, whole) for duty in own)
    )
    (driver,) = (d for d in whole.drivers if d.id == driver_id)
    alone = Problem(
        trips=(trip,),
        drivers=(_loaded(driver, whole.trips, row.id),),
        duties=tuple(_pinned(duty, whole, row.id) for duty in own),
        travel=whole.travel,
        costs=Costs(),
    )
    together = replace(
        alone,
        trips=tuple(sorted([*standing, trip], key=lambda known: known.id)),
        drivers=(driver,),
        duties=own,
    )
    for problem in (alone, together) if standing else (alone,):
        plan = solve(problem, engine="greedy", threads=1)
        if not plan.unserved and not check(problem, plan):
            return (list(plan.trips), _breaks(day, plan)), None
    plan = Plan((), _standing_breaks(day, alone), (trip.id,))
    (finding,) = find(alone, plan, (trip.id,))
    return None, [
        (str(block.code), sentence(day, block.code, block.detail)) for block in blockers(finding)
    ]


def _breaks(day, plan):
    return {day.shift_of[rest.duty_id]: day.moment(rest.start_s) for rest in plan.breaks}


def _standing_breaks(day, problem):
    starts = {r.shift_id: r.break_at for rows in day.drivers.values() for r in rows if r.shift_id}
    found = []
    for duty in problem.duties:
        start_at = starts.get(day.shift_of[duty.id])
        if duty.break_ and start_at:
            start_s = day.seconds(start_at)
            found.append(PlannedBreak(duty.id, start_s, start_s + duty.break_.length_s))
    return tuple(found)


def _write(day, row, placed, rules, *, actor, now, override):
    """Write the trip, and the driver's other trips whose times moved: at most 6 statements."""
    planned, breaks = placed
    changed = [
        trip
        for trip in planned
        if trip.trip_id == row.id
        or day.bookings[trip.trip_id].planned_pickup_at != day.moment(trip.pickup_s)
    ]
    before = {trip.trip_id: day.bookings[trip.trip_id] for trip in changed}
    stored = dict(
        Booking.objects.select_for_update(no_key=True)
        .filter(company=day.company, id__any_of=sorted(before))
        .order_by("id")
        .values_list("id", "version")
    )
    if any(stored.get(i) != was.version for i, was in before.items()):
        raise stale(row.label)
    ended = [was.assignment_id for was in before.values() if was.standing()]
    if ended:
        count = (
            Assignment.objects.open()
            .filter(id__any_of=ended)
            .update(status=Assignment.Status.SUPERSEDED, updated_at=now)
        )
        if count != len(ended):
            raise stale(row.label)
    created = Assignment.objects.bulk_create(
        [
            Assignment(
                company=day.company,
                booking_id=trip.trip_id,
                driver_id=trip.driver_id,
                status=Assignment.Status.PLANNED,
                sequence=trip.pickup_s,
                planned_pickup_at=day.moment(trip.pickup_s),
                planned_dropoff_at=day.moment(trip.dropoff_s),
                confirmed=False,
                locked=bool(rules) and trip.trip_id == row.id,
                created_at=now,
                updated_at=now,
            )
            for trip in changed
        ]
    )
    if row.status != Status.ASSIGNED:
        Booking.objects.filter(id=row.id).update(
            status=Status.ASSIGNED, version=F("version") + 1, updated_at=now
        )
    known = {r.shift_id: r.break_at for rows in day.drivers.values() for r in rows if r.shift_id}
    plan_breaks({shift: at for shift, at in breaks.items() if known[shift] != at})
    Event.objects.bulk_create(
        [
            _event(day, before[made.booking_id], made, row, rules, actor, now, override)
            for made in created
        ]
    )


def _event(day, was, made, row, rules, actor, now, override):
    new = _facts(made.driver_id, made.planned_pickup_at, made.planned_dropoff_at)
    old = _facts(*was.standing()[1:]) if was.standing() else {}
    if made.booking_id == row.id and row.status != Status.ASSIGNED:
        old, new = old | {"status": row.status}, new | {"status": Status.ASSIGNED}
    if made.booking_id == row.id and rules:
        new |= {"locked": True, "overrides": [code for code, _text in rules]}
    return Event(
        company=day.company,
        booking_id=made.booking_id,
        assignment_id=made.id,
        kind=Event.Kind.MOVED if was.standing() else Event.Kind.ASSIGNED,
        at=now,
        user_id=actor.user_id,
        actor=actor.name,
        door=actor.door,
        old=old,
        new=new,
        reason=override[:200] if made.booking_id == row.id else "",
    )


def _facts(driver_id, pickup_at, dropoff_at):
    return {
        "driver": driver_id,
        "pickup": pickup_at.isoformat(),
        "dropoff": dropoff_at.isoformat(),
    }
