"""Merge two clients of a customer who are one person; what it means is said before."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from bookings.events import booking_changed, client_merged, client_particulars, recipients_of
from bookings.guards import forbidding
from bookings.models import (
    Actor,
    Booking,
    Channel,
    Client,
    ClientKey,
    DriverPreference,
    Erasure,
    Event,
    Message,
    Pause,
    Recipient,
    SavedPlace,
    Series,
)
from drivers.db.bulk import update_rows
from drivers.db.folding import fold
from drivers.refused import Refused

Kind = DriverPreference.Kind


class CannotMerge(Refused):
    """The two clients are not two people of one customer."""

    code = "cannot_merge"
    status = 409


@dataclass(frozen=True, slots=True)
class Merge:
    """What merging `gone` into `kept` means; nothing is written yet.

    `taken` are the fields that `kept` takes over, `lost` those in which its own value stays. `seen`
    changes with everything that is told here or that the merge writes.
    """

    kept: Client
    gone: Client
    trips: int
    series: int
    pauses: int
    places: tuple[str, ...]
    forbidden: tuple[str, ...]
    preferred: tuple[str, ...]
    recipients: tuple[str, ...]
    taken: dict[str, str]
    lost: dict[str, str]

    @property
    def seen(self) -> str:
        names = [field.attname for field in Client._meta.concrete_fields if field.editable]
        columns = [[getattr(one, name) for name in names] for one in (self.kept, self.gone)]
        counts = self.trips, self.series, self.pauses
        told = (self.kept.pk, self.gone.pk, columns, counts)
        lists = (self.places, self.forbidden, self.preferred, self.recipients)
        return sha256(repr((told, lists)).encode()).hexdigest()


TEXTS = ("external_id", "phone", "address", "notes")


def preview_merge(kept: Client, gone: Client) -> Merge:
    """Say what merging means: 5 statements. Raises CannotMerge."""
    if kept.pk == gone.pk or kept.customer_id != gone.customer_id:
        raise CannotMerge(_("Choose two clients of one customer."))
    if kept.is_forgotten or gone.is_forgotten:
        raise CannotMerge(_("One of the two was forgotten: nobody can tell who it was."))
    if Erasure.objects.filter(client__in=[kept, gone], done_at=None).exists():
        raise CannotMerge(_("One of the two is being forgotten: wait until that is done."))
    names = DriverPreference.objects.filter(client=gone).order_by("driver__name", "id")
    kinds = list(names.values_list("kind", "driver__name"))
    places = SavedPlace.objects.filter(client=gone).order_by("label", "id")
    recipients = Recipient.objects.filter(client=gone).order_by("person", "id")
    different = [
        name for name in TEXTS if getattr(gone, name) and getattr(gone, name) != getattr(kept, name)
    ]
    taken = {name: getattr(gone, name) for name in different if not getattr(kept, name)}
    lost = {
        name: getattr(gone, name)
        for name in ("name", *different)
        if name not in taken and name != "notes" and getattr(gone, name) != getattr(kept, name)
    }
    return Merge(
        kept,
        gone,
        *_count(gone),
        tuple(places.values_list("label", flat=True)),
        tuple(name for kind, name in kinds if kind == Kind.FORBIDDEN),
        tuple(name for kind, name in kinds if kind == Kind.PREFERRED),
        tuple(f"{row} {row.address}".strip() for row in recipients),
        taken,
        lost,
    )


def _count(client: Client) -> tuple[int, int, int]:
    """Return how many trips, standing orders and pauses a client has: 1 statement."""
    counts = [
        Coalesce(
            Subquery(
                model._default_manager.filter(client=OuterRef("pk"))
                .order_by()
                .values("client")
                .annotate(number=Count("pk"))
                .values("number")
            ),
            0,
        )
        for model in (Booking, Series, Pause)
    ]
    return Client.objects.filter(pk=client.pk).values_list(*counts).get()


def merge_clients(
    kept_id: int,
    gone_id: int,
    *,
    actor: Actor,
    now: datetime,
    seen: str,
    agreed: Collection[int] = (),
) -> Client:
    """Give what `gone` has to `kept`, and delete `gone`; return `kept`.

    Trips, standing orders and their pauses, places, preferred and forbidden drivers, messages.

    A prohibition of either holds for all trips, also where the other prefers the driver; a trip
    that stands with such a driver is refused, unless its assignment is `agreed` to be released.
    Every trip's log tells of its new client. All or nothing, in a constant number of statements.
    Raises CannotMerge if it is not what was `seen` in the preview any more, or what the guards
    raise.
    """
    rows = Client.objects.filter(id__any_of=[kept_id, gone_id]).select_related("company")
    kept = rows.filter(pk=kept_id).first()
    if kept is None:
        raise _changed()
    excluded = _excluded(kept_id, gone_id)
    with transaction.atomic():
        # The series are locked first and then the drivers, as by everybody, then the clients, then
        # their bookings.
        _lock_series([kept_id, gone_id], now)
        with forbidding(kept, excluded, actor=actor, now=now, agreed=agreed):
            locked = rows.select_for_update(of=("self",)).order_by("id")
            found = {row.pk: row for row in locked}
            if len(found) < 2 or _excluded(kept_id, gone_id) != excluded:
                raise _changed()
            kept, gone = found[kept_id], found[gone_id]
            merge = preview_merge(kept, gone)
            if merge.seen != seen:
                raise _changed()
            _move_trips(kept, gone, actor, now)
            _move_preferences(kept, gone)
            _move_places(kept, gone)
            Series.objects.filter(client=gone).update(client=kept)
            Pause.objects.filter(client=gone).update(client=kept)
            ClientKey.objects.filter(client=gone).update(client=kept)
            Message.objects.filter(client=gone).update(client=kept)
            told = recipients_of(kept)
            _move_recipients(kept, gone)
            tells = recipients_of(kept)
            gone_id, before = gone.pk, client_particulars(kept)
            gone.delete()
            _complete(kept, gone, merge)
            merged = client_merged(
                kept, before, gone_id, actor=actor, now=now, recipients=(told, tells)
            )
            Event.objects.bulk_create([merged])
    return kept


def _changed() -> CannotMerge:
    return CannotMerge(_("One of the two clients has changed meanwhile: look again."))


def _lock_series(client_ids: list[int], now: datetime) -> None:
    """Lock the clients' series, and count them up: what a page has shown of them is over."""
    rows = Series.objects.filter(client__any_of=client_ids)
    list(rows.select_for_update(no_key=True).order_by("id").values_list("id"))
    rows.update(version=F("version") + 1, updated_at=now)


def _excluded(*client_ids: int) -> list[int]:
    """Return the drivers whom one of the clients forbids, in order of id: 1 statement."""
    rows = DriverPreference.objects.filter(client__any_of=list(client_ids), kind=Kind.FORBIDDEN)
    return sorted(set(rows.values_list("driver", flat=True)))


def _complete(kept: Client, gone: Client, merge: Merge) -> None:
    """Give `kept` what it lacks: 1 statement."""
    for name, value in merge.taken.items():
        setattr(kept, name, value)
    if gone.notes and gone.notes != kept.notes:
        kept.notes = "\n".join(filter(None, dict.fromkeys((kept.notes, gone.notes))))
    kept.wheelchair = kept.wheelchair or gone.wheelchair
    kept.may_share = kept.may_share and gone.may_share
    limits = [limit for limit in (kept.max_ride_min, gone.max_ride_min) if limit]
    kept.max_ride_min = min(limits, default=None)
    of_its_address = kept.lat is None and fold(kept.address) == fold(gone.address)
    if gone.lat is not None and ("address" in merge.taken or of_its_address):
        kept.lat, kept.lon = gone.lat, gone.lon
    kept.save()


def _move_trips(kept: Client, gone: Client, actor: Actor, now: datetime) -> None:
    rows = Booking.objects.select_for_update(no_key=True).filter(client=gone).order_by("id")
    versions = list(rows.values_list("id", "version"))
    columns = ["client_id", "version", "updated_at"]
    update_rows(Booking, columns, [(pk, kept.pk, v + 1, now) for pk, v in versions])
    reason = _("merged: %(gone)s is %(kept)s") % {"gone": gone, "kept": kept}
    changes = {"client": (gone.pk, kept.pk)}
    Event.objects.bulk_create(
        [
            booking_changed(kept.company_id, pk, changes, actor=actor, now=now, reason=reason)
            for pk, _version in versions
        ]
    )


def _move_preferences(kept: Client, gone: Client) -> None:
    """Give `kept` the preferences of `gone`; of two for one driver the prohibition stays."""
    mine = DriverPreference.objects.filter(client=kept)
    theirs = DriverPreference.objects.filter(client=gone)
    forbidden = theirs.filter(kind=Kind.FORBIDDEN).values("driver")
    mine.filter(driver__in=forbidden).update(kind=Kind.FORBIDDEN)
    known = mine.filter(driver=OuterRef("driver"))
    theirs.filter(~Exists(known)).update(client=kept)


def _move_places(kept: Client, gone: Client) -> None:
    """Give `kept` the places of `gone`; the usual one and what a label means stay `kept`'s."""
    mine, theirs = SavedPlace.objects.filter(client=kept), SavedPlace.objects.filter(client=gone)
    if mine.filter(is_usual=True).exists():
        theirs.update(is_usual=False)
    labels = set(mine.values_list("label", flat=True))
    renamed = [
        (pk, f"{label[:44]} ({pk})"[:50])
        for pk, label in theirs.values_list("pk", "label")
        if label in labels
    ]
    update_rows(SavedPlace, ["label"], renamed)
    theirs.update(client=kept)


def _move_recipients(kept: Client, gone: Client) -> None:
    """Give `kept` the recipients of `gone`; where one wants no messages, none are sent."""
    mine, theirs = Recipient.objects.filter(client=kept), Recipient.objects.filter(client=gone)
    unwanted = theirs.filter(channel=Channel.NONE).values("person")
    mine.filter(person__in=unwanted).update(channel=Channel.NONE)
    known = mine.filter(person=OuterRef("person"))
    theirs.filter(~Exists(known)).update(client=kept)
