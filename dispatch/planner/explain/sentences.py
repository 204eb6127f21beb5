"""The codes of explanations, and the sentence of each.

A sentence takes its parameters from the `detail` beside its code (`sentence % detail`). A key
ending in `_s` is a time of day in seconds since the start of the company's day, one ending in
`_min` a duration in whole minutes: the caller formats them as local clock times and
translates the sentence. `driver` is a name, `trip` a booking reference.

"Until" is the earliest and "by" the latest time the tour allows. They may differ from the
times of the plan, but the sum of a sentence comes out with them.

Codes of bookings that never reach the planner are added by the caller that excludes them.
"""

from enum import StrEnum


def gettext_noop(message: str) -> str:
    """Mark a sentence for `makemessages` without needing Django."""
    return message


class Why(StrEnum):
    """Why a trip is unserved: the first of these that holds."""

    APPOINTMENT_IMPOSSIBLE = "appointment_impossible"
    NO_VEHICLE = "no_vehicle"
    NO_SKILL = "no_skill"
    FORBIDDEN = "forbidden"
    OFF_SHIFT = "off_shift"
    CAP_REACHED = "cap_reached"
    ALL_BUSY = "all_busy"
    COSTS_MORE = "costs_more"
    COULD_BE_INSERTED = "could_be_inserted"


class Block(StrEnum):
    """What keeps one driver from one trip, the most permanent first."""

    NO_SEATS = "no_seats"
    NO_WHEELCHAIR_PLACE = "no_wheelchair_place"
    NO_SKILL = "lacks_skill"
    FORBIDDEN = "not_for_this_client"
    NO_DUTY = "no_duty"
    OFF_SHIFT = "not_on_duty"
    BREAK_IMPOSSIBLE = "break_impossible"
    CAP_REACHED = "has_all_trips"
    BUSY = "busy"
    BUSY_UNTIL = "busy_until"
    DUE_AT = "due_at"
    STARTS_AND_DUE = "starts_and_due"
    BACK_BY = "back_by"
    BREAK = "break"


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


SENTENCES: dict[StrEnum, str] = {
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
    Why.COSTS_MORE: gettext_noop(
        "%(driver)s could take it at %(pickup_s)s, but at %(price_min)s min of empty driving "
        "that costs more than leaving it out (%(unserved_min)s min)."
    ),
    Why.COULD_BE_INSERTED: gettext_noop(
        "%(driver)s could take it at %(pickup_s)s: the search ended before it was placed."
    ),
    Block.NO_SEATS: gettext_noop("%(driver)s has %(seats)s seats."),
    Block.NO_WHEELCHAIR_PLACE: gettext_noop(
        "%(driver)s has %(wheelchair_places)s wheelchair places."
    ),
    Block.NO_SKILL: gettext_noop("%(driver)s cannot do this: %(needs)s."),
    Block.FORBIDDEN: gettext_noop("%(driver)s is excluded for this client."),
    Block.NO_DUTY: gettext_noop("%(driver)s has no duty."),
    Block.OFF_SHIFT: gettext_noop(
        "%(driver)s is on duty from %(from_s)s to %(until_s)s, %(away_min)s min from the pickup "
        "and %(back_min)s min back from the dropoff."
    ),
    Block.BREAK_IMPOSSIBLE: gettext_noop(
        "%(driver)s has fixed trips that leave no room for the break."
    ),
    Block.CAP_REACHED: gettext_noop("%(driver)s already has %(trips)s trips, as many as allowed."),
    Block.BUSY: gettext_noop(
        "%(driver)s is on trip %(trip)s until %(until_s)s, %(away_min)s min away, and then due at "
        "trip %(next_trip)s by %(next_s)s, %(next_min)s min from the dropoff."
    ),
    Block.BUSY_UNTIL: gettext_noop(
        "%(driver)s is on trip %(trip)s until %(until_s)s, %(away_min)s min away."
    ),
    Block.DUE_AT: gettext_noop(
        "%(driver)s is due at trip %(next_trip)s by %(next_s)s, %(next_min)s min from the dropoff."
    ),
    Block.STARTS_AND_DUE: gettext_noop(
        "%(driver)s starts at %(from_s)s, %(away_min)s min away, and is due at trip "
        "%(next_trip)s by %(next_s)s, %(next_min)s min from the dropoff."
    ),
    Block.BACK_BY: gettext_noop(
        "%(driver)s is on trip %(trip)s until %(until_s)s, %(away_min)s min away, and has to "
        "be back by %(next_s)s, %(next_min)s min from the dropoff."
    ),
    Block.BREAK: gettext_noop(
        "%(driver)s would lose the break of %(length_min)s min between %(from_s)s and %(to_s)s."
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
}
