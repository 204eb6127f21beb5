"""Check what changes of many assigned bookings at once do to their trips, before they are written.

The rules are those of `booking_changes`. Each day is read once and made again with all changes;
there every changed trip, at its planned time, is held against its driver's day. Nothing is written
before the caller has left out, or agreed to release, what breaks.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from bookings.events import Changes
from bookings.guards import PLANNED_FIELDS
from bookings.models import Booking, DriverPreference
from dispatch import ledger
from dispatch.day.day import Day
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_days
from dispatch.day.queries import read_bookings
from dispatch.day.rows import BookingRow
from dispatch.models import Assignment
from dispatch.trips.booking_changes import broken_row, newly_broken
from dispatch.trips.changed_day import Rows, with_rows
from dispatch.trips.changed_day import released as without_driver
from dispatch.trips.fleet_changes import BrokenTrip
from dispatch.trips.insertion import Proposal, propose, stay
from dispatch.trips.locking import stale
from dispatch.trips.release import release_trips
from dispatch.trips.violations import Fault
from dispatch.trips.write_assignment import write_days
from drivers.companies.actors import Actor
from drivers.models import Company, Driver

COLUMNS = {"client": "client_id", "return_of": "return_of_id"}
AT_ONCE = timedelta(days=28)  # days that are read with the same statements


def change_of_bookings(
    company: Company, booking_ids: Collection[int], *, now: datetime, lock: bool
) -> "ChangingTrips":
    """Lock the drivers of the bookings' trips in order of id, then read the trips: 3 statements.

    Without `lock`, for a preview, nobody has to wait. Raises StaleBookingError if a trip changes
    drivers at the same moment.
    """
    ids = sorted(booking_ids)
    trips = Assignment.objects.open().filter(company=company, booking__any_of=ids)
    driver_ids = set(trips.values_list("driver_id", flat=True))
    if lock:
        drivers = ledger.lock_drivers(company, driver_ids)
    else:
        drivers = Driver.objects.filter(company=company).in_bulk(driver_ids)
    rows = read_bookings(Booking.objects.filter(company=company, id__any_of=ids))
    for row in rows.values():
        if row.standing() and row.driver_id not in drivers:
            raise stale(row.label)
    return ChangingTrips(company, now, drivers, rows)


@dataclass(frozen=True, slots=True)
class CheckedTrips:
    """The trips that break, the others with their new times by day, and those to release."""

    broken: tuple[BrokenTrip, ...]
    retimed: tuple[tuple[Day, list[Proposal]], ...]
    released: tuple[int, ...]

    def write(self, *, actor: Actor, now: datetime) -> None:
        """Release and retime the trips: 8 statements, and at most 6; none if none.

        Raises StaleBookingError if a trip was changed by someone else.
        """
        reason = _("booking changed")
        # First: a longer trip may need the time of one that is released.
        release_trips(self.released, actor=actor, now=now, reason=reason)
        write_days(self.retimed, actor=actor, now=now, reason=reason)


@dataclass
class ChangingTrips:
    """Assigned bookings that are about to change, as they are, with their locked drivers."""

    company: Company
    now: datetime
    drivers: Mapping[int, Driver]
    rows: Rows
    days: dict[date, Day] = field(default_factory=dict)

    def check(self, changes: Mapping[int, Changes], released: Collection[int]) -> CheckedTrips:
        """Return what becomes of the trips if these bookings change and `released` lose drivers.

        Where a trip breaks only because another one changes, the other one is broken. 3 statements
        for each four weeks in which trips change, and 1, the first time; none later for fewer
        changes.
        """
        rows = {i: _changed(row, changes[i]) for i, row in self.rows.items() if i in changes}
        after = {i: without_driver(row) if i in released else row for i, row in rows.items()}
        routes = self._routes(after, changes)
        wanted = {at for at, _driver_id in routes}
        self._read_days(wanted, rows.values())
        days = {at: with_rows(self.days[at], after) for at in wanted}
        retimed: defaultdict[date, list[Proposal]] = defaultdict(list)
        broken: dict[int, list[Fault]] = {}
        at_fault: set[int] = set()
        for (at, driver_id), trips in sorted(routes.items()):
            old, day = (_of_driver(whole, driver_id) for whole in (self.days[at], days[at]))
            route = _Route(self.drivers[driver_id], old, day, self.rows)
            stays, breaks, guilty = route.judge(trips)
            retimed[at] += stays
            broken |= breaks
            at_fault |= guilty
        return CheckedTrips(
            broken=tuple(
                broken_row(self.company, row, self.drivers[row.driver_id or 0], why)
                for row, why in ((self.rows[i], why) for i, why in broken.items())
                if row.id in (at_fault or broken)
            ),
            retimed=tuple((days[at], proposals) for at, proposals in retimed.items() if proposals),
            released=tuple(s[0] for i in released if (s := self.rows[i].standing())),
        )

    def _routes(
        self, after: Rows, changes: Mapping[int, Changes]
    ) -> dict[tuple[date, int], list[BookingRow]]:
        """Return the trips whose change matters to them, by the day they are wanted and driver."""
        routes: defaultdict[tuple[date, int], list[BookingRow]] = defaultdict(list)
        for row in after.values():
            standing = row.standing()
            if standing and standing[3] > self.now and changes[row.id].keys() & PLANNED_FIELDS:
                routes[self.company.local(row.scheduled_time).date(), standing[1]].append(row)
        return dict(routes)

    def _read_days(self, days: Collection[date], rows: Iterable[BookingRow]) -> None:
        """Read the days that are not read yet, with the preferences of all clients of the rows."""
        wanted = sorted(set(days) - self.days.keys())
        if not wanted:
            return
        clients = sorted({row.client_id for row in rows if row.client_id})
        preferences = DriverPreference.objects.filter(client__any_of=clients).values_list(
            "client_id", "driver_id", "kind"
        )
        found = frozenset(preferences) if clients else frozenset()
        for near in _near(wanted):
            read = load_days(self.company, near, now=self.now, leeway=BY_HAND)
            for at, day in read.items():
                self.days[at] = replace(day, preferences=day.preferences | found)


def _near(days: Iterable[date]) -> Iterator[list[date]]:
    """Yield the days, which are in order, in groups that no more than `AT_ONCE` lie between."""
    group: list[date] = []
    for day in days:
        if group and day - group[0] >= AT_ONCE:
            yield group
            group = []
        group.append(day)
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Route:
    """One driver's day as it was read (`old`) and with all changes (`day`)."""

    driver: Driver
    old: Day
    day: Day
    before: Rows

    def judge(
        self, trips: Sequence[BookingRow]
    ) -> tuple[list[Proposal], dict[int, list[Fault]], set[int]]:
        """Return (proposals of trips with new times, why the others break, those at fault).

        A trip is at fault if it would break less without its own change.
        """
        together = stay(self.day, trips, self.driver)
        if together is not None:
            moved = zip(sorted(trips, key=lambda row: row.id), together, strict=True)
            return [kept for row, kept in moved if self._is_retimed(row, kept)], {}, set()
        retimed: list[Proposal] = []
        broken: dict[int, list[Fault]] = {}
        at_fault: set[int] = set()
        were_sound = self._were_sound(trips)
        for row in trips:
            kept = self._propose(self.day, row)
            known = self._known_faults(row.id) if kept.faults and not were_sound else set()
            if why := newly_broken(self.day, kept, known):
                broken[row.id] = why
                before = self.before[row.id]
                unchanged = self._propose(self.day, before)
                if set(why) - set(newly_broken(self.day, unchanged, known)):
                    at_fault.add(row.id)
            elif self._is_retimed(row, kept):
                retimed.append(kept)
        # Last those that keep all rules: of the breaks of one shift, the last is written.
        return sorted(retimed, key=lambda kept: not kept.faults), broken, at_fault

    def _propose(self, day: Day, row: BookingRow) -> Proposal:
        """Propose the trip at its planned pickup."""
        if found := stay(day, [row], self.driver):
            return found[0]
        return propose(day, row, self.driver, pickup_at=row.planned()[0])

    def _were_sound(self, trips: Sequence[BookingRow]) -> bool:
        """Return whether the trips kept all rules before they changed: one check for all."""
        before = [self.before[row.id] for row in trips]
        return all(
            self.old.start_at <= row.scheduled_time < self.old.end_at for row in before
        ) and bool(stay(self.old, before, self.driver))

    def _known_faults(self, booking_id: int) -> set[Fault]:
        """Return what the trip breaks without any change, such as what somebody overrode."""
        before = self.before[booking_id]
        if not self.old.start_at <= before.scheduled_time < self.old.end_at:
            return set()
        return set(self._propose(self.old, before).faults)

    def _is_retimed(self, row: BookingRow, kept: Proposal) -> bool:
        times = self.day.moment(kept.trip.pickup_s), self.day.moment(kept.trip.dropoff_s)
        return times != row.planned()


def _changed(row: BookingRow, changes: Changes) -> BookingRow:
    """Return the row as it is once the changes are written."""
    named = {COLUMNS.get(name, name): new for name, (_old, new) in changes.items()}
    return row._replace(
        version=row.version + 1,
        **{name: value for name, value in named.items() if name in BookingRow._fields},
    )


def _of_driver(day: Day, driver_id: int) -> Day:
    """Return the part of the day that matters to this driver's trips; the whole takes longer."""
    rows = day.bookings | day.neighbours
    own = {row.id for row in rows.values() if row.driver_id == driver_id}
    pairs = {row.return_of_id for row in rows.values() if row.id in own}
    near = {row.id for row in rows.values() if row.id in own | pairs or row.return_of_id in own}
    problem = day.problem
    return replace(
        day,
        bookings={i: row for i, row in day.bookings.items() if i in near},
        neighbours={i: row for i, row in day.neighbours.items() if i in near},
        problem=replace(
            problem,
            trips=tuple(
                t for t in problem.trips if t.standing and t.standing.driver_id == driver_id
            ),
            drivers=tuple(d for d in problem.drivers if d.id == driver_id),
            duties=tuple(duty for duty in problem.duties if duty.driver_id == driver_id),
        ),
    )
