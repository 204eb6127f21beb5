"""Lines of the list of what needs attention, as the template shows them (see `attention`)."""

from django.utils.translation import gettext_lazy

from bookings.models import Status
from dispatch.board.attention import Kind
from dispatch.day.trip_names import name_of
from dispatch.day.trips import PLANNABLE

KINDS = {
    Kind.SEEN: gettext_lazy("seen there"),
    Kind.LATE: gettext_lazy("late"),
    Kind.WILL_BE_LATE: gettext_lazy("will be late"),
    Kind.UNASSIGNED: gettext_lazy("no driver"),
    Kind.MISSED: gettext_lazy("missed"),
    Kind.SILENT: gettext_lazy("no report"),
    Kind.UNCONFIRMED: gettext_lazy("not confirmed"),
}
# What a driver's position lets one think, as the buttons of a trip's panel call it.
REPORTS = {
    "en_route": gettext_lazy("En route"),
    "arrive": gettext_lazy("Arrived"),
    "completed": gettext_lazy("Completed"),
}
LEFT = {
    "left": gettext_lazy("%(minutes)d min left"),
    "over": gettext_lazy("%(minutes)d min over"),
}


def line_of(company, item):
    """Return a line of the list: how long it has, what is wrong and why, and what would help."""
    row, minutes = item.row, int(item.left.total_seconds() // 60)
    left = LEFT["over" if minutes < 0 else "left"] % {"minutes": abs(minutes)}
    calls_driver = item.driver and not row.arrived_at and row.status == Status.ASSIGNED
    calls_driver = calls_driver or item.kind in (Kind.SILENT, Kind.SEEN)
    return {
        "booking": row.id,
        "version": row.version,
        "assignment": row.assignment_id,
        "kind": str(item.kind),
        "kind_text": KINDS[item.kind],
        "over": minutes < 0,
        "left": left,
        "name": item.driver.name if item.of_driver else name_of(company, row),
        "driver": None if item.of_driver or not item.driver else item.driver.name,
        "cause": item.cause,
        "action": _action(item),
        "report": item.report,
        "report_text": REPORTS.get(item.report, ""),
        "seen_at": item.driver and company.clock(item.driver.last_position_at)
        if item.report
        else "",
        "rescuable": item.kind in (Kind.LATE, Kind.WILL_BE_LATE) and row.status == Status.ASSIGNED,
        "calls_driver": calls_driver,
        "phone": item.driver.phone if calls_driver else row.client_phone,
    }


def _action(item):
    """Return the one action that helps most: report, assign, confirm, a new time, or call."""
    if item.report:
        return "report"
    if item.kind == Kind.UNCONFIRMED:
        return "confirm"
    if item.row.status not in PLANNABLE:
        return "call"
    if item.kind == Kind.MISSED:
        return "new_time"
    return "assign" if item.kind in (Kind.UNASSIGNED, Kind.WILL_BE_LATE) else "call"
