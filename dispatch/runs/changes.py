"""What is to be different where days are planned again: the policy, the vehicles on duty.

Minutes and factors are those of the company's fields; vehicles are named by their ids.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _

from dispatch.day.rows import DriverRow
from drivers.models import Company, Vehicle
from drivers.refused import Refused

# The fields of a company that say how rides are shared.
LIMITS = ("ride_factor", "ride_added_min", "ride_longest_min", "ride_cost_percent")
# Those that may be different.
POLICY = (
    "pickup_early_min",
    "pickup_late_min",
    "return_late_min",
    "appointment_margin_min",
    "shares_rides",
    *LIMITS,
)
DAYS_AT_MOST = 14
VEHICLES_AT_MOST = 20  # of each kind
ALONE: dict[str, Any] = {
    "absence_id": None,
    "absence_start_at": None,
    "absence_end_at": None,
    "away_start_at": None,
    "away_end_at": None,
    "last_lat": None,
    "last_lon": None,
    "last_position_at": None,
}


class QuestionRefused(Refused):
    """This cannot be asked; the message says why."""

    code = "invalid"
    status = 400

    def __init__(self, text: str, field: str = "policy") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Changes:
    """The fields of `POLICY` that are different, the vehicles that are left out, and those of
    which there is one more: with a driver of the same home and skills, in the same shifts.
    """

    policy: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[int, ...] = ()
    more_like: tuple[int, ...] = ()

    @property
    def is_nothing(self) -> bool:
        return not (self.policy or self.without or self.more_like)

    def as_dict(self) -> dict[str, Any]:
        return {
            "policy": dict(self.policy),
            "without": list(self.without),
            "more_like": list(self.more_like),
        }

    def company(self, company: Company) -> Company:
        """Return a copy of the company with the changed policy; it is not saved."""
        changed = copy(company)
        for name, value in self.policy.items():
            setattr(changed, name, value)
        return changed

    def drivers(self, drivers: dict[int, list[DriverRow]]) -> dict[int, list[DriverRow]]:
        """Return the rows of a day's drivers with the vehicles that are on duty instead.

        Who is added has a negative id: first in order, and nobody's driver.
        """
        if not (self.without or self.more_like):
            return drivers
        every = [row for rows in drivers.values() for row in rows]
        left: dict[int, list[DriverRow]] = {}
        for row in every:
            if row.shift_id is None or row.vehicle_id not in self.without:
                left.setdefault(row.id, []).append(row)
        return _more(every, self.more_like) | left


def _more(rows: Sequence[DriverRow], like: Sequence[int]) -> dict[int, list[DriverRow]]:
    """Return one driver more for each who has a shift with one of the vehicles, ids ascending."""
    found = {
        (row.vehicle_id, row.id, row.shift_id): row
        for row in rows
        if row.shift_id is not None and row.vehicle_id is not None and row.vehicle_id in like
    }
    numbers = {key: -number for number, key in enumerate(sorted({key[:2] for key in found}), 1)}
    more: dict[int, list[DriverRow]] = {}
    for (vehicle_id, driver_id, shift_id), row in sorted(found.items(), reverse=True):
        number = numbers[vehicle_id, driver_id]
        new = row._replace(id=number, vehicle_id=-vehicle_id, shift_id=-shift_id, **ALONE)
        more.setdefault(number, []).append(new)
    return more


def ask(company: Company, first: date, last: date, changes: Changes) -> dict[str, Any]:
    """Return what a run keeps of the question, with the plates of its vehicles: 1 query.

    Without vehicles none. Raises QuestionRefused.
    """
    if last < first:
        raise QuestionRefused(_("The last day must not be before the first."), "until")
    if last - first >= timedelta(days=DAYS_AT_MOST):
        raise QuestionRefused(
            _("Ask about at most %(most)d days at once.") % {"most": DAYS_AT_MOST}, "until"
        )
    if changes.is_nothing:
        raise QuestionRefused(_("Say what is to be different."))
    if set(changes.without) & set(changes.more_like):
        raise QuestionRefused(
            _("A vehicle is left out, or there is one more like it, not both."), "more_like"
        )
    plates = {}
    if changes.without or changes.more_like:
        asked = {*changes.without, *changes.more_like}
        vehicles = Vehicle.objects.filter(company=company, id__any_of=sorted(asked))
        plates = dict(vehicles.values_list("id", "plate"))
    for name in ("without", "more_like"):
        if not plates.keys() >= set(getattr(changes, name)):
            raise QuestionRefused(_("The company has no such vehicle."), name)
    return {
        "until": last.isoformat(),
        **changes.as_dict(),
        "plates": {str(vehicle_id): plate for vehicle_id, plate in plates.items()},
    }


def days_of(first: date, question: Mapping[str, Any]) -> list[date]:
    """Return the days that a question is about."""
    last = date.fromisoformat(question["until"])
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def changes_of(question: Mapping[str, Any]) -> Changes:
    """Return the changes that a question asks about."""
    return Changes(question["policy"], tuple(question["without"]), tuple(question["more_like"]))
