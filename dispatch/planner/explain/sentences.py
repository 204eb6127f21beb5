"""The codes of explanations, and the sentence of each; those of blockers are the rules' own.

A sentence takes its parameters from the `detail` beside its code, as in `planner/rules/rule.py`.
Codes of bookings that never reach the planner are added by the caller that excludes them.
"""

from enum import StrEnum

from dispatch.planner.rules import registry
from dispatch.planner.rules.rule import gettext_noop


class Why(StrEnum):
    """Why a trip is unserved: the first of these that holds."""

    APPOINTMENT_IMPOSSIBLE = "appointment_impossible"
    NO_DRIVER = "no_driver"
    NO_VEHICLE = "no_vehicle"
    NO_SKILL = "no_skill"
    FORBIDDEN = "forbidden"
    EXPIRED = "expired"
    OFF_SHIFT = "off_shift"
    CAP_REACHED = "cap_reached"
    ALL_BUSY = "all_busy"
    COULD_BE_INSERTED = "could_be_inserted"


SENTENCES: dict[str, str] = {
    Why.APPOINTMENT_IMPOSSIBLE: gettext_noop(
        "Picked up at %(earliest_s)s at the earliest, the ride of %(ride_min)s min ends at "
        "%(arrival_s)s, after the appointment at %(arrive_by_s)s."
    ),
    Why.NO_DRIVER: gettext_noop("No driver is on duty."),
    Why.NO_VEHICLE: gettext_noop(
        "No vehicle has %(seats)s seats and %(wheelchairs)s wheelchair places."
    ),
    Why.NO_SKILL: gettext_noop("No driver with such a vehicle can do this: %(needs)s."),
    Why.FORBIDDEN: gettext_noop(
        "Every driver who could take it (%(drivers)s) is excluded for this client."
    ),
    Why.EXPIRED: gettext_noop("No suitable driver and vehicle have all their papers in order."),
    Why.OFF_SHIFT: gettext_noop(
        "None of the suitable drivers (%(drivers)s) is on duty for a pickup between "
        "%(earliest_s)s and %(latest_s)s."
    ),
    Why.CAP_REACHED: gettext_noop(
        "The suitable drivers on duty (%(drivers)s) all have as many trips as allowed."
    ),
    Why.ALL_BUSY: gettext_noop(
        "None of the suitable drivers on duty (%(drivers)s) is free for a pickup between "
        "%(earliest_s)s and %(latest_s)s."
    ),
    Why.COULD_BE_INSERTED: gettext_noop(
        "%(driver)s could take it at %(pickup_s)s: the search ended before it was placed."
    ),
    **registry.SENTENCES,
}
