"""Probable doubles: clients of one customer who may be one person. Nothing is merged here."""

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Count, Q

from bookings.models import Client
from drivers.models import Company, Customer
from drivers.phones import person_key

# In the words of the index, or SQLite reads the clients of every company.
HAS_PHONE = ~Q(phone_key="")
GROUPS_AT_MOST = 100
CLIENTS_AT_MOST = 1_000


class Same(StrEnum):
    """What clients have in common."""

    NAME = "name"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Doubles:
    """Clients of one customer with the same name, or the same telephone number; oldest first."""

    same: Same
    clients: tuple[Client, ...]


def like(
    company: Company, customer: Customer, name: str, phone: str, *, besides: int | None = None
) -> list[Client]:
    """Return the customer's clients of this name or telephone number, oldest first: 1 statement.

    The same person in another spelling comes first. At most `GROUPS_AT_MOST`.
    """
    folded_name, key = person_key(name, phone, company.timezone)
    same = Q(folded_name=folded_name)
    if key:
        same |= Q(phone_key=key) & HAS_PHONE
    rows = Client.objects.filter(same, customer=customer).order_by("id")
    if besides is not None:
        rows = rows.exclude(pk=besides)
    found = list(rows[:GROUPS_AT_MOST])
    return sorted(found, key=lambda row: (row.folded_name, row.phone_key) != (folded_name, key))


def probable_doubles(company: Company) -> list[Doubles]:
    """Return the groups of clients who may be one person: 4 statements.

    Those whom the customer tells apart by ids of its own are none. At most `GROUPS_AT_MOST` of each
    kind.
    """
    return [
        *_groups(company, Same.NAME, "folded_name"),
        *_groups(company, Same.PHONE, "phone_key"),
    ]


def _groups(company: Company, same: Same, column: str) -> list[Doubles]:
    # One without an id may be any of the others; all with ids are as many people.
    rows = Client.objects.filter(company=company).exclude(**{column: ""})
    repeated = rows.values("customer_id", column).annotate(
        number=Count("id"), unnamed=Count("id", filter=Q(external_id=""))
    )
    wanted = repeated.filter(number__gt=1, unnamed__gt=0).order_by("customer_id", column)
    keys = list(wanted.values_list("customer_id", column)[:GROUPS_AT_MOST])
    if not keys:
        return []
    members: dict[tuple[int, str], list[Client]] = {key: [] for key in keys}
    clients = Client.objects.filter(
        customer__any_of=sorted({customer_id for customer_id, _value in keys}),
        **{f"{column}__any_of": sorted({value for _customer_id, value in keys})},
    )
    clients = clients.exclude(**{column: ""}).select_related("customer")
    for client in clients.order_by("id")[:CLIENTS_AT_MOST]:
        key = (client.customer_id, getattr(client, column))
        if key in members:
            members[key].append(client)
    return [Doubles(same, tuple(group)) for group in members.values() if len(group) > 1]
