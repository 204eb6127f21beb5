"""Tables of companies, members, drivers, vehicles and shifts.

Times are stored in UTC; a company's day is a day in its own timezone. Periods are half-open.
Positions are degrees, WGS 84. Durations carry their unit.
"""

from drivers.models.company import Company
from drivers.models.customer import (
    OWN_WINDOW,
    Customer,
    FillsCustomers,
    OfCustomer,
    OwnWindow,
)
from drivers.models.devices import Device
from drivers.models.far_places import (
    FAR_AWAY,
    FAR_KM,
    FAR_MEANT,
    AsksAboutFarPlaces,
    asked_about,
    far_places,
    km_between,
)
from drivers.models.fleet import Driver, Vehicle
from drivers.models.invitations import Invitation
from drivers.models.membership import GRANTABLE_ROLES, ApiToken, Membership, Role, StoredAnswer
from drivers.models.shifts import Absence, RosterChange, Shift, ShiftTemplate, Weekday, driven_by
from drivers.models.traffic import TrafficVersion, validate_factors
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
    "Customer",
    "Device",
    "Driver",
    "FAR_AWAY",
    "FAR_KM",
    "FAR_MEANT",
    "FillsCustomers",
    "IN_YEARS",
    "Invitation",
    "LATITUDE",
    "LONGITUDE",
    "Membership",
    "OWN_WINDOW",
    "OfCustomer",
    "OwnWindow",
    "GRANTABLE_ROLES",
    "Role",
    "RosterChange",
    "SHIFT_AT_MOST",
    "Shift",
    "ShiftTemplate",
    "StoredAnswer",
    "TrafficVersion",
    "Vehicle",
    "VehicleAbsence",
    "Weekday",
    "asked_about",
    "driven_by",
    "far_places",
    "km_between",
    "on_earth",
    "validate_factors",
    "validate_tags",
    "validate_timezone",
    "within_years",
]
