"""Lay out the board for the page: positions in percent of the timeline, texts, classes.

The values are dictionaries, whose keys templates look up fastest.
"""

from datetime import timedelta
from functools import cache

from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.models import WAITING_STATUSES, Booking, Status
from dispatch.board.attention_lines import line_of
from dispatch.board.broken_rules import named
from dispatch.board.day import Board
from dispatch.board.labels import place_labels
from dispatch.board.scale import Scale
from dispatch.day.trip_names import name_of
from dispatch.forecast.expected import Risk
from dispatch.forecast.states import State
from drivers.models import Absence, VehicleAbsence

# A sign for every status but the usual one, so that colour is never the only difference (names of
# Material Symbols, which come with the theme).
SIGNS = {
    Status.PENDING: "help",
    Status.ACCEPTED: "inbox",
    Status.ASSIGNED: "",
    Status.EN_ROUTE: "directions_car",
    Status.IN_PROGRESS: "person_pin_circle",
    Status.COMPLETED: "check_circle",
    Status.NO_SHOW: "person_off",
}
RISKS = {
    Risk.LATE: gettext_lazy("%(minutes)d min late"),
    Risk.BEHIND: gettext_lazy("%(minutes)d min behind schedule"),
}
ABSENT = dict(Absence.Reason.choices) | dict(VehicleAbsence.Reason.choices)
BAR = "left:%(left)s%%;width:%(width)s%%;--room:%(room)s"
# A shorter bar could not be seen or clicked; in percent of the timeline.
NARROWEST = 0.9


def lay_out(board: Board) -> dict:
    """Return the context of the templates in `dispatch/board/`."""
    scale = Scale(board)
    attention = [line_of(board.company, item) for item in board.attention]
    return {
        "company": board.company,
        "day": board.day,
        "event": board.event,
        "fleet": board.fleet,
        "figures": board.figures,
        "now_at": scale.at(board.now),
        "now_text": scale.clock(board.now),
        "hours": scale.hours(),
        "hour_width": scale.percent(timedelta(hours=1)),
        "rows": [_row(scale, day) for day in board.drivers],
        "attention": attention,
        "is_advised": bool(board.waiting) or any(item["rescuable"] for item in attention),
        "papers": board.papers,
        "queue": [_waiting(scale, waiting) for waiting in board.waiting],
        "statuses": [
            {"value": str(status), "label": status.label, "sign": sign}
            for status, sign in SIGNS.items()
            if status not in WAITING_STATUSES
        ],
    }


def _shift_text(shift):
    """Say that the vehicle of the shift is taken over, or handed over, if it is."""
    parts = [_("Shift")]
    if shift.taken_over:
        parts.append(_("takes %(vehicle)s over at its start") % {"vehicle": shift.plate})
    if shift.handed_over:
        parts.append(_("hands %(vehicle)s over at its end") % {"vehicle": shift.plate})
    return ", ".join(parts)


def _numbers(cars, column):
    """Return the seats (column 0) or wheelchair places of the vehicles; 4|2 where places fold."""
    return "/".join("|".join(str(layout[column]) for layout in car.layouts) for car in cars)


def _row(scale, day):
    row = day.row
    cars = list(dict.fromkeys(shift.car for shift in day.shifts)) or [row.car]
    beside = _beside(scale.company, day.trips)
    trips = [bar for trip in day.trips if (bar := _bar(scale, trip, beside.get(trip.row.id)))]
    place_labels(trips)
    for bar in trips:
        bar["style"] = BAR % bar
        bar["classes"] += " above" if bar["above"] else ""
    breaks = [
        (shift.break_at, shift.break_at + timedelta(minutes=shift.break_min))
        for shift in day.shifts
        if shift.break_at and shift.break_min
    ]
    home = day.trips and sum(trip.empty_m for trip in day.trips) + day.back_m
    return {
        "id": row.id,
        "name": row.name,
        "emergency": row.kind == "emergency",
        "states": State.ON_DUTY if day.on_duty_now else "",
        "away": bool(day.shifts) and not day.on_duty,
        "plate": " / ".join(str(car.plate or _("no vehicle")) for car in cars),
        "seats": _numbers(cars, 0),
        "places": _numbers(cars, 1)
        if any(layout[1] for car in cars for layout in car.layouts)
        else "",
        "count": sum(not trip.other_day for trip in day.trips),
        "km": round((sum(trip.ride_m for trip in day.trips) + (home or 0)) / 1000),
        "shifts": _spans(
            scale,
            ((shift.start_at, shift.end_at, _shift_text(shift)) for shift in day.shifts),
        ),
        "breaks": _spans(scale, ((*rest, _("Break")) for rest in breaks)),
        "absences": _spans(
            scale,
            (
                (absence.start_at, absence.end_at, ABSENT[absence.reason])
                for absence in day.absences
            ),
        ),
        "empties": [span for trip in day.trips for span in _empty(scale, trip, breaks)],
        "trips": trips,
        "hours": ", ".join(
            f"{scale.clock(shift.start_at)}–{scale.clock(shift.end_at)}" for shift in day.shifts
        ),
    }


def _spans(scale, periods):
    """Return the drawn parts of (start, end, text), each with its times."""
    return [
        span | {"text": text, "title": f"{text} {scale.clock(start_at)}–{scale.clock(end_at)}"}
        for start_at, end_at, text in periods
        if (span := scale.span(start_at, end_at))
    ]


def _empty(scale, trip, breaks):
    """Return the lines of driving without passengers up to a trip's pickup, around the breaks."""
    pickup_at, _dropoff_at = _drawn(scale, trip)
    title = scale.empty % {
        "minutes": trip.empty.total_seconds() // 60,
        "km": scale.number(trip.empty_m / 1000),
    }
    spans = (scale.span(*period) for period in driven(pickup_at, trip.empty, breaks))
    return [span | {"title": title} for span in spans if span]


def driven(until_at, length, breaks):
    """Return the periods of a drive that ends at a moment: nobody drives during a break."""
    periods = []
    for start_at, end_at in sorted(breaks, reverse=True):
        if end_at > until_at - length and start_at < until_at:
            after = max(until_at - end_at, timedelta(0))
            if after:
                periods.append((end_at, until_at))
            until_at, length = start_at, length - after
    return [*periods, (until_at - length, until_at)] if length else periods


def _drawn(scale, trip):
    """Return when a trip is drawn: as expected, or as planned if that is after the drawn period.

    A trip of a day long past that nobody reported is expected today.
    """
    if trip.expected.pickup_at < scale.until_at:
        return trip.expected.pickup_at, trip.expected.dropoff_at
    return trip.row.planned_pickup_at, trip.row.planned_dropoff_at


def _beside(company, trips):
    """Return whom each trip of a driver rides with, {booking: names}, of those who do."""
    shared = [
        trip.row
        for trip in trips
        if trip.row.stretch is not None and trip.row.status != Status.NO_SHOW
    ]
    found = {}
    for row in shared:
        others = [
            name_of(company, other)
            for other in shared
            if other is not row
            and other.stretch == row.stretch
            and other.planned_pickup_at < row.planned_dropoff_at
            and row.planned_pickup_at < other.planned_dropoff_at
        ]
        if others:
            found[row.id] = ", ".join(others)
    return found


def _bar(scale, trip, beside=None):
    row, expected = trip.row, trip.expected
    span = scale.span(*_drawn(scale, trip), NARROWEST)
    if span is None:
        return None
    status = Status(row.status)
    bar = _booking(scale, row) | span
    risk = _risk(expected)
    classes = [f"is-{status}", f"risk-{expected.risk}" if expected.risk else ""]
    classes += ["locked" if row.locked else "", "elsewhen" if trip.other_day else ""]
    against = row.overrides and _("Against the rules: %(rules)s") % {"rules": named(row.overrides)}
    times = f"{scale.clock(row.planned_pickup_at)}–{scale.clock(row.planned_dropoff_at)}"
    bar["title"] = "\n".join(
        filter(
            None,
            [
                f"{times} {bar['who']} · {scale.status[status]}",
                risk,
                beside and _("Together with %(others)s") % {"others": beside},
                against,
                bar["about"],
            ],
        )
    )
    return bar | {
        "assignment": row.assignment_id,
        "driver": row.driver_id,
        "status": str(status),
        "states": " ".join(trip.states),
        "signs": _signs(row, status, risk),
        "classes": " ".join(filter(None, classes)),
        "risk": risk,
        "clock": scale.clock(row.planned_pickup_at),
    }


def _signs(row, status, risk):
    """Return the signs of a bar, the most important first: a narrow bar shows only that."""
    arrived = row.arrived_at and status == Status.EN_ROUTE
    signs = ["warning"] if risk else []
    if row.overrides:
        signs.append("gavel")
    if sign := "pin_drop" if arrived else SIGNS[status]:
        signs.append(sign)
    if row.locked:
        signs.append("lock")
    if row.wheelchairs:
        signs.append("accessible")
    if row.confirmed:
        signs.append("done_all")
    return _drawn_signs(*signs)


@cache
def _drawn_signs(*signs):
    """Return the signs as HTML: few different rows of them stand on a thousand bars."""
    if not signs:
        return ""
    drawn = format_html_join(
        "",
        '<i class="sign material-symbols-outlined{}">{}</i>',
        ((" alert" if sign == "warning" else "", sign) for sign in signs),
    )
    return format_html('<span class="signs" aria-hidden="true">{}</span>', drawn)


def _risk(expected):
    if expected.risk == Risk.NONE:
        return ""
    length = expected.late if expected.risk == Risk.LATE else expected.behind
    return RISKS[expected.risk] % {"minutes": length.total_seconds() // 60}


def _waiting(scale, waiting):
    row = waiting.row
    return _booking(scale, row) | {
        "status": row.status,
        "states": " ".join(waiting.states),
        "clock": scale.clock(row.scheduled_time),
        "will_call": row.will_call,
        "reason": waiting.reason,
        "suggestion": waiting.suggestion,
        "since": waiting.since and scale.clock(waiting.since.started_at),
        "outdated": waiting.outdated,
    }


def _booking(scale, row):
    """Return what a bar and an item of the queue both show of a booking."""
    who = row.client_name or row.reference or f"#{row.id}"
    pickup = row.pickup_address or f"{row.pickup_lat:.4f}, {row.pickup_lon:.4f}"
    dropoff = row.dropoff_address or f"{row.dropoff_lat:.4f}, {row.dropoff_lon:.4f}"
    facts = []
    if row.appointment_at:
        facts.append(_("appointment %(at)s") % {"at": scale.clock(row.appointment_at)})
    if row.wheelchairs:
        facts.append(
            ngettext("%(n)d wheelchair", "%(n)d wheelchairs", row.wheelchairs)
            % {"n": row.wheelchairs}
        )
    if row.passengers > 1:
        facts.append(_("%(n)d passengers") % {"n": row.passengers})
    facts += row.needs
    if row.priority:
        facts.append(str(Booking.Priority(row.priority).label))
    about = (f"{pickup} → {dropoff}", " · ".join(facts), row.reference, row.client_phone, row.notes)
    return {
        "booking": row.id,
        "version": row.version,
        "who": who,
        "label": f"{who} · {dropoff.partition(',')[0]}",
        "route": f"{pickup} → {dropoff}",
        "facts": " · ".join(facts),
        "wheelchairs": row.wheelchairs,
        "urgent": row.priority == Booking.Priority.URGENT,
        "about": "\n".join(filter(None, about)),
    }
