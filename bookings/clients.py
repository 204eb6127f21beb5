"""Create the clients of a customer, each person once, and log what changes of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.events import client_changed, client_created, client_particulars
from bookings.models import Actor, Client, Event
from drivers.db.folding import fold
from drivers.models import FAR_MEANT, Company, Customer
from drivers.phones import person_key, phone_key
from drivers.refused import Refused


class ClientExists(Refused):
    """The customer has this client with other values, which `errors` names."""

    code = "client_exists"
    status = 409
    error_codes = {"differs": "The stored client has another value."}

    def __init__(self, client: Client, differing: list[str]) -> None:
        self.client, self.differing = client, differing
        super().__init__(
            _("Client %(id)d is the same person with a different %(fields)s: change that one.")
            % {"id": client.pk, "fields": ", ".join(differing)}
        )

    def members(self) -> dict[str, Any]:
        return {
            "client": self.client.pk,
            "errors": [
                {"field": name, "code": "differs", "detail": str(self)} for name in self.differing
            ],
        }


def add_client(
    company: Company, customer: Customer, values: Mapping[str, Any], *, actor: Actor, now: datetime
) -> tuple[Client, bool]:
    """Return the client of these values, and whether it is new: at most 9 statements.

    `values` are {field: value}, and under "far_meant" whether a far home is meant. The same person
    is who has the same `external_id` of this customer, else the same name and phone, however they
    are spelled. Of two at once
    the second finds the client that the first has made. Raises ClientExists, or ValidationError
    with the fields.
    """
    with transaction.atomic():
        Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        known = _same(company, customer, values)
        if known is not None:
            differing = _differing(company, known, values)
            if differing:
                raise ClientExists(known, differing)
            return known, False
        client = Client(company=company, customer=customer, **_columns(values))
        client.far_meant = bool(values.get(FAR_MEANT))
        client.full_clean()
        client.save(force_insert=True)
        Event.objects.bulk_create([client_created(client, actor=actor, now=now)])
        return client, True


@contextmanager
def changing_client(client: Client, *, actor: Actor, now: datetime) -> Iterator[None]:
    """Log what the block changes of the client, whose row is locked: at most 3 statements.

    In the transaction of the change; the instance has the stored values when the block begins.
    """
    before = client_particulars(client)
    yield
    if events := client_changed(client, before, actor=actor, now=now):
        Event.objects.bulk_create(events)


def _same(company: Company, customer: Customer, values: Mapping[str, Any]) -> Client | None:
    rows = Client.objects.filter(customer=customer).order_by("id")
    if external_id := values.get("external_id"):
        return rows.filter(external_id=external_id).first()
    return same_person(company, customer, values["name"], values.get("phone", ""))


def same_person(company: Company, customer: Customer, name: str, phone: str) -> Client | None:
    """Return the customer's client of this name and phone, however spelled: 1 statement."""
    folded_name, key = person_key(name, phone, company.timezone)
    rows = Client.objects.filter(customer=customer, folded_name=folded_name, phone_key=key)
    return rows.order_by("external_id", "id").first()


def _differing(company: Company, known: Client, values: Mapping[str, Any]) -> list[str]:
    """Return the fields in which the values differ by more than a spelling."""
    spelled: dict[str, Callable[[str], str]] = {
        "name": fold,
        "phone": lambda text: phone_key(text, company.timezone),
    }

    def plain(name: str, value: Any) -> Any:
        return spelled[name](value) if name in spelled else value

    return sorted(
        name
        for name, value in values.items()
        if name != FAR_MEANT and plain(name, getattr(known, name)) != plain(name, value)
    )


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != FAR_MEANT}
