"""Say why bookings wait for a driver: by themselves, since something happened, or since a plan."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from bookings.models import Status
from dispatch.board.queries import RunRow
from dispatch.day.reasons import EXCLUDED, SUGGESTIONS, translated
from dispatch.day.trips import pickup_window
from dispatch.forecast.rows import TripRow
from dispatch.forecast.states import State, states_of_waiting
from dispatch.trips.advice.missed import PASSED, LeftOut, Missed, in_time, left_out, why_missed
from dispatch.trips.advice.what_happened import told, what_happened
from drivers.models import Company


@dataclass(frozen=True, slots=True)
class Waiting:
    """A booking without a driver, with the reason, and the end of its pickup window.

    `since` is the run that gave the reason, None if the booking itself does; `outdated` if the plan
    has changed since that run.
    """

    row: TripRow
    latest_at: datetime
    states: tuple[State, ...]
    reason: str
    suggestion: str
    since: RunRow | None = None
    outdated: bool = False


def why_they_wait(
    company: Company,
    day: date,
    rows: Iterable[TripRow],
    run: RunRow | None,
    *,
    outdated: bool,
    now: datetime,
    name: Callable[[str], str],
) -> tuple[Waiting, ...]:
    """Return the bookings with why they wait: 1 query for accepted ones, 2 if one was missed.

    `run` is the last plan, `outdated` if the day has changed since; `name` is that of
    `dispatch.day.reasons.translated`. A plan that came too late for a booking knows no reason: that
    of the plan before is read then.
    """
    latest = {row.id: pickup_window(company, row)[1] for row in rows}
    accepted = {row.id: row for row in rows if row.status != Status.PENDING}
    happened = what_happened(company, day, accepted)
    found = _found(company, day, accepted, latest, run, now)
    waits = []
    for row in rows:
        latest_at, since = latest[row.id], None
        before = told(company, day, happened.get(row.id))
        if row.status == Status.PENDING:
            code = "will_call" if row.will_call else "not_accepted"
            reason, suggestion = _(EXCLUDED[code]), _(SUGGESTIONS[code])
        elif latest_at < now:
            reason = _both(before, why_missed(company, day, latest_at, found.get(row.id), name))
            suggestion = _(SUGGESTIONS[PASSED])
        elif row.id in found:
            stored = translated(found[row.id].row, name)
            reason, suggestion = _both(before, stored["detail"]), stored["suggestion"] or ""
            since = run
        elif run is None:
            reason, suggestion = _("The day has not been planned yet."), ""
        else:
            reason, suggestion = before or _("Booked or changed after the last plan."), ""
        states = states_of_waiting(row, latest_at, now)
        stale = since is not None and outdated
        waits.append(Waiting(row, latest_at, states, reason, suggestion, since, stale))
    return tuple(waits)


def _both(before, reason):
    return f"{before} {reason}" if before else reason


def _found(company, day, accepted, latest, run, now):
    """Return what the last plan in time said of each booking: 1 query if some were missed since."""
    if run is None:
        return {}
    found, earlier = {}, {}
    stored = {row["booking"]: row for row in run.unassigned}
    for row in accepted.values():
        missed = Missed(row.updated_at, latest[row.id])
        if row.id in stored and in_time(stored[row.id], run.started_at, missed):
            found[row.id] = LeftOut(run.started_at, stored[row.id])
        elif row.updated_at <= missed.latest_at < min(now, run.started_at):
            earlier[row.id] = missed
    return found | left_out(company, day, earlier)
