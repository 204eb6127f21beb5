"""The codes of the rules, for machines: added, never renamed, because runs and events keep them."""

from enum import StrEnum


class Block(StrEnum):
    """What keeps one driver from one trip, the most permanent first."""

    NOT_AVAILABLE = "not_available"
    EXPIRED = "expired"
    NO_SEATS = "no_seats"
    NO_WHEELCHAIR_PLACE = "no_wheelchair_place"
    NO_SKILL = "lacks_skill"
    FORBIDDEN = "not_for_this_client"
    NO_DUTY = "no_duty"
    OFF_SHIFT = "not_on_duty"
    BREAK_IMPOSSIBLE = "break_impossible"
    CAP_REACHED = "has_all_trips"
    APPOINTMENT = "appointment"
    PICKUP_WINDOW = "pickup_window"
    BEFORE_ARRIVAL = "before_arrival"
    TWO_PLACES = "two_places"
    VEHICLE_FULL = "vehicle_full"
    RIDE_LIMIT = "ride_limit"
    RIDES_ALONE = "rides_alone"
    OVERLAP = "overlap"
    BUSY = "busy"
    BUSY_UNTIL = "busy_until"
    DUE_AT = "due_at"
    STARTS_AND_DUE = "starts_and_due"
    BACK_BY = "back_by"
    BREAK = "break"
