"""Read a driver's own day, as the driver's app and phone show it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, F, Q, QuerySet, When

from dispatch.day.duties import home_of
from dispatch.models import OPEN, Assignment, is_foreseen
from dispatch.planner.problem import TOLD_S
from drivers.fleet.handovers import had_before, has_after, is_handed
from drivers.models import Driver, Shift
from drivers.times import moment

TRIP_COLUMNS = {
    "booking": "booking_id",
    "assignment": "id",
    "status": "booking__status",
    "planned_pickup_at": "planned_pickup_at",
    "planned_dropoff_at": "planned_dropoff_at",
    "arrived_at": "arrived_at",
    "actual_pickup_at": "actual_pickup_at",
    "actual_dropoff_at": "actual_dropoff_at",
    "confirmed": "confirmed",
    "reference": "booking__reference",
    "client": "booking__client__name",
    "phone": "booking__client__phone",
    "pickup_address": "booking__pickup_address",
    "pickup_entrance": "booking__pickup_place__entrance",
    "pickup_door_notes": "booking__pickup_place__notes",
    "pickup_lat": "booking__pickup_lat",
    "pickup_lon": "booking__pickup_lon",
    "dropoff_address": "booking__dropoff_address",
    "dropoff_entrance": "booking__dropoff_place__entrance",
    "dropoff_door_notes": "booking__dropoff_place__notes",
    "dropoff_lat": "booking__dropoff_lat",
    "dropoff_lon": "booking__dropoff_lon",
    "appointment_at": "booking__appointment_at",
    "passengers": "booking__passengers",
    "wheelchairs": "booking__wheelchairs",
    "notes": "booking__notes",
}
# When a stop is expected, where that is another time than planned.
EXPECTED = ("pickup_expected_at", "dropoff_expected_at")
NOTICED = timedelta(seconds=TOLD_S)
# A phone is told of its trips from so long before now, if they were under way today.
LOOK_BACK = timedelta(hours=16)
# How long after the end of the day, or of a shift or trip that lasts longer, a phone forgets it.
FORGET_AFTER = timedelta(hours=1)
# What is told of a client only on the day, and only until the trip is over.
OF_TODAY = ("phone", "notes", "pickup_door_notes", "dropoff_door_notes")
ENDED = {Assignment.Status.COMPLETED, Assignment.Status.NO_SHOW}


def read_driver_day(driver: Driver, *, now: datetime) -> dict[str, Any]:
    """Return today and tomorrow of a driver for the phone, as JSON takes it: 2 statements.

    `forget_at` is when the phone has to forget what it was told: clients are shown for a day.
    """
    company = driver.company
    today = company.local(now).date()
    start_at, tomorrow_at = company.day_bounds(today)
    _start, end_at = company.day_bounds(today + timedelta(days=1))
    trips = _read_trips(driver, start_at, end_at, now)
    shifts = _read_shifts(driver, start_at, end_at, now)
    for trip in trips:
        trip["today"] = trip["planned_pickup_at"] < tomorrow_at
        if not trip["today"] or trip["status"] in ENDED:
            trip.update(dict.fromkeys(OF_TODAY, ""))
        _tell_expected(trip)
    ends = [row["planned_dropoff_at"] for row in trips if row["today"]]
    ends += [row["end_at"] for row in shifts if row["start_at"] < tomorrow_at]
    return {
        "driver": driver.name,
        "company": company.name,
        "zone": company.timezone,
        "today": today.isoformat(),
        "forget_at": moment(max([tomorrow_at, *ends]) + FORGET_AFTER),
        "shifts": [_plain(row) for row in shifts],
        "trips": [_plain(row) for row in trips],
    }


def _read_trips(
    driver: Driver, start_at: datetime, end_at: datetime, now: datetime
) -> list[dict[str, Any]]:
    """Return the trips of [start, end), and those from before that were under way in it.

    One that has ended since stays: a phone takes a trip that is gone for taken away.
    """
    under_way = OPEN & ~Q(status=Assignment.Status.PLANNED)
    ended = Q(actual_dropoff_at__gte=start_at)
    ended |= Q(status=Assignment.Status.NO_SHOW, updated_at__gte=start_at)
    is_known = is_foreseen(now) & Q(expected__is_silent=False)
    rows = (
        Assignment.objects.filter(driver=driver, company=driver.company)
        .annotate(
            pickup_expected_at=Case(When(is_known, then=F("expected__pickup_at"))),
            dropoff_expected_at=Case(When(is_known, then=F("expected__dropoff_at"))),
        )
        .filter(
            Q(planned_pickup_at__gte=start_at) | under_way | ended,
            planned_pickup_at__gte=min(start_at, now - LOOK_BACK),
            planned_pickup_at__lt=end_at,
        )
        .exclude(status__in=[Assignment.Status.SUPERSEDED, Assignment.Status.CANCELED])
        .order_by("planned_pickup_at", "id")
    )
    columns = {**TRIP_COLUMNS, **dict(zip(EXPECTED, EXPECTED, strict=True))}
    return [dict(zip(columns, row, strict=True)) for row in rows.values_list(*columns.values())]


def _tell_expected(trip: dict[str, Any]) -> None:
    """Leave the expected times that differ noticeably from the plan, in whole minutes, else None.

    What the phone is told would be another thing with each second, and be sent again.
    """
    is_begun = trip["actual_pickup_at"] is not None or trip["arrived_at"] is not None
    for end, expected in zip(("pickup", "dropoff"), EXPECTED, strict=True):
        at = trip[expected]
        is_noticed = at is not None and abs(at - trip[f"planned_{end}_at"]) >= NOTICED
        if not is_noticed or trip["status"] in ENDED or (end == "pickup" and is_begun):
            trip[expected] = None
        else:
            trip[expected] = at.replace(second=0, microsecond=0)


def _read_shifts(
    driver: Driver, start_at: datetime, end_at: datetime, now: datetime
) -> list[dict[str, Any]]:
    rows = Shift.objects.filter(driver=driver, end_at__gt=min(start_at, now), start_at__lt=end_at)
    columns = ("start_at", "end_at", "break_at", "break_min", "vehicle__plate")
    place = ("vehicle__handover_lat", "vehicle__handover_lon")
    found = rows.order_by("start_at", "id").values_list(*columns, had_before(), has_after(), *place)
    names = (*columns[:-1], "vehicle")
    shifts = []
    for *row, before, after, lat, lon in found:
        shift = dict(zip(names, row, strict=True))
        shift["taken_over"] = is_handed(driver.pk, before)
        shift["handed_over"] = is_handed(driver.pk, after)
        is_anywhere = shift["taken_over"] or shift["handed_over"]
        shift["handover"] = home_of(driver.company, lat, lon) if is_anywhere else None
        shifts.append(shift)
    return shifts


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: moment(value) if isinstance(value, datetime) else value for name, value in row.items()
    }


def note_position(
    drivers: QuerySet[Driver], positions: Iterable[tuple[datetime, float, float]]
) -> None:
    """Keep the newest (at, latitude, longitude) as the driver's last position: 1 statement.

    `drivers` are the one who reports, or nobody.
    """
    at, lat, lon = max(positions)
    older = Q(last_position_at=None) | Q(last_position_at__lt=at)
    drivers.filter(older).update(last_lat=lat, last_lon=lon, last_position_at=at)
