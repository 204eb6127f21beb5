"""Delete a customer that owns nothing."""

from datetime import datetime
from typing import Any

from django.db.models import PROTECT, ForeignObjectRel
from django.utils.translation import gettext as _

from drivers.companies.actors import Actor
from drivers.companies.policy import policy_changed
from drivers.models import Customer
from drivers.refused import Refused


class CustomerInUse(Refused):
    """The customer is the default one, or has clients, bookings, members or keys."""

    code = "customer_in_use"
    status = 409


def margin_changed(customer: Customer, before: int | None, *, actor: Actor, now: datetime) -> None:
    """Let computed pickups follow another margin of a customer, in the transaction of the change.

    No statement if it is the same.
    """
    if customer.margin_min != before:
        policy_changed(customer.company, ["appointment_margin_min"], actor=actor, now=now)


def delete_customer(customer: Customer) -> None:
    """Delete a customer without clients, bookings, members and keys: a statement for each kind.

    Raises CustomerInUse.
    """
    if customer.is_default:
        raise CustomerInUse(_("The default customer stays: it owns what names no other."))
    for relation in customer._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or relation.on_delete is not PROTECT:
            continue
        model: Any = relation.related_model
        if model._base_manager.filter(**{relation.field.name: customer}).exists():
            raise CustomerInUse(
                _("%(customer)s has %(kinds)s and cannot be deleted.")
                % {"customer": customer, "kinds": model._meta.verbose_name_plural}
            )
    customer.delete()
