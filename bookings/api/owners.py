"""For which customer a caller of the API makes a client or a booking."""

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from bookings.models import Client
from drivers.models import Customer
from drivers.rest.access import Caller


def owner_of(caller: Caller, customer_id: int | None, client_id: int | None = None) -> Customer:
    """Return the named customer, else the client's, else the default one: 1 statement.

    A client system's is its own: none for that. Raises ValidationError: another customer is unknown
    to it, as one that does not exist is to anybody.
    """
    if caller.customer is not None:
        if customer_id in (None, caller.customer.pk):
            return caller.customer
        raise _unknown()
    if customer_id is not None:
        found = Customer.objects.filter(company=caller.company, pk=customer_id).first()
        if found is None:
            raise _unknown()
        return found
    if client_id is not None:
        clients = Client.objects.filter(company=caller.company, pk=client_id)
        if client := clients.select_related("customer").only("customer").first():
            return client.customer
    owner: Customer = caller.company.default_customer
    return owner


def refuse_move(customer_id: int | None, owner_id: int) -> None:
    """Refuse to give a stored row to another customer."""
    if customer_id not in (None, owner_id):
        problem = _("The customer cannot change: leave it out.")
        raise serializers.ValidationError({"customer": [ErrorDetail(problem, "fixed")]})


def _unknown() -> serializers.ValidationError:
    problem = ErrorDetail(_("Customer not found."), "does_not_exist")
    return serializers.ValidationError({"customer": [problem]})
