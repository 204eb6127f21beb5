"""Tables of companies, members, drivers, vehicles and shifts.

Times are stored in UTC; a company's day is a day in its own timezone. Periods are half-open.
Positions are degrees, WGS 84. Durations carry their unit.
"""

from drivers.models.company import Company
from drivers.models.far_places import (
    FAR_AWAY,
    FAR_KM,
    FAR_MEANT,
    AsksAboutFarPlaces,
    asks_if_far,
    far_places,
)
from drivers.models.fleet import Driver, Vehicle
from drivers.models.membership import GRANTABLE_ROLES, ApiToken, Membership, Role, StoredAnswer
from drivers.models.shifts import Absence, Shift, ShiftTemplate, Weekday, driven_by
from drivers.models.values import (
    IN_YEARS,
    LATITUDE,
    LONGITUDE,
    SHIFT_AT_MOST,
    on_earth,
    validate_tags,
    validate_timezone,
    within_years,
)
from drivers.models.vehicle_absences import VehicleAbsence

__all__ = [
    "Absence",
    "ApiToken",
    "AsksAboutFarPlaces",
    "Company",
    "Driver",
    "FAR_AWAY",
    "FAR_KM",
    "FAR_MEANT",
    "IN_YEARS",
    "LATITUDE",
    "LONGITUDE",
    "Membership",
    "GRANTABLE_ROLES",
    "Role",
    "SHIFT_AT_MOST",
    "Shift",
    "ShiftTemplate",
    "StoredAnswer",
    "Vehicle",
    "VehicleAbsence",
    "Weekday",
    "asks_if_far",
    "driven_by",
    "far_places",
    "on_earth",
    "validate_tags",
    "validate_timezone",
    "within_years",
]
