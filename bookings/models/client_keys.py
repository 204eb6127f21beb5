"""The keys that seal what the log says of each client."""

from collections.abc import Collection

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bookings.models.clients import Client
from bookings.models.seals import new_key, unwrap, wrap
from drivers.db.bulk import insert_rows
from drivers.db.indexes import Index


class ClientKey(models.Model):
    """A key of a client, wrapped by a master key (`bookings.models.seals`).

    The oldest of a client seals; those of a client that was merged into this one open only. Without
    its row nobody can read what it has sealed.
    """

    client = models.ForeignKey(
        Client, models.CASCADE, db_index=False, related_name="keys", verbose_name=_("client")
    )
    wrapped = models.CharField(max_length=120)
    made_at = models.DateTimeField(default=timezone.now)

    customer_path = "client__customer"

    class Meta:
        verbose_name = _("client's key")
        verbose_name_plural = _("clients' keys")
        indexes = [
            # sealing_keys, and bookings.privacy.forget, which destroys the keys of a client.
            Index(fields=["client", "id"], name="idx_client_key_client"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


def sealing_keys(client_ids: Collection[int], *, using: str) -> dict[int, tuple[int, bytes]]:
    """Return {client: (id, key)} of the keys that seal: 1 statement, 1 more to make missing ones.

    A client that is not stored (any more) has none. Two writers at once may make two keys for a
    client: both open what they sealed.
    """
    rows = (
        Client.objects.using(using)
        .filter(pk__any_of=sorted(set(client_ids)))
        .order_by("pk", "-keys__id")
        .values_list("pk", "keys__id", "keys__wrapped")
    )
    found: dict[int, tuple[int, bytes]] = {}
    made: dict[int, bytes] = {}
    for client_id, pk, wrapped in rows:
        if pk is None:
            made[client_id] = new_key()
        else:
            found[client_id] = pk, unwrap(wrapped)
    if made:
        new = [ClientKey(client_id=client_id, wrapped=wrap(key)) for client_id, key in made.items()]
        for row in insert_rows(ClientKey, new, using=using):
            found[row.client_id] = row.pk, made[row.client_id]
    return found


def opening_keys(key_ids: Collection[int], *, using: str) -> dict[int, bytes]:
    """Return {id: key} of those that were not destroyed: 1 statement, or none."""
    if not key_ids:
        return {}
    rows = ClientKey.objects.using(using).filter(pk__any_of=sorted(key_ids))
    return {pk: unwrap(wrapped) for pk, wrapped in rows.values_list("pk", "wrapped")}
