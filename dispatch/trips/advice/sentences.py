"""Say what a suggestion is, and what comes of it, in the reader's language."""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from dispatch.day.day import Day
from dispatch.day.reasons import clock
from dispatch.trips.advice.extra_vehicles import ExtraVehicle
from dispatch.trips.advice.suggestion import Kind, Move, Suggestion

SENTENCES = {
    Kind.ASSIGN: gettext_noop("%(driver)s picks up at %(pickup)s."),
    Kind.OVER_CAP: gettext_noop("%(driver)s takes one trip more than allowed, at %(pickup)s."),
    Kind.MOVE_OTHER: gettext_noop(
        "%(other_driver)s takes %(other)s at %(other_at)s; then %(driver)s picks up at %(pickup)s."
    ),
    Kind.ARRIVE_LATE: gettext_noop(
        "%(driver)s picks up at %(pickup)s and arrives %(late_min)s min after the appointment."
    ),
    Kind.ASK_CLIENT: gettext_noop(
        "Ask the client for %(wanted)s instead of %(before)s: then %(driver)s picks up."
    ),
    Kind.START_EARLIER: gettext_noop(
        "%(driver)s starts %(longer_min)s min earlier, at %(start)s, and picks up at %(pickup)s."
    ),
    Kind.END_LATER: gettext_noop(
        "%(driver)s ends %(longer_min)s min later, at %(end)s, and picks up at %(pickup)s."
    ),
    Kind.INSTEAD_OF: gettext_noop(
        "%(driver)s picks up at %(pickup)s instead of driving %(released)s, which loses its driver."
    ),
}


def sentence(day: Day, found: Suggestion) -> str:
    """Return the suggestion in one sentence, or two if other trips get new times."""

    def at(moment: datetime) -> str:
        return clock(day.company, day.day, moment)

    values: dict[str, object] = {
        "driver": found.driver,
        "pickup": at(found.pickup_at),
        "late_min": found.late_min,
    }
    given = next((m for m in found.moves if m.booking_id == found.change.other_id), None)
    if given:
        values |= {"other": given.trip, "other_driver": given.driver}
        values["other_at"] = at(given.pickup_at)
    if found.client:
        values |= {"wanted": at(found.client.wanted_at), "before": at(found.client.before_at)}
    if found.shift:
        values |= {"start": at(found.shift.start_at), "end": at(found.shift.end_at)}
        values["longer_min"] = found.shift.minutes
    if found.released:
        values["released"] = found.released.trip
    text = _(SENTENCES[found.kind]) % values
    retimed = len(found.moves) - bool(given)
    if not retimed:
        return text
    more = ngettext(
        "%(count)d other trip gets a new time.", "%(count)d other trips get new times.", retimed
    )
    return f"{text} {more % {'count': retimed}}"


def consequences(day: Day, found: Suggestion) -> Iterator[str]:
    """Yield everything that is done, a sentence for each."""

    def at(moment: datetime) -> str:
        return clock(day.company, day.day, moment)

    if found.client:
        yield _("The client is asked for %(wanted)s instead of %(before)s.") % {
            "wanted": at(found.client.wanted_at),
            "before": at(found.client.before_at),
        }
    if found.shift:
        yield _("The shift of %(driver)s lasts from %(start)s to %(end)s.") % {
            "driver": found.shift.driver,
            "start": at(found.shift.start_at),
            "end": at(found.shift.end_at),
        }
    if found.released:
        yield _("%(trip)s loses its driver, %(driver)s.") % {
            "trip": found.released.trip,
            "driver": found.released.driver,
        }
    for move in found.moves:
        values = {
            "trip": move.trip,
            "driver": move.driver,
            "before": move.driver_before,
            "at": at(move.pickup_at),
        }
        if move.changes_driver:
            yield _("%(trip)s goes from %(before)s to %(driver)s, who picks up at %(at)s.") % values
        elif not move.changes_ride:
            yield _("%(driver)s picks up %(trip)s at %(at)s.") % values
        if move.changes_ride:
            yield _driven(move, at)
    yield _driven(found, at)
    for row in found.breaks:
        yield _("The break of %(driver)s begins at %(at)s.") % {
            "driver": row.driver,
            "at": at(row.start_at),
        }
    for fault in found.faults:
        yield _("Against the rules: %(rule)s") % {"rule": fault.text}
    if found.locked:
        yield _("The trip is locked: no run moves it.")


def _driven(found: Move | Suggestion, at: Callable[[datetime], str]) -> str:
    return _("%(driver)s drives %(trip)s: pickup at %(pickup)s, dropoff at %(dropoff)s.") % {
        "driver": found.driver,
        "trip": found.trip,
        "pickup": at(found.pickup_at),
        "dropoff": at(found.dropoff_at),
    }


def about_vehicle(day: Day, found: ExtraVehicle) -> str:
    """Say what one more vehicle would do."""
    values = {
        "from": clock(day.company, day.day, found.from_at),
        "until": clock(day.company, day.day, found.until_at),
        "trips": ", ".join(found.trips),
        "count": len(found.trips),
        "needs": ", ".join(sorted(found.needs)),
    }
    if found.needs:
        text = ngettext(
            "No car with %(needs)s is free. One more from %(from)s to %(until)s would serve "
            "%(trips)s.",
            "No car with %(needs)s is free. One more from %(from)s to %(until)s would serve "
            "%(count)d trips: %(trips)s.",
            len(found.trips),
        )
    elif found.wheelchairs:
        text = ngettext(
            "No wheelchair car is free. One more from %(from)s to %(until)s would serve %(trips)s.",
            "No wheelchair car is free. One more from %(from)s to %(until)s would serve "
            "%(count)d trips: %(trips)s.",
            len(found.trips),
        )
    else:
        text = ngettext(
            "No car is free. One more from %(from)s to %(until)s would serve %(trips)s.",
            "No car is free. One more from %(from)s to %(until)s would serve %(count)d trips: "
            "%(trips)s.",
            len(found.trips),
        )
    return text % values
