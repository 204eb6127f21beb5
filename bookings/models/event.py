"""The event log: it is only added to, and what it says of a client is sealed."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, models
from django.utils.translation import gettext_lazy as _

from bookings.models.booking import Booking
from bookings.models.client_keys import opening_keys, sealing_keys
from bookings.models.seals import SEALED, keys_of, personal, seal, unseal
from drivers.companies.actors import Door
from drivers.db.bulk import OneStatementInserts
from drivers.db.constraints import NumberedInCommitOrder, SealedLog
from drivers.db.indexes import Index
from drivers.models import Company, Customer
from drivers.times import shown


class EventQuerySet(OneStatementInserts):
    """Seals events as it writes them, and opens them as it reads them.

    Inserts look the customer of each event up: it is that of its booking. Events with personal
    values cost an insert at most 4 statements more, however many they are; a read of sealed ones
    costs 1 more. What is joined to other rows (`select_related`) is opened by `open_events`.
    """

    looked_up = {"customer_id": ("booking_id", Booking, "customer_id")}

    def bulk_create(  # type: ignore[override]  # the other options are passed on
        self, objs: Iterable[Any], batch_size: int | None = None, **options: Any
    ) -> list[Any]:
        objs = list(objs)
        with sealed(objs, using=self.db):
            return super().bulk_create(objs, batch_size=batch_size, **options)

    def bulk_create_columns(
        self, shared: dict[str, Any], columns: dict[str, list[Any]]
    ) -> list[int]:
        count = len(next(iter(columns.values())))
        given = {**{name: [value] * count for name, value in shared.items()}, **columns}
        names = ("booking_id", "kind", "old", "new")
        told = [given.get(name, [None] * count) for name in names]
        sides = seal_sides([Told(*row) for row in zip(*told, strict=True)], using=self.db)
        if sides is not None:
            shared = {name: value for name, value in shared.items() if name not in ("old", "new")}
            columns = columns | {"old": [old for old, _ in sides], "new": [new for _, new in sides]}
        return super().bulk_create_columns(shared, columns)

    def _fetch_all(self) -> None:
        is_fresh = self._result_cache is None
        super()._fetch_all()
        if is_fresh and self._result_cache:
            self._result_cache = _opened(self._result_cache, self.db)

    def iterator(self, chunk_size: int | None = None) -> Iterator[Any]:
        rows = super().iterator(chunk_size)
        while chunk := list(islice(rows, chunk_size or 2_000)):
            yield from _opened(chunk, self.db)


class Told(NamedTuple):
    """What decides how an event is sealed."""

    booking_id: int | None
    kind: str | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None


def seal_sides(
    events: Sequence[Told], *, using: str
) -> list[tuple[dict[str, Any], dict[str, Any]]] | None:
    """Return (old, new) of each event, sealed for its client; None if none is about a person.

    A side that names a client is sealed for that one, any other for the client of the booking: an
    event of a change of clients keeps the address of the one from the other. A client that is
    named and is no more was merged: the booking knows into whom. Bookings without a client are not
    sealed. No statement, or at most 4; 3 more where somebody who is named is no more.
    """
    about = [event for event in events if personal(event.old) or personal(event.new)]
    if not about:
        return None
    asked = {
        event.booking_id
        for event in about
        if event.booking_id
        and event.kind != Event.Kind.BOOKING_CREATED
        and any(side and personal(side) and "client" not in side for side in (event.old, event.new))
    }
    clients = _clients_of(asked, using)

    def client_of(event: Told, side: dict[str, Any] | None) -> int | None:
        if not side or not personal(side):
            return None
        client = side["client"] if "client" in side else clients.get(event.booking_id or 0)
        return client if type(client) is int else None

    named = [
        (client, event.booking_id)
        for event in about
        for side in (event.old, event.new)
        if (client := client_of(event, side))
    ]
    keys = sealing_keys({client for client, _ in named}, using=using) if named else {}
    now = _clients_of({pk for client, pk in named if pk and client not in keys}, using)
    if others := set(filter(None, now.values())) - keys.keys():
        keys |= sealing_keys(others, using=using)

    def side_of(event: Told, side: dict[str, Any] | None) -> dict[str, Any]:
        client = client_of(event, side)
        if client and client not in keys:
            client = now.get(event.booking_id or 0)
        key = keys.get(client or 0)
        return seal(side, *key) if side and key else {} if side is None else side

    return [(side_of(event, event.old), side_of(event, event.new)) for event in events]


def _clients_of(booking_ids: Collection[int], using: str) -> dict[int, int | None]:
    """Return {booking: its client}: 1 statement, or none."""
    if not booking_ids:
        return {}
    rows = Booking.objects.using(using).filter(pk__any_of=sorted(booking_ids))
    return dict(rows.values_list("pk", "client_id"))


@contextmanager
def sealed(events: Sequence[Any], *, using: str) -> Iterator[None]:
    """Seal these instances for as long as they are written."""
    told = [Told(event.booking_id, event.kind, event.old, event.new) for event in events]
    sides = seal_sides(told, using=using)
    if sides is None:
        yield
        return
    try:
        for event, (old, new) in zip(events, sides, strict=True):
            event.old, event.new = old, new
        yield
    finally:
        for event, plain in zip(events, told, strict=True):
            event.old, event.new = plain.old, plain.new


def open_events(events: Iterable[Any], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Open sealed events that came with other rows: 1 statement, or none."""
    _opened(list(events), using)


def _opened(rows: list[Any], using: str) -> list[Any]:
    """Return rows of any shape with their sealed values opened; instances are changed in place."""
    key_ids = keys_of(value for row in rows for value in _values(row))
    is_sealed = key_ids or any(_is_sealed(value) for row in rows for value in _values(row))
    if not is_sealed:
        return rows
    keys = opening_keys(key_ids, using=using)

    def opened(value: Any) -> Any:
        return unseal(value, keys) if isinstance(value, dict) else value

    for i, row in enumerate(rows):
        if isinstance(row, Event):
            loaded = vars(row)
            loaded |= {name: opened(loaded[name]) for name in ("old", "new") if name in loaded}
        elif isinstance(row, dict):
            if not _is_sealed(row):
                rows[i] = {name: opened(value) for name, value in row.items()}
            else:
                rows[i] = opened(row)
        elif isinstance(row, tuple):
            values = map(opened, row)
            rows[i] = row._make(values) if hasattr(row, "_make") else tuple(values)
    return rows


def _values(row: Any) -> Iterable[Any]:
    if isinstance(row, Event):
        return [vars(row).get("old"), vars(row).get("new")]
    if isinstance(row, dict):
        return [row, *row.values()]
    return row if isinstance(row, tuple) else ()


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get(SEALED), dict)


# What the database refuses to delete; a company may keep its log longer (`keep_log_months`).
LOG_KEPT_DAYS = 365


class Event(models.Model):
    """One entry of the append-only log: what changed, when, by whom, from what to what.

    Rows are deleted only when they are old, and their company keeps its log for months only.

    Written in the same transaction as the change. `assignment_id` and `run_id` are plain numbers,
    because this app does not know the dispatch app above it. The customer is that of the booking,
    looked up by the insert, or the client's; events of the company alone have none. `old` and `new`
    hold only the fields that changed, dates as ISO 8601 in UTC; what is about a person is sealed in
    them with the client's key (`bookings.models.seals`). The database does not check the foreign
    keys: the writer of an event has locked its row, and the log may outlive it.
    """

    class Kind(models.TextChoices):
        BOOKING_CREATED = "booking.created", _("booking created")
        BOOKING_CHANGED = "booking.changed", _("booking changed")
        BOOKING_STATUS = "booking.status", _("booking status changed")
        BOOKING_REOPENED = "booking.reopened", _("booked again")
        BOOKING_CORRECTED = "booking.corrected", _("booking status taken back")
        ASSIGNED = "assignment.created", _("assigned")
        ASSIGNMENT_CHANGED = "assignment.changed", _("assignment changed")
        MOVED = "assignment.moved", _("moved to another driver or time")
        RELEASED = "assignment.released", _("released")
        UNDONE = "trip.undone", _("undone")
        LATE = "trip.late", _("late")
        ON_TIME = "trip.on_time", _("on time again")
        DRIVER_REPORTED = "driver.reported", _("report of a driver")
        CLIENT_CREATED = "client.created", _("client created")
        CLIENT_CHANGED = "client.changed", _("client changed")
        CLIENT_MERGED = "client.merged", _("clients merged")
        CLIENT_FORGOTTEN = "client.forgotten", _("client forgotten")
        WEBHOOK_DISABLED = "webhook.disabled", _("webhook disabled")

    company = models.ForeignKey(
        Company,
        models.PROTECT,
        db_index=False,
        db_constraint=False,
        related_name="events",
        verbose_name=_("company"),
    )
    customer = models.ForeignKey(
        Customer,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        db_constraint=False,
        related_name="+",
        verbose_name=_("customer"),
    )
    booking = models.ForeignKey(
        Booking,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        db_constraint=False,
        related_name="events",
        verbose_name=_("booking"),
    )
    assignment_id = models.BigIntegerField(_("assignment"), null=True, blank=True)
    run_id = models.BigIntegerField(_("run"), null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=40, choices=Kind)
    at = models.DateTimeField(_("at"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("user"),
    )
    actor = models.CharField(_("by"), max_length=100, blank=True)
    door = models.CharField(_("channel"), max_length=20, choices=Door)
    old = models.JSONField(_("before"), default=dict, blank=True)
    new = models.JSONField(_("after"), default=dict, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    objects = EventQuerySet.as_manager()

    customer_path = "customer"
    # Of clients, and not of a trip: both sides name the client.
    OF_CLIENTS = (
        Kind.CLIENT_CREATED,
        Kind.CLIENT_CHANGED,
        Kind.CLIENT_MERGED,
        Kind.CLIENT_FORGOTTEN,
    )
    # Of what is expected of a trip: nobody has changed anything.
    FORESEEN = (Kind.LATE, Kind.ON_TIME)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            # EventViewSet.list and dispatch.board.queries.read_last: the feed of a company.
            Index(fields=["company", "id"], name="idx_event_company"),
            # dispatch.admin.events.EventAdmin: the list of a company, newest first, and of a day.
            Index(fields=["company", "at", "id"], name="idx_event_company_at"),
            # dispatch.admin.events.EventAdmin and EventViewSet.list: those of a kind, which may be
            # few among millions.
            Index(fields=["company", "kind", "at", "id"], name="idx_event_company_kind"),
            # bookings.history.history_of, EventViewSet.list and dispatch.admin.events.EventAdmin:
            # the events of a booking.
            Index(fields=["booking", "id"], name="idx_event_booking"),
            # EventViewSet.list for a client system: the feed of its customer.
            Index(fields=["customer", "id"], name="idx_event_customer"),
        ]
        constraints = [
            SealedLog(
                name="event_append_only",
                sides=["old", "new"],
                emptied=["reason"],
                kept_days=LOG_KEPT_DAYS,
            ),
            # A reader who asks for "events after 7" misses none.
            NumberedInCommitOrder(name="event_in_commit_order", owner="company"),
        ]

    def __str__(self) -> str:
        return f"{shown(self.at)} {self.get_kind_display()}"

    def save(self, *args: Any, **options: Any) -> None:
        if self.booking and self.customer_id is None:
            self.customer_id = self.booking.customer_id
        with sealed([self], using=options.get("using") or DEFAULT_DB_ALIAS):
            super().save(*args, **options)
