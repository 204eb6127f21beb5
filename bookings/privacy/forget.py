"""Forget one person: remove what is about them everywhere, and destroy the key of the log.

What stays is that trips took place: when, from which square kilometre to which, with how many
people, by whom they were driven, and that the person was forgotten, by whom and why.

It is done in bounded steps, each a transaction that notes how far it came (`Erasure`). Killed
between or within two of them, `forget` goes on; done, it has nothing more to do. Apps above that
keep values of clients too register an eraser in their `ready()`.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils.translation import gettext as _

from bookings.events import client_forgotten
from bookings.models import (
    OPEN_STATUSES,
    Booking,
    Client,
    ClientKey,
    Delivery,
    DriverPreference,
    Erasure,
    Event,
    ImportFile,
    Message,
    Pause,
    Recipient,
    SavedPlace,
    Series,
)
from bookings.models.seals import CODE, ERASED, SEALED, erase
from drivers.companies.actors import Actor, Door
from drivers.db.bulk import update_rows
from drivers.models import Company, StoredAnswer
from drivers.refused import Refused

logger = logging.getLogger(__name__)
CHUNK = 500  # bookings a transaction
DECIMALS = 2  # of a degree that stay: about a kilometre


class CannotForget(Refused):
    """The client has trips that are not over, or was not told apart from others."""

    code = "cannot_forget"
    status = 409


class ReasonForgotten(Refused):
    """No reason was given for forgetting a client."""

    code = "reason_required"
    status = 400
    field = "reason"


@dataclass(frozen=True, slots=True)
class Traces:
    """What is erased in one step: bookings of a company by id, their local days, and needles.

    `needles` are texts by which the person is known elsewhere: the name, the bookings' references.
    Trips of somebody who is no stored client may have none.
    """

    company: Company
    booking_ids: list[int]
    days: list[date]
    needles: tuple[str, ...]


class Eraser(Protocol):
    """Erases the values of a client that an app above keeps; returns {what: how many rows}.

    It is called in the transaction of a step, and again for the same rows if that was killed.
    """

    def __call__(self, traces: Traces) -> dict[str, int]: ...


ERASERS: list[Eraser] = []


def register(eraser: Eraser) -> None:
    """Let this eraser hear of every client who is forgotten."""
    if eraser not in ERASERS:
        ERASERS.append(eraser)


@dataclass(frozen=True, slots=True)
class Known:
    """How much is known of a client: what forgetting, or an export, would meet."""

    trips: int
    open_trips: int
    series: int
    places: int
    events: int


def what_is_known(client: Client) -> Known:
    """Count what is known of a client, in the order of `Known`: 1 statement."""
    mine = Booking.objects.filter(client=models.OuterRef("pk"))
    rows: list[QuerySet[Any]] = [
        mine,
        mine.open(),
        Series.objects.filter(client=models.OuterRef("pk")),
        SavedPlace.objects.filter(client=models.OuterRef("pk")),
        Event.objects.filter(booking__client=models.OuterRef("pk")),
    ]
    counts = [
        models.Subquery(
            found.order_by()
            .annotate(one=models.Value(1))
            .values("one")
            .annotate(number=models.Count("pk"))
            .values("number")
        )
        for found in rows
    ]
    numbers = Client.objects.filter(pk=client.pk).values_list(*counts)[0]
    return Known(*(number or 0 for number in numbers))


def forget(
    client: Client, *, reason: str, actor: Actor, now: datetime, most: int | None = None
) -> Erasure | None:
    """Forget the client; return the erasure, None if there was nothing to forget any more.

    At most `most` steps of `CHUNK` bookings: then `done_at` of the erasure is empty, and the next
    call goes on. A step is a constant number of statements. Raises CannotForget while the client
    has open trips, or ReasonForgotten.
    """
    erasure = begin(client, reason=reason, actor=actor, now=now)
    return erasure and carry_on(erasure, now=now, most=most)


def begin(client: Client, *, reason: str, actor: Actor, now: datetime) -> Erasure | None:
    """Note that the client is to be forgotten: at most 9 statements.

    From then on no standing order books for them. Returns what was begun before if it was.
    """
    if not reason.strip():
        raise ReasonForgotten(_("Say why this person is to be forgotten."))
    with transaction.atomic():
        client = Client.objects.select_for_update().get(pk=client.pk)
        begun = Erasure.objects.filter(client=client, done_at=None).select_related("company")
        erasure = begun.first()
        if erasure is not None:
            return erasure
        if client.is_forgotten and _is_done(client):
            return None
        _require_over(client)
        if Series.objects.filter(client=client).exists():
            Pause.objects.filter(client=client).delete()
            Pause.objects.create(
                company_id=client.company_id, client=client, first_day=now.date(), note=ERASED
            )
        return Erasure.objects.create(
            company=client.company,
            client=client,
            user_id=actor.user_id,
            actor=actor.name,
            door=actor.door,
            reason=reason.strip()[: Erasure._meta.get_field("reason").max_length],
            begun_at=now,
        )


def carry_on(erasure: Erasure, *, now: datetime, most: int | None = None) -> Erasure:
    """Go on with what was begun, at most `most` steps; return the erasure as it then is."""
    steps = 0
    while most is None or steps < most:
        steps += 1
        with transaction.atomic():
            rows = Erasure.objects.select_for_update(of=("self",))
            [erasure] = rows.select_related("client", "company").filter(pk=erasure.pk)
            if erasure.done_at:
                return erasure
            if not _erase_some(erasure, now):
                _erase_rest(erasure, now)
            erasure.save(update_fields=["counts", "last_booking_id", "done_at"])
        if erasure.done_at:
            break
    return erasure


def finish_all(*, now: datetime) -> int:
    """Go on with every erasure that was begun and stopped; return how many are done now."""
    done = 0
    for erasure in Erasure.objects.filter(done_at=None).order_by("id"):
        try:
            done += carry_on(erasure, now=now).done_at is not None
        except CannotForget as refusal:  # somebody has booked for the person since
            logger.warning("Erasure %d waits: %s", erasure.pk, refusal)
    return done


def _is_done(client: Client) -> bool:
    """Return whether nothing came after the last time that the client was forgotten."""
    last = Erasure.objects.filter(client=client).order_by("-id").first()
    if last is None or ClientKey.objects.filter(client=client).exists():
        return False
    return not Booking.objects.filter(client=client, id__gt=last.last_booking_id).exists()


def _require_over(client: Client) -> None:
    trips = Booking.objects.filter(client=client).open().count()
    if trips:
        raise CannotForget(
            _("%(client)s still has %(trips)d open trips: cancel or finish them first.")
            % {"client": client, "trips": trips}
        )


def _erase_some(erasure: Erasure, now: datetime) -> bool:
    """Erase the next bookings and what hangs on them; return whether there were any."""
    client, company = erasure.client, erasure.company
    rows = Booking.objects.select_for_update(no_key=True).filter(
        client=client, id__gt=erasure.last_booking_id
    )
    bookings = list(rows.order_by("id")[:CHUNK])
    if not bookings:
        return False
    for booking in bookings:
        if booking.status in OPEN_STATUSES:  # booked since it began
            _require_over(client)
    counts = Counter(erasure.counts)
    counts.update(erase_trips(company, bookings, client, now=now))
    erasure.counts, erasure.last_booking_id = dict(counts), bookings[-1].pk
    return True


def erase_trips(
    company: Company, bookings: Sequence[Booking], client: Client | None, *, now: datetime
) -> dict[str, int]:
    """Erase what bookings, which are locked, and all that hangs on them say of people.

    They are the client's, or of nobody who is stored. A constant number of statements; returns
    {what: how many rows}.
    """
    ids = [booking.pk for booking in bookings]
    needles = {booking.reference for booking in bookings if booking.reference}
    if client is not None:
        needles.update(_needles(client))
    days = sorted({company.local(booking.scheduled_time).date() for booking in bookings})
    traces = Traces(company, ids, days, tuple(sorted(needles, key=len, reverse=True)))
    counts: Counter[str] = Counter()
    for eraser in ERASERS:
        counts.update(eraser(traces))
    counts["events"] += erase_events(Event.objects.filter(booking__any_of=ids), client)
    deliveries = Delivery.objects.filter(event__booking__any_of=ids).exclude(last_error="")
    counts["deliveries"] += deliveries.update(last_error="")
    counts["messages"] += _erase_messages(Message.objects.filter(booking__any_of=ids))
    counts["log_entries"] += _erase_entries({Booking: ids})
    counts["bookings"] += strip(bookings, now=now)
    return dict(counts)


def erase_events(events: QuerySet[Event], client: Client | None) -> int:
    """Erase what events say in the clear of the client, or of whomever: 3 statements.

    What the client's key has sealed goes with the key, what another client's has sealed stays; with
    None everything goes. Reasons go, because they are in people's own words. Returns how many
    events were changed.
    """
    rows = []
    stored: QuerySet[Event] = QuerySet(Event, query=events.query.chain())  # sealed as they are
    for pk, old, new, reason in stored.order_by("id").values_list("id", "old", "new", "reason"):
        sides = [side if _stays(side, client) else erase(side) for side in (old, new)]
        if sides != [old, new] or reason:
            rows.append((pk, *sides, ""))
    return update_rows(Event, ["old", "new", "reason"], rows)


def _erase_messages(messages: QuerySet[Message]) -> int:
    """Erase words and addresses; what waited is not sent: 2 statements, or 1 if there are none.

    They are locked in the order in which the workers that send lock theirs.
    """
    is_over = ~Q(status=Message.Status.WAITING)
    said = messages.exclude(is_over, address="", text="", reason="", told={}).order_by("id")
    ids = list(said.select_for_update(no_key=True).values_list("id", flat=True))
    if not ids:
        return 0
    dropped = Case(When(is_over, then=F("status")), default=Value(Message.Status.DROPPED.value))
    rows = Message.objects.filter(id__any_of=ids)
    return rows.update(address="", text="", reason="", told={}, status=dropped)


def _stays(side: Any, client: Client | None) -> bool:
    if client is None or not isinstance(side, dict):
        return False
    return SEALED in side or side.get("client", client.pk) not in (client.pk, None)


def _erase_rest(erasure: Erasure, now: datetime) -> None:
    """Erase what does not hang on bookings, the client's own row and keys: the last step."""
    client, company = erasure.client, erasure.company
    Client.objects.select_for_update().get(pk=client.pk)
    _require_over(client)
    counts = Counter(erasure.counts)
    counts["places"] += SavedPlace.objects.filter(client=client).delete()[0]
    counts["recipients"] += Recipient.objects.filter(client=client).delete()[0]
    # Of trips that have another client since.
    counts["messages"] += _erase_messages(Message.objects.filter(client=client))
    counts["preferences"] += DriverPreference.objects.filter(client=client).delete()[0]
    series = list(Series.objects.filter(client=client).order_by("id"))
    counts["series"] += strip_series(series, now)
    Pause.objects.filter(Q(client=client) | Q(series__client=client)).exclude(note="").update(
        note=""
    )
    counts["log_entries"] += _erase_entries(
        {Client: [client.pk], Series: [row.pk for row in series]}
    )
    # Both are kept for a day at most; which of them tell of the person cannot be asked.
    counts["import_files"] += ImportFile.objects.filter(company=company).delete()[0]
    answers = StoredAnswer.objects.filter(company=company).exclude(status=None)
    counts["answers"] += answers.exclude(body=None).update(body=None)
    for eraser in ERASERS:
        counts.update(eraser(Traces(company, [], [], _needles(client))))
    client.name, client.phone, client.external_id = client.name_when_forgotten, "", ""
    client.address, client.notes, client.lat, client.lon = "", "", None, None
    client.company = company
    client.save()
    counts["keys"] += ClientKey.objects.filter(client=client).delete()[0]
    counts["clients"] += 1
    erasure.counts, erasure.done_at = dict(counts), now
    actor = Actor(Door(erasure.door), name=erasure.actor, user_id=erasure.user_id)
    Event.objects.bulk_create([client_forgotten(client, actor=actor, now=now)])


def strip(bookings: Sequence[Booking], *, now: datetime) -> int:
    """Remove what bookings, which are locked, say of people; the trips stay: 1 statement."""
    rows = [
        (
            row.pk,
            "",
            "",
            "",
            "",
            row.cancel_reason if CODE.fullmatch(row.cancel_reason) else _code(row.cancel_reason),
            None,
            None,
            *(round(getattr(row, name), DECIMALS) for name in COORDINATES),
            row.version + 1,
            now,
        )
        for row in bookings
    ]
    names = ["reference", "pickup_address", "dropoff_address", "notes", "cancel_reason"]
    names += ["pickup_place_id", "dropoff_place_id", *COORDINATES, "version", "updated_at"]
    return update_rows(Booking, names, rows)


COORDINATES = ("pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon")


def strip_series(series: Sequence[Series], now: datetime) -> int:
    """Remove what standing orders say of people; their rhythm stays: 2 statements."""
    rows = [
        (row.pk, "", "", "", *(round(getattr(row, name), DECIMALS) for name in COORDINATES))
        for row in series
    ]
    names = ["pickup_address", "dropoff_address", "notes", *COORDINATES]
    count = update_rows(Series, names, rows)
    ids = [row.pk for row in series]
    Series.objects.filter(pk__any_of=ids).update(version=F("version") + 1, updated_at=now)
    return count


def _erase_entries(ids: Mapping[type[models.Model], Sequence[int]]) -> int:
    """Erase what the admin's own log says of these rows: 1 statement, 1 more the first time."""
    kinds = ContentType.objects.get_for_models(*ids)
    about = Q()
    for model, keys in ids.items():
        about |= Q(content_type=kinds[model], object_id__in=list(map(str, keys)))
    entries = LogEntry.objects.filter(about).exclude(object_repr=ERASED)
    return entries.update(object_repr=ERASED, change_message="")


def _needles(client: Client) -> tuple[str, ...]:
    texts = (client.name, client.phone, client.external_id, client.address)
    return tuple(filter(None, texts))


def _code(reason: str) -> str:
    """Return the code of a cancellation without the note, nothing of other texts."""
    code, colon, _note = reason.partition(":")
    return code if colon and CODE.fullmatch(code) else ""
