"""Everything that is stored of one person, as JSON for the person."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q

from bookings.events import event_facts
from bookings.models import (
    Booking,
    Client,
    DriverPreference,
    Erasure,
    Event,
    Message,
    Pause,
    Reading,
    Recipient,
    SavedPlace,
    Series,
)

AT_ONCE = 500
# How what is the program's own is called; all else is exported, so that a new column is too.
INTERNAL = {"folded_name", "searched", "phone_key", "is_open", "company_id", "customer_id",
            "key", "told", "occasion", "cause", "attempts", "due_at"}  # fmt: skip
ADDITIONS: list[Callable[[list[int]], dict[str, list[dict[str, Any]]]]] = []


def register(addition: Callable[[list[int]], dict[str, list[dict[str, Any]]]]) -> None:
    """Let an app above add what it keeps of bookings, given their ids: {part: rows}."""
    if addition not in ADDITIONS:
        ADDITIONS.append(addition)


def export_person(client: Client) -> Iterator[str]:
    """Yield a JSON document of everything that is stored of the client, piece by piece.

    Its parts are lists of rows, with the names of the columns: `client`, `places`, `drivers`,
    `standing_orders`, `pauses`, `recipients`, `messages`, `erasures`, `readings`, `events` of the
    client as the feed tells them, and `trips`: each `booking`, its `events`, and what other apps
    add. 10 statements, and for each 500 bookings 3 and those of others.
    """
    mine = Q(client=client)
    parts: list[tuple[str, Any]] = [
        ("client", Client.objects.filter(pk=client.pk)),
        ("places", SavedPlace.objects.filter(mine)),
        ("drivers", DriverPreference.objects.filter(mine)),
        ("standing_orders", Series.objects.filter(mine)),
        ("pauses", Pause.objects.filter(mine | Q(series__client=client))),
        ("recipients", Recipient.objects.filter(mine)),
        ("messages", Message.objects.filter(mine)),
        ("erasures", Erasure.objects.filter(mine)),
        ("readings", Reading.objects.filter(client_id=client.pk)),
    ]
    opening = "{"
    for name, rows in parts:
        found = [_row(row) for row in rows.order_by("id").values()]
        yield f"{opening}{_text(name)}:{_text(found)}"
        opening = ",\n"
    told = Event.objects.filter(
        company=client.company_id, kind__in=Event.OF_CLIENTS, new__client=client.pk
    )
    yield f',\n"events":{_text([event_facts(event) for event in told.order_by("id")])}'
    yield ',\n"trips":['
    last, comma = 0, ""
    while bookings := list(
        Booking.objects.filter(mine, id__gt=last).order_by("id").values()[:AT_ONCE]
    ):
        ids = [booking["id"] for booking in bookings]
        last = ids[-1]
        of_trip: dict[int, dict[str, list[Any]]] = {pk: {"events": []} for pk in ids}
        for event in Event.objects.filter(booking__any_of=ids).order_by("id"):
            of_trip[event.booking_id or 0]["events"].append(event_facts(event))
        for addition in ADDITIONS:
            for part, rows in addition(ids).items():
                for row in rows:
                    of_trip[row["booking"]].setdefault(part, []).append(row)
        for booking in bookings:
            yield f"{comma}\n{_text({'booking': _row(booking), **of_trip[booking['id']]})}"
            comma = ","
    yield "]}\n"


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.removesuffix("_id") if name.endswith("_id") and name != "external_id" else name: value
        for name, value in values.items()
        if name not in INTERNAL
    }


def _text(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
