"""Import standing orders from a CSV file or an Excel workbook, all of it or nothing.

An order of the same client, rhythm, first day, times and places is known already, also if it has
ended since: importing a file twice makes nothing. Dates at the same time as other trips of the
client are booked, and counted in the result. Times are local to the company.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings import parsing
from bookings.importing.apart import OF_COMMAND_S, OF_REQUEST_S, read_apart
from bookings.importing.csv_file import Row, read_table
from bookings.importing.import_bookings import find_or_make_clients, log
from bookings.importing.owners import Owners, owners_of
from bookings.importing.rows import Person, Reader, RowError, read_cell
from bookings.importing.xlsx_file import ZIP, read_workbook
from bookings.models import Actor, Door, Series
from bookings.models.series import mask_of
from bookings.parsing import BadValueError
from bookings.series.change import faults_of, stamp
from bookings.series.make import CHUNK, book
from bookings.series.overlaps import overlapping_orders
from bookings.series.template import Template
from drivers.models import Company, Customer
from drivers.times import clock_of, day_of

REQUIRED = (
    "weekdays",
    "first_day",
    "pickup_time",
    "pickup_lat",
    "pickup_lon",
    "dropoff_lat",
    "dropoff_lon",
)
OPTIONAL = (
    "customer",
    "client_name",
    "client_phone",
    "every_weeks",
    "last_day",
    "count",
    "skips_holidays",
    "appointment_time",
    "return_time",
    "return_will_call",
    "pickup_address",
    "dropoff_address",
    "passengers",
    "wheelchairs",
    "may_share",
    "max_ride_min",
    "needs",
    "priority",
    "notes",
)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# What makes two orders the same one.
SAME = (
    "customer_id",
    "client_id",
    "weekdays",
    "every_weeks",
    "first_day",
    "pickup_time",
    "appointment_time",
    "return_time",
    "return_will_call",
    "pickup_lat",
    "pickup_lon",
    "dropoff_lat",
    "dropoff_lon",
)


@dataclass(frozen=True, slots=True)
class ImportedSeries:
    """What an import made, or would make: orders, their bookings; how many are known already.

    `overlapping` are the lines of new orders that drive their client twice at once.
    """

    made: int
    known: int
    bookings: int
    errors: tuple[RowError, ...]
    dry_run: bool
    overlapping: tuple[int, ...] = ()

    def summary(self) -> str:
        text = _(
            "%(made)d standing orders made, %(bookings)d trips booked; %(known)d are known already."
        )
        if self.dry_run or self.errors:
            text = _("%(made)d standing orders would be made; %(known)d are known already.")
        counts = {"made": self.made, "known": self.known, "bookings": self.bookings}
        wrong = ngettext("%(count)d error.", "%(count)d errors.", len(self.errors))
        tail = f" {wrong % {'count': len(self.errors)}}" if self.errors else ""
        return text % counts + self._overlaps() + tail

    def _overlaps(self) -> str:
        if not self.overlapping:
            return ""
        text = ngettext(
            "%(count)d of the new orders has dates at the same time as another trip of its client "
            "(line %(line)d).",
            "%(count)d of the new orders have dates at the same time as another trip of their "
            "client (the first: line %(line)d).",
            len(self.overlapping),
        )
        return " " + text % {"count": len(self.overlapping), "line": self.overlapping[0]}


def import_series(
    company: Company,
    data: bytes,
    *,
    actor: Actor,
    now: datetime,
    customer: Customer | None = None,
    dry_run: bool = False,
) -> ImportedSeries:
    """Make the standing orders of a file and book their first dates, unless a row is in error.

    They are the `customer`'s, the only one that rows may name then, else of the customers that they
    name, or the default one's. 7 statements, 1 more if rows name customers, 1 for each 200 orders
    and those of `book`. A dry run writes nothing. Imports of one company wait for each other.
    Raises FileRefusedError.
    """
    table = read_apart(
        read_workbook if data.startswith(ZIP) else read_table,
        data,
        longest_s=OF_COMMAND_S if actor.door == Door.COMMAND else OF_REQUEST_S,
        required=REQUIRED,
        optional=OPTIONAL,
    )
    owners = owners_of(company, customer, are_named="customer" in table.columns)
    rows, errors = _read(table.rows, company, owners)
    with transaction.atomic():
        if not dry_run:
            Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        people = [person for _line, _order, person in rows if person]
        clients, new_clients = find_or_make_clients(
            company, list(dict.fromkeys(people)), actor=actor, now=now
        )
        for _line, order, person in rows:
            order.client_id = clients[person] if person else None
        owned = sorted({order.customer_id for _line, order, _person in rows})
        mine = Series.objects.filter(company=company, customer__any_of=owned)
        known = set(mine.order_by("id").values_list(*SAME))
        new: dict[tuple[Any, ...], tuple[int, Template]] = {}
        for line, order, _person in rows:
            key = tuple(getattr(order, name) for name in SAME)
            if key not in known:
                new.setdefault(key, (line, Template(order, company)))
        templates = [template for _line, template in new.values()]
        lines = [line for line, _template in new.values()]
        overlapping = [lines[n] for n in overlapping_orders(company, templates, now)]
        bookings = 0
        for start in range(0, 0 if errors else len(templates), CHUNK):
            chunk = templates[start : start + CHUNK]
            for template in chunk:
                stamp(template.series, now)
            Series.objects.bulk_create([template.series for template in chunk])
            bookings += book(company, chunk, actor=actor, now=now)
        if errors or dry_run:
            transaction.set_rollback(True)
        else:
            log(new_clients)
    known_rows = len(rows) - len(new)
    return ImportedSeries(
        len(new), known_rows, bookings, tuple(errors), dry_run, tuple(overlapping)
    )


Read = tuple[int, Series, Person | None]


def _read(
    rows: Sequence[Row], company: Company, owners: Owners
) -> tuple[list[Read], list[RowError]]:
    """Return (line, order, its client) of the valid rows, and the errors."""
    found: list[Read] = []
    errors: list[RowError] = []
    readers = _readers(owners)
    for row in rows:
        values: dict[str, Any] = {}
        wrong: list[RowError] = []
        for column, cell in row.cells.items():
            try:
                values[column] = read_cell(readers[column], cell, is_optional=column in OPTIONAL)
            except BadValueError as error:
                wrong.append(RowError(row.line, column, cell, str(error)))
        name, phone = values.pop("client_name", ""), values.pop("client_phone", "")
        if phone and not name:
            says = _("write the name that belongs to the phone number")
            wrong.append(RowError(row.line, "client_name", "", says))
        if not wrong:
            owner = values.pop("customer", owners.default)
            order = Series(company=company, customer=owner, **values)
            wrong += _broken(row, order)
            found.append((row.line, order, (owner.pk, name, phone) if name else None))
        errors += wrong
    return found, errors


def _broken(row: Row, order: Series) -> Iterator[RowError]:
    """Yield what the order itself refuses, such as a return before its pickup."""
    for fault in faults_of(order):
        for name, says in fault.message_dict.items():
            yield RowError(row.line, name, row.cells.get(name, ""), " ".join(says))


def _readers(owners: Owners) -> dict[str, Reader]:
    length = {
        field.name: field.max_length for field in Series._meta.concrete_fields if field.max_length
    }
    number = partial(_number, least=1)
    return {
        "customer": owners.read,
        "client_name": partial(parsing.text, at_most=100),
        "client_phone": partial(parsing.text, at_most=40),
        "weekdays": _weekdays,
        "first_day": _day,
        "last_day": _or(None, _day),
        "every_weeks": _or(1, number),
        "count": _or(None, number),
        "skips_holidays": parsing.truth,
        "pickup_time": _clock,
        "appointment_time": _or(None, _clock),
        "return_time": _or(None, _clock),
        "return_will_call": parsing.truth,
        "pickup_lat": parsing.latitude,
        "pickup_lon": parsing.longitude,
        "dropoff_lat": parsing.latitude,
        "dropoff_lon": parsing.longitude,
        "pickup_address": partial(parsing.text, at_most=length["pickup_address"]),
        "dropoff_address": partial(parsing.text, at_most=length["dropoff_address"]),
        "passengers": partial(parsing.people, least=1, default=1),
        "wheelchairs": partial(parsing.people, least=0, default=0),
        "may_share": partial(parsing.truth, default=True),
        "max_ride_min": parsing.ride_minutes,
        "needs": parsing.needs,
        "priority": parsing.priority,
        "notes": parsing.long_text,
    }


def _or(default: Any, reader: Reader) -> Reader:
    return lambda cell: reader(cell) if cell else default


def _number(cell: str, *, least: int) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) < 5 and int(cell) >= least):
        raise BadValueError(_("write a whole number from %(least)d on") % {"least": least})
    return int(cell)


def _weekdays(cell: str) -> int:
    words = cell.lower().replace(",", " ").replace(";", " ").split()
    if not words or not set(words) <= set(WEEKDAYS):
        raise BadValueError(_("write weekdays as mon, tue, wed, thu, fri, sat, sun"))
    return mask_of(WEEKDAYS.index(word) for word in words)


def _day(cell: str) -> date:
    try:
        return day_of(cell[:10])
    except ValueError:
        raise BadValueError(_("write a day, such as 2026-06-17")) from None


def _clock(cell: str) -> time:
    try:
        return clock_of(cell)
    except ValueError:
        raise BadValueError(_("write a time, such as 08:30")) from None
