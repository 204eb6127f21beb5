"""The key of a trip's page: it opens one trip, for the client whose it was when it was told.

Nothing is stored. It is the number of the booking and 160 bits of an HMAC over it and the client,
with the SECRET_KEY: a trip that passes to another client, or whose client is forgotten, has
another key.
"""

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from bookings.models import Booking

LARGEST_ID = 2**63 - 1


def key_of(booking: Booking) -> str:
    """Return the key of the trip's page: short, for it is sent in an SMS."""
    signed = _signer().sign(f"{booking.pk}:{booking.client_id}")
    return f"{booking.pk}-{signed.rpartition(':')[2]}"


def booking_of(key: str) -> int | None:
    """Return which booking a key says it opens, None if it is no key."""
    number = key.partition("-")[0]
    is_number = number.isascii() and number.isdigit() and len(number) < 20
    return int(number) if is_number and int(number) <= LARGEST_ID else None


def opens(key: str, booking: Booking) -> bool:
    """Return whether the key is that of the booking, which has a client."""
    if booking.client_id is None:
        return False
    try:
        _signer().unsign(f"{booking.pk}:{booking.client_id}:{key.partition('-')[2]}")
    except BadSignature:
        return False
    return True


def address_of(booking: Booking) -> str:
    """Return the address of the trip's page, "" where PUBLIC_URL says none.

    The key is in the query, which no log of the product has.
    """
    if not settings.PUBLIC_URL:
        return ""
    return f"{settings.PUBLIC_URL.rstrip('/')}{reverse('trip_page')}?k={key_of(booking)}"


def _signer() -> Signer:
    return Signer(salt="dispatch.trip_page", algorithm="sha1")
