"""Create bookings sent by other systems, in bulk and each of them once.

A booking with a reference is created once, however often it is sent. Sent again with other
details it is refused: a change needs the booking's id. Sent again after it was canceled, it is
booked again, with the new details. A new one may be as old as yesterday; a past is imported from a
file (`bookings.importing`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.agreements import broken_agreements
from bookings.events import (
    PARTICULARS,
    RELATIONS,
    booking_changed,
    booking_created,
    differences,
    particulars,
)
from bookings.models import (
    OPEN_STATUSES,
    Actor,
    Booking,
    Client,
    CompanyPlace,
    Event,
    Status,
)
from bookings.order import enter_after, enter_before, is_wanted_after
from bookings.overlaps import OVERLAPS, Ride, lasts, overlapping, question, read_rides
from bookings.own_places import COLUMNS, boarding_at, link, places_at
from bookings.pickup_times import is_too_late, not_connected, pickups, too_late
from drivers.db.bulk import update_rows
from drivers.db.folding import fold
from drivers.models import FAR_AWAY, FAR_MEANT, Company, Customer
from drivers.models.far_places import Entered, far_places_of
from drivers.refused import Refused

MOST = 1_000
ERRORS_SHOWN = 100
# What is written of a canceled booking that is booked again.
WRITTEN_AGAIN = [
    *(f"{name}_id" if name in RELATIONS else name for name in PARTICULARS),
    *COLUMNS,
    "version",
    "updated_at",
]

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
    """A booking is invalid, so none was created; `outcomes` has one per row.

    `places` are what was found for addresses without positions, by the position of their row.
    """

    code = "invalid"
    status = 400
    error_codes = {
        "taken": "A booking with this reference and other details exists.",
        "twice": "Another row, or another booking, has this already.",
        "place_unclear": "An address without a position was searched, and no place was taken.",
        "too_late": "The pickup is closer than the customer may book.",
        "in_the_past": "A new booking is wanted before yesterday, or its computed pickup is over.",
    }

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes
        self.places: dict[int, list[dict[str, Any]]] = {}
        super().__init__(_("Nothing was created: some of the bookings are invalid."))

    def members(self) -> dict[str, Any]:
        """Return the first errors; their fields begin with the position of the row."""
        rows = [row for i, one in enumerate(self.outcomes) for row in one.error_rows(f"{i}.")]
        found = [{"row": i, **one} for i, ones in self.places.items() for one in ones]
        shown = {"places": found[:ERRORS_SHOWN]} if found else {}
        return {"errors": rows[:ERRORS_SHOWN], **shown}


def take_in(
    company: Company,
    rows: Sequence[Row],
    *,
    actor: Actor,
    now: datetime,
    partial: bool = False,
    errors: dict[int, Errors] | None = None,
    customer: Customer | None = None,
    as_agreed: bool = False,
) -> list[Outcome]:
    """Create the new bookings, reopen canceled ones, and return the outcome of each row, in order.

    Of the `customer`, or of the company's default one; `as_agreed` holds new bookings to what the
    customer has agreed to. A client and an outbound trip of another
    customer are unknown, and so are its references.

    `rows` are {field: value}, each valid in itself, relations as ids under "client" and
    "return_of", and under "far_meant" whether places far from the depot are meant. `errors` are
    {position: {field: [(code, sentence)]}} of rows already known to be invalid. Unless `partial`,
    one invalid row refuses them all. A row without "scheduled_time" has an appointment, from which
    its pickup is computed. At most 6 statements (on SQLite the insert of bookings is chunked), and
    2 if canceled ones are booked again.

    Raises IntakeRefused.
    """
    for attempt in (1, 2):
        try:
            with transaction.atomic():
                owner = customer or company.default_customer
                known = dict(errors or {})
                return _take_in(company, owner, rows, actor, now, partial, known, as_agreed)
        except IntegrityError:  # a concurrent request created the same reference
            if attempt == 2:
                raise
    raise AssertionError  # pragma: no cover


def _take_in(
    company: Company,
    customer: Customer,
    rows: Sequence[Row],
    actor: Actor,
    now: datetime,
    partial: bool,
    errors: dict[int, Errors],
    as_agreed: bool,
) -> list[Outcome]:
    outcomes = [Outcome(errors=errors.get(i)) for i in range(len(rows))]
    meant = {i for i, row in enumerate(rows) if row.get(FAR_MEANT)}
    rows = [{name: value for name, value in row.items() if name != FAR_MEANT} for row in rows]
    places = places_at(company, _addresses(rows))
    rows = _with_pickups(company, customer, rows, outcomes, places, now)
    stored = _read_known(customer, rows)
    canceled = {name: row for name, row in stored.items() if row.status == Status.CANCELED}
    known = {name: row for name, row in stored.items() if name not in canceled}
    _check_relations(company, customer, rows, outcomes, known, canceled)
    _check_returns(company, rows, outcomes, canceled)
    earliest_at, _end_at = company.day_bounds(company.local(now).date() - timedelta(days=1))
    first_with: dict[str, int] = {}
    new: list[int] = []
    unknown = [
        i
        for i, row in enumerate(rows)
        if i not in meant and not outcomes[i].errors and row.get("reference", "") not in known
    ]
    far_away = _far_away(company, rows, unknown, canceled)
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
        elif as_agreed and (broken := broken_agreements(customer, row, now)):
            outcome.errors = broken
        elif i in far_away:
            outcome.errors = far_away[i]
        else:
            if reference:
                first_with[reference] = i
            new.append(i)
    new = _ask_if_driven(company, rows, new, outcomes, places)
    if not partial and any(outcome.errors for outcome in outcomes):
        raise IntakeRefused(outcomes)
    asked = [(i, _booking(company, customer, rows[i], now)) for i in new]
    link([row for _i, row in asked], places)
    again = [(i, row) for i, row in asked if row.reference in canceled]
    new_ones = [(i, row) for i, row in asked if row.reference not in canceled]
    made = Booking.objects.bulk_create([row for _i, row in new_ones])
    for (i, _row), booking in zip(new_ones, made, strict=True):
        outcomes[i].booking_id, outcomes[i].created = booking.id, True
    events = [booking_created(b, actor=actor, now=now) for b in made]
    for i, booking in again:
        was = canceled[booking.reference]
        outcomes[i].booking_id, outcomes[i].created = was.id, True
        changes = differences(particulars(was), particulars(booking))
        events.append(booking_changed(company.id, was.id, changes, actor=actor, now=now))
        booking.id, booking.version = was.id, was.version + 1
    columns = [[row.id, *(getattr(row, name) for name in WRITTEN_AGAIN)] for _i, row in again]
    update_rows(Booking, WRITTEN_AGAIN, columns)
    Event.objects.bulk_create(events)
    return outcomes


def _ask_if_driven(
    company: Company,
    rows: Sequence[Row],
    new: Sequence[int],
    outcomes: list[Outcome],
    places: Mapping[str, CompanyPlace],
) -> list[int]:
    """Return those of the new rows whose client is on no other trip then: at most 1 statement.

    The others are asked about, in their outcomes.
    """
    rides = {
        -1 - i: Ride(
            key=-1 - i,
            person=row["client"],
            client="",
            label=_("row %(row)d") % {"row": i},
            start_at=row["scheduled_time"],
            end_at=row["scheduled_time"]
            + lasts(
                company,
                row,
                at_place=boarding_at(places.get(fold(row.get("pickup_address", "")))),
            ),
            linked=frozenset([row.get("return_of")]) - {None},
        )
        for i in new
        if (row := rows[i]).get("client")
        and not row.get("will_call")
        and not row.get("overlap_meant")
    }
    if not rides:
        return list(new)
    clients = sorted({int(rows[-1 - key]["client"]) for key in rides})
    stored = read_rides(company, Q(client__any_of=clients), rides.values())
    for key, other in overlapping(rides.values(), stored).items():
        outcomes[-1 - int(str(key))].errors = {
            "scheduled_time": [(OVERLAPS, question(company, other))]
        }
    return [i for i in new if not outcomes[i].errors]


def _addresses(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield from (row.get("pickup_address", ""), row.get("dropoff_address", ""))


def _with_pickups(
    company: Company,
    customer: Customer,
    rows: Sequence[Row],
    outcomes: Sequence[Outcome],
    places: Mapping[str, CompanyPlace],
    now: datetime,
) -> list[Row]:
    """Return the rows with the pickup that their appointment asks for, if they have none."""
    asks = [
        i
        for i, row in enumerate(rows)
        if not outcomes[i].errors and row.get("scheduled_time") is None
    ]
    trips = [_booking(company, customer, rows[i], now) for i in asks]
    link(trips, places)
    complete = list(rows)
    for i, trip, at in zip(asks, trips, pickups(company, trips), strict=True):
        complete[i] = {**rows[i], "scheduled_time": at, "pickup_computed": True}
        if at is None:
            outcomes[i].errors = {"scheduled_time": [("invalid", not_connected(trip))]}
        elif is_too_late(at, rows[i].get("appointment_at"), now):
            outcomes[i].errors = {"scheduled_time": [("in_the_past", too_late(company, at))]}
    return complete


def _far_away(
    company: Company,
    rows: Sequence[Row],
    new: Sequence[int],
    canceled: Mapping[str, Booking],
) -> dict[int, Errors]:
    """Ask about the far places of rows that the canceled booking, booked again, does not have."""
    entered = [
        Entered(rows[i], vars(was) if (was := canceled.get(rows[i].get("reference", ""))) else None)
        for i in new
    ]
    return {
        i: {name: [(FAR_AWAY, sentence)] for name, sentence in asked.items()}
        for i, asked in zip(new, far_places_of(company, entered, Booking.ENDS), strict=True)
        if asked
    }


def _check_returns(
    company: Company, rows: Sequence[Row], outcomes: list[Outcome], canceled: Mapping[str, Booking]
) -> None:
    """Refuse to book an outbound trip again after its return trip, which stands. No query."""
    for row, outcome in zip(rows, outcomes, strict=True):
        booking = canceled.get(row.get("reference", ""))
        if outcome.errors or booking is None or not hasattr(booking, "return_trip"):
            continue
        back = booking.return_trip
        at, appointment_at = row["scheduled_time"], row.get("appointment_at")
        if back.status in OPEN_STATUSES and not is_wanted_after(
            back.scheduled_time, at, appointment_at, will_call=back.will_call
        ):
            sentence = enter_before(company, back, back.scheduled_time)
            outcome.errors = {"scheduled_time": [("invalid", sentence)]}


def _check_relations(
    company: Company,
    customer: Customer,
    rows: Sequence[Row],
    outcomes: list[Outcome],
    known: Mapping[str, Booking],
    canceled: Mapping[str, Booking],
) -> None:
    """Refuse unknown clients and outbound trips of the customer: at most 2 statements."""
    again = {row["reference"]: row for row in rows if row.get("reference") in canceled}
    wanted = {row["client"] for row in rows if row.get("client")}
    clients = (
        set(
            Client.objects.filter(customer=customer, id__any_of=sorted(wanted)).values_list(
                "id", flat=True
            )
        )
        if wanted
        else set()
    )
    wanted = {row["return_of"] for row in rows if row.get("return_of")}
    ways = (
        Booking.objects.filter(customer=customer, id__any_of=sorted(wanted))
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
        elif way and canceled.get(row.get("reference", "")) == ways[way]:
            outcome.errors = {
                "return_of": [("invalid", _("A booking cannot be its own return trip."))]
            }
        elif way and (way in taken or (_has_another_return(ways[way], row) and not is_known(row))):
            outcome.errors = {
                "return_of": [("twice", _("The outbound trip already has a return trip."))]
            }
        elif (
            way
            and not is_known(row)
            and (sentence := _out_of_order(company, row, ways[way], again.get(ways[way].reference)))
        ):
            outcome.errors = {"scheduled_time": [("invalid", sentence)]}
        elif way:
            taken.add(way)


def _has_another_return(there: Booking, row: Row) -> bool:
    if not hasattr(there, "return_trip"):
        return False
    reference = row.get("reference", "")
    return not reference or there.return_trip.reference != reference


def _out_of_order(company: Company, row: Row, there: Booking, again: Row | None) -> str | None:
    """Return a sentence if the return trip is not wanted after the outbound trip.

    `again` is the row that books the canceled outbound trip again, if there is one.
    """
    there_at, appointment_at = there.scheduled_time, there.appointment_at
    if again:
        there_at, appointment_at = again["scheduled_time"], again.get("appointment_at")
    elif there.status not in OPEN_STATUSES:
        return None
    will_call = bool(row.get("will_call"))
    if is_wanted_after(row["scheduled_time"], there_at, appointment_at, will_call=will_call):
        return None
    return enter_after(company, there, there_at, appointment_at)


def _read_known(customer: Customer, rows: Sequence[Row]) -> dict[str, Booking]:
    """Return the stored bookings by the references of the rows: at most 2 statements.

    Canceled ones are locked, because they may be booked again.
    """
    references = sorted({row["reference"] for row in rows if row.get("reference")})
    if not references:
        return {}
    # Excludes empty references, as `booking_reference_unique` does, which serves this query.
    bookings = Booking.objects.filter(
        ~Q(reference=""), customer=customer, reference__any_of=references
    )
    stored = {booking.reference: booking for booking in bookings.order_by("id")}
    canceled = sorted(row.id for row in stored.values() if row.status == Status.CANCELED)
    if canceled:
        again = Booking.objects.select_for_update(no_key=True, of=("self",))
        again = again.filter(id__any_of=canceled).select_related("return_trip")
        stored |= {booking.reference: booking for booking in again.order_by("id")}
    return stored


def _compare(row: Row, booking: Booking, outcome: Outcome) -> None:
    # Computed once more it may be another time: what it is computed from is compared.
    computed = row.get("pickup_computed") and booking.pickup_computed
    differing = sorted(
        name
        for name, value in row.items()
        if getattr(booking, f"{name}_id" if name in ("client", "return_of") else name) != value
        and not (name == "scheduled_time" and computed)
    )
    if not differing:
        outcome.booking_id = booking.id
        return
    sentence = _("Booking %(id)d has this reference but a different %(fields)s.") % {
        "id": booking.id,
        "fields": ", ".join(differing),
    }
    outcome.errors = {"reference": [("taken", sentence)]}


def _booking(company: Company, customer: Customer, row: Row, now: datetime) -> Booking:
    values = dict(row)
    relations = {f"{name}_id": values.pop(name, None) for name in ("client", "return_of")}
    return Booking(
        company=company,
        customer=customer,
        status=Status.PENDING,
        created_at=now,
        updated_at=now,
        **values,
        **relations,
    )
