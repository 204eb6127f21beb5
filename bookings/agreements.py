"""What a customer has agreed to: until when its client system may book, and what it must say.

The company's own people are not held to it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bookings.events import Values, differences
from bookings.guards import PLANNED_FIELDS
from drivers.models import Customer
from drivers.refused import Refused

# What may not change any more when it is too late; a note to the driver may.
AGREED_FIELDS = PLANNED_FIELDS | {"pickup_address", "dropoff_address", "priority", "will_call"}


class TooLateForCustomer(Refused):
    """The pickup is closer than the customer may book, change or cancel by itself."""

    code = "too_late_for_customer"
    status = 409


def too_late(customer: Customer, pickup_at: datetime, now: datetime) -> str:
    """Return a sentence if the pickup is closer than the customer may book, else "". No query.

    With `book_ahead_min` 0 nothing was agreed: who is ready now may say so.
    """
    if not customer.book_ahead_min or pickup_at - now >= timedelta(minutes=customer.book_ahead_min):
        return ""
    ahead = _("Book, change and cancel at least %(minutes)d minutes before the pickup, or call us.")
    return ahead % {"minutes": customer.book_ahead_min}


def broken_agreements(
    customer: Customer, row: Mapping[str, Any], now: datetime
) -> dict[str, list[tuple[str, str]]]:
    """Return {field: [(code, sentence)]} of a new booking that breaks what was agreed. No query."""
    errors: dict[str, list[tuple[str, str]]] = {}
    if sentence := too_late(customer, row["scheduled_time"], now):
        errors["scheduled_time"] = [("too_late", sentence)]
    return errors | {field: [("required", _says_this())] for field in _missing(customer, row)}


def require_agreed(
    customer: Customer,
    stored: Values,
    wanted: Values,
    now: datetime,
) -> None:
    """Refuse a change of a booking, from and to these particulars, that breaks what was agreed.

    Neither the old pickup nor the new one may be too close, nothing required may be emptied, and a
    booking does not become a will-call, whose time `ready/` sets. No query. Raises
    TooLateForCustomer, or ValidationError with the fields.
    """
    if AGREED_FIELDS & differences(stored, wanted).keys():
        require_time(customer, min(stored["scheduled_time"], wanted["scheduled_time"]), now)
    emptied = set(_missing(customer, wanted)) - set(_missing(customer, stored))
    errors = {name: ValidationError(_says_this(), code="required") for name in sorted(emptied)}
    if wanted["will_call"] and not stored["will_call"]:
        problem = _("Only a new booking can be a will-call: cancel this one, and book again.")
        errors["will_call"] = ValidationError(problem, code="invalid")
    if errors:
        raise ValidationError(errors)


def _missing(customer: Customer, row: Mapping[str, Any]) -> list[str]:
    """Return the fields that the customer must say, and the row does not."""
    required = {
        "client": customer.requires_client,
        "reference": customer.requires_reference,
        "appointment_at": customer.requires_appointment and not row.get("return_of"),
    }
    return [name for name, is_required in required.items() if is_required and not row.get(name)]


def _says_this() -> str:
    return _("It was agreed that every booking says this.")


def require_time(customer: Customer | None, pickup_at: datetime, now: datetime) -> None:
    """Raise TooLateForCustomer if a customer may not touch a trip of this pickup any more."""
    if customer is not None and (sentence := too_late(customer, pickup_at, now)):
        raise TooLateForCustomer(sentence)
