"""Make and change standing orders, pause and end them, and bring their booked dates after them.

Each use-case can be asked first what it would do (`dry_run`): the same way, stopped before writing.
Rows are locked in this order: series, drivers, bookings.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bookings.events import booking_changed
from bookings.guards import cancel_bookings, hold_trips
from bookings.models import Actor, Booking, Event, Pause, Series
from bookings.own_places import COLUMNS
from bookings.save import StaleBookingError
from bookings.series.foresee import (
    TIMES,
    DateChange,
    DatesBroken,
    Edit,
    Foreseen,
    foresee,
    settle,
    today,
    trips_of,
)
from bookings.series.make import book, lock_series, origin
from bookings.series.overlaps import overlaps_of, refuse_new_overlaps, refuse_overlaps
from bookings.series.rule import Break
from bookings.series.template import FOLLOWED, Leg, Template, read_pauses, read_templates
from drivers.db.bulk import update_rows
from drivers.models import Company
from drivers.refused import Refused

Release = bool | Collection[int]
DAY = timedelta(days=1)
RELATIONS = frozenset({"company", "customer", "client", "driver"})
WRITTEN = (*FOLLOWED, *TIMES, *COLUMNS, "return_of_id", "version", "updated_at")


class StaleSeriesError(Refused):
    """The standing order was changed by someone else after it was read."""

    code = "stale_series"
    status = 409


def create_series(
    series: Series, *, actor: Actor, now: datetime, overlap_meant: bool = False
) -> int:
    """Store a new standing order and book its first dates; return how many bookings: 9 statements.

    Raises ValidationError with the fields, and DatesOverlap unless `overlap_meant`.
    """
    with transaction.atomic():
        stamp(series, now)
        _check(series)
        if not overlap_meant:
            refuse_overlaps(Template(series, series.company), today(series.company, now), now)
        series.save(force_insert=True)
        return book(series.company, read_templates(series.company, [series]), actor=actor, now=now)


def change_series(
    series: Series,
    *,
    since: date | None = None,
    actor: Actor,
    now: datetime,
    release: Release = (),
    overlap_meant: bool = True,
    dry_run: bool = False,
) -> Foreseen:
    """Give a series the values it now has, and its coming dates with it.

    `series` has the `version` that its author saw. With `since`, a date of the order, the order
    ends before it and a new one begins there, with the same pauses: `series` becomes that one.
    Trips that break are refused unless they may be released, and so are dates at the same time as
    other trips of the client, unless `overlap_meant` or they were so before.

    Raises ValidationError, StaleSeriesError, StaleBookingError, DatesBroken, DatesOverlap, or what
    the guards raise.
    """
    company = series.company
    with transaction.atomic():
        (stored,) = _locked(company, [series.pk], {series.pk: series.version}, lock=not dry_run)
        if stored.client_id != series.client_id:
            raise ValidationError({"client": _("The client of a standing order stays.")})
        _check(series)
        pauses = tuple(read_pauses(company, [stored])[stored.pk])
        before = Template(stored, company, pauses)
        if since is None:
            edit = Edit(before, Template(series, company, pauses), today(company, now))
            if not overlap_meant and not dry_run:
                refuse_new_overlaps(before, edit.after, edit.since, now)

            def save_all() -> None:
                _count_up(series, now)
                series.save()

            foreseen = _carry_out([edit], save_all, actor, now, release, dry_run)
            return _with_overlaps(foreseen, edit, now) if dry_run else foreseen
        old = _cut_off(before, series, since)
        edit = Edit(before, Template(series, company, pauses), since, heir=True)
        if not overlap_meant and not dry_run:
            refuse_new_overlaps(before, edit.after, since, now)

        def save() -> None:
            _count_up(old, now)
            old.save()
            _save_heir(series, stored, now)

        foreseen = _carry_out([edit], save, actor, now, release, dry_run)
        return _with_overlaps(foreseen, edit, now) if dry_run else foreseen


def _with_overlaps(foreseen: Foreseen, edit: Edit, now: datetime) -> Foreseen:
    return replace(foreseen, overlaps=overlaps_of(edit.after, edit.since, now))


def _cut_off(before: Template, series: Series, since: date) -> Series:
    """Return the old series, ended before the date; `series` begins there.

    Raises ValidationError.
    """
    if not before.rhythm.has(since) or since <= before.series.first_day:
        message = _("Choose a date of the standing order after its first one.")
        raise ValidationError({"since": message})
    old = copy(before.series)
    old.last_day, old.count = since - DAY, None
    series.first_day = since
    if series.count is not None and series.count == before.series.count:
        series.count -= before.rhythm.before(since)
    _check(series)
    return old


def _save_heir(series: Series, stored: Series, now: datetime) -> None:
    """Insert the new series and give it the pauses of the old one: 3 statements."""
    series.pk, series._state.adding = None, True
    series.created_at, series.version = now, 1
    series.save(force_insert=True)
    pauses = list(Pause.objects.filter(series=stored).order_by("id"))
    for pause in pauses:
        pause.pk, pause.series_id = None, series.pk
    Pause.objects.bulk_create(pauses)


def pause(
    pause: Pause,
    *,
    actor: Actor,
    now: datetime,
    dry_run: bool = False,
) -> Foreseen:
    """Store a new pause of a series or of a client, and cancel the dates in it.

    Raises ValidationError, StaleBookingError, or what canceling raises.
    """
    pause.full_clean()
    company = pause.company
    with transaction.atomic():
        series = _paused(pause, lock=not dry_run)
        more = Break(pause.first_day, pause.last_day)
        edits = [
            Edit(one, Template(one.series, company, (*one.pauses, more)), today(company, now))
            for one in read_templates(company, series)
        ]
        return _carry_out(edits, pause.save, actor, now, (), dry_run)


def end_pause(pause: Pause, *, last_day: date | None = None, actor: Actor, now: datetime) -> int:
    """Delete a pause, or end it with a day, and book the dates that come back; return how many."""
    company = pause.company
    with transaction.atomic():
        series = _paused(pause, lock=True)
        if last_day is None or last_day < pause.first_day:
            pause.delete()
        else:
            pause.last_day = last_day
            pause.full_clean()
            pause.save()
        return book(company, read_templates(company, series), actor=actor, now=now)


def end_series(
    series: Series, last_day: date, *, actor: Actor, now: datetime, dry_run: bool = False
) -> Foreseen:
    """End a standing order after a day, and cancel the dates after it; see `change_series`."""
    series.last_day, series.count = last_day, None
    return change_series(series, actor=actor, now=now, dry_run=dry_run)


def _paused(pause: Pause, *, lock: bool) -> list[Series]:
    """Return the series that a pause is about: 2 statements."""
    rows = Series.objects.filter(company=pause.company)
    rows = rows.filter(pk=pause.series_id) if pause.series_id else rows.filter(client=pause.client)
    return _locked(pause.company, list(rows.values_list("id", flat=True)), {}, lock=lock)


def change_many(
    company: Company,
    series_ids: Collection[int],
    values: Callable[[Series], Mapping[str, Any]],
    *,
    actor: Actor,
    now: datetime,
    release: Release = (),
    dry_run: bool = False,
) -> Foreseen:
    """Give several standing orders new values and their coming dates with them, all or none.

    `values(series)` are {field: value} of one; none leave it alone. The database checks the rows,
    not each of them with a statement for each rule.
    """
    with transaction.atomic():
        stored = _locked(company, series_ids, {}, lock=not dry_run)
        edits, saved = [], []
        for before in read_templates(company, stored):
            wanted = values(before.series)
            if not wanted:
                continue
            series = copy(before.series)
            series.known = {"client", "driver"} - wanted.keys()
            for name, value in wanted.items():
                setattr(series, name, value)
            _check(series)
            _count_up(series, now)
            after = Template(series, company, before.pauses)
            edits.append(Edit(before, after, today(company, now)))
            saved.append(series)

        def save() -> None:
            names = [field.name for field in Series._meta.concrete_fields if not field.primary_key]
            Series.objects.bulk_update(saved, names)

        return _carry_out(edits, save, actor, now, release, dry_run)


def stamp(series: Series, now: datetime) -> None:
    """Note in a new standing order when it was made, and in which timezone it is booked."""
    series.created_at = series.updated_at = now
    series.booked_zone = series.company.timezone


def faults_of(series: Series) -> Iterator[ValidationError]:
    """Yield what a standing order refuses; that related rows exist is checked by the database."""
    for check in (partial(series.clean_fields, exclude=RELATIONS), series.clean):
        try:
            check()
        except ValidationError as fault:
            yield fault


def _check(series: Series) -> None:
    """Raise ValidationError with the fields."""
    for fault in faults_of(series):
        raise fault


def _locked(
    company: Company, ids: Collection[int], versions: Mapping[int, int], *, lock: bool
) -> list[Series]:
    """Return the series in order, locked unless it is a preview: 1 statement.

    Raises StaleSeriesError for one that has not the version seen.
    """
    if lock:
        rows = lock_series(company, ids)
    else:
        rows = list(Series.objects.filter(company=company, id__any_of=sorted(ids)).order_by("id"))
    if len(rows) != len(set(ids)) or any(
        versions.get(row.pk, row.version) != row.version for row in rows
    ):
        raise StaleSeriesError(
            _("Someone else has changed the standing order. Read it again and retry.")
        )
    for row in rows:
        row.company = company
    return rows


def _count_up(series: Series, now: datetime) -> None:
    series.version += 1
    series.updated_at = now
    series.booked_zone = series.company.timezone


def _carry_out(
    edits: Sequence[Edit],
    save: Callable[[], None],
    actor: Actor,
    now: datetime,
    release: Release,
    dry_run: bool,
) -> Foreseen:
    """Write the changes of the series (`save`) and of their dates, in the caller's transaction.

    1 statement, those of the guards if assigned trips change, 9 if dates are canceled, 4 if any
    change, and those of `book`.
    """
    if not edits:
        if not dry_run:
            save()
        return Foreseen(())
    company = edits[0].after.company
    rows = foresee(edits, now)
    held = hold_trips(company, trips_of(rows), now=now, lock=not dry_run)
    if dry_run:
        outcomes, broken = settle(rows, held, release)
        return Foreseen(tuple(rows), tuple(broken), outcomes)
    lock_unchanged(rows)
    _cancel(company, rows, actor, now)
    outcomes, broken = settle(rows, held, release)
    if broken:
        raise DatesBroken(broken)
    save()
    _hand_over(edits)
    write_changes(company, rows, actor, now)
    for outcome in outcomes:
        outcome.write(actor=actor, now=now)
    made = book(company, [edit.after for edit in edits], actor=actor, now=now)
    return replace(Foreseen(tuple(rows), (), outcomes), made=made)


def lock_unchanged(rows: Sequence[DateChange]) -> None:
    """Lock the bookings in order of id: 1 statement. Raises StaleBookingError."""
    ids = sorted(row.booking.pk for row in rows)
    if not ids:
        return
    locked = Booking.objects.select_for_update(no_key=True).filter(id__any_of=ids).order_by("id")
    versions = dict(locked.values_list("id", "version"))
    if changed := [r.booking for r in rows if versions.get(r.booking.pk) != r.booking.version]:
        raise StaleBookingError(
            _("Someone else has changed booking %(booking)s. Read it again and retry.")
            % {"booking": changed[0]}
        )


def _cancel(company: Company, rows: Sequence[DateChange], actor: Actor, now: datetime) -> None:
    """Cancel dates and take them off their order, so that they may be booked again."""
    canceled = [row for row in rows if row.canceled]
    if not canceled:
        return
    by_reason: dict[str, dict[int, int | None]] = {}
    for row in canceled:
        reason = origin(row.edit.before.series) if row.edit else row.reason
        seen = by_reason.setdefault(reason, {})
        seen[row.booking.pk] = row.booking.version
    for reason, seen in by_reason.items():
        cancel_bookings(company, seen, reason=reason, actor=actor, now=now)
    gone = [row.booking.pk for row in canceled]
    Booking.objects.filter(id__any_of=gone).update(series_leg=None)


def _hand_over(edits: Sequence[Edit]) -> None:
    """Let the dates from `since` on, also those that are over, belong to the new series."""
    for edit in edits:
        if edit.heir:
            rows = Booking.objects.filter(
                series=edit.before.series.pk, series_day__gte=edit.since, series_leg__isnull=False
            )
            rows.update(series=edit.after.series)


def write_changes(
    company: Company, rows: Sequence[DateChange], actor: Actor, now: datetime
) -> None:
    """Write the changed bookings and their events: 2 statements, or none."""
    canceled = {row.booking.pk for row in rows if row.canceled}
    columns, events = [], []
    for row in rows:
        booking, changes = row.booking, row.changes
        version = booking.version + 1
        if row.canceled:
            # A way back that is canceled alone leaves its place beside the trip there.
            alone = booking.series_leg == Leg.RETURN and booking.return_of_id not in canceled
            if not alone or booking.return_of_id is None:
                continue
            changes = {"return_of": (booking.return_of_id, None)}
            version += 1  # it has been canceled
        if not changes:
            continue
        new = {name: value for name, (_old, value) in changes.items()}
        new["return_of_id"] = new.pop("return_of", booking.return_of_id)
        if row.places is not None:
            new |= dict(zip(COLUMNS, (place and place.pk for place in row.places), strict=True))
        new |= {"version": version, "updated_at": now}
        columns.append([booking.pk, *(new.get(n, getattr(booking, n)) for n in WRITTEN)])
        reason = origin(row.edit.after.series) if row.edit else row.reason
        events.append(
            booking_changed(company.pk, booking.pk, changes, actor=actor, now=now, reason=reason)
        )
    update_rows(Booking, WRITTEN, columns)
    if events:
        Event.objects.bulk_create(events)
