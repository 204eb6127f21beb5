"""Turn the rows of a file into values of bookings, and report invalid rows.

Pure: checks against the database (is this reference known?) follow in
`bookings.importing.compare`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings import parsing
from bookings.importing.csv_file import Row, Table, Unreadable
from bookings.importing.owners import Owners
from bookings.models import Booking, Client
from bookings.parsing import BadValueError
from drivers.models import Customer

REQUIRED = (
    "reference",
    "scheduled_time",
    "pickup_lat",
    "pickup_lon",
    "dropoff_lat",
    "dropoff_lon",
    "passengers",
    "wheelchairs",
)
OPTIONAL = (
    "customer",
    "pickup_address",
    "dropoff_address",
    "appointment_at",
    "will_call",
    "overlap_meant",
    "may_share",
    "max_ride_min",
    "client_name",
    "client_phone",
    "priority",
    "needs",
    "notes",
    "return_of",
)
# A position may be missing where its address is there: `bookings.importing.places` finds it.
ADDRESS_OF = {f"{end}{what}": f"{end}address" for end in Booking.ENDS for what in ("lat", "lon")}
# A blank pickup is computed from the appointment: `bookings.importing.pickups`.
INSTEAD = ADDRESS_OF | {"scheduled_time": "appointment_at"}
# Blank cells that change nothing of a stored booking; CLEARED clears an optional value.
MAY_BE_BLANK = frozenset([*OPTIONAL, "passengers", "wheelchairs"])
CLEARED = "-"
# Columns of an export that an import ignores: no file changes the state of a booking.
UNREAD = ("status", "cancel_reason")
APPOINTMENT_WITHIN = timedelta(hours=24)
SHOWN = 60

Reader = Callable[[str], Any]  # of a cell: a function of `bookings.parsing`
Key = tuple[int, str]  # what identifies a booking: the id of its customer, and the reference
Person = tuple[int, str, str]  # the id of the customer, name and telephone number
# Columns that are no plain fields of a booking.
RELATED = ("customer", "client_name", "client_phone", "return_of")


@dataclass(frozen=True, slots=True)
class RowError:
    """One error of a row; `message` says what would be right."""

    line: int
    column: str
    value: str
    message: str

    def __str__(self) -> str:
        return _("line %(line)s, %(column)s “%(value)s”: %(message)s") % self.as_dict()

    def as_dict(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "column": self.column,
            "value": shown(self.value),
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class BookingRow:
    """A valid row: `values` by the booking's field names, of the file's columns only.

    Its reference, client and outbound trip are the `customer`'s. `client` is (name, phone), or None
    if the booking has no client. `return_of` is the reference of the outbound trip, or "", also if
    the file has no such column (`has_return_of`). Of the `blank` columns, `values` has what a new
    booking gets, if anything.
    """

    line: int
    customer: Customer
    values: dict[str, Any]
    client: tuple[str, str] | None = None
    return_of: str = ""
    blank: frozenset[str] = frozenset()
    has_return_of: bool = False

    @property
    def reference(self) -> str:
        return str(self.values["reference"])

    @property
    def key(self) -> Key:
        return self.customer.pk, self.reference

    @property
    def way_there(self) -> Key:
        """Return the key of the outbound trip, if there is one."""
        return self.customer.pk, self.return_of

    @property
    def person(self) -> Person | None:
        return (self.customer.pk, *self.client) if self.client else None


def all_columns(columns: Sequence[str]) -> list[str]:
    """Return the columns of a file, with those of positions: a row has them in the end."""
    return [*columns, *(column for column in ADDRESS_OF if column not in columns)]


def shown(value: str) -> str:
    """Return a value of the file as one short line without unprintable characters."""
    line = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value[: SHOWN + 1])
    return line if len(value) <= SHOWN else f"{line[:SHOWN]}…"


def read_rows(
    table: Table, *, zone: tzinfo, owners: Owners, order: str | None = None
) -> tuple[list[BookingRow], list[RowError]]:
    """Return (valid rows, errors of the others), both in the order of the file."""
    readers = _readers(zone, order, owners)
    rows: list[BookingRow] = []
    errors: list[RowError] = []
    for row in table.rows:
        row_errors = list(_cell_errors(row))
        values = {}
        blank = {column for column in ADDRESS_OF if column not in row.cells}
        for column, cell in row.cells.items():
            may_be_blank = column in MAY_BE_BLANK or INSTEAD.get(column) in row.cells
            if not cell and may_be_blank and not isinstance(cell, Unreadable):
                blank.add(column)
                if column in REQUIRED:
                    continue
            try:
                values[column] = _read(readers[column], column, cell)
            except BadValueError as error:
                row_errors.append(RowError(row.line, column, cell, str(error)))
        row_errors += _contradictions(row, values)
        if row_errors:
            errors += row_errors
        else:
            owner = values.pop("customer", owners.default)
            rows.append(_booking_row(row.line, owner, values, frozenset(blank)))
    rows, twice = _without_repetitions(rows)
    return rows, sorted([*errors, *twice], key=lambda error: error.line)


def _read(reader: Reader, column: str, cell: str) -> Any:
    return read_cell(reader, cell, is_optional=column in OPTIONAL)


def read_cell(reader: Reader, cell: str, *, is_optional: bool) -> Any:
    """Return the value of a cell. Raises BadValueError."""
    if isinstance(cell, Unreadable):
        raise BadValueError(cell.message)
    parsing.refuse_sheet_error(cell)
    return reader("" if cell == CLEARED and is_optional else cell)


def _readers(zone: tzinfo, order: str | None, owners: Owners) -> dict[str, Reader]:
    length = {
        field.name: field.max_length for field in Booking._meta.concrete_fields if field.max_length
    }
    client_length = {field.name: field.max_length for field in Client._meta.concrete_fields}
    moment = partial(parsing.moment, zone=zone, order=order)
    return {
        "customer": owners.read,
        "reference": parsing.reference,
        "scheduled_time": moment,
        "pickup_lat": parsing.latitude,
        "pickup_lon": parsing.longitude,
        "dropoff_lat": parsing.latitude,
        "dropoff_lon": parsing.longitude,
        "passengers": partial(parsing.people, least=1),
        "wheelchairs": partial(parsing.people, least=0),
        "pickup_address": partial(parsing.text, at_most=length["pickup_address"]),
        "dropoff_address": partial(parsing.text, at_most=length["dropoff_address"]),
        "appointment_at": _optional(moment),
        "will_call": parsing.truth,
        "overlap_meant": parsing.truth,
        "may_share": partial(parsing.truth, default=True),
        "max_ride_min": parsing.ride_minutes,
        "client_name": partial(parsing.text, at_most=client_length["name"]),
        "client_phone": partial(parsing.text, at_most=client_length["phone"]),
        "priority": parsing.priority,
        "needs": parsing.needs,
        "notes": parsing.long_text,
        "return_of": partial(parsing.text, at_most=length["reference"]),
    }


def _optional(reader: Reader) -> Reader:
    return lambda cell: reader(cell) if cell else None


def _cell_errors(row: Row) -> Iterator[RowError]:
    if row.surplus:
        message = ngettext(
            "the row has %(count)s value more than there are columns; "
            "put values that contain the separator in quotation marks",
            "the row has %(count)s values more than there are columns; "
            "put values that contain the separator in quotation marks",
            len(row.surplus),
        )
        yield RowError(row.line, "-", row.surplus[0], message % {"count": len(row.surplus)})


def _contradictions(row: Row, values: dict[str, Any]) -> Iterator[RowError]:
    """Yield the errors between values of a row, among those that could be read."""

    def error(column: str, message: str) -> RowError:
        return RowError(row.line, column, row.cells[column], message)

    for lat, lon in ((f"{end}lat", f"{end}lon") for end in Booking.ENDS):
        for one, other in ((lat, lon), (lon, lat)):
            searched = ADDRESS_OF[one] in row.cells
            if searched and row.cells.get(one) and not row.cells.get(other):
                problem = _("write %(other)s too, or leave both blank: the address is searched")
                yield error(one, problem % {"other": other})
    if values.get("wheelchairs", 0) > values.get("passengers", parsing.PEOPLE_AT_MOST):
        yield error(
            "wheelchairs",
            _("wheelchair users are passengers: write at most the number of passengers"),
        )
    wanted, appointment = values.get("scheduled_time"), values.get("appointment_at")
    if wanted and appointment and not wanted < appointment <= wanted + APPOINTMENT_WITHIN:
        yield error("appointment_at", _("write a time within 24 hours after the pickup"))
    if values.get("client_phone") and not values.get("client_name", "?"):
        yield error("client_name", _("write the name that belongs to the phone number"))
    if values.get("client_phone") and "client_name" not in row.cells:
        yield error("client_phone", _("add the column client_name"))
    if values.get("return_of") and values["return_of"] == values.get("reference"):
        yield error("return_of", _("a trip cannot be its own return trip"))


def _booking_row(
    line: int, customer: Customer, values: dict[str, Any], blank: frozenset[str]
) -> BookingRow:
    fields = {name: value for name, value in values.items() if name not in RELATED}
    name = values.get("client_name")
    return BookingRow(
        line,
        customer,
        fields,
        client=(name, values.get("client_phone", "")) if name else None,
        return_of=values.get("return_of", ""),
        blank=blank,
        has_return_of="return_of" in values,
    )


def _without_repetitions(rows: list[BookingRow]) -> tuple[list[BookingRow], list[RowError]]:
    """Return (rows, errors): a reference and an outbound trip may occur in one row only."""
    kept: list[BookingRow] = []
    errors: list[RowError] = []
    line_of: dict[Key, int] = {}
    line_back: dict[Key, int] = {}
    for row in rows:
        first = line_of.setdefault(row.key, row.line)
        back = line_back.setdefault(row.way_there, row.line) if row.return_of else row.line
        if first != row.line:
            errors.append(
                RowError(
                    row.line,
                    "reference",
                    row.reference,
                    _("line %(line)s already has this reference") % {"line": first},
                )
            )
        elif back != row.line:
            errors.append(
                RowError(
                    row.line,
                    "return_of",
                    row.return_of,
                    _("line %(line)s is already the return trip of this booking") % {"line": back},
                )
            )
        else:
            kept.append(row)
    return kept, errors
