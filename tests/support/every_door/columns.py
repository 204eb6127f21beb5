"""New values of every column that a person may change, which break a plan if nobody guards it.

`changes_of` returns {column: [Change]}: what is sent to the API, and the fields of a form. None is
a column that the door does not have. Some values are refused by every rule of the row itself; each
column has one that is not.
"""

from datetime import timedelta
from typing import Any, NamedTuple

from bookings.models import Booking, Client, CompanyPlace, Series
from drivers.models import (
    FAR_MEANT,
    Absence,
    Company,
    Driver,
    Shift,
    Vehicle,
    VehicleAbsence,
)
from drivers.models.far_places import written
from tests.support import builders as make
from tests.support.every_door.company import Busy

TOMORROW = make.DAY + timedelta(days=1)
FAR_LAT, FAR_LON = 47.3769, 8.5417  # Zurich, 225 km away
PLACE = {"lat": 46.19, "lon": 6.14}
MEANT_LAT, MEANT_LON = 38.7223, -9.1393  # Lisbon, far enough to be asked about


class Change(NamedTuple):
    """What is sent to the API and to a form; in a form, None takes the field away."""

    api: dict[str, Any] | None
    form: dict[str, Any] | None


def both(**values: Any) -> Change:
    """Return the change of these columns through both doors."""
    return Change(values, {name: _typed(value) for name, value in values.items()})


def _typed(value: Any) -> Any:
    if value is False:
        return None
    if value is True:
        return "on"
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)


def at(day=make.DAY, **clocks: str) -> Change:
    """Return the change of these moments to clock times of the day."""
    form = {}
    for name, clock in clocks.items():
        form |= {f"{name}_0": day.isoformat(), f"{name}_1": clock}
    return Change({name: make.at(clock, day).isoformat() for name, clock in clocks.items()}, form)


def together(*changes: Change) -> Change:
    """Return the changes as one."""
    api, form = {}, {}
    for change in changes:
        api |= change.api
        form |= change.form
    return Change(api, form)


def meant(lat: str, lon: str) -> Change:
    """Return the change to a far place that is meant: a form's tick names the place."""
    place = both(**{lat: MEANT_LAT, lon: MEANT_LON})
    return together(place, Change({FAR_MEANT: True}, {FAR_MEANT: written((MEANT_LAT, MEANT_LON))}))


def form_only(**values: Any) -> Change:
    return Change(None, both(**values).form)


def api_only(**values: Any) -> Change:
    return Change(values, None)


def changes_of(row: Any, busy: Busy) -> dict[str, list[Change]]:
    """Return the changes of each column of the row."""
    return COLUMNS[type(row)](row, busy)


def _booking(row: Booking, busy: Busy) -> dict[str, list[Change]]:
    soon = (row.scheduled_time + timedelta(minutes=1)).astimezone(make.ZONE)
    return {
        "client": [both(client=busy.other.pk), both(client=None)],
        "reference": [both(reference="NEW")],
        "pickup_address": [both(pickup_address="Quai 1")],
        "pickup_lat": [both(pickup_lat=FAR_LAT), both(pickup_lat=46.235)],
        "pickup_lon": [both(pickup_lon=FAR_LON)],
        "dropoff_address": [both(dropoff_address="Quai 2")],
        "dropoff_lat": [both(dropoff_lat=FAR_LAT, dropoff_lon=FAR_LON), both(dropoff_lat=46.194)],
        "dropoff_lon": [both(dropoff_lon=FAR_LON)],
        "scheduled_time": [
            at(scheduled_time="10:20"),
            at(scheduled_time="14:40"),
            at(scheduled_time="20:00"),
            at(TOMORROW, scheduled_time="11:00"),
        ],
        "appointment_at": [at(appointment_at=f"{soon:%H:%M}")],
        "will_call": [api_only(will_call=True)],
        "overlap_meant": [both(overlap_meant=True)],
        "passengers": [both(passengers=60), both(passengers=5)],
        "wheelchairs": [both(passengers=3, wheelchairs=3)],
        "may_share": [both(may_share=False)],
        "max_ride_min": [both(max_ride_min=1)],
        "needs": [both(needs=["hoist"])],
        "priority": [both(priority=2)],
        "return_of": [
            api_only(return_of=busy.bookings["EN_ROUTE"].pk),
            api_only(return_of=busy.bookings["FULL"].pk),
            api_only(return_of=busy.bookings["CALLS"].pk),
        ],
        "notes": [both(notes="Rings twice")],
        "far_meant": [meant("dropoff_lat", "dropoff_lon")],
    }


def _driver(row: Driver, busy: Busy) -> dict[str, list[Change]]:
    return {
        "name": [both(name="Zoé")],
        "phone": [both(phone="+41 22 000 00 00")],
        "vehicle": [both(vehicle=None), both(vehicle=busy.dan.vehicle_id)],
        "kind": [both(kind="emergency")],
        "is_active": [both(is_active=False)],
        "is_available": [both(is_available=False)],
        "skills": [both(skills=[]), both(skills=["hoist"])],
        "max_bookings": [both(max_bookings=1)],
        "licence_until": [both(licence_until="2026-01-01")],
        "permit_until": [both(permit_until="2026-01-01")],
        "home_address": [form_only(home_address="Quai 1")],  # only searched
        "home_lat": [both(home_lat=FAR_LAT, home_lon=FAR_LON)],
        "home_lon": [both(home_lat=None, home_lon=None)],
        "user": [form_only(user=None)],
        "far_meant": [meant("home_lat", "home_lon")],
    }


def _vehicle(row: Vehicle, busy: Busy) -> dict[str, list[Change]]:
    return {
        "plate": [both(plate="GE NEW")],
        "seats": [both(seats=0), both(seats=3)],
        "wheelchair_places": [both(wheelchair_places=0)],
        "other_layouts": [both(other_layouts="2+2, 0+3")],
        "skills": [both(skills=["hoist"])],
        "insurance_until": [both(insurance_until="2026-01-01")],
        "inspection_until": [both(inspection_until="2026-01-01")],
        "handover_lat": [both(handover_lat=46.2, handover_lon=6.1)],
        "handover_lon": [both(handover_lat=46.2, handover_lon=6.2)],
        "handover_address": [form_only(handover_address="Quai 1")],  # only searched
        "far_meant": [meant("handover_lat", "handover_lon")],
    }


def _shift(row: Shift, busy: Busy) -> dict[str, list[Change]]:
    no_break = both(break_min=0)
    moved = together(at(TOMORROW, start_at="06:00", end_at="18:00"), no_break)
    a_break = at(break_from_at="06:00", break_until_at="18:00")
    return {
        "driver": [both(driver=busy.eve.pk), both(driver=busy.dan.pk)],
        "vehicle": [both(vehicle=None), both(vehicle=busy.ben.vehicle_id)],
        "start_at": [together(at(start_at="15:15"), no_break), moved],
        "end_at": [together(at(end_at="10:30"), no_break)],
        "break_min": [together(a_break, both(break_min=300))],
        "break_from_at": [together(at(break_from_at="06:00", break_until_at="17:00"))],
        "break_until_at": [together(at(break_from_at="06:00", break_until_at="07:00"))],
    }


def _absence(row: Absence, busy: Busy) -> dict[str, list[Change]]:
    return {
        "driver": [together(both(driver=busy.ben.pk), at(start_at="09:00"))],
        "start_at": [at(start_at="09:00")],
        "end_at": [at(end_at="23:00"), at(start_at="06:00", end_at="14:00")],
        "reason": [both(reason="sick")],
        "note": [both(note="dentist")],
    }


def _vehicle_absence(row: VehicleAbsence, busy: Busy) -> dict[str, list[Change]]:
    return {
        "vehicle": [together(both(vehicle=busy.ben.vehicle_id), at(start_at="09:00"))],
        "start_at": [at(start_at="09:00")],
        "end_at": [at(end_at="23:00"), at(start_at="06:00", end_at="14:00")],
        "reason": [both(reason="inspection")],
        "note": [both(note="tyres")],
    }


def _client(row: Client, busy: Busy) -> dict[str, list[Change]]:
    return {
        "external_id": [both(external_id="P-1")],
        "name": [both(name="Zoé")],
        "phone": [both(phone="+41 22 000 00 00")],
        "address": [both(address="Quai 1")],
        "lat": [both(lat=FAR_LAT)],
        "lon": [both(lon=FAR_LON)],
        "wheelchair": [both(wheelchair=True)],
        "may_share": [both(may_share=False)],
        "max_ride_min": [both(max_ride_min=1)],
        "notes": [form_only(notes="Rings twice")],
        "far_meant": [meant("lat", "lon")],
    }


def _place(row: CompanyPlace, busy: Busy) -> dict[str, list[Change]]:
    return {
        "name": [both(name="HUG")],
        "address": [both(address="Quai 1")],
        "lat": [both(lat=FAR_LAT)],
        "lon": [both(lon=FAR_LON)],
        "entrance": [both(entrance="B")],
        "notes": [both(notes="Rings twice")],
        "boarding_min": [both(boarding_min=100)],
        "margin_min": [both(margin_min=100)],
        "far_meant": [meant("lat", "lon")],
    }


def _company(row: Company, busy: Busy) -> dict[str, list[Change]]:
    return {
        "name": [both(name="New")],
        "slug": [form_only(slug="new")],
        "timezone": [form_only(timezone="Asia/Tokyo")],
        "depot_address": [form_only(depot_address="Quai 1")],  # only searched
        "depot_lat": [both(depot_lat=FAR_LAT)],
        "depot_lon": [both(depot_lon=FAR_LON)],
        "pickup_early_min": [both(pickup_early_min=0)],
        "pickup_late_min": [both(pickup_late_min=0)],
        "return_late_min": [both(return_late_min=0)],
        "appointment_margin_min": [both(appointment_margin_min=60)],
        "boarding_min": [both(boarding_min=100)],
        "boarding_wheelchair_min": [both(boarding_wheelchair_min=100)],
        "boarding_stretcher_min": [both(boarding_stretcher_min=100)],
        "alighting_min": [both(alighting_min=100)],
        "speed_kmh": [both(speed_kmh=5)],
        "circuity": [both(circuity=5)],
        "max_bookings_per_driver": [both(max_bookings_per_driver=1)],
        "freeze_min": [both(freeze_min=0)],
        "fairness": [both(fairness=0)],
        "emergency_cost_min": [both(emergency_cost_min=0)],
        "correction_hours": [both(correction_hours=0)],
        "on_time_early_min": [both(on_time_early_min=0)],
        "on_time_late_min": [both(on_time_late_min=0)],
        "forget_after_months": [both(forget_after_months=120)],
        "keep_log_months": [both(keep_log_months=24)],
        "expiry_days": [both(expiry_days=0)],
        "expired_stop": [both(expired_stop=True)],
        "plan_without_roads": [both(plan_without_roads=True)],
        "shares_rides": [both(shares_rides=True)],
        "ride_factor": [both(ride_factor=1)],
        "ride_added_min": [both(ride_added_min=0)],
        "ride_longest_min": [both(ride_longest_min=1)],
        "ride_cost_percent": [both(ride_cost_percent=0)],
        "series_days_ahead": [both(series_days_ahead=30)],
        "holiday_country": [both(holiday_country="CH")],
        "holiday_canton": [both(holiday_country="CH", holiday_canton="GE")],
    }


def _series(row: Series, busy: Busy) -> dict[str, list[Change]]:
    return {
        "client": [api_only(client=busy.client.pk)],
        "since": [form_only(since=str(row.first_day + timedelta(days=8)))],
        "weekdays": [Change({"weekdays": [2, 4]}, {"weekdays": ["2", "4"]})],
        "every_weeks": [both(every_weeks=2)],
        "first_day": [both(first_day=str(TOMORROW))],
        "last_day": [both(last_day=str(TOMORROW))],
        "count": [both(count=3)],
        "skips_holidays": [both(skips_holidays=True)],
        "pickup_time": [both(pickup_time="11:00")],
        "appointment_time": [both(appointment_time="08:30")],
        "return_time": [both(return_time="12:00")],
        "return_will_call": [both(return_time="12:00", return_will_call=True)],
        "pickup_address": [both(pickup_address="Quai 1")],
        "pickup_lat": [both(pickup_lat=FAR_LAT)],
        "pickup_lon": [both(pickup_lon=FAR_LON)],
        "dropoff_address": [both(dropoff_address="Quai 1")],
        "dropoff_lat": [both(dropoff_lat=FAR_LAT)],
        "dropoff_lon": [both(dropoff_lon=FAR_LON)],
        "passengers": [both(passengers=3)],
        "wheelchairs": [both(wheelchairs=1)],
        "may_share": [both(may_share=False)],
        "max_ride_min": [both(max_ride_min=1)],
        "needs": [both(needs=["hoist"])],
        "priority": [both(priority=2)],
        "notes": [both(notes="Rings twice")],
        "driver": [both(driver=busy.anna.pk)],
        "overlap_meant": [api_only(overlap_meant=True)],
        "far_meant": [meant("dropoff_lat", "dropoff_lon")],
    }


COLUMNS = {
    Absence: _absence,
    Booking: _booking,
    Client: _client,
    Company: _company,
    CompanyPlace: _place,
    Driver: _driver,
    Series: _series,
    Shift: _shift,
    Vehicle: _vehicle,
    VehicleAbsence: _vehicle_absence,
}
