"""Create bookings sent by other systems, in bulk and each of them once.

A booking with a reference is created once, however often it is sent. Sent again with other
details it is refused: a change needs the booking's id. A new one may be as old as yesterday; a
past is imported from a file (`bookings.importing`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.events import booking_created
from bookings.models import (
    OPEN_STATUSES,
    Actor,
    Booking,
    Client,
    Event,
    Status,
)
from bookings.order import enter_after, is_wanted_after
from drivers.models import Company
from drivers.refused import Refused

MOST = 1_000
ERRORS_SHOWN = 100

Row = Mapping[str, Any]  # {field: value}, relations as ids
Errors = dict[str, list[tuple[str, str]]]  # {field: [(code, sentence)]}


@dataclass(slots=True)
class Outcome:
    """The outcome of one row: a new or known booking, or its errors by field."""

    booking_id: int | None = None
    created: bool = False
    errors: Errors | None = None

    @property
    def name(self) -> str:
        if self.errors:
            return "refused"
        return "created" if self.created else "known"

    def error_rows(self, prefix: str = "") -> list[dict[str, str]]:
        """Return the errors as {field, code, detail}; the fields begin with `prefix`."""
        return [
            {"field": f"{prefix}{field}".rstrip("."), "code": code, "detail": str(sentence)}
            for field, problems in (self.errors or {}).items()
            for code, sentence in problems
        ]


class IntakeRefused(Refused):
    """A booking is invalid, so none was created; `outcomes` has one per row."""

    code = "invalid"
    status = 400
    error_codes = {
        "taken": "A booking with this reference and other details exists.",
        "twice": "Another row, or another booking, has this already.",
        "in_the_past": "A new booking is wanted before yesterday.",
    }

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes
        super().__init__(_("Nothing was created: some of the bookings are invalid."))

    def members(self) -> dict[str, Any]:
        """Return the first errors; their fields begin with the position of the row."""
        rows = [row for i, one in enumerate(self.outcomes) for row in one.error_rows(f"{i}.")]
        return {"errors": rows[:ERRORS_SHOWN]}


def take_in(
    company: Company,
    rows: Sequence[Row],
    *,
    actor: Actor,
    now: datetime,
    partial: bool = False,
    errors: dict[int, Errors] | None = None,
) -> list[Outcome]:
    """Create the new bookings and return the outcome of each row, in order.

    `rows` are {field: value}, each valid in itself, relations as ids under "client" and
    "return_of". `errors` are {position: {field: [(code, sentence)]}} of rows already known to be
    invalid. Unless `partial`, one invalid row refuses them all. At most 5 statements (on SQLite
    the insert of bookings is chunked).

    Raises IntakeRefused.
    """
    for attempt in (1, 2):
        try:
            with transaction.atomic():
                return _take_in(company, rows, actor, now, partial, dict(errors or {}))
        except IntegrityError:  # a concurrent request created the same reference
            if attempt == 2:
                raise
    raise AssertionError  # pragma: no cover


def _take_in(
    company: Company,
    rows: Sequence[Row],
    actor: Actor,
    now: datetime,
    partial: bool,
    errors: dict[int, Errors],
) -> list[Outcome]:
    outcomes = [Outcome(errors=errors.get(i)) for i in range(len(rows))]
    known = _read_known(company, rows)
    _check_relations(company, rows, outcomes, known)
    earliest_at, _end_at = company.day_bounds(company.local(now).date() - timedelta(days=1))
    first_with: dict[str, int] = {}
    new: list[int] = []
    for i, (row, outcome) in enumerate(zip(rows, outcomes, strict=True)):
        if outcome.errors:
            continue
        reference = row.get("reference", "")
        if reference in known:
            _compare(row, known[reference], outcome)
        elif reference and reference in first_with:
            sentence = _("Row %(row)d has the same reference.") % {"row": first_with[reference]}
            outcome.errors = {"reference": [("twice", sentence)]}
        elif row["scheduled_time"] < earliest_at:
            sentence = _("The pickup is before yesterday; import past trips from a file.")
            outcome.errors = {"scheduled_time": [("in_the_past", sentence)]}
        else:
            if reference:
                first_with[reference] = i
            new.append(i)
    if not partial and any(outcome.errors for outcome in outcomes):
        raise IntakeRefused(outcomes)
    made = Booking.objects.bulk_create([_booking(company, rows[i], now) for i in new])
    for i, booking in zip(new, made, strict=True):
        outcomes[i].booking_id, outcomes[i].created = booking.id, True
    Event.objects.bulk_create([booking_created(b, actor=actor, now=now) for b in made])
    return outcomes


def _check_relations(
    company: Company, rows: Sequence[Row], outcomes: list[Outcome], known: dict[str, Booking]
) -> None:
    """Refuse unknown clients and outbound trips of the company: at most 2 statements."""
    wanted = {row["client"] for row in rows if row.get("client")}
    clients = (
        set(
            Client.objects.filter(company=company, id__any_of=sorted(wanted)).values_list(
                "id", flat=True
            )
        )
        if wanted
        else set()
    )
    wanted = {row["return_of"] for row in rows if row.get("return_of")}
    ways = (
        Booking.objects.filter(company=company, id__any_of=sorted(wanted))
        .select_related("return_trip")
        .in_bulk()
        if wanted
        else {}
    )
    taken: set[int] = set()

    def is_known(row: Row) -> bool:
        return row.get("reference", "") in known

    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome.errors:
            continue
        client, way = row.get("client"), row.get("return_of")
        if client and client not in clients:
            outcome.errors = {"client": [("does_not_exist", _("Client not found."))]}
        elif way and way not in ways:
            outcome.errors = {"return_of": [("does_not_exist", _("Booking not found."))]}
        elif way and (way in taken or (_has_return(ways[way]) and not is_known(row))):
            outcome.errors = {
                "return_of": [("twice", _("The outbound trip already has a return trip."))]
            }
        elif way and not is_known(row) and (sentence := _out_of_order(company, row, ways[way])):
            outcome.errors = {"scheduled_time": [("invalid", sentence)]}
        elif way:
            taken.add(way)


def _has_return(there: Booking) -> bool:
    return hasattr(there, "return_trip")


def _out_of_order(company: Company, row: Row, there: Booking) -> str | None:
    """Return a sentence if the return trip is not wanted after the outbound trip."""
    there_at, appointment_at = there.scheduled_time, there.appointment_at
    will_call = bool(row.get("will_call"))
    if there.status not in OPEN_STATUSES or is_wanted_after(
        row["scheduled_time"], there_at, appointment_at, will_call=will_call
    ):
        return None
    return enter_after(company, there, there_at, appointment_at)


def _read_known(company: Company, rows: Sequence[Row]) -> dict[str, Booking]:
    """Return the stored bookings by the references of the rows: at most 1 statement."""
    references = sorted({row["reference"] for row in rows if row.get("reference")})
    if not references:
        return {}
    # Excludes empty references, as `booking_reference_unique` does, which serves this query.
    bookings = Booking.objects.filter(
        ~Q(reference=""), company=company, reference__any_of=references
    )
    return {booking.reference: booking for booking in bookings.order_by("id")}


def _compare(row: Row, booking: Booking, outcome: Outcome) -> None:
    differing = sorted(
        name
        for name, value in row.items()
        if getattr(booking, f"{name}_id" if name in ("client", "return_of") else name) != value
    )
    if not differing:
        outcome.booking_id = booking.id
        return
    sentence = _("Booking %(id)d has this reference but a different %(fields)s.") % {
        "id": booking.id,
        "fields": ", ".join(differing),
    }
    outcome.errors = {"reference": [("taken", sentence)]}


def _booking(company: Company, row: Row, now: datetime) -> Booking:
    values = dict(row)
    relations = {f"{name}_id": values.pop(name, None) for name in ("client", "return_of")}
    return Booking(
        company=company,
        status=Status.PENDING,
        created_at=now,
        updated_at=now,
        **values,
        **relations,
    )
