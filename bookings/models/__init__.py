"""Tables of bookings, clients, the event log, imported files and webhooks.

Times are stored in UTC. Positions are degrees, WGS 84.
"""

from bookings.models.booking import (
    CORRECTIONS,
    OPEN_STATUSES,
    SETTLED_STATUSES,
    TRANSITIONS,
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
    "Booking",
    "CORRECTIONS",
    "Client",
    "Delivery",
    "Door",
    "DriverPreference",
    "Event",
    "ImportFile",
    "OPEN_STATUSES",
    "SETTLED_STATUSES",
    "SavedPlace",
    "Status",
    "TRANSITIONS",
    "Webhook",
]
