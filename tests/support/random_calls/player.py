"""Call the use-cases at random on one company's day, as many people at once would.

With faults, each call is made again and again, and each time the database refuses another of its
statements, the first, the second and so on, until one goes through: whatever was refused, nothing
may be half-written.

What a person may be told (`Refused`) is counted; any other exception is raised, with a note of
the seed and the call. One caller with the same seed makes the same calls.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, OperationalError, connection

from bookings.accept import accept_all
from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Door, Status
from bookings.save import save_booking
from bookings.webhooks import worker
from dispatch.models import Assignment, DispatchRun
from dispatch.runs.options import FIRST_PLAN, RunOptions
from dispatch.runs.previews import apply_preview, discard_preview, plan_preview
from dispatch.runs.revert import revert_run
from dispatch.runs.run import run_dispatch
from dispatch.trips import decisions, progress, will_calls
from dispatch.trips.assign import Lock, assign, swap
from dispatch.trips.cancel import cancel, cancel_trips
from dispatch.trips.correct import correct
from dispatch.trips.driver_sick import report_sick
from dispatch.trips.release import release_trips
from dispatch.trips.undo import last_action, undo
from drivers.fleet.changes import changing
from drivers.models import Absence, Company, Driver, Membership, Shift
from drivers.refused import Refused
from tests.support import builders as make
from tests.support.random_calls.day import random_place

# How often each is called: {name of the method without "call_": weight}.
PLANNING = {
    "assign": 14,
    "swap": 5,
    "lock": 8,
    "release": 5,
    "release_many": 3,
    "dispatch": 10,
    "revert": 6,
    "preview": 5,
    "decide_preview": 6,
    "cancel": 3,
    "cancel_two": 2,
    "accept": 3,
    "undo": 6,
}
ALL = PLANNING | {
    "progress": 12,
    "arrive": 2,
    "correct": 3,
    "ready": 2,
    "sick": 3,
    "shift": 3,
    "change": 6,
    "import_file": 6,
    "deliver": 3,
}
Played = Counter[tuple[str, str]]


def play(
    company: Company,
    *,
    seed: int,
    calls: int,
    weights: Mapping[str, int] = ALL,
    hours: tuple[int, ...] = (5, 6, 6, 7, 8, 9),
    faults: bool = False,
) -> Played:
    """Make so many calls; return how often each had which outcome.

    Each call happens at a random minute of one of the `hours` of the day; negative ones are of the
    evening before. With `faults` each of its statements is refused once, and counts as "fault".
    """
    player, played = Player(company, seed, hours), Counter()
    names = player.rng.choices(list(weights), list(weights.values()), k=calls)
    for number, name in enumerate(names):
        call: Callable[[], Any] = getattr(player, f"call_{name}")
        try:
            if faults:
                played[name, "fault"] += player.fail_each_statement(call)
            else:
                call()
        except (Refused, ValidationError) as refusal:
            played[name, type(refusal).__name__] += 1
        except Exception as error:  # only to name the call; it is raised on unchanged
            error.add_note(f"Call {number} of {calls} with seed {seed}: {name}.")
            raise
        else:
            played[name, "done"] += 1
    return played


def play_in_threads(
    company: Company, *, seed: int, calls: int, threads: int, faults: bool = False
) -> Played:
    """Let several callers share the calls, each with a seed of its own: `seed`, `seed` + 1, …"""

    def play_one(number: int) -> Played:
        try:
            return play(company, seed=seed + number, calls=calls // threads, faults=faults)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(play_one, range(threads)), Counter())


class Fault:
    """An execute wrapper that refuses the statement of that number, counted from 1.

    On PostgreSQL the transaction is lost with it, as with every error there.
    """

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, execute, sql, params, many, context):
        self.left -= 1
        if self.left == 0:
            if connection.vendor == "postgresql":
                with suppress(connection.Database.DataError):
                    context["cursor"].cursor.execute("SELECT 1 / 0")
            raise OperationalError("refused by the test")
        return execute(sql, params, many, context)


class Player:
    """A caller: each `call_` method picks its rows and values at random and makes one call.

    Rows are picked by their place in order of id: the ids differ from run to run.
    """

    def __init__(self, company: Company, seed: int, hours: tuple[int, ...]) -> None:
        self.company, self.seed, self.hours = company, seed, hours
        self.rng = random.Random(seed)
        self.imported = 0
        member = Membership.objects.get(company=company)
        self.actor = Actor(Door.ADMIN, user_id=member.user_id, name="random calls")
        self.calls = seed * 1000

    def fail_each_statement(self, call: Callable[[], Any]) -> int:
        """Make the call until no statement of it is refused; return how many were before.

        Each attempt picks the same at random, of what is there by then.
        """
        state, number = self.rng.getstate(), 1
        while True:
            self.rng.setstate(state)
            fault = Fault(number)
            try:
                with connection.execute_wrapper(fault):
                    call()
            except (Refused, ValidationError, DatabaseError) as error:
                # Django takes a rule for kept that it could not ask about: what comes of that is
                # another error of the database.
                if fault.left > 0 or "deadlock" in str(error):
                    raise
            if fault.left > 0:
                return number - 1
            number += 1

    def who_and_when(self) -> dict[str, Any]:
        """Return the actor and the time, which no other call has: undo knows a call by it."""
        self.calls += 1
        at = timedelta(
            hours=self.rng.choice(self.hours),
            minutes=self.rng.randrange(60),
            microseconds=self.calls % 1_000_000,
        )
        return {"actor": self.actor, "now": make.at("00:00") + at}

    def pick(self, queryset) -> Any:
        """Return one of the rows, or None without any."""
        rows = list(queryset.order_by("id"))
        return self.rng.choice(rows) if rows else None

    def booking_id(self, *statuses: Status) -> int:
        """Return a booking of the day in one of the statuses (of any without), 0 for none."""
        rows = Booking.objects.on(self.company, make.DAY)
        found = self.pick(rows.filter(status__in=statuses or Status.values))
        return found.id if found else 0

    def driver(self) -> Driver:
        return self.pick(Driver.objects.filter(company=self.company))

    def run(self, status: DispatchRun.Status) -> DispatchRun | None:
        runs = DispatchRun.objects.filter(company=self.company, status=status)
        return self.pick(runs.select_related("company"))

    def call_assign(self) -> None:
        override = self.rng.choice(["", "", "The client insists."])
        assign(
            self.company,
            self.booking_id(Status.ACCEPTED, Status.ASSIGNED),
            self.driver().id,
            override=override,
            lock=self.rng.choice([None, Lock.KEEP, Lock.DROP]),
            **self.who_and_when(),
        )

    def call_swap(self) -> None:
        both = self.booking_id(Status.ASSIGNED), self.booking_id(Status.ASSIGNED)
        override = self.rng.choice(["", "The drivers agreed."])
        lock = self.rng.choice([None, Lock.KEEP])
        swap(self.company, *both, override=override, lock=lock, **self.who_and_when())

    def call_lock(self) -> None:
        flag = self.rng.choice([decisions.lock, decisions.unlock, decisions.confirm])
        flag(self.company, self.booking_id(Status.ASSIGNED), **self.who_and_when())

    def call_release(self) -> None:
        decisions.release(self.company, self.booking_id(Status.ASSIGNED), **self.who_and_when())

    def call_release_many(self) -> None:
        planned = Assignment.objects.open().filter(company=self.company, status="planned")
        ids = list(planned.order_by("id").values_list("id", flat=True))
        release_trips(self.rng.sample(ids, min(3, len(ids))), **self.who_and_when())

    def call_dispatch(self) -> None:
        seed = self.rng.randrange(99)
        options = RunOptions(time_limit_s=0, seed=seed)
        run_dispatch(self.company, make.DAY, options=options, **self.who_and_when())

    def call_revert(self) -> None:
        if run := self.run(DispatchRun.Status.COMPLETED):
            revert_run(run, **self.who_and_when())

    def call_preview(self) -> None:
        plan_preview(self.company, make.DAY, options=FIRST_PLAN, **self.who_and_when())

    def call_decide_preview(self) -> None:
        if run := self.run(DispatchRun.Status.PREVIEW):
            if self.rng.random() < 0.3:
                discard_preview(run)
            else:
                apply_preview(run, **self.who_and_when())

    def call_cancel(self) -> None:
        booking_id = self.booking_id(Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE)
        cancel(self.company, booking_id, reason="The client is ill.", **self.who_and_when())

    def call_cancel_two(self) -> None:
        two = {self.booking_id(Status.ACCEPTED, Status.ASSIGNED) for _ in range(2)}
        cancel_trips(
            self.company,
            dict.fromkeys(two),
            reason="The client is ill.",
            **self.who_and_when(),
        )

    def call_accept(self) -> None:
        accept_all([self.booking_id(Status.PENDING), self.booking_id()], **self.who_and_when())

    def call_progress(self) -> None:
        started = (Status.ASSIGNED, Status.EN_ROUTE, Status.EN_ROUTE, Status.IN_PROGRESS)
        status = self.rng.choice([*started, Status.COMPLETED, Status.NO_SHOW])
        booking_id = self.booking_id(*started)
        progress.report_progress(self.company, booking_id, status, **self.who_and_when())

    def call_arrive(self) -> None:
        progress.arrive(self.company, self.booking_id(Status.EN_ROUTE), **self.who_and_when())

    def call_correct(self) -> None:
        ended = (Status.COMPLETED, Status.NO_SHOW, Status.CANCELED, Status.IN_PROGRESS)
        booking_id = self.booking_id(*ended)
        correct(self.company, booking_id, reason="A wrong click.", **self.who_and_when())

    def call_undo(self) -> None:
        if action := last_action(self.company, make.DAY):
            undo(self.company, make.DAY, action.id, **self.who_and_when())

    def call_ready(self) -> None:
        waiting = Booking.objects.on(self.company, make.DAY).filter(will_call=True)
        if booking := self.pick(waiting):
            will_calls.ready(self.company, booking.id, **self.who_and_when())

    def call_sick(self) -> None:
        """Report a driver sick; with three absent, one of them is well again."""
        absences = Absence.objects.filter(driver__company=self.company)
        if absences.count() < 3:
            report_sick(self.company, self.driver().id, **self.who_and_when())
        elif absence := self.pick(absences):
            with changing([absence], None, **self.who_and_when()):
                absence.delete()

    def call_shift(self) -> None:
        """Change the end of a shift, and agree to nothing that this would break."""
        shift = self.pick(Shift.objects.filter(driver__company=self.company))
        wanted = copy(shift)
        wanted.end_at = make.at(f"{self.rng.randrange(14, 20)}:00")
        with changing([shift], wanted, **self.who_and_when()):
            wanted.save(update_fields=["end_at"])

    def call_change(self) -> None:
        booking_id = self.booking_id(Status.PENDING, Status.ACCEPTED, Status.ASSIGNED)
        if booking := Booking.objects.filter(id=booking_id).first():
            booking.scheduled_time += timedelta(minutes=self.rng.choice([-30, -5, 5, 30]))
            booking.notes = f"Note {self.rng.randrange(1000)}"
            save_booking(booking, **self.who_and_when())

    def call_import_file(self) -> None:
        """Import four rows, new ones and some that change what is there."""
        lines = [
            "reference,scheduled_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,"
            "passengers,wheelchairs"
        ]
        for _ in range(4):
            wanted_at = make.at(f"{self.rng.randrange(7, 17)}:{self.rng.randrange(60):02}")
            places = (*random_place(self.rng), *random_place(self.rng))
            values = (self._reference(), wanted_at.isoformat(), *places, 1, 0)
            lines.append(",".join(map(str, values)))
        data = "\n".join(lines).encode()
        import_bookings(self.company, data, skip_invalid=True, **self.who_and_when())

    def _reference(self) -> str:
        known = self.pick(Booking.objects.on(self.company, make.DAY))
        if self.rng.random() < 0.4 and known:
            return known.reference
        self.imported += 1
        return f"R-{self.seed}-{self.imported}"

    def call_deliver(self) -> None:
        worker.queue_deliveries(now=self.who_and_when()["now"])
