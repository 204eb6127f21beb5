"""Count the figures of days from the rows as they stand: the same again each time."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from bookings.models import Status
from dispatch.models import MEASURES, DayFigures
from dispatch.planner.travel import Place, TravelTimes
from dispatch.reports.routes import (
    Routes,
    days_of,
    reaches_into,
    read_absences,
    read_shifts,
    routes_of,
)
from dispatch.reports.trips import DAY, DayTrip, OnTime, counts_of, read_cancellations, read_trips
from drivers.models import Company

Kind = DayFigures.Kind
DAILY = (Kind.DAY, Kind.HOUR, Kind.CUSTOMER, Kind.CUSTOMER_HOUR, Kind.DRIVER)


class Key(NamedTuple):
    """What a row of figures is of: the columns of `DayFigures`."""

    kind: Kind
    day: date
    customer_id: int = 0
    driver_id: int = 0
    hour: int = 0


class Counted(NamedTuple):
    """The rows of `days`: those that were asked for, and those whose shifts reach into them."""

    days: frozenset[date]
    rows: dict[Key, Counter[str]]


def count_days(
    company: Company, days: Collection[date], on_time: Mapping[int, OnTime], travel: TravelTimes
) -> Counted:
    """Count these local days: 4 queries, and what `travel` asks of a road server.

    `on_time` is that of each customer; of one that it does not know, the company's.
    """
    shifts = read_shifts(company, days)
    counted = frozenset(days) | reaches_into(company, shifts, days)
    own = [shift for shift in shifts if days_of(company, shift)[0] in counted]
    # And the day before: a trip requested before midnight may be of a shift that begins after it.
    needed = counted.union(
        *({*days, days[0] - DAY} for days in (days_of(company, shift) for shift in own))
    )
    trips = read_trips(company, needed)
    routes = routes_of(company, counted, shifts, read_absences(company, shifts), trips)
    of_days = [(company.local(trip.scheduled_time), trip) for trip in trips]
    local = {trip.id: at for at, trip in of_days if at.date() in counted}
    own_trips = [trip for trip in trips if trip.id in local]
    direct_m, leg_m = _metres(travel, own_trips, routes)
    canceled = read_cancellations(own_trips)
    of_company = OnTime(company.on_time_early_min, company.on_time_late_min)
    rows: dict[Key, Counter[str]] = defaultdict(Counter)
    for trip in own_trips:
        judged_by = on_time.get(trip.customer_id, of_company)
        counts = counts_of(trip, judged_by, canceled, direct_m.get(trip.id, 0))
        for key in keys_of(trip, local[trip.id]):
            rows[key].update(counts)
    _add_routes(rows, routes, leg_m)
    return Counted(counted, rows)


def _metres(
    travel: TravelTimes, trips: Sequence[DayTrip], routes: Routes
) -> tuple[dict[int, int], list[int]]:
    """Return the direct way of each trip done, and the length of each leg: metres."""
    done = [trip for trip in trips if trip.status == Status.COMPLETED]
    ways: list[tuple[Place, Place]] = [
        ((trip.pickup_lat, trip.pickup_lon), (trip.dropoff_lat, trip.dropoff_lon)) for trip in done
    ]
    ways += [(leg.origin, leg.destination) for leg in routes.legs]
    if not ways:
        return {}, []
    _seconds, metres = travel.legs([a for a, _b in ways], [b for _a, b in ways])
    found: list[int] = metres.tolist()
    ids = [trip.id for trip in done]
    return dict(zip(ids, found[: len(done)], strict=True)), found[len(done) :]


def keys_of(trip: DayTrip, at: datetime) -> tuple[Key, ...]:
    """Return the rows in which a trip counts whose requested pickup is `at` local time."""
    day, hour, customer_id = at.date(), at.hour, trip.customer_id
    return (
        Key(Kind.DAY, day),
        Key(Kind.HOUR, day, hour=hour),
        Key(Kind.CUSTOMER, day, customer_id=customer_id),
        Key(Kind.CUSTOMER_HOUR, day, customer_id=customer_id, hour=hour),
        Key(Kind.DRIVER, day, driver_id=trip.driver_id or 0),
    )


def _add_routes(rows: dict[Key, Counter[str]], routes: Routes, leg_m: Sequence[int]) -> None:
    told: list[tuple[date, int, dict[str, int]]] = [
        (leg.day, leg.driver_id, {"loaded_m" if leg.is_loaded else "empty_m": metres})
        for leg, metres in zip(routes.legs, leg_m, strict=True)
    ]
    told += [(day, driver_id, {"loaded_s": loaded}) for day, driver_id, loaded in routes.loaded]
    told += [
        (row.day, row.driver_id, {"paid_s": row.paid_s, "break_s": row.break_s})
        for row in routes.worked
    ]
    for day, driver_id, counts in told:
        rows[Key(Kind.DAY, day)].update(counts)
        rows[Key(Kind.DRIVER, day, driver_id=driver_id)].update(counts)


def columns_of(rows: Mapping[Key, Counter[str]]) -> dict[str, list[Any]]:
    """Return the rows as columns to insert, in order of their keys."""
    keys = sorted(rows)
    columns: dict[str, list[Any]] = {
        name: [getattr(key, name) for key in keys] for name in Key._fields
    }
    columns["kind"] = [kind.value for kind in columns["kind"]]
    return columns | {name: [rows[key][name] for key in keys] for name in MEASURES}
