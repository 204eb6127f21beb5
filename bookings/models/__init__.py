"""Tables of bookings, clients, the event log, imported files and webhooks.

Times are stored in UTC. Positions are degrees, WGS 84.
"""

from bookings.models.addresses import (
    Address,
    AddressWord,
    Street,
    WordInStreet,
    WordSpelling,
)
from bookings.models.booking import (
    CORRECTIONS,
    DRIVEN_STATUSES,
    OPEN_STATUSES,
    SETTLED_STATUSES,
    TRANSITIONS,
    WAITING_STATUSES,
    Booking,
    Status,
)
from bookings.models.clients import Client, DriverPreference, SavedPlace
from bookings.models.event import Event
from bookings.models.import_file import ImportFile
from bookings.models.webhooks import Delivery, Webhook
from drivers.companies.actors import Actor, Door

__all__ = [
    "Actor",
    "Address",
    "AddressWord",
    "Booking",
    "CORRECTIONS",
    "Client",
    "DRIVEN_STATUSES",
    "Delivery",
    "Door",
    "DriverPreference",
    "Event",
    "ImportFile",
    "OPEN_STATUSES",
    "SETTLED_STATUSES",
    "SavedPlace",
    "Status",
    "Street",
    "TRANSITIONS",
    "WAITING_STATUSES",
    "Webhook",
    "WordInStreet",
    "WordSpelling",
]
