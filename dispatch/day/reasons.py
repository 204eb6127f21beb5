"""Tell why a booking has no driver, and what would help, in the reader's language.

The planner explains itself in codes, with parameters in seconds of the day; here they become
sentences with the company's clock times.
"""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dispatch.day.load import Day, pickup_window
from dispatch.planner.explain.reasons import Reason
from dispatch.planner.explain.sentences import SENTENCES

LEFT_OUT = {
    "not_accepted": gettext_noop("The booking has not been accepted yet."),
    "will_call": gettext_noop("Its time is not known: the client calls when they are ready."),
    "window_passed": gettext_noop("Its pickup window ended at %(latest_s)s."),
}
SUGGESTED = {
    "not_accepted": gettext_noop("Accept or cancel it, then plan again."),
    "will_call": gettext_noop("Say “ready now” when they call."),
    "window_passed": gettext_noop("Agree on a new time with the client, or cancel it."),
}
# The sentence of every code that is kept.
ALL = SENTENCES | LEFT_OUT | {f"then_{code}": text for code, text in SUGGESTED.items()}


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A booking without a driver: why, who comes closest, and what would help.

    `said` has the same as [code, values], from which `retold` makes the sentences again.
    """

    booking: int
    reference: str
    reason: str
    detail: str
    blockers: tuple[str, ...] = ()
    suggestion: str | None = None
    said: dict = field(default_factory=dict)

    def as_dict(self):
        return {
            "booking": self.booking,
            "reference": self.reference,
            "reason": self.reason,
            "detail": self.detail,
            "blockers": list(self.blockers),
            "suggestion": self.suggestion,
            "said": self.said,
        }


def retold(row: dict) -> dict:
    """Return a kept row of an unassigned booking with its sentences in the reader's language.

    Rows from before there were codes keep the language they were written in.
    """
    said = row.get("said")
    return row | _sentences(said) if said else row


def _sentences(said):
    return {
        "detail": _tell(*said["detail"]),
        "blockers": [_tell(*told) for told in said["blockers"]],
        "suggestion": _tell(*said["suggestion"]) if said["suggestion"] else None,
    }


def _tell(code, values):
    return _(ALL[code]) % values


def sentence(day: Day, code: str, detail: dict, sentences=SENTENCES) -> str:
    """Return the sentence of a code: `_s` parameters become clock times of the company."""
    return _(sentences[code]) % _values(day, detail)


def _values(day, detail):
    return {name: _shown(day, name, value) for name, value in detail.items()}


def clock(day: Day, seconds: int) -> str:
    """Return a local clock time; a time of another date says so."""
    local = day.company.local(day.moment(seconds))
    if local.date() == day.day:
        return f"{local:%H:%M}"
    return f"{local:%H:%M} ({local:%d.%m.})"


def _shown(day, name, value):
    if name.endswith("_s"):
        return clock(day, value)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(sorted(value))
    return str(value)


def told_reason(day: Day, reason: Reason) -> Unassigned:
    """Return a planner's reason in sentences."""

    def said(part):
        return part and [str(part.code), _values(day, part.detail)]

    return _unassigned(
        day.bookings[reason.trip_id],
        reason.code,
        {
            "detail": said(reason),
            "blockers": [said(blocker) for blocker in reason.blockers],
            "suggestion": said(reason.suggestion),
        },
    )


def told_left_out(day: Day, booking_id: int, code: str) -> Unassigned:
    """Return in sentences why a booking never reached the planner."""
    row = day.bookings[booking_id]
    latest_at = pickup_window(day.company, row.scheduled_time, row.return_of_id)[1]
    values = {"latest_s": clock(day, day.seconds(latest_at))}
    said = {"detail": [code, values], "blockers": [], "suggestion": [f"then_{code}", {}]}
    return _unassigned(row, code, said)


def _unassigned(row, code, said):
    told = _sentences(said)
    return Unassigned(
        booking=row.id,
        reference=row.label,
        reason=str(code),
        detail=told["detail"],
        blockers=tuple(told["blockers"]),
        suggestion=told["suggestion"],
        said=said,
    )
