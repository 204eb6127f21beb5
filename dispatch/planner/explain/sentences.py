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
    NO_VEHICLE = "no_vehicle"
    NO_SKILL = "no_skill"
    FORBIDDEN = "forbidden"
    OFF_SHIFT = "off_shift"
    CAP_REACHED = "cap_reached"
    ALL_BUSY = "all_busy"
    COULD_BE_INSERTED = "could_be_inserted"


class Change(StrEnum):
    """A change that would make a trip fit; of equally many minutes the first is suggested."""

    INSERT = "insert"
    OVER_CAP = "over_cap"
    LATER = "later"
    EARLIER = "earlier"
    ARRIVE_LATE = "arrive_late"
    START_EARLIER = "start_earlier"
    END_LATER = "end_later"
    INSTEAD_OF = "instead_of"
    EXTRA_VEHICLE = "extra_vehicle"
    EXTRA_SKILLED = "extra_skilled"


SENTENCES: dict[str, str] = {
    Why.APPOINTMENT_IMPOSSIBLE: gettext_noop(
        "Picked up at %(earliest_s)s at the earliest, the ride of %(ride_min)s min ends at "
        "%(arrival_s)s, after the appointment at %(arrive_by_s)s."
    ),
    Why.NO_VEHICLE: gettext_noop(
        "No vehicle has %(seats)s seats and %(wheelchairs)s wheelchair places."
    ),
    Why.NO_SKILL: gettext_noop("No driver with such a vehicle can do this: %(needs)s."),
    Why.FORBIDDEN: gettext_noop(
        "Every driver who could take it (%(drivers)s) is excluded for this client."
    ),
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
    Change.INSERT: gettext_noop("%(driver)s picks up at %(pickup_s)s."),
    Change.OVER_CAP: gettext_noop("%(driver)s takes one trip more than allowed, at %(pickup_s)s."),
    Change.LATER: gettext_noop(
        "%(driver)s picks up %(change_min)s min later than the window allows, at %(pickup_s)s."
    ),
    Change.EARLIER: gettext_noop(
        "%(driver)s picks up %(change_min)s min earlier than the window allows, at %(pickup_s)s."
    ),
    Change.ARRIVE_LATE: gettext_noop(
        "%(driver)s picks up at %(pickup_s)s and arrives %(change_min)s min after the "
        "appointment, at %(arrival_s)s."
    ),
    Change.START_EARLIER: gettext_noop(
        "%(driver)s starts %(change_min)s min earlier, at %(from_s)s, and picks up at %(pickup_s)s."
    ),
    Change.END_LATER: gettext_noop(
        "%(driver)s ends %(change_min)s min later, at %(until_s)s, and picks up at %(pickup_s)s."
    ),
    Change.INSTEAD_OF: gettext_noop(
        "%(driver)s picks up at %(pickup_s)s instead of driving trip %(trip)s."
    ),
    Change.EXTRA_VEHICLE: gettext_noop(
        "One more vehicle (seats: %(seats)s, wheelchair places: %(wheelchairs)s) is on duty "
        "from %(from_s)s to %(until_s)s."
    ),
    Change.EXTRA_SKILLED: gettext_noop(
        "One more driver who can do this (%(needs)s; seats: %(seats)s, wheelchair places: "
        "%(wheelchairs)s) is on duty from %(from_s)s to %(until_s)s."
    ),
    **registry.SENTENCES,
}
