"""The dispatch that the owner's guide found and describes, kept as the `before` of benchmarks.

It reads in loops, saves and commits every row on its own, and works on tables with the indexes
of a stock Django project: one for each foreign key, and those behind constraints. It does the
same work as `dispatch`: it reads the same rows and writes the same rows of the same plan, so
that what differs is the use of the database alone. It locks nothing and compares nothing, as
the original did not: two of it at once, or a crash in the middle, leave half a plan.

Each of its three habits can be switched off alone: `reading_in_loops`, `write_plan` and
`strip_to_stock`.
"""

from contextlib import contextmanager

from django.db import connection, models

from bookings.models import OPEN_STATUSES, Booking, Event, Status
from dispatch.day import load
from dispatch.day.rows import DONE, BookingRow, DriverRow
from dispatch.models import OPEN_ASSIGNMENT_STATUSES, Assignment, DispatchRun
from dispatch.runs.apply import changed_breaks
from dispatch.runs.difference import difference
from drivers.db.indexes import OneEngineIndex
from drivers.fleet.handovers import HANDOVER_WITHIN
from drivers.models import SHIFT_AT_MOST, Driver, Shift
from drivers.times import moment
from perf.our_code import our_apps
from perf.proving.indexes import stock_indexes


def read_drivers(company, start_at, end_at, *, is_past=False):
    """Do what `queries.read_drivers` does: 1 query, 3 for each driver, 4 for each shift."""
    found = {}
    drivers = Driver.objects.filter(company=company)
    if not is_past:
        drivers = drivers.filter(is_active=True, is_available=True)
    for driver in drivers.order_by("id"):
        vehicle = driver.vehicle
        shifts = driver.shifts.filter(
            start_at__gt=start_at - SHIFT_AT_MOST, start_at__lt=end_at, end_at__gt=start_at
        ).order_by("id")
        absences = driver.absences.filter(
            end_at__gt=start_at - SHIFT_AT_MOST, start_at__lt=end_at + SHIFT_AT_MOST
        ).order_by("id")
        absences = list(absences) or [None]
        found[driver.id] = [
            _driver_row(driver, shift.vehicle if shift else vehicle, shift, absence, away)._replace(
                taken_over=before, handed_over=after
            )
            for shift in list(shifts) or [None]
            for before, after in [_handovers(shift, is_past=is_past)]
            for absence in absences
            for away in _vehicle_absences(shift, start_at, end_at)
        ]
    return found


def _handovers(shift, *, is_past):
    """Return whether the shift's vehicle is taken over from another driver, and handed to one."""
    if shift is None or shift.vehicle_id is None:
        return False, False
    others = Shift.objects.filter(vehicle=shift.vehicle_id)
    if not is_past:
        others = others.filter(driver__is_active=True, driver__is_available=True)
    before = others.filter(
        end_at__lte=shift.start_at, end_at__gte=shift.start_at - HANDOVER_WITHIN
    ).order_by("end_at")
    after = others.filter(
        start_at__gte=shift.end_at, start_at__lte=shift.end_at + HANDOVER_WITHIN
    ).order_by("start_at")
    last, first = before.last(), after.first()
    return (
        last is not None and last.driver_id != shift.driver_id,
        first is not None and first.driver_id != shift.driver_id,
    )


def _vehicle_absences(shift, start_at, end_at):
    """Return the absences of the shift's vehicle around the period, or [None]."""
    if shift is None or shift.vehicle is None:
        return [None]
    around = shift.vehicle.absences.filter(
        end_at__gt=start_at - SHIFT_AT_MOST, start_at__lt=end_at + SHIFT_AT_MOST
    )
    return list(around.order_by("id")) or [None]


def _driver_row(driver, vehicle, shift, absence, away):
    return DriverRow(
        id=driver.id,
        name=driver.name,
        kind=driver.kind,
        cap=driver.max_bookings,
        skills=driver.skills,
        home_lat=driver.home_lat,
        home_lon=driver.home_lon,
        licence_until=driver.licence_until,
        permit_until=driver.permit_until,
        seats=vehicle and vehicle.seats,
        wheelchair_places=vehicle and vehicle.wheelchair_places,
        other_layouts=vehicle and vehicle.other_layouts,
        equipment=vehicle and vehicle.skills,
        vehicle_id=vehicle and vehicle.id,
        handover_lat=vehicle and vehicle.handover_lat,
        handover_lon=vehicle and vehicle.handover_lon,
        insurance_until=vehicle and vehicle.insurance_until,
        inspection_until=vehicle and vehicle.inspection_until,
        taken_over=False,
        handed_over=False,
        shift_id=shift and shift.id,
        shift_start_at=shift and shift.start_at,
        shift_end_at=shift and shift.end_at,
        break_min=shift and shift.break_min,
        break_from_at=shift and shift.break_from_at,
        break_until_at=shift and shift.break_until_at,
        break_at=shift and shift.break_at,
        absence_id=absence and absence.id,
        absence_start_at=absence and absence.start_at,
        absence_end_at=absence and absence.end_at,
        away_start_at=away and away.start_at,
        away_end_at=away and away.end_at,
        last_lat=driver.last_lat,
        last_lon=driver.last_lon,
        last_position_at=driver.last_position_at,
    )


def read_trips(company, day, horizon, *, lock=False, seen=None):
    """Do what `rows.read_trips` does, in two parts; nothing is kept in `seen`."""
    return _read_day(company, day), _read_neighbours(company, day, horizon)


def _read_day(company, day):
    """Return the day's bookings: 1 query, and 2 for each booking."""
    start_at, end_at = company.day_bounds(day)
    bookings = Booking.objects.filter(
        company=company, scheduled_time__gte=start_at, scheduled_time__lt=end_at
    )
    return {booking.id: _booking_row(booking) for booking in bookings.order_by("id")}


def _read_neighbours(company, day, horizon):
    """Return those of the days around: 1 query, and up to 3 for each assignment."""
    start_at, end_at = company.day_bounds(day)
    around = Assignment.objects.filter(
        company=company,
        status__in=OPEN_ASSIGNMENT_STATUSES,
        planned_pickup_at__gte=horizon[0] - SHIFT_AT_MOST,
        planned_pickup_at__lt=horizon[1],
        planned_dropoff_at__gt=horizon[0],
    )
    found = {}
    for assignment in around.order_by("booking_id"):
        booking = assignment.booking
        if not start_at <= booking.scheduled_time < end_at:
            found[booking.id] = _booking_row(booking)
    return found


def _booking_row(booking):
    client = booking.client
    latest = booking.assignments.order_by("-created_at").first()
    if latest and latest.status not in {*OPEN_ASSIGNMENT_STATUSES, *DONE}:
        latest = None
    return BookingRow(
        id=booking.id,
        reference=booking.reference,
        status=booking.status,
        client_id=booking.client_id,
        client_name=client and client.name,
        pickup_lat=booking.pickup_lat,
        pickup_lon=booking.pickup_lon,
        dropoff_lat=booking.dropoff_lat,
        dropoff_lon=booking.dropoff_lon,
        scheduled_time=booking.scheduled_time,
        appointment_at=booking.appointment_at,
        will_call=booking.will_call,
        passengers=booking.passengers,
        wheelchairs=booking.wheelchairs,
        needs=booking.needs,
        priority=booking.priority,
        return_of_id=booking.return_of_id,
        overlap_meant=booking.overlap_meant,
        version=booking.version,
        pickup_boarding_min=booking.pickup_place and booking.pickup_place.boarding_min,
        dropoff_margin_min=_margin(booking),
        early_min=booking.customer.pickup_early_min,
        late_min=booking.customer.pickup_late_min,
        return_late_min=booking.customer.return_late_min,
        assignment_id=latest and latest.id,
        driver_id=latest and latest.driver_id,
        assignment_status=latest and latest.status,
        planned_pickup_at=latest and latest.planned_pickup_at,
        planned_dropoff_at=latest and latest.planned_dropoff_at,
        actual_pickup_at=latest and latest.actual_pickup_at,
        actual_dropoff_at=latest and latest.actual_dropoff_at,
        locked=latest and latest.locked,
        confirmed=latest and latest.confirmed,
        series_driver_id=booking.series and booking.series.driver_id,
        may_share=booking.may_share,
        client_may_share=client and client.may_share,
        max_ride_min=booking.max_ride_min,
        client_max_ride_min=client and client.max_ride_min,
        stretch=latest and latest.stretch,
    )


def _margin(booking):
    """Return the minutes of the place where the booking goes, else those of its customer."""
    at_place = booking.dropoff_place and booking.dropoff_place.margin_min
    if at_place is not None or booking.customer_id is None:
        return at_place
    return booking.customer.margin_min


def read_preferences(company, day):
    """Do what `rows.read_preferences` does: 1 query, and 2 for each open booking."""
    start_at, end_at = company.day_bounds(day)
    wanted = Booking.objects.filter(
        status__in=OPEN_STATUSES,
        scheduled_time__gte=start_at,
        scheduled_time__lt=end_at,
        company=company,
    )
    return frozenset(
        (preference.client_id, preference.driver_id, preference.kind)
        for booking in wanted
        if booking.client
        for preference in booking.client.driver_preferences.all()
    )


@contextmanager
def reading_in_loops():
    """Let `dispatch.day.load` read with the functions of this module."""
    readers = (read_drivers, read_trips, read_preferences)
    tuned = {reader.__name__: getattr(load, reader.__name__) for reader in readers}
    for reader in readers:
        setattr(load, reader.__name__, reader)
    try:
        yield
    finally:
        for name, reader in tuned.items():
            setattr(load, name, reader)


def write_plan(day, plan, run, *, now, actor, explanations):
    """Write what `applying` writes; every save commits.

    A row that changes is read, changed and saved as a whole: about 5 statements for each
    assignment.
    """
    diff = difference(day, plan)
    replaced = {row.id: row for row, _trip in (*diff.moved, *diff.retimed)}
    for row in (*replaced.values(), *diff.released):
        _supersede(row, run, now)
    for trip in (*diff.placed, *(trip for _row, trip in (*diff.moved, *diff.retimed))):
        why = explanations.get(trip.trip_id, {})
        _assign(day, trip, replaced.get(trip.trip_id), run, now, actor, why)
    for row in diff.released:
        _release(row, run, now, actor)
    for shift_id, start_at in changed_breaks(day, plan)[1].items():
        shift = Shift.objects.get(id=shift_id)
        shift.break_at = start_at
        shift.save()
    run = DispatchRun.objects.get(id=run.id)
    run.status = DispatchRun.Status.COMPLETED
    run.finished_at = now
    run.metrics = {
        "assigned": Assignment.objects.filter(run=run, status="planned").count(),
        "changes": diff.counts(),
    }
    run.save()
    return diff


def _supersede(row, run, now):
    assignment = Assignment.objects.get(id=row.assignment_id)
    assignment.status = Assignment.Status.SUPERSEDED
    assignment.superseded_by = run
    assignment.updated_at = now
    assignment.save()


def _assign(day, trip, before, run, now, actor, why):
    assignment = Assignment(
        company=day.company,
        run=run,
        booking_id=trip.trip_id,
        driver_id=trip.driver_id,
        status=Assignment.Status.PLANNED,
        sequence=trip.pickup_s,
        planned_pickup_at=day.moment(trip.pickup_s),
        planned_dropoff_at=day.moment(trip.dropoff_s),
        explanation=why,
        created_at=now,
        updated_at=now,
    )
    assignment.save()
    new = _facts(assignment.driver_id, assignment.planned_pickup_at, assignment.planned_dropoff_at)
    if before:
        _log(Event.Kind.MOVED, assignment, run, now, actor, _facts(*before.standing()[1:]), new)
        return
    booking = Booking.objects.get(id=trip.trip_id)
    booking.status = Status.ASSIGNED
    booking.version += 1
    booking.save()
    new |= {"status": Status.ASSIGNED}
    _log(Event.Kind.ASSIGNED, assignment, run, now, actor, {"status": Status.ACCEPTED}, new)


def _release(row, run, now, actor):
    booking = Booking.objects.get(id=row.id)
    booking.status = Status.ACCEPTED
    booking.version += 1
    booking.save()
    assignment = Assignment.objects.get(id=row.assignment_id)
    old = _facts(*row.standing()[1:]) | {"status": Status.ASSIGNED}
    _log(Event.Kind.RELEASED, assignment, run, now, actor, old, {"status": Status.ACCEPTED})


def _facts(driver_id, pickup_at, dropoff_at):
    return {
        "driver": driver_id,
        "pickup": moment(pickup_at),
        "dropoff": moment(dropoff_at),
    }


def _log(kind, assignment, run, now, actor, old, new):
    Event(
        company_id=assignment.company_id,
        booking_id=assignment.booking_id,
        assignment_id=assignment.id,
        run_id=run.id,
        kind=kind,
        at=now,
        user_id=actor.user_id,
        actor=actor.name,
        door=actor.door,
        old=old,
        new=new,
    ).save()


def performance_indexes() -> list[tuple[type[models.Model], models.Index]]:
    """Return every index of the business tables' `Meta.indexes` on this database, with its model.

    They are what the migrations `add_performance_indexes` add, those that begin with a foreign
    key among them. Primary keys and the indexes behind constraints are no part of it.
    """
    return [
        (model, index)
        for app in our_apps()
        for model in app.get_models()
        for index in model._meta.indexes
        if not isinstance(index, OneEngineIndex) or index.vendor == connection.vendor
    ]


def strip_to_stock():
    """Drop the performance indexes, and make those of a stock project."""
    with connection.schema_editor() as editor:
        for model, index in performance_indexes():
            editor.remove_index(model, index)
        for model, index in stock_indexes():
            editor.add_index(model, index)
