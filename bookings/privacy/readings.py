"""Note who reads what is stored of a client, and tell it to the owners of the company."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bookings.models import Actor, Client, Reading
from bookings.models.readings import DAYS_KEPT

SHOWN = 20  # on the client's page
AN_HOUR = timedelta(hours=1)  # more than the clocks of two machines differ


def note_reading(client: Client, what: Reading.What, *, actor: Actor, now: datetime) -> None:
    """Note that the actor is shown the client's data: 1 statement."""
    _reading(client.company_id, client.pk, what, actor, now).save()


def note_readings_of_day(
    company_id: int,
    client_ids: Iterable[int],
    what: Reading.What,
    *,
    actor: Actor,
    since: datetime,
    now: datetime,
) -> None:
    """Note that the actor is shown these clients, each once since then: 1 or 2 statements.

    What stays open all day is read once.
    """
    clients = sorted(client_ids)
    rows = Reading.objects.filter(
        client_id__any_of=clients, at__gte=since, what=what, door=actor.door, actor=actor.name
    )
    known = set(rows.values_list("client_id", flat=True)) if clients else set()
    new = [pk for pk in clients if pk not in known]
    if new:
        Reading.objects.bulk_create(_reading(company_id, pk, what, actor, now) for pk in new)


def _reading(
    company_id: int, client_id: int, what: Reading.What, actor: Actor, now: datetime
) -> Reading:
    return Reading(
        company_id=company_id,
        client_id=client_id,
        user_id=actor.user_id,
        actor=actor.name,
        door=actor.door,
        what=what,
        at=now,
    )


def last_readings(client: Client) -> list[Reading]:
    """Return the newest readings of the client, with their users: 1 statement."""
    rows = Reading.objects.filter(company=client.company_id, client_id=client.pk)
    return list(rows.select_related("user").order_by("-id")[:SHOWN])


def clear_readings(*, now: datetime) -> int:
    """Delete readings of long ago; return how many: 1 statement."""
    return Reading.objects.filter(at__lt=now - timedelta(days=DAYS_KEPT) - AN_HOUR).delete()[0]
