"""Name the rules that somebody overrode when a trip was assigned, in a few words each."""

from django.utils.translation import gettext_lazy as _

from dispatch.day.off_road import NOT_CONNECTED, OFF_ROAD
from dispatch.planner.rules.codes import Block

NAMES = {
    Block.NOT_AVAILABLE: _("driver not available"),
    Block.NO_SEATS: _("too few seats"),
    Block.NO_WHEELCHAIR_PLACE: _("no wheelchair place"),
    Block.NO_SKILL: _("equipment or skill missing"),
    Block.FORBIDDEN: _("driver excluded for this client"),
    Block.NO_DUTY: _("no shift"),
    Block.OFF_SHIFT: _("outside the shift"),
    Block.BREAK_IMPOSSIBLE: _("no time for the break"),
    Block.CAP_REACHED: _("too many trips"),
    Block.APPOINTMENT: _("after the appointment"),
    Block.PICKUP_WINDOW: _("outside the pickup window"),
    Block.BEFORE_ARRIVAL: _("before the outbound trip has arrived"),
    Block.OVERLAP: _("at the same time as another trip"),
    Block.BUSY: _("driver busy"),
    Block.BUSY_UNTIL: _("too soon after the trip before"),
    Block.DUE_AT: _("too late for the next trip"),
    Block.STARTS_AND_DUE: _("no time between two trips"),
    Block.BACK_BY: _("not back by the end of the shift"),
    Block.BREAK: _("during the break"),
    Block.TWO_PLACES: _("its client is on another trip"),
    Block.EXPIRED: _("papers expired"),
    Block.VEHICLE_FULL: _("vehicle full"),
    Block.RIDE_LIMIT: _("a client rides too long"),
    Block.RIDES_ALONE: _("a client rides alone"),
    OFF_ROAD: _("a place off the road"),
    NOT_CONNECTED: _("a place that no road leads to"),
}


def named(codes) -> str:
    """Return the rules of these codes as one text; an unknown code stays itself."""
    return ", ".join(str(NAMES.get(code, code)) for code in codes or ())
